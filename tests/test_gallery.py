"""The gallery shows what was missed and what is false, in one page that needs nothing else."""

from __future__ import annotations

import base64
import re
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from streets import at, found, read, sign

from calibration import curves, exhibits, gallery, metrics
from calibration.exhibits import Exhibit
from calibration.finding import detector_figures, look
from calibration.gallery import gallery_file, write_gallery
from calibration.matching import pool
from calibration.places import NONE, Places
from calibration.seen import Seen
from calibration.system import Thresholds, system_figures
from edge.core import UNKNOWN, Box
from models.errors import OutputError


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from a few draws: what they are worth is the matter of test_metrics."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=5))


def told(shown: list[Exhibit]) -> list[tuple[str, ...]]:
    return [(each.title, *each.words) for each in shown]


def all_above(seen: Seen, least: float) -> np.ndarray:
    return seen.scores >= least


# --- what is shown ---


def test_a_missed_sign_says_what_was_best_there() -> None:
    near = Box(at(0).x1, 0, at(0).x1 + 10, 20)  # half of the sign: an IoU of 0.5 is needed
    (seen,) = found(
        ([sign(at(0), 14), sign(at(2), 1), sign(at(4), 2)], [(at(4), 0.9), (near, 0.3)])
    )
    shown = list(exhibits.missed_by_detector(seen, all_above(seen, 0.5)))
    assert told(shown) == [
        ("Stop", "20×20 px", "best box: score 0.300, IoU 0.50"),
        ("Speed limit 30", "20×20 px", "no box here"),
    ]


def test_a_sign_of_another_set_is_told_by_its_number() -> None:
    (seen,) = found(([sign(at(0), 77), sign(at(1), UNKNOWN)], []))
    shown = list(exhibits.missed_by_detector(seen, all_above(seen, 0.5)))
    assert [each.title for each in shown] == ["class 77", "unknown"]


def test_a_false_alarm_says_where_it_lies() -> None:
    places = Places(np.array([at(3), at(5)], np.float64), np.array([True, False]))
    answers = [(at(0), 0.9), (at(0), 0.8), (at(3), 0.7), (at(5), 0.6), (at(7), 0.55), (at(8), 0.4)]
    (seen,) = found(([sign(at(0))], answers), places={"00000": places})
    shown = list(exhibits.false_of_detector(seen, all_above(seen, 0.5)))
    assert [each.words[1] for each in shown] == [
        "a second box on a sign",
        "on a foreign sign",
        "on an unmarked or unclear sign",
        "",
    ]
    assert shown[0].title == "score 0.800"


def test_a_misread_sign_is_missed_and_a_false_alarm() -> None:
    (seen,) = read(([sign(at(0), 14)], [(at(0), 13, 0.7, 0.9), (at(3), UNKNOWN, 0.6, 0.8)]))
    operating = all_above(seen, 0.5)
    assert told(list(exhibits.missed_by_system(seen, operating))) == [
        ("Stop", "20×20 px", "read as Give way: score 0.900, IoU 1.00")
    ]
    assert told(list(exhibits.false_of_system(seen, operating))) == [
        ("Give way, 0.900", "20×20 px", "detector 0.700", "a second box on a sign")
    ]
    assert told(list(exhibits.unknown_of_system(seen, operating))) == [
        ("unknown, 0.800", "20×20 px", "detector 0.600")
    ]


def test_what_was_found_and_named_is_not_shown() -> None:
    (seen,) = read(([sign(at(0), 14)], [(at(0), 14, 0.7, 0.9)]))
    for kind in (
        exhibits.missed_by_system,
        exhibits.false_of_system,
        exhibits.unknown_of_system,
        exhibits.missed_by_detector,
        exhibits.false_of_detector,
    ):
        assert not list(kind(seen, all_above(seen, 0.5)))


def test_the_weightiest_are_kept() -> None:
    (seen,) = found(([sign(at(0, 20)), sign(at(1, 50)), sign(at(2, 30))], []))
    shown = list(exhibits.missed_by_detector(seen, all_above(seen, 0.5)))
    assert [each.weight for each in exhibits.worst(shown, 2)] == [50, 30]


