"""Signs kept and everything else refused, on readings whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import make_reading
from small_sets import gtsdb, store

from calibration.kinds import (
    Found,
    Look,
    Negative,
    detected,
    kinds,
    measure_kinds,
    negatives_by_picture,
    part_of_negatives,
)
from edge.core import Box, Detection, Image, Reading
from models.errors import SourceError
from models.signs import BACKGROUND, FOREIGN
from training import negatives
from training.datasets import Annotation, Example, open_dataset
from training.files import stem
from training.split import read_split

LOOKS = [
    *[Look("sign", "sign", 0)] * 3,
    Look("sign", "foreign", 1),
    *[Look("background", "background", 1)] * 4,
    Look("background", "sign", 0),
    Look("misframed", "background", 1),
    *[Look("foreign", "foreign", 0), Look("foreign", "background", 0), Look("foreign", "sign", 1)],
]


def test_shares_kept_and_refused_by_hand() -> None:
    found = kinds(LOOKS, pictures=2)
    assert found["kept"] == 0.75
    assert found["background_refused"] == 0.8
    assert found["misframed_refused"] == 1.0
    assert found["foreign_refused"] == pytest.approx(2 / 3)
    assert found["n"] == {"sign": 4, "background": 5, "misframed": 1, "foreign": 3}
    third = pytest.approx(1 / 3)
    assert found["said"]["foreign"] == {"sign": third, "foreign": third, "background": third}
    assert found["said"]["sign"] == {"sign": 0.75, "foreign": 0.25, "background": 0.0}


def test_intervals_draw_whole_pictures() -> None:
    """Of two pictures, a quarter of the draws holds only the first, a quarter only the second."""
    intervals = kinds(LOOKS, pictures=2)["intervals"]
    assert intervals["kept"] == (0.0, 1.0)
    assert intervals["background_refused"] == (0.0, 1.0)
    assert intervals["foreign_refused"] == (0.0, 1.0)


def test_a_draw_without_a_kind_says_nothing_of_it() -> None:
    """Misframed signs are only in the second picture: draws of the first alone do not count."""
    assert kinds(LOOKS, pictures=2)["intervals"]["misframed_refused"] == (1.0, 1.0)


def test_a_kind_that_does_not_occur_has_no_figure() -> None:
    found = kinds([Look("sign", "sign", 0), Look("foreign", "sign", 0)], pictures=1)
    assert found["foreign_refused"] == 0.0
    assert not {"background_refused", "misframed_refused"} & found.keys()


@pytest.mark.parametrize(
    ("looks", "lacking"),
    [
        ([], "signs"),
        ([Look("sign", "sign", 0)], "places that are none"),
        ([Look("foreign", "foreign", 0)], "signs"),
    ],
    ids=["nothing", "no negative", "no sign"],
)
def test_signs_and_negatives_are_both_needed(looks: list[Look], lacking: str) -> None:
    both = "signs of the 43 classes and places that are none"
    with pytest.raises(SourceError, match=f"expected {both}, found no {lacking}$"):
        kinds(looks, pictures=1)


# --- the detector's own crops ---


def sure(label: int, share: float) -> Reading:
    shares = np.zeros(45)
    shares[label], shares[BACKGROUND] = share, 1 - share
    return Reading("sign" if share > 0.5 else "background", label, share, shares)


def test_the_detectors_crops_are_judged_by_hand() -> None:
    found = detected(
        [
            Found(3, sure(3, 0.9), 0),
            Found(3, sure(3, 0.9), 0),
            Found(4, sure(5, 0.8), 1),
            Found(6, sure(6, 0.3), 1),
        ],
        pictures=2,
    )
    assert found["top1"] == 0.75
    assert found["kept"] == 0.75
    # three bins: |1 − 0.9| twice, |0 − 0.8|, |1 − 0.3|
    assert found["ece"] == pytest.approx((0.2 + 0.8 + 0.7) / 4)
    surprises = [-np.log(0.9), -np.log(0.9), -np.log(1e-7), -np.log(0.3)]
    assert found["nll"] == pytest.approx(np.mean(surprises))
    assert (found["n"], found["intervals"]["top1"]) == (4, (0.5, 1.0))


# --- the walk over the pictures ---

SIGN_BOX, NEGATIVE, ALARM = Box(0, 0, 20, 20), Box(40, 0, 60, 20), Box(70, 70, 90, 90)
SHIFTED = Box(2, 0, 22, 20)  # an IoU of 18 / 22 with the sign


class Detects:
    def detect(self, image: Image) -> list[Detection]:  # noqa: ARG002
        return [Detection(ALARM, 0.9), Detection(SHIFTED, 0.8), Detection(SIGN_BOX, 0.7)]


class Reads:
    """Names the sign wherever the box says; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Box] = []

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:  # noqa: ARG002
        self.asked += boxes
        said = {SIGN_BOX: 7, SHIFTED: 8, NEGATIVE: FOREIGN}
        return [make_reading(said[box], 0.9) for box in boxes]


