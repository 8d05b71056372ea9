"""Temperature, refusal and operating points, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from small_sets import GTSDB_TRUTH, gtsdb, store

from calibration.thresholds import (
    FALSE_ALARMS,
    KEEP_SIGNS,
    TEMPERATURES,
    Looks,
    _lowest,
    accept,
    balanced_temperature,
    best_f1,
    detector_score,
    fused_score,
    naming_score,
    probabilities,
)
from calibration.walk import Walk
from edge.classifier import decide, softmax
from edge.core import UNKNOWN, Array, Box, Detection, Image, Reading
from edge.reader import Reader
from models.signs import BACKGROUND
from training.datasets import open_dataset

# --- temperature ---


def undecided(stretch: float, right: int, of: int = 100, limit: float = 0.01) -> Looks:
    """Looks at odds of 3 : 1 times a stretch between two classes; `right` of them are right."""
    logits = np.full((of, 45), -1e6)
    logits[:, 0], logits[:, 1] = stretch * math.log(3), 0.0
    return Looks(logits, np.where(np.arange(of) < right, 0, 1), limit)


@pytest.mark.parametrize("stretch", [0.5, 1.0, 2.0, 3.0])
def test_the_temperature_undoes_a_stretch_of_the_logits(stretch: float) -> None:
    """Three of four right at odds of 3 : 1 is what calibrated looks like."""
    found = balanced_temperature([undecided(stretch, right=75)])
    assert found == pytest.approx(stretch, rel=0.02)


def test_a_net_that_is_always_right_is_sharpened_to_the_end() -> None:
    assert balanced_temperature([undecided(1.0, right=100)]) == pytest.approx(TEMPERATURES[0])


def test_a_net_that_is_always_wrong_is_flattened_to_the_end() -> None:
    assert balanced_temperature([undecided(1.0, right=0)]) == pytest.approx(TEMPERATURES[-1])


def confidence(temperature: float) -> float:
    return 1 / (1 + 3 ** (-1 / temperature))


def test_errors_are_weighed_by_what_is_allowed_of_each() -> None:
    """80 % right here and 70 % there at one confidence: it comes to lie nearer the stricter one.

    An error of e on the first and of 0.1 − e on the second: e / 0.01 = (0.1 − e) / 0.03.
    """
    first, second = undecided(1.0, right=80), undecided(1.0, right=70, limit=0.03)
    found = confidence(balanced_temperature([first, second]))
    assert found == pytest.approx(0.8 - 0.025, abs=0.005)
    swapped = [first._replace(limit=0.03), second._replace(limit=0.01)]
    assert confidence(balanced_temperature(swapped)) == pytest.approx(0.7 + 0.025, abs=0.005)


@pytest.mark.parametrize("shift", [-3000.0, 0.0, 3000.0])
def test_huge_logits_do_not_overflow(shift: float) -> None:
    found = probabilities(np.array([[shift, shift + math.log(3)]]), 1.0)
    assert found.tolist() == [pytest.approx([0.25, 0.75])]


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 4.0))
def test_tables_of_probabilities_are_those_of_the_device(seed: int, temperature: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 5, (4, 45))
    rows = [softmax(row / temperature) for row in logits]
    np.testing.assert_allclose(probabilities(logits, temperature), rows, atol=1e-12)


# --- accept ---


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_the_device_names_what_reaches_its_score_and_no_other(seed: int, threshold: float) -> None:
    table = probabilities(np.random.default_rng(seed).normal(0, 4, (8, 45)), 1.0)
    scores = naming_score(table)
    assume(not np.any(scores == threshold))
    named = [decide(row, threshold).kind == "sign" for row in table]
    assert named == ((scores > threshold) & (scores > 0)).tolist()


def looks(shares: Array, label: int = 14) -> Array:
    """Logits (n, 45) that give `label` these probabilities and the background the rest."""
    logits = np.full((len(shares), 45), -50.0)
    logits[:, label] = np.log(shares)
    logits[:, BACKGROUND] = np.log(1 - shares)
    return logits


SIGNS = np.linspace(0.55, 0.95, 1000)


def test_accept_keeps_the_share_of_signs_that_it_should() -> None:
    found = accept(looks(SIGNS), 1.0)
    kept = [decide(row, found).kind == "sign" for row in probabilities(looks(SIGNS), 1.0)]
    assert np.mean(kept) == pytest.approx(KEEP_SIGNS)


def test_the_order_of_the_signs_does_not_matter() -> None:
    assert accept(looks(SIGNS[::-1]), 1.0) == accept(looks(SIGNS), 1.0)


def test_accept_is_taken_at_the_models_temperature() -> None:
    assert accept(2 * looks(SIGNS), 2.0) == pytest.approx(accept(looks(SIGNS), 1.0))


def test_a_sign_that_looks_like_background_takes_its_share_of_the_loss() -> None:
    """Half a per cent may be lost, and is: the threshold falls to the weakest of the others."""
    lost = round(1000 * (1 - KEEP_SIGNS))
    mixed = np.concatenate([looks(np.full(lost, 0.1)), looks(SIGNS[lost:])])
    assert accept(mixed, 1.0) == pytest.approx(SIGNS[lost])


def test_where_more_is_lost_already_no_threshold_helps() -> None:
    assert accept(looks(np.concatenate([np.full(50, 0.1), SIGNS])), 1.0) == 0


def test_without_signs_everything_is_named() -> None:
    assert accept(np.zeros((0, 45)), 1.0) == 0


# --- detector ---


@pytest.mark.parametrize(
    ("scores", "wrong", "allowed", "lowest"),
    [
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 0, 1], 1, 0.7),
        ([0.6, 0.9, 0.7, 0.8], [1, 0, 0, 1], 1, 0.7),  # in any order
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 0, 1], 0.5, 0.9),
        ([0.9, 0.8, 0.7, 0.6], [0, 1, 0, 1], 2, 0.6),
        ([0.9, 0.8], [1, 0], 0, 1.0),  # not even the best
        ([], [], 3, 1.0),
        # Answers of one score come or go together: int8 has few different scores.
        ([0.9, 0.8, 0.8], [0, 0, 1], 0, 0.9),
        ([0.9, 0.8, 0.8, 0.7], [0, 1, 1, 0], 1, 0.9),
        ([0.9, 0.8, 0.8, 0.7], [0, 1, 1, 0], 2, 0.7),
    ],
)
def test_the_lowest_score_with_few_enough_false_alarms(
    scores: list[float], wrong: list[int], allowed: float, lowest: float
) -> None:
    assert _lowest(np.array(scores), np.array(wrong, bool), allowed) == lowest


class Finder:
    """Finds the same in every picture."""

    def __init__(self, *found: Detection) -> None:
        self._found = found

    def detect(self, image: Image) -> list[Detection]:  # noqa: ARG002
        return list(self._found)


class Guesser:
    """Reads every box as the class that its left edge says."""

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:  # noqa: ARG002
        probabilities = np.full(45, 0.0)
        probabilities[0] = 1.0
        return [
            Reading("sign" if box.x1 else "foreign", int(box.x1) or UNKNOWN, 0.9, probabilities)
            for box in boxes
        ]


@pytest.fixture
def walk(tmp_path: Path) -> Walk:
    """Four pictures: one sign in the first, (10, 5, 20, 15); two in the second; none after."""
    dataset = open_dataset(store(gtsdb(count=4), tmp_path))
    assert GTSDB_TRUTH.startswith("00000.ppm;10;5;19;14;11")
    return Walk(dataset, dataset.examples)


def test_the_detectors_score_leaves_so_many_false_alarms_a_picture(walk: Walk) -> None:
    sign = Box(10, 5, 20, 15)  # right in the first picture, a false alarm in the other three
    other = Box(30, 20, 38, 28)  # always a false alarm
    assert FALSE_ALARMS * 4 == 2
    found = detector_score(Finder(Detection(sign, 0.9), Detection(other, 0.6)), walk)
    assert found == 1.0  # one score, one hit and three false alarms

    class Fading(Finder):
        """Believes in the sign less from picture to picture."""

        calls = 0

        def detect(self, image: Image) -> list[Detection]:  # noqa: ARG002
            self.calls += 1
            return [Detection(sign, 1 - 0.1 * self.calls)]

    assert detector_score(Fading(), walk) == pytest.approx(0.7)  # a hit, then two false alarms


def test_a_detector_that_finds_nothing_gets_the_highest_score(walk: Walk) -> None:
    assert detector_score(Finder(), walk) == 1.0


# --- fused score ---


@pytest.mark.parametrize(
    ("scores", "hits", "signs", "threshold"),
    [
        # F1 of the first k answers, 2·right / (k + signs): 2/4, 4/5, 4/6, 6/7.
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1], 3, (0.6 + 0.54) / 2),
        ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 0], 2, 0.75),  # 2/3, 1, 4/5, 4/6
        ([0.6, 0.7, 0.8, 0.9], [0, 0, 1, 1], 2, 0.75),  # in any order
        ([0.9, 0.8], [1, 0], 1, 0.85),
        ([0.9], [1], 1, 0.855),  # half way to nine tenths of the last
        ([], [], 5, 1.0),
        # The pair of 0.7 comes as one: 2/3, then 4/5 with both, whatever their order.
        ([0.9, 0.7, 0.7, 0.5], [1, 1, 0, 0], 2, 0.6),
        ([0.9, 0.7, 0.7, 0.5], [1, 0, 1, 0], 2, 0.6),
    ],
)
def test_the_fused_score_with_the_best_f1(
    scores: list[float], hits: list[int], signs: int, threshold: float
) -> None:
    assert best_f1(scores, [bool(h) for h in hits], signs) == pytest.approx(threshold)


def test_where_several_are_best_the_most_answers_are_kept() -> None:
    # F1 with two signs: 2/3, 2/4, 2/5, 4/6.
    found = best_f1([0.9, 0.8, 0.7, 0.6], [True, False, False, True], 2)
    assert found == pytest.approx((0.6 + 0.54) / 2)


def test_where_nothing_is_right_everything_is_kept() -> None:
    assert best_f1([0.9, 0.8], [False, False], 1) == pytest.approx((0.8 + 0.72) / 2)


def test_only_named_answers_above_the_detectors_score_count(walk: Walk) -> None:
    """The sign of the first picture has class 11; its box begins at 10, so the reader errs."""
    wrong_class = Detection(Box(10, 5, 20, 15), 0.9)
    foreign = Detection(Box(0, 0, 40, 30), 0.9)
    right = Detection(Box(11, 5, 20, 15), 0.5)  # an IoU of 0.9 and the class 11
    weak = Detection(Box(11, 6, 20, 15), 0.1)
    reader = Reader(Finder(foreign, right, weak), Guesser(), threshold=0.0)
    fused = {r.score for r in reader.read(np.zeros((30, 40, 3), np.uint8)) if r.detection is right}

    found = fused_score(reader, 0.2, walk)

    (score,) = fused
    assert found == pytest.approx((score + 0.9 * score) / 2)  # one score: nothing lies below it
    assert fused_score(Reader(Finder(foreign), Guesser(), threshold=0.0), 0.2, walk) == 1.0
    assert fused_score(Reader(Finder(wrong_class), Guesser(), threshold=0.0), 0.95, walk) == 1.0