@pytest.mark.parametrize("x", [0, 380])
def test_a_crop_shows_the_answer_in_red_and_the_sign_in_green(x: int) -> None:
    """Also at the edge of the picture, where there is nothing on one side."""
    box = Box(x, 40, x + 20, 60)
    (seen,) = found(([sign(at(0))], [(box, 0.9)]))
    grey = np.full((100, 400, 3), 128, np.uint8)
    shown = Exhibit(seen, seen.boxes[0], 1.0, "", ())
    image = cv2.imdecode(np.frombuffer(exhibits.picture(shown, grey), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (exhibits.SIDE, exhibits.SIDE, 3)
    blue, green, red = (image[:, :, channel].astype(int) for channel in range(3))
    assert ((red - green > 100) & (red - blue > 100)).any()
    missed = Exhibit(seen, seen.signs[0], 1.0, "", ())
    image = cv2.imdecode(np.frombuffer(exhibits.picture(missed, grey), np.uint8), cv2.IMREAD_COLOR)
    assert (image[:, :, 1].astype(int) - image[:, :, 2] > 60).any()


# --- curves ---


def test_a_curve_holds_the_best_precision_at_each_recall() -> None:
    """Hit, miss, hit of two signs: precision 1, then 2/3."""
    seen = found(([sign(at(0)), sign(at(1))], [(at(0), 0.9), (at(5), 0.8), (at(1), 0.7)]))
    answers = pool([look(each, np.ones(len(each.scores))) for each in seen], np.array([0.5]))
    line = curves.line("all", answers)
    assert line is not None
    assert line.recall.tolist() == [0.5, 1.0]
    assert line.precision.tolist() == [1.0, pytest.approx(2 / 3)]
    assert line.average == pytest.approx((51 + 50 * 2 / 3) / 101)
    empty = pool([look(found(([], []))[0], np.zeros(0))], np.array([0.5]))
    assert curves.line("none", empty) is None


@pytest.mark.parametrize("recall", [[], [0.2, 0.4], [0.9, 1.0]])
def test_curves_are_drawn_whatever_their_shape(recall: list[float]) -> None:
    line = curves.Line("a", np.array(recall), np.ones(len(recall)), 0.9 if recall else 0.0)
    png = curves.draw([line], curves.Point(0.8, 0.9))
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (curves.HEIGHT + 2 * curves.ROW, curves.WIDTH, 3)
    assert (image[: curves.HEIGHT] != 255).any()
    assert (image[curves.HEIGHT :] != 255).any()  # the legend


def test_without_curves_there_are_axes_still() -> None:
    assert curves.draw([], None).startswith(b"\x89PNG")


# --- the page ---


class Grey:
    """A data set whose pictures are all alike, and which counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def read(self, example: object) -> np.ndarray:  # noqa: ARG002
        self.reads += 1
        return np.full((100, 1000, 3), 128, np.uint8)


def report(figures: dict[str, Any], *models: str) -> dict[str, Any]:
    named = {key: {"name": f"<{key}>", "version": "1"} for key in models}
    data = {"name": "street", "part": "judge"}
    return {**figures, **named, "data": data, "command": "python -m calibration.evaluate …"}


def test_the_page_of_a_detector_needs_no_other_file(tmp_path: Path) -> None:
    seen = found(
        ([sign(at(0)), sign(at(1), 14)], [(at(0), 0.9), (at(3), 0.8), (at(4), 0.7)]),
        ([], []),
        places={"00000": NONE, "00001": NONE},
    )
    path, pictures = tmp_path / "page.html", Grey()
    write_gallery(path, pictures, seen, report(detector_figures(seen, 0.5), "model"))  # type: ignore[arg-type]
    page = path.read_text(encoding="utf-8")
    assert "&lt;model&gt; 1" in page
    assert "Missed signs (1)" in page and "False alarms (2)" in page
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 1 + 3
    for source in sources:
        kind, data = re.fullmatch(r"data:image/(\w+);base64,(.+)", source).groups()  # type: ignore[union-attr]
        begins = {"png": b"\x89PNG", "jpeg": b"\xff\xd8"}[kind]
        assert base64.b64decode(data).startswith(begins)
    assert pictures.reads == 1  # all three are of one picture
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_the_page_of_both_models_tells_what_was_said(tmp_path: Path) -> None:
    seen = read(([sign(at(0), 14)], [(at(0), 13, 0.7, 0.9)]))
    figures = system_figures(seen, Thresholds(0.3, 0.5))
    path = tmp_path / "page.html"
    write_gallery(path, Grey(), seen, report(figures, "detector", "model"))  # type: ignore[arg-type]
    page = path.read_text(encoding="utf-8")
    assert "read as Give way: score 0.900" in page
    assert "Shown as unknown where nothing is marked (0)" in page


def test_a_page_shows_only_so_many_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "MOST", 2)
    seen = found(([sign(at(0))], [(at(n), 0.9) for n in range(1, 6)]))
    path = tmp_path / "page.html"
    write_gallery(path, Grey(), seen, report(detector_figures(seen, 0.5), "model"))  # type: ignore[arg-type]
    page = path.read_text(encoding="utf-8")
    assert "False alarms (5, the first 2)" in page
    assert page.count("<figure>") == 1 + 2


def test_a_folder_gets_a_page_of_that_name(tmp_path: Path) -> None:
    assert gallery_file(tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / "gallery.html"
    assert gallery_file(tmp_path / "a" / "page.html") == tmp_path / "a" / "page.html"
    assert (tmp_path / "new" / "folder").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be made"):
        gallery_file(tmp_path / "file" / "folder")
