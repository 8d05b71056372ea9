"""What a detector learns from: any mixture of sets, and a list of what is wrong with them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from small_sets import gtsdb, picture, store, yolo

from models.errors import SourceError, UsageError
from training.datasets import gtsdb as gtsdb_set
from training.detector import Recipe, origin
from training.split import read_split
from training.streets import chosen_pictures, load_pictures

MINE = {
    "images/a.png": picture(200, 100, ".png"),
    "labels/a.txt": "7 0.5 0.5 0.1 0.2\n",
    "images/b.png": picture(90, 160, ".png"),
    "labels/b.txt": "",
    "images/c.png": picture(64, 48, ".png"),
}


def recipe(data: str, part: str = "all") -> Recipe:
    return Recipe(weights="none", data=data, part=part, drawn=0)


@pytest.fixture
def streets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GTSDB where it is looked for, with three pictures, and two YOLO sets."""
    store({f"gtsdb/{name}": data for name, data in gtsdb().items()}, tmp_path)
    store(MINE, tmp_path / "mine")
    store(yolo(), tmp_path / "parted")
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    return tmp_path


def test_gtsdb_and_yolo_sets_are_mixed(streets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = f"gtsdb,{streets / 'mine'},{streets / 'parted'}"
    pictures, weights = load_pictures(recipe(names), None)

    assert [len(each.boxes) for each in pictures[3:]] == [1, 0, 0, 2, 0]  # val/ is not learnt
    assert [each.image.shape[:2] for each in pictures[3:6]] == [(100, 200), (160, 90), (48, 64)]
    assert pictures[3].boxes.tolist() == [[90.0, 40.0, 110.0, 60.0]]
    assert weights.sum() == pytest.approx(1)
    assert weights[6] > weights[3] > weights[4] > 0
    printed = capsys.readouterr().out
    assert f"{streets / 'mine'}: 3 pictures, 1 signs, 2 without a sign" in printed
    assert "1 pictures with an empty label file, so no sign, the first: images/b.png" in printed
    assert "1 pictures without a label file, so no sign, the first: images/c.png" in printed


def test_a_part_is_of_gtsdb(streets: Path) -> None:
    its = sum(part == "train" for name, part in read_split("gtsdb").items() if name < "00003")
    names = f"gtsdb,{streets / 'mine'}"
    assert len(load_pictures(recipe(names, "train"), None)[0]) == its + 3


@pytest.mark.usefixtures("streets")
def test_every_picture_of_gtsdb_is_left_out_by_one_fold() -> None:
    left = []
    for fold in range(3):
        its = dataclasses.replace(recipe("gtsdb", "train"), folds=3, fold=fold)
        (learnt,) = (each.examples for each in chosen_pictures(its, None))
        left.append({e.name for e in gtsdb_set().examples} - {e.name for e in learnt})
        assert origin(its)[0]["parts"] == ["train", "judge"]
    assert sum(map(len, left)) == len(set().union(*left)) == 3


@pytest.mark.usefixtures("streets")
def test_folds_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--fold: expected --folds beside it, found fold 2"):
        dataclasses.replace(recipe("gtsdb", "train"), fold=2)
    with pytest.raises(UsageError, match="--folds: expected gtsdb among --data, found mine"):
        dataclasses.replace(recipe("mine", "train"), folds=2)
    other = tmp_path / "run" / "final.pt"
    other.parent.mkdir()
    other.touch()
    (other.parent / "recipe.json").touch()
    with pytest.raises(UsageError, match="--weights: expected some that have seen nothing of"):
        dataclasses.replace(recipe("gtsdb", "train"), folds=2, weights=str(other))
    twice = recipe(f"gtsdb,{tmp_path / 'gtsdb'}", "train")
    with pytest.raises(UsageError, match="--data: expected GTSDB as gtsdb, from SIGN_DATA"):
        load_pictures(dataclasses.replace(twice, folds=2), None)
    with pytest.raises(UsageError, match="--data: expected GTSDB as gtsdb, from SIGN_DATA"):
        load_pictures(twice, None)
    (other.parent / "recipe.json").unlink()
    (other.parent / "last.pt").touch()
    with pytest.raises(UsageError, match="--weights: expected those of a finished training"):
        dataclasses.replace(recipe("gtsdb", "train"), weights=str(other))
    with pytest.raises(UsageError, match="--part: expected none beside --folds"):
        dataclasses.replace(recipe("gtsdb", "all"), folds=2)
    with pytest.raises(UsageError, match="--fold: expected 0 to 1 of two or more --folds"):
        load_pictures(dataclasses.replace(recipe("gtsdb", "train"), folds=2, fold=2), None)


def test_a_limit_takes_some_of_each(streets: Path) -> None:
    assert len(load_pictures(recipe(f"gtsdb,{streets / 'mine'}"), 3)[0]) == 4


def test_everything_that_is_wrong_is_listed_before_anything_is_learnt(
    streets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "".join(
        f"{name}.ppm;{box};{label}\n"
        for name, box, label in (
            ("00000", "-50;2;10;12", 1),
            ("00000", "10;10;5;5", 1),
            ("00001", "1;2;10;12", 1),
            ("00002", "1;2;10;12", 77),
        )
    )
    (streets / "gtsdb/TrainIJCNN2013/gt.txt").write_text(lines)
    (streets / "gtsdb/TrainIJCNN2013/00001.ppm").unlink()
    (streets / "mine/labels/a.txt").write_text("0 0.5 0.5 0.1 0.2\n1 0.99 0.5 0.1 0.2\n")
    whole = (streets / "mine/images/b.png").read_bytes()
    (streets / "mine/images/b.png").write_bytes(whole[: len(whole) // 2])
    (streets / "mine/labels/gone.txt").write_text("1 0.5 0.5 0.1 0.2\n")

    with pytest.raises(SourceError, match="expected sets in order to learn from, found 7 faults"):
        load_pictures(recipe(f"gtsdb,{streets / 'mine'}"), None)
    faults = [x for x in capsys.readouterr().out.splitlines() if x.startswith("fault: ")]
    assert len(faults) == 7
    for words in (
        "TrainIJCNN2013: 1 annotated pictures are missing, the first: 00001",
        "00000.ppm: box -50 2 11 13 reaches outside",
        "00000.ppm: empty box 10 10 6 6",
        "00002.ppm: expected a class of -1 … 42, found 77",
        "mine: 1 label files have no picture, the first: labels/gone.txt",
        "images/a.png: box 188 40 208 60 reaches outside 200×100",
        "b.png",
    ):
        assert any(words in fault for fault in faults), words


def test_a_set_with_a_table_of_its_own_has_its_own_classes(streets: Path) -> None:
    names = "".join(f"  {number}: thing {number}\n" for number in range(90))
    (streets / "mine/data.yaml").write_text(f"path: .\nnames:\n{names}")
    (streets / "mine/labels/a.txt").write_text("89 0.5 0.5 0.1 0.2\n")
    pictures, _ = load_pictures(recipe(str(streets / "mine")), None)
    assert len(pictures[0].boxes) == 1

    (streets / "mine/labels/a.txt").write_text("90 0.5 0.5 0.1 0.2\n")
    with pytest.raises(SourceError, match="found 1 faults"):
        load_pictures(recipe(str(streets / "mine")), None)


def test_single_signs_are_no_streets(tmp_path: Path) -> None:
    folder = store({f"{c}/{n}.png": picture() for c in "ab" for n in range(2)}, tmp_path)
    with pytest.raises(UsageError, match="--data: expected GTSDB or YOLO sets of whole pictures"):
        load_pictures(recipe(str(folder)), None)


@pytest.mark.parametrize("data", ["nowhere", "gtsdb,nowhere", "", "gtsdb,"])
def test_a_set_that_is_not_there_is_told(streets: Path, data: str) -> None:  # noqa: ARG001
    with pytest.raises((SourceError, UsageError)):
        load_pictures(recipe(data), None)


def test_every_set_is_named_in_the_papers() -> None:
    names = [each for each in origin(recipe("gtsdb,../streets/mine.zip", "train"))[:2]]
    assert names == [{"data": "gtsdb", "parts": ["train"]}, {"data": "yolo", "name": "mine.zip"}]


def test_pictures_of_any_size_fill_the_windows(streets: Path) -> None:
    from training.views import ViewSettings, compose  # noqa: PLC0415

    pictures, weights = load_pictures(recipe(str(streets / "mine")), None)
    for seed in range(20):
        window = compose(pictures, weights, ViewSettings(640, 384), np.random.default_rng(seed))
        assert window.image.shape == (384, 640, 3)
