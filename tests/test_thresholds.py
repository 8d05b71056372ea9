"""Temperature and refusal, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from calibration.thresholds import (
    KEEP_SIGNS,
    TEMPERATURES,
    Looks,
    accept,
    balanced_temperature,
    naming_score,
    probabilities,
)
from edge.classifier import decide, softmax
from edge.core import Array
from models.signs import BACKGROUND

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
