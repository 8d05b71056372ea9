import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from small_sets import GTSDB_TRUTH, gtsdb, gtsrb_training, picture, store, yolo

from models.errors import SourceError
from training import datasets, split

REAL = Path(os.environ.get("SIGN_DATA", "no data"))
needs_gtsrb = pytest.mark.skipif(
    not (REAL / "gtsrb").is_dir(), reason="$SIGN_DATA names no folder with gtsrb/"
)
needs_gtsdb = pytest.mark.skipif(
    not (REAL / "gtsdb").is_dir(), reason="$SIGN_DATA names no folder with gtsdb/"
)
needs_france = pytest.mark.skipif(
    not (REAL / "france").is_dir(), reason="$SIGN_DATA names no folder with france/"
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    return tmp_path


def test_data_lies_where_sign_data_says_else_in_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_DATA", "elsewhere")
    assert datasets.data_root() == Path("elsewhere")
    monkeypatch.delenv("SIGN_DATA")
    assert datasets.data_root() == Path("data")


@pytest.mark.parametrize(
    "place",
    [
        "gtsrb/GTSRB_Final_Training_Images.zip",
        "gtsrb/GTSRB_Final_Training_Images",
        "gtsrb",
        ".",
    ],
)
def test_gtsrb_is_found_packed_and_unpacked(root: Path, place: str) -> None:
    store(gtsrb_training({14: 1}), root / place)
    assert len(datasets.gtsrb().examples) == 2


@pytest.mark.parametrize("place", ["gtsdb/TrainIJCNN2013.zip", "gtsdb", "."])
def test_gtsdb_is_found_packed_and_unpacked(root: Path, place: str) -> None:
    store(gtsdb(), root / place)
    assert len(datasets.gtsdb().examples) == 3


def test_gtsdb_of_the_full_set_is_its_training_part(root: Path) -> None:
    files = gtsdb("FullIJCNN2013/") | {"FullIJCNN2013/00600.ppm": picture(suffix=".ppm")}
    store(files, root / "FullIJCNN2013.zip")
    assert len(datasets.gtsdb().examples) == 3


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("name", ["gtsrb", "gtsdb"])
def test_a_set_that_is_not_there_says_how_to_get_it(name: str) -> None:
    with pytest.raises(SourceError, match=rf"training.datasets fetch {name}"):
        getattr(datasets, name)()


def test_another_set_under_the_usual_name_is_refused(root: Path) -> None:
    store(gtsdb(), root / "gtsrb/GTSRB_Final_Training_Images.zip")
    with pytest.raises(SourceError, match="expected GTSRB's training part, found the layout"):
        datasets.gtsrb()


def test_the_track_that_is_in_the_test_set_too_is_never_trained_on(root: Path) -> None:
    store(gtsrb_training({14: 25}, frames=1), root / "gtsrb")
    found = datasets.gtsrb()
    assert len(found.examples) == 24
    assert split.ALSO_IN_TEST not in {example.track for example in found.examples}
    whole = datasets.open_dataset(root / "gtsrb")
    parts = [datasets.part(whole, name) for name in ("train", "choose", "judge")]
    assert sum(map(len, parts)) == 24


def test_parts_hold_whole_tracks_and_are_apart(root: Path) -> None:
    store(gtsrb_training({0: 7, 19: 7}), root / "gtsrb")
    dataset = datasets.gtsrb()
    parts = {name: datasets.part(dataset, name) for name in ("train", "choose", "judge")}
    assert {name: len(found) for name, found in parts.items()} == {
        "train": 20,
        "choose": 4,
        "judge": 4,
    }
    tracks = [{example.track for example in found} for found in parts.values()]
    assert len(set.union(*tracks)) == sum(map(len, tracks)) == 14


def test_a_part_that_does_not_exist_is_refused(root: Path) -> None:
    store(gtsdb(count=60), root / "gtsdb")
    with pytest.raises(SourceError, match="expected a part of judge, train, found 'choose'"):
        datasets.part(datasets.gtsdb(), "choose")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (yolo(), "the layout 'yolo' has no written-down split"),
        (gtsrb_training({0: 8}), "00007_00000.ppm is in no part of the gtsrb split"),
    ],
    ids=["yolo", "unknown track"],
)
def test_a_set_that_the_split_does_not_know_is_refused(
    tmp_path: Path, files: dict[str, bytes | str], message: str
) -> None:
    dataset = datasets.open_dataset(store(files, tmp_path / "set"))
    with pytest.raises(SourceError, match=message):
        datasets.part(dataset, "train")


