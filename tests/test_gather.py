"""What a classifier is trained on is read and checked before the first step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from drawn_sets import drawn_gtsdb, drawn_gtsrb
from small_sets import picture, store

from models.errors import SourceError, UsageError
from models.signs import BACKGROUND, COUNT, FOREIGN
from training import datasets, gather, memory
from training.crops import STORED
from training.gather import Choice, learnt_parts
from training.split import folds, read_split


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("data")
    drawn_gtsdb(root, train=6, judge=2, size=(400, 300))
    drawn_gtsrb(root, frames=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGN_DATA", str(root))
        yield root


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """These few crops fit beside whatever else the machine is doing."""
    monkeypatch.setattr(memory, "BASE", 0)


@pytest.mark.usefixtures("data")
def test_signs_come_with_drawn_ones_and_negatives() -> None:
    found = gather.gather(Choice(drawn=1))
    counts = np.bincount(found.train.labels, minlength=COUNT + 2)
    assert (counts[:COUNT] >= 2 + 1).all()
    assert counts[FOREIGN] >= 16
    assert counts[BACKGROUND] > 6 * 10
    assert found.train.images.shape[1:] == (STORED, STORED, 3)
    assert set(found.watched.labels.tolist()) == set(range(COUNT))
    assert len(found.names) == len(found.watched.labels)
    assert found.part == "choose"
    assert found.classes[-2:] == ("foreign", "background")


@pytest.mark.usefixtures("data")
def test_the_same_seed_gathers_the_same() -> None:
    first, again, other = (gather.gather(Choice(drawn=1, seed=s)).train.images for s in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.usefixtures("data")
def test_all_parts_hold_more_than_one() -> None:
    sizes = [len(gather.gather(Choice(parts=parts, drawn=0)).train.labels) for parts in PARTS]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)


PARTS = ("train", "train+choose", "all")


@pytest.mark.usefixtures("data")
def test_folds_watch_every_track_of_train_and_choose_once_and_judge_never() -> None:
    seen: Counter[str] = Counter()
    for fold in range(2):
        found = gather.gather(Choice(folds=2, fold=fold, drawn=0))
        seen.update(name.rpartition("_")[0] for name in set(found.names))
        assert found.part == f"fold {fold} of 2"
    examples = datasets.gtsrb().examples
    tracks = {e.track: e.name.rpartition("_")[0] for e in examples}
    parts = read_split("gtsrb")
    wanted = {place for track, place in tracks.items() if parts[track] != "judge"}
    assert set(seen) == wanted


def test_folds_keep_tracks_whole_and_spread_the_classes() -> None:
    examples = [
        datasets.Example(f"{label}/{track}_{n}", (datasets.Annotation((0, 0, 1, 1), label),), track)
        for label in range(3)
        for track in (f"{label}/{t}" for t in range(7))
        for n in range(4)
    ]
    found = folds(examples, 3)
    place = {e.track: number for e, number in zip(examples, found, strict=True)}
    assert [place[e.track] for e in examples] == found
    for label in range(3):
        own = Counter(number for track, number in place.items() if track[0] == str(label))
        assert sorted(own.values()) == [2, 2, 3]
    total = Counter(place.values())
    assert max(total.values()) - min(total.values()) <= 1


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(("count", "fold"), [(2, 2), (3, -1), (1, 0)])
def test_a_fold_that_does_not_exist_is_refused(count: int, fold: int) -> None:
    with pytest.raises(UsageError, match="--fold: expected 0 to"):
        gather.gather(Choice(folds=count, fold=fold))


@pytest.mark.usefixtures("data")
def test_a_limit_reads_less_of_everything() -> None:
    found = gather.gather(Choice(drawn=10, limit=43))
    labels = found.train.labels
    drawn_or_real = labels[labels < COUNT]
    assert COUNT <= len(drawn_or_real) <= 4 * COUNT
    assert 1 <= len(found.watched.labels) < 2 * COUNT


def test_class_folders_of_any_name_are_their_own_classes(tmp_path: Path) -> None:
    files = {
        f"{part}/{name}/{n}.png": picture(32, 32, ".png", seed=n)
        for part in ("train", "test")
        for name in ("cat", "aeroplane")
        for n in range(40)
    }
    store(files, tmp_path / "things")
    found = gather.gather(Choice(data=str(tmp_path / "things")))
    assert found.classes == ("aeroplane", "cat")
    assert set(found.train.labels.tolist()) == {0, 1}
    learnt, watched = len(found.train.labels), len(found.watched.labels)
    assert learnt + watched == 80  # the test folder is left alone
    assert 2 <= watched <= 20


def test_a_picture_that_is_none_is_named_before_training(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": picture(seed=n) for name in ("a", "b") for n in range(30)}
    whole = files["a/3.png"]
    store({**files, "a/3.png": whole[: len(whole) // 2][:40]}, tmp_path / "things")
    with pytest.raises(SourceError, match=r"3\.png"):
        gather.gather(Choice(data=str(tmp_path / "things")))


def test_a_folder_of_a_sign_that_does_not_exist_is_named(tmp_path: Path) -> None:
    files = {f"{label:05d}/{n}.png": picture(seed=n) for label in (0, 1, 43) for n in range(12)}
    store(files, tmp_path / "signs")
    with pytest.raises(SourceError, match="43"):
        gather.gather(Choice(data=str(tmp_path / "signs")))


def test_a_label_outside_the_table_is_named_with_its_picture(tmp_path: Path) -> None:
    drawn_gtsrb(tmp_path, frames=1)
    images = tmp_path / "gtsrb" / "GTSRB" / "Final_Training" / "Images"
    table = images / "00007" / "GT-00007.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].removesuffix(";7") + ";43"
    table.write_text("\n".join(lines))
    name = lines[1].partition(";")[0]
    with pytest.raises(SourceError, match=f"{name}: expected a label of -1 to 42, found 43"):
        gather.gather(Choice(data=str(tmp_path / "gtsrb")))


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": picture(seed=n) for name in ("a", "b") for n in range(30)}
    store(files, tmp_path / "things")
    (tmp_path / "things" / "c").mkdir()
    with pytest.raises(SourceError, match="class folder c, found none"):
        gather.gather(Choice(data=str(tmp_path / "things")))


def test_faults_of_a_set_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {f"{name}/{n}.png": picture(seed=n) for name in ("a", "b") for n in range(30)}
    store(files, tmp_path / "things")
    for name in ("c", "d"):
        (tmp_path / "things" / name).mkdir()
    with pytest.raises(SourceError, match=r"folder c, found none; 1 more: `python -m training\.d"):
        gather.gather(Choice(data=str(tmp_path / "things")))
    assert not caplog.records


def test_a_fold_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": picture(seed=n) for name in ("a", "b") for n in range(3)}
    store(files, tmp_path / "things")
    with pytest.raises(SourceError, match=r"to watch \(fold 99 of 100\), found 6 and 0"):
        gather.gather(Choice(data=str(tmp_path / "things"), folds=100, fold=99))


@pytest.mark.usefixtures("data")
def test_folds_take_no_parts_beside_them() -> None:
    with pytest.raises(UsageError, match="--parts: expected none beside --folds"):
        gather.gather(Choice(folds=2, parts="all"))


def test_the_parts_that_are_learnt() -> None:
    """A model of a fold has seen most of choose: nothing of that is held out any more."""
    assert learnt_parts("train", 0) == ["train"]
    assert learnt_parts("train+judge", 0) == ["train", "judge"]
    assert learnt_parts("all", 0) == ["train", "choose", "judge"]
    assert learnt_parts("train", 5) == ["train", "choose"]


def test_too_little_memory_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{name}/{n}.png": picture(seed=n) for name in ("a", "b") for n in range(30)}
    store(files, tmp_path / "things")
    monkeypatch.setattr(memory, "BASE", 10**18)
    with pytest.raises(UsageError, match=r"GB of free memory for \d+ crops, found .* --limit N"):
        gather.gather(Choice(data=str(tmp_path / "things")))
