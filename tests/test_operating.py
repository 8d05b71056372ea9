"""Thresholds and what is quoted of them, worked out by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from streets import at, found, read, sign

from calibration import metrics
from calibration.operating import (
    FALSE_ALARMS,
    HALVINGS,
    _lowest,
    best_f1,
    cross_fitted_detector,
    cross_fitted_system,
    detector_score,
    fused_score,
    halvings,
)
from calibration.places import NONE, Places
from edge.core import UNKNOWN


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from a few draws: what they are worth is the matter of test_metrics."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=20))


def marked(foreign: bool) -> dict[str, Places]:
    return {"00000": Places(np.array([at(3)], np.float64), np.array([foreign]))}


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


def test_the_detectors_score_leaves_so_many_false_alarms_a_picture() -> None:
    """One sign found in two pictures, then false alarms of falling scores, of which two may be."""
    assert FALSE_ALARMS * 2 == 2
    picture = ([sign(at(0))], [(at(0), 0.9), *((at(n), 0.9 - n / 10) for n in range(1, 5))])
    assert detector_score(found(picture, ([], []))) == pytest.approx(0.7)


def test_the_detectors_score_is_rounded_down() -> None:
    score = detector_score(found(([sign(at(0))], [(at(0), 0.123456)])))
    assert score == 0.1234


def test_a_detector_that_finds_nothing_gets_the_highest_score() -> None:
    assert detector_score(found(([sign(at(0))], []))) == 1.0
    assert detector_score([]) == 1.0


@pytest.mark.parametrize("foreign", [True, False])
def test_what_a_person_has_marked_is_no_false_alarm_of_the_detector(foreign: bool) -> None:
    picture = ([sign(at(0))], [(at(5), 0.95), (at(3), 0.9), (at(0), 0.8)])
    assert detector_score(found(picture)) == 0.95
    assert detector_score(found(picture, places=marked(foreign))) == 0.8


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
    assert best_f1(np.array(scores), np.array(hits, bool), signs) == pytest.approx(threshold)


def test_where_several_are_best_the_most_answers_are_kept() -> None:
    # F1 with two signs: 2/3, 2/4, 2/5, 4/6.
    found = best_f1(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, False, True]), 2)
    assert found == pytest.approx((0.6 + 0.54) / 2)


def test_where_nothing_is_right_everything_is_kept() -> None:
    assert best_f1(np.array([0.9, 0.8]), np.array([False, False]), 1) == pytest.approx(
        (0.8 + 0.72) / 2
    )


def test_only_named_answers_above_the_detectors_score_count() -> None:
    picture = (
        [sign(at(0), 11)],
        [
            (at(3), UNKNOWN, 0.9, 0.95),  # foreign: neither right nor wrong
            (at(0), 11, 0.5, 0.8),
            (at(0), 12, 0.1, 0.7),  # below the detector's score
        ],
    )
    assert fused_score(read(picture), 0.2) == pytest.approx((0.8 + 0.9 * 0.8) / 2)
    assert fused_score(read(picture), 0.6) == 1.0
    assert fused_score([], 0.2) == 1.0


@pytest.mark.parametrize("foreign", [True, False])
def test_a_foreign_sign_must_not_be_named_and_an_unmarked_sign_of_the_43_may(foreign: bool) -> None:
    """Three answers on the place put the second sign out of reach, if they are mistakes."""
    picture = (
        [sign(at(0), 1), sign(at(1), 2)],
        [
            (at(0), 1, 0.9, 0.9),
            *((at(3), 5 + n, 0.9, 0.85 - n / 100) for n in range(3)),
            (at(1), 2, 0.9, 0.8),
        ],
    )
    least = fused_score(read(picture, places=marked(foreign)), 0.2)
    assert least == pytest.approx((0.9 + 0.85) / 2 if foreign else (0.8 + 0.72) / 2)


@pytest.mark.parametrize("looked", [True, False])
@pytest.mark.parametrize("place", [0.1, 2, 3])  # on a sign, on nothing, on a foreign sign
def test_an_unknown_sign_is_a_mistake_where_nothing_stands_and_somebody_has_looked(
    looked: bool, place: float
) -> None:
    picture = (
        [sign(at(0), 1), sign(at(1), 2)],
        [
            (at(0), 1, 0.9, 0.9),
            *((at(place), UNKNOWN, 0.9, 0.85 - n / 100) for n in range(3)),
            (at(1), 2, 0.9, 0.8),
        ],
    )
    least = fused_score(read(picture, places=marked(foreign=True) if looked else None), 0.2)
    wrong = looked and place == 2
    assert least == pytest.approx((0.9 + 0.85) / 2 if wrong else (0.8 + 0.72) / 2)


# --- cross-fitting ---


def test_the_pictures_are_halved_by_their_names_alone() -> None:
    names = [f"{n:05d}.ppm" for n in range(11)]
    lots = halvings(names)
    assert len(lots) == HALVINGS
    assert all(first.sum() == 5 for first in lots)
    assert len({tuple(first) for first in lots}) > HALVINGS // 2
    turned = halvings(names[::-1])
    assert all((a == b[::-1]).all() for a, b in zip(lots, turned, strict=True))


def test_a_threshold_is_never_measured_where_it_was_chosen() -> None:
    """Each picture's own answer would be let in by its own choice; the other half shuts it out.

    One picture of two has a hit of 0.9 and the other one of 0.3. Chosen on the first alone the
    threshold is 0.9, which misses the second; chosen on the second alone, 0.3, it lets in both.
    """
    pictures = (([sign(at(0))], [(at(0), 0.9)]), ([sign(at(0))], [(at(0), 0.3)]))
    figures = cross_fitted_detector(found(*pictures))
    assert figures["recall"] == 0.5
    assert figures["thresholds"] == {"detector": [0.3, 0.9]}
    assert figures["intervals"].keys() == {"precision", "recall", "f1", "false_alarms_per_image"}


def test_both_thresholds_of_a_pair_are_cross_fitted() -> None:
    """The detector's own threshold heeds what was then read as background."""
    truth = [sign(at(0), 1)]
    both = read((truth, [(at(0), 1, 0.9, 0.8)]), (truth, [(at(0), 1, 0.9, 0.6)]))
    more = [(at(0), 0.9), (at(5), 0.5), (at(6), 0.4)]
    figures = cross_fitted_system(both, found((truth, more), (truth, more)))
    assert figures["thresholds"]["detector"] == [0.5, 0.5]  # a second false alarm is too many
    assert figures["thresholds"]["fused"] == [pytest.approx(0.57), pytest.approx(0.76)]
    assert (figures["recall"], figures["precision"]) == (0.5, 1.0)


def test_cross_fitted_figures_come_with_the_honest_ones() -> None:
    pictures = [([sign(at(0))], [(at(0), 0.9)]), ([sign(at(0))], [(at(0), 0.9), (at(3), 0.9)])]
    places = {"00000": NONE, "00001": marked(foreign=True)["00000"]}
    figures = cross_fitted_detector(found(*pictures, places=places))
    assert figures["false_alarms_per_image"] == 0.5
    assert figures["ignoring_foreign"]["false_alarms_per_image"] == 0.0
    assert figures["sign_free"] == {"n_images": 0}
