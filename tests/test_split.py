from collections import Counter
from pathlib import Path

import pytest
from small_sets import gtsdb, gtsrb_training, store

from models.errors import SourceError
from training import split
from training.examples import Annotation, Example
from training.layouts import open_dataset


def tracks(per_class: dict[int, int]) -> list[Example]:
    return [
        Example(
            f"{label}_{track}_{frame}",
            (Annotation((0, 0, 1, 1), label),),
            f"{label:05d}/{track:05d}",
        )
        for label, count in per_class.items()
        for track in range(count)
        for frame in range(3)
    ]


def streets(count: int) -> list[Example]:
    """Class 1 in each third picture, class 2 in each tenth, nothing in most."""
    return [
        Example(
            f"{number:05d}.ppm",
            tuple(
                Annotation((0, 0, 1, 1), label)
                for label, each in ((1, 3), (2, 10))
                if number % each == 0
            ),
        )
        for number in range(count)
    ]


def test_each_class_has_tracks_in_every_part() -> None:
    parts = split.split_gtsrb(tracks({1: 3, 2: 10, 3: 74}), seed=5)
    found = {
        label: Counter(its for track, its in parts.items() if track.startswith(f"{label:05d}"))
        for label in (1, 2, 3)
    }
    assert found[1] == {"train": 1, "choose": 1, "judge": 1}
    assert found[2] == {"train": 8, "choose": 1, "judge": 1}
    assert found[3] == {"train": 60, "choose": 7, "judge": 7}


def test_the_draw_depends_on_the_seed_alone() -> None:
    examples = tracks({1: 40})
    assert split.split_gtsrb(examples, 1) == split.split_gtsrb(reversed(examples), 1)
    assert split.split_gtsrb(examples, 1) != split.split_gtsrb(examples, 2)


def test_street_pictures_are_divided_by_their_classes() -> None:
    parts = split.split_gtsdb(streets(600), seed=1)
    assert Counter(parts.values()) == {"train": 500, "judge": 100}
    judged = [e for e in streets(600) if parts[e.name[:5]] == "judge"]
    labels = Counter(a.label for e in judged for a in e.annotations)
    assert abs(labels[1] - 200 / 6) <= 1
    assert abs(labels[2] - 60 / 6) <= 1
    assert abs(sum(not e.annotations for e in judged) - 360 / 6) <= 1
    assert parts == split.split_gtsdb(streets(600), seed=1)
    assert parts != split.split_gtsdb(streets(600), seed=2)


@pytest.mark.parametrize("files", [gtsrb_training({1: 3}), gtsdb()], ids=["gtsrb", "gtsdb"])
def test_an_incomplete_set_is_not_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes | str]
) -> None:
    monkeypatch.setattr(split, "SPLITS", tmp_path / "splits")
    dataset = open_dataset(store(files, tmp_path / "set"))
    with pytest.raises(SourceError, match=r"expected \d+ pictures with \d+ signs, found \d "):
        split.write_split(dataset, 1)
    assert not (tmp_path / "splits").exists()


def test_the_written_gtsrb_split_keeps_every_class_in_every_part() -> None:
    parts = split.read_split("gtsrb")
    assert len(parts) == 1307
    assert parts[split.ALSO_IN_TEST] == split.LEFT_OUT
    classes = {(track[:5], its) for track, its in parts.items() if its != split.LEFT_OUT}
    assert len(classes) == 43 * 3
    sizes = Counter(parts.values())
    assert sizes["judge"] == sizes["choose"] == 132


def test_the_written_gtsdb_split_names_all_600_pictures() -> None:
    parts = split.read_split("gtsdb")
    assert list(parts) == [f"{number:05d}" for number in range(600)]
    assert Counter(parts.values()) == {"train": 500, "judge": 100}


def test_a_layout_without_a_split_is_refused() -> None:
    with pytest.raises(SourceError, match="the layout 'yolo' has no written-down split"):
        split.read_split("yolo")