def test_signs_negatives_and_the_detectors_best_boxes_are_read() -> None:
    walk = [
        (
            Example("00003.ppm", (Annotation(SIGN_BOX, 7), Annotation(ALARM, -1))),
            np.zeros((9, 9, 3)),
        ),
        (Example("00004.ppm"), np.zeros((9, 9, 3))),
    ]
    classifier = Reads()
    negatives = {"00003": [Negative(NEGATIVE, "foreign")], "00009": [Negative(ALARM, "foreign")]}
    figures = measure_kinds(classifier, Detects(), walk, negatives)
    assert classifier.asked == [SIGN_BOX, NEGATIVE, SHIFTED]  # the alarm is on no known sign
    assert figures["kinds"]["n"] == {"sign": 1, "foreign": 1}
    assert (figures["kinds"]["kept"], figures["kinds"]["foreign_refused"]) == (1.0, 1.0)
    assert figures["kinds"]["n_groups"] == 2
    assert (figures["detected"]["n"], figures["detected"]["top1"]) == (1, 0.0)  # 8 is not 7


def test_without_a_detector_only_the_kinds_are_measured() -> None:
    walk = [(Example("00003.ppm", (Annotation(SIGN_BOX, 7),)), np.zeros((9, 9, 3)))]
    figures = measure_kinds(Reads(), None, walk, {"00003": [Negative(NEGATIVE, "foreign")]})
    assert figures.keys() == {"kinds"}


def test_a_detector_that_finds_no_sign_has_no_figures() -> None:
    class Blind:
        def detect(self, image: Image) -> list[Detection]:  # noqa: ARG002
            return []

    walk = [(Example("00003.ppm", (Annotation(SIGN_BOX, 7),)), np.zeros((9, 9, 3)))]
    figures = measure_kinds(Reads(), Blind(), walk, {"00003": [Negative(NEGATIVE, "foreign")]})
    assert figures.keys() == {"kinds"}


# --- the written-down negatives ---


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign sign and a missed one in picture 00001, a false alarm and a bad frame in 00002."""
    foreign, background = tmp_path / "foreign.csv", tmp_path / "background.csv"
    foreign.write_text("picture,x1,y1,x2,y2,kind\n00001,1,2,3,4,guide\n00001,5,6,7,8,missed\n")
    rows = "00002,1,2,3,4,background,0.25\n00002,5,6,7,8,misframed,0.5\n"
    background.write_text(f"picture,x1,y1,x2,y2,kind,score\n{rows}")
    monkeypatch.setattr(negatives, "FOREIGN_FILE", foreign)
    monkeypatch.setattr(negatives, "BACKGROUND_FILE", background)


@pytest.mark.usefixtures("lists")
def test_every_sort_of_foreign_sign_is_foreign_and_missed_signs_are_left_alone() -> None:
    found = negatives_by_picture()
    assert found["00001"] == [Negative(Box(1, 2, 3, 4), "foreign")]
    assert sorted(found["00002"], key=lambda each: each.kind) == [
        Negative(Box(1, 2, 3, 4), "background"),
        Negative(Box(5, 6, 7, 8), "misframed"),
    ]


def test_the_parts_of_negatives_divide_the_pictures(tmp_path: Path) -> None:
    dataset = open_dataset(store(gtsdb(count=9), tmp_path))
    parts = [part_of_negatives(dataset, part) for part in negatives.PARTS]
    assert sorted(e.name for its in parts for e in its) == [e.name for e in dataset.examples]
    judged = {stem(example.name) for example in parts[2]}
    assert all(
        (read_split("gtsdb")[f"{n:05d}"] == "judge") == (f"{n:05d}" in judged) for n in range(9)
    )