def test_check_prints_the_counts_and_ends_with_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(gtsdb(), tmp_path / "TrainIJCNN2013.zip")
    assert datasets.main(["check", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "TrainIJCNN2013 (gtsdb): 3 pictures, 3 signs of 3 classes, 1 pictures without a sign",
        "in order",
    ]


def test_check_prints_a_line_a_fault_and_ends_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = gtsdb() | {
        "TrainIJCNN2013/gt.txt": f"{GTSDB_TRUTH}00002.ppm;1;2;50;4;44\n00001.ppm;3;4;5;6;38\n"
    }
    path = store(files, tmp_path / "TrainIJCNN2013.zip")
    assert datasets.main(["check", str(path)]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("note: annotation given 2 times, read once: 00001.ppm")
    assert lines[2:] == [
        "fault: TrainIJCNN2013/00002.ppm: box 1 2 51 5 reaches outside 40×30",
        "fault: TrainIJCNN2013/00002.ppm: expected a class of -1 … 42, found 44",
        "2 faults",
    ]


def test_describe_prints_a_table_and_draws_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store(gtsrb_training({14: 3}), tmp_path / "set.zip")
    datasets.main(["describe", str(path), "--output", str(tmp_path / "out/chart.png")])
    out = capsys.readouterr().out
    assert "14  Stop" in out
    assert out.endswith(f"drawn: {tmp_path / 'out/chart.png'}\n")
    assert Image.open(tmp_path / "out/chart.png").size[0] == 1600


def test_the_command_prints_one_line_for_what_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.datasets", "check", str(tmp_path / "missing")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert done.stderr == (
        f"error: {tmp_path / 'missing'}: expected a folder or a zip, found nothing there\n"
    )


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, training.datasets; print(sorted({'tensorflow', 'torch', 'ultralytics', "
        "'matplotlib', 'tqdm', 'edge', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@needs_gtsrb
def test_the_real_gtsrb_is_complete_and_divides_as_written() -> None:
    dataset = datasets.gtsrb()
    assert len(dataset.examples) == 39_179
    assert (dataset.notes, dataset.problems) == ((), ())
    parts = split.split_gtsrb(dataset.examples, split.DEFAULT_SEED)
    assert parts | {split.ALSO_IN_TEST: split.LEFT_OUT} == split.read_split("gtsrb")
    sizes = [len(datasets.part(dataset, name)) for name in ("train", "choose", "judge")]
    assert sizes == [31_260, 3_959, 3_960]
    example = dataset.examples[-1]
    height, width = dataset.read(example).shape[:2]
    (x1, y1, x2, y2), label = example.annotations[0]
    assert label == 42
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height


@needs_gtsdb
def test_the_real_gtsdb_is_complete_and_divides_as_written() -> None:
    dataset = datasets.gtsdb()
    assert len(dataset.examples) == 600
    assert dataset.problems == ()
    assert split.split_gtsdb(dataset.examples, split.DEFAULT_SEED) == split.read_split("gtsdb")
    parts = [datasets.part(dataset, name) for name in ("train", "judge")]
    train, judge = (Counter(a.label for e in part for a in e.annotations) for part in parts)
    assert sum(train.values()) + sum(judge.values()) == 851
    common = [label for label, count in (train + judge).items() if count >= 20]
    assert all(abs(judge[label] - (train + judge)[label] / 6) <= 1 for label in common)
    assert dataset.read(parts[1][0]).shape == (800, 1360, 3)


@needs_gtsdb
def test_splitting_again_writes_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = (split.SPLITS / "gtsdb.csv").read_bytes()
    monkeypatch.setattr(split, "SPLITS", tmp_path)
    split.read_split.cache_clear()
    datasets.main(["split", "gtsdb"])
    split.read_split.cache_clear()
    assert (tmp_path / "gtsdb.csv").read_bytes() == written
    assert capsys.readouterr().out == f"{tmp_path / 'gtsdb.csv'}: judge 100, train 500\n"


@pytest.mark.parametrize("learnt", ["train", "Train", "training"])
def test_a_training_takes_of_a_yolo_set_what_is_to_be_learnt(learnt: str) -> None:
    names = [f"{learnt}/images/a.jpg", "valid/images/b.jpg", "images/test/c.jpg"]
    examples = [datasets.Example(name) for name in names]

    assert datasets.learnt_of_yolo(examples) == examples[:1]
    assert datasets.learnt_of_yolo(examples[1:]) == examples[1:]


@needs_france
def test_the_real_yolo_set_opens() -> None:
    dataset = datasets.open_dataset(REAL / "france")
    assert (dataset.layout, len(dataset.examples)) == ("yolo", 790)
    assert sum(len(example.annotations) for example in dataset.examples) == 977
    assert sum(not example.annotations for example in dataset.examples) == 139
