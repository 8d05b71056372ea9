"""How well signs are found, on pictures whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from calibration.finding import measure_detector, measure_system
from edge.core import UNKNOWN, Box, Detection, Image, Reading
from edge.reader import SignRead
from models.errors import SourceError
from training.datasets import Annotation, Example

Answer = tuple[Box, float]


def at(x: float, height: float = 20) -> Box:
    """A sign at x: boxes 100 px apart never touch."""
    return Box(100 * x, 0, 100 * x + height, height)


def half_of(box: Box) -> Box:
    """A box inside the other one, with an IoU of 0.62."""
    return Box(box.x1, box.y1, box.x1 + 0.62 * box.width, box.y2)


class Street:
    """Pictures numbered by their content, the signs in them, and what the models answer."""

    def __init__(self, *pictures: tuple[Sequence[Annotation], Sequence[object]]) -> None:
        self.pictures = pictures

    def __iter__(self):
        for number, (signs, _) in enumerate(self.pictures):
            image = np.full((1, 1, 3), number, np.uint8)
            yield Example(f"{number:05d}.png", tuple(signs)), image

    def detect(self, image: Image) -> list[Detection]:
        return [Detection(*answer) for answer in self.pictures[int(image[0, 0, 0])][1]]

    def read(self, image: Image) -> list[SignRead]:
        return [
            SignRead(
                Detection(box, score),
                Reading("foreign" if label == UNKNOWN else "sign", label, 1.0, np.zeros(45)),
                fused,
            )
            for box, label, score, fused in self.pictures[int(image[0, 0, 0])][1]
        ]


def sign(box: Box, label: int = 1) -> Annotation:
    return Annotation(tuple(box), label)


STREET = Street(
    # both found; one of them with an IoU of 0.62 only
    ([sign(at(0)), sign(at(1, 60))], [(at(0), 0.9), (half_of(at(1, 60)), 0.6)]),
    # a false alarm above the threshold and a hit below it
    ([sign(at(0, 10))], [(at(3), 0.8), (at(0, 10), 0.2)]),
    # an empty road, and nothing found
    ([], []),
)


def test_detector_figures_by_hand() -> None:
    figures = measure_detector(STREET, 0.5, STREET)
    # best first: hit .9, miss .8, hit .6, hit .2; three signs. Precision 1 up to a recall of 1/3
    # (34 points), then 3/4 at every higher recall (67 points).
    assert figures["ap50"] == pytest.approx((34 + 67 * 0.75) / 101)
    # above an IoU of 0.60 the third is a miss: precision 1 (34 points), 2/4 up to 2/3 (33 points)
    strict = (34 + 33 * 0.5) / 101
    assert figures["ap50_95"] == pytest.approx((3 * figures["ap50"] + 7 * strict) / 10)
    assert figures["recall"] == pytest.approx(2 / 3)
    assert figures["precision"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["false_alarms_per_image"] == pytest.approx(1 / 3)
    assert (figures["n_images"], figures["n_boxes"]) == (3, 3)


def test_recall_is_told_by_the_height_of_the_sign() -> None:
    bands = {
        band["height"]: band for band in measure_detector(STREET, 0.5, STREET)["recall_by_height"]
    }
    assert list(bands) == ["<16", "16–24", "24–32", "32–48", "48–96", ">=96"]
    assert (bands["<16"]["n"], bands["<16"]["recall"]) == (1, 0.0)
    assert (bands["16–24"]["n"], bands["16–24"]["recall"]) == (1, 1.0)
    assert (bands["48–96"]["n"], bands["48–96"]["recall"]) == (1, 1.0)
    assert bands[">=96"]["n"] == 0


@pytest.mark.parametrize(("height", "band"), [(15.9, 0), (16, 1), (48, 4), (96, 5)])
def test_a_height_on_the_edge_belongs_to_the_band_above(height: float, band: int) -> None:
    street = Street(([sign(at(0, height))], []))
    bands = measure_detector(street, 0.5, street)["recall_by_height"]
    assert [each["n"] for each in bands] == [int(i == band) for i in range(6)]


def test_a_second_box_on_a_sign_is_a_false_alarm() -> None:
    street = Street(([sign(at(0))], [(at(0), 0.9), (at(0), 0.8)]))
    figures = measure_detector(street, 0.5, street)
    assert (figures["recall"], figures["precision"], figures["ap50"]) == (1.0, 0.5, 1.0)


def test_every_class_counts_as_a_sign_for_the_detector() -> None:
    street = Street(([sign(at(0), UNKNOWN), sign(at(1), 7)], [(at(0), 0.9), (at(1), 0.8)]))
    assert measure_detector(street, 0.5, street)["ap50"] == 1.0


def test_a_detector_that_finds_nothing_scores_nothing() -> None:
    street = Street(([sign(at(0))], []), ([], []))
    figures = measure_detector(street, 0.5, street)
    assert {figures[key] for key in ("ap50", "ap50_95", "recall", "precision", "f1")} == {0.0}


def test_every_figure_has_an_interval_around_it() -> None:
    figures = measure_detector(STREET, 0.5, STREET)
    assert {"ap50", "ap50_95", "recall", "false_alarms_per_image"} <= figures["intervals"].keys()
    for key, (low, high) in figures["intervals"].items():
        assert low <= figures[key] <= high


def test_pictures_without_a_sign_cannot_say_what_is_missed() -> None:
    street = Street(([], []))
    with pytest.raises(SourceError, match="annotated sign"):
        measure_detector(street, 0.5, street)


def system(*pictures: tuple[Sequence[Annotation], Sequence[tuple[Box, int, float, float]]]):
    street = Street(*pictures)
    return measure_system(street, (0.3, 0.5), street)


def test_the_system_is_right_where_box_and_class_are() -> None:
    figures = system(
        # found and read right; found and read wrong
        ([sign(at(0), 1), sign(at(1), 2)], [(at(0), 1, 0.9, 0.9), (at(1), 3, 0.9, 0.8)]),
        # found, but taken for a sign outside the 43; another foreign sign where nothing is labelled
        ([sign(at(0), 4)], [(at(0), UNKNOWN, 0.9, 0.9), (at(5), UNKNOWN, 0.9, 0.9)]),
        # missed
        ([sign(at(0), 5)], []),
    )
    assert figures["found"] == pytest.approx(3 / 4)
    assert figures["read_right_of_found"] == pytest.approx(1 / 3)
    assert figures["recall"] == pytest.approx(1 / 4)
    assert figures["precision"] == pytest.approx(1 / 2)
    assert figures["f1"] == pytest.approx(1 / 3)
    assert figures["false_alarms_per_image"] == pytest.approx(1 / 3)
    assert figures["foreign_per_image"] == pytest.approx(2 / 3)
    assert figures["ap50"] == pytest.approx(26 / 101)  # recalls 0 … 0.25 at a precision of 1
    assert (figures["n_images"], figures["n_boxes"]) == (3, 4)


@pytest.mark.parametrize(
    ("score", "fused", "recall"),
    [(0.3, 0.5, 1.0), (0.29, 0.9, 0.0), (0.9, 0.49, 0.0)],
)
def test_both_thresholds_hold_at_the_operating_point_but_not_for_ap(
    score: float, fused: float, recall: float
) -> None:
    figures = system(([sign(at(0), 1)], [(at(0), 1, score, fused)]))
    assert (figures["recall"], figures["found"], figures["ap50"]) == (recall, recall, 1.0)


def test_an_answer_on_a_sign_of_unknown_class_is_neither_right_nor_wrong() -> None:
    figures = system(
        ([sign(at(0), UNKNOWN), sign(at(1), 1)], [(at(0), 5, 0.9, 0.9), (at(1), 1, 0.9, 0.8)])
    )
    assert (figures["precision"], figures["recall"], figures["n_boxes"]) == (1.0, 1.0, 1)
    assert figures["ap50"] == 1.0


def test_an_answer_of_the_right_class_is_taken_though_a_better_one_lies_there_too() -> None:
    figures = system(([sign(at(0), 1)], [(at(0), 2, 0.9, 0.9), (at(0), 1, 0.9, 0.8)]))
    assert (figures["recall"], figures["precision"], figures["ap50"]) == (1.0, 0.5, 0.5)
