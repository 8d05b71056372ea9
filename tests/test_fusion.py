"""One look and many looks, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes import make_reading
from hypothesis import given
from hypothesis import strategies as st

from edge.core import Box, Detection, Reading
from edge.fusion import CLASSES, TRUST, Evidence, fuse, look
from models.signs import BACKGROUND, FOREIGN

BOX = Box(0, 0, 10, 10)
PROBABILITY = st.floats(0, 1)


def reading(background: float) -> Reading:
    probabilities = np.zeros(CLASSES)
    probabilities[5] = 1 - background
    probabilities[BACKGROUND] = background
    return Reading("sign", 5, 1 - background, probabilities)


def test_fusing_two_even_odds_gives_even_odds() -> None:
    assert fuse(Detection(BOX, 0.5), reading(0.5)) == pytest.approx(0.5)


def test_fusing_takes_the_mean_of_the_log_odds() -> None:
    # odds 4 and 9 → their geometric mean 6 → 6 / 7
    assert fuse(Detection(BOX, 0.8), reading(0.1)) == pytest.approx(6 / 7)


def test_a_saturated_classifier_leaves_the_ranking_to_the_detector() -> None:
    weak, strong = fuse(Detection(BOX, 0.3), reading(0.0)), fuse(Detection(BOX, 0.6), reading(1e-4))
    assert weak < strong < 1


def test_a_sure_classifier_outvotes_a_hopeful_detector() -> None:
    assert fuse(Detection(BOX, 0.8), reading(0.999)) < 0.5


@given(PROBABILITY, PROBABILITY, PROBABILITY, PROBABILITY)
def test_fusing_never_falls_when_either_grows(a: float, b: float, c: float, d: float) -> None:
    low = fuse(Detection(BOX, min(a, b)), reading(max(c, d)))
    high = fuse(Detection(BOX, max(a, b)), reading(min(c, d)))
    assert 1 - TRUST - 1e-9 <= low <= high <= TRUST + 1e-9


@given(PROBABILITY, st.integers(0, BACKGROUND), PROBABILITY)
def test_a_look_is_a_distribution_whose_background_is_what_fusing_left(
    score: float, label: int, probability: float
) -> None:
    detection, one = Detection(BOX, score), make_reading(label, probability, other=FOREIGN)
    result = look(detection, one)
    assert result.shape == (CLASSES,)
    assert result.sum() == pytest.approx(1)
    assert result[BACKGROUND] == pytest.approx(1 - fuse(detection, one))


def test_a_look_that_is_all_background_still_sums_to_one() -> None:
    result = look(Detection(BOX, 0.5), reading(1.0))
    assert result.sum() == pytest.approx(1)
    assert result.argmax() == BACKGROUND


def test_without_a_look_half_the_belief_is_background() -> None:
    evidence = Evidence(limit=6)
    assert evidence.posterior[BACKGROUND] == pytest.approx(0.5)
    assert evidence.posterior.sum() == pytest.approx(1)
    assert evidence.average(5) == 0


def test_one_look_of_weight_one_is_bayes_rule() -> None:
    evidence = Evidence(limit=6)
    one = look(Detection(BOX, 0.8), reading(0.1))
    evidence.add(one, 1.0)
    likelihood = one * 0.95 + 0.05 / 45
    prior = np.append(np.full(44, 0.5 / 44), 0.5)
    expected = likelihood * prior / (likelihood * prior).sum()
    assert evidence.posterior == pytest.approx(expected)
    assert evidence.votes[5] == evidence.looks == 1


def test_two_half_looks_weigh_as_much_as_one() -> None:
    whole, halves = Evidence(limit=6), Evidence(limit=6)
    one = look(Detection(BOX, 0.8), reading(0.1))
    whole.add(one, 1.0)
    halves.add(one, 0.5)
    halves.add(one, 0.5)
    assert halves.posterior == pytest.approx(whole.posterior)
    assert halves.looks == 2


def test_certainty_stops_growing_at_the_limit() -> None:
    evidence = Evidence(limit=2)
    one = look(Detection(BOX, 0.6), make_reading(3, 0.5, other=4))
    for _ in range(50):
        evidence.add(one, 1.0)
    odds = evidence.posterior[3] / evidence.posterior[7]
    single = (one[3] * 0.95 + 0.05 / 45) / (one[7] * 0.95 + 0.05 / 45)
    assert math.log(odds) == pytest.approx(2 * math.log(single))
    assert evidence.weight == 2


def test_what_every_look_half_believes_stays_half_believed() -> None:
    evidence = Evidence(limit=6)
    for _ in range(50):
        evidence.add(look(Detection(BOX, 0.9), make_reading(3, 0.5, other=4)), 1.0)
    assert evidence.average(3) < 0.5


def test_new_looks_replace_old_ones_at_the_limit() -> None:
    evidence = Evidence(limit=3)
    for label in (3, 8):
        for _ in range(10):
            evidence.add(look(Detection(BOX, 0.9), make_reading(label, 0.97)), 1.0)
    assert evidence.posterior.argmax() == 8
    assert evidence.posterior[8] > 0.9


def test_merging_is_the_same_as_having_seen_it_all() -> None:
    first, second, both = Evidence(limit=6), Evidence(limit=6), Evidence(limit=6)
    for evidence, label in ((first, 3), (second, 4)):
        one = look(Detection(BOX, 0.7), make_reading(label, 0.8))
        evidence.add(one, 0.7)
        both.add(one, 0.7)
    first.merge(second)
    assert first.posterior == pytest.approx(both.posterior)
    assert first.votes == both.votes
    assert first.average(4) == pytest.approx(both.average(4))
