"""Mining background: what is kept, what is left out, and that it comes out the same twice."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from drawn_sets import drawn_gtsdb
from fakes import FakeDetector, image_number

from calibration import mine
from calibration.mine import MADE, Street, backgrounds, misframed, reframe
from calibration.walk import Walk
from edge.core import Box, Detection
from models.errors import OutputError, SourceError, UsageError
from training.datasets import Dataset, gtsdb, open_dataset
from training.files import stem
from training.negatives import Negative, read_negatives

SIGN = Box(100, 100, 140, 140)
FOREIGN = Box(300, 100, 340, 140)
STREET = Street("00001", [SIGN], [FOREIGN])


def found(*boxes: tuple[float, float, float, float]) -> list[Detection]:
    """Detections in this order, which is that of their scores."""
    return [Detection(Box(*box), 0.5 - 0.01 * place) for place, box in enumerate(boxes)]


def turn(*frames: tuple[float, float, float]):
    return itertools.cycle(frames or [(0.55, 0.0, 1.0)])


# --- background ---


def test_a_box_that_touches_no_sign_is_background() -> None:
    assert list(backgrounds(STREET, found((200.4, 50.2, 220.6, 70.4)))) == [
        Negative("00001", (200, 50, 221, 70), "background", 0.5)
    ]


@pytest.mark.parametrize(
    "box",
    [(139, 139, 160, 160), (290, 90, 301, 150), (110, 110, 120, 122)],
    ids=["a corner of a marked sign", "the edge of a foreign one", "inside a sign"],
)
def test_a_box_that_touches_a_sign_is_not(box: tuple[float, float, float, float]) -> None:
    assert list(backgrounds(STREET, found(box))) == []


def test_side_by_side_is_not_touching() -> None:
    assert len(list(backgrounds(STREET, found((140, 100, 180, 140))))) == 1


def test_a_tiny_box_is_left_out() -> None:
    assert list(backgrounds(STREET, found((10, 10, 19, 19)))) == []


def test_only_the_best_boxes_of_a_picture_are_kept() -> None:
    many = found(*((20 * n, 300, 20 * n + 15, 315) for n in range(mine.BACKGROUNDS + 5)))

    kept = list(backgrounds(STREET, many))

    assert [row.box[0] for row in kept] == [20 * n for n in range(mine.BACKGROUNDS)]


# --- misframed ---


@pytest.mark.parametrize("frame", MADE)
@pytest.mark.parametrize("size", [(16, 16), (21, 19), (128, 128)])
def test_every_made_frame_fits_badly(
    frame: tuple[float, float, float], size: tuple[int, int]
) -> None:
    sign = Box(400, 400, 400 + size[0], 400 + size[1])
    assert 0.1 <= mine.whole(reframe(sign, *frame)).iou(sign) < 0.4


def test_a_frame_is_moved_by_shares_of_the_sign_and_scaled() -> None:
    assert reframe(Box(100, 100, 140, 120), 0.5, -0.25, 2.0) == Box(100, 85, 180, 125)


def test_a_sign_gets_one_frame_that_is_made_and_goes_on_to_the_next() -> None:
    two = Street("00001", [SIGN, Box(500, 100, 540, 140)], [])

    rows = list(misframed(two, [], turn((0.55, 0.0, 1.0), (0.0, 0.0, 1.8))))

    assert [row.box for row in rows] == [(122, 100, 162, 140), (484, 84, 556, 156)]
    assert {row.score for row in rows} == {0.0}


def test_what_the_detector_frames_badly_comes_with_its_score() -> None:
    well, badly, beside = (102, 100, 142, 140), (120, 100, 160, 140), (138, 100, 178, 140)

    rows = list(misframed(STREET, found(well, badly, beside), turn()))

    assert rows[0] == Negative("00001", (120, 100, 160, 140), "misframed", 0.49)
    assert len(rows) == 2


def test_a_sign_gets_no_more_than_its_share_of_found_frames() -> None:
    bad = [(118 + n, 100, 158 + n, 140) for n in range(5)]
    rows = list(misframed(STREET, found(*bad), turn()))
    assert sum(row.score > 0 for row in rows) == mine.MISFRAMED_FOUND


def test_a_frame_that_shows_another_sign_better_is_left_out() -> None:
    neighbour = Box(130, 100, 170, 140)
    pair = Street("00001", [SIGN, neighbour], [])
    both = found((128, 100, 168, 140))  # a third of the one, nearly all of the other

    rows = list(misframed(pair, both, turn((-0.55, 0.0, 1.0), (0.55, 0.0, 1.0))))

    assert [row.box for row in rows] == [(78, 100, 118, 140), (152, 100, 192, 140)]


def test_a_frame_that_touches_a_foreign_sign_is_left_out() -> None:
    close = Street("00001", [SIGN], [Box(150, 100, 190, 140)])
    assert list(misframed(close, [], turn((0.55, 0.0, 1.0)))) == []


def test_a_frame_is_cut_at_the_edge_of_the_picture() -> None:
    corner = Street("00001", [Box(0, 0, 40, 40)], [])
    (row,) = misframed(corner, [], turn((0.0, 0.0, 2.4)))
    assert row.box == (0, 0, 68, 68)


# --- the whole ---


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    drawn_gtsdb(tmp_path, train=3, judge=2)
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    return gtsdb()


def empty_corner(street: Dataset) -> Box:
    """A place of 12 px where no picture of the drawn set has a sign."""
    signs = [Box(*a.box) for example in street.examples for a in example.annotations]
    places = (Box(x, y, x + 12, y + 12) for x in range(0, 300, 4) for y in range(0, 180, 4))
    return next(place for place in places if not any(place.iou(sign) for sign in signs))


def test_every_picture_is_asked_and_foreign_signs_are_left_alone(street: Dataset) -> None:
    place = empty_corner(street)
    numbers = [image_number(street.read(example)) for example in street.examples]
    detector = FakeDetector({number: [Detection(place, 0.4)] for number in numbers})
    names = [stem(example.name) for example in street.examples]
    labelled = [Negative(names[0], (int(place.x1), int(place.y1), 90, 90), "guide")]

    rows = mine.mine(detector, Walk(street, street.examples), labelled)

    assert [row.picture for row in rows if row.kind == "background"] == names[1:]
    signs = sum(len(example.annotations) for example in street.examples)
    assert 0 < sum(row.kind == "misframed" for row in rows) <= signs
    assert rows == sorted(rows, key=lambda row: row.picture)


@pytest.mark.usefixtures("street")
def test_a_picture_of_another_set_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "gtsdb" / "TrainIJCNN2013"
    next(folder.glob("*.ppm")).rename(folder / "00777.ppm")
    text = (folder / "gt.txt").read_text()
    (folder / "gt.txt").write_text(f"00777.ppm;1;1;20;20;3\n{text}")
    other = open_dataset(folder)

    with pytest.raises(SourceError, match=r"00777\.ppm: expected a picture of GTSDB's"):
        mine.mine(FakeDetector({}), Walk(other, other.examples), [])


@pytest.mark.usefixtures("street")
def test_the_published_detector_gives_the_same_file_twice(tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    mine.main(["-o", str(first), "--threads", "1"])
    mine.main(["-o", str(second), "--threads", "2"])

    assert first.read_bytes() == second.read_bytes()
    assert {row.kind for row in read_negatives(first)} >= {"misframed"}
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("threads", ["0", "-1"])
def test_at_least_one_thread_is_needed(threads: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--threads: expected 1 or more, found {threads}"):
        mine.main(["-o", str(tmp_path / "list.csv"), "--threads", threads])


def test_a_place_that_cannot_be_written_is_told_before_the_mining(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file: cannot make this folder"):
        mine.main(["-o", str(tmp_path / "file" / "list.csv")])
