"""The report's figures against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.report import metrics

TRUTH = np.array([0, 0, 0, 1, 1, 3])
ANSWER = np.array([0, 0, 1, 1, 2, 3])


def test_probabilities_are_a_softmax_and_a_temperature_flattens_them() -> None:
    logits = np.array([[0.0, math.log(3)], [1000.0, 1000.0]])

    np.testing.assert_allclose(metrics.probabilities(logits), [[0.25, 0.75], [0.5, 0.5]])
    flat = metrics.probabilities(logits, 2.0)
    np.testing.assert_allclose(flat[0], [1 / (1 + math.sqrt(3)), math.sqrt(3) / (1 + math.sqrt(3))])


def test_the_confusion_matrix_counts_truths_in_rows() -> None:
    matrix = metrics.confusion(TRUTH, ANSWER, 4)

    assert matrix.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_each_class_that_occurs_has_precision_recall_and_f1() -> None:
    rows = metrics.per_class(metrics.confusion(TRUTH, ANSWER, 4))

    assert [row.label for row in rows] == [0, 1, 3]  # 2 was answered, but is never the truth
    assert [row.support for row in rows] == [3, 2, 1]
    assert [row.precision for row in rows] == pytest.approx([1, 0.5, 1])
    assert [row.recall for row in rows] == pytest.approx([2 / 3, 0.5, 1])
    assert [row.f1 for row in rows] == pytest.approx([0.8, 0.5, 1])


def test_a_class_that_is_never_the_answer_has_precision_zero() -> None:
    (row,) = metrics.per_class(metrics.confusion(np.array([0]), np.array([1]), 2))

    assert row == (0, 1, 0.0, 0.0, 0.0)


def test_the_means_weigh_classes_alike_or_by_support() -> None:
    rows = metrics.per_class(metrics.confusion(TRUTH, ANSWER, 4))

    assert metrics.macro(rows).f1 == pytest.approx((0.8 + 0.5 + 1) / 3)
    assert metrics.weighted(rows).f1 == pytest.approx((3 * 0.8 + 2 * 0.5 + 1) / 6)
    assert metrics.weighted(rows).recall == pytest.approx(4 / 6)  # which is the accuracy
    assert metrics.macro([]) == metrics.weighted([]) == (0.0, 0.0, 0.0)


def test_confused_pairs_come_most_frequent_first() -> None:
    truth = np.array([0, 1, 1, 1, 2, 2])
    answer = np.array([2, 0, 0, 1, 0, 0])

    pairs = metrics.confused_pairs(metrics.confusion(truth, answer, 3))

    assert pairs == [(1, 0, 2), (2, 0, 2), (0, 2, 1)]


def test_a_band_takes_its_lower_edge_and_the_last_one_both() -> None:
    values = np.array([0.0, 9.9, 10.0, 20.0, 20.1, np.nan])
    right = np.array([True, False, True, True, True, True])

    low, high = metrics.bands(values, right, (0, 10, 20))

    assert (low.count, low.right, low.value) == (2, 1, pytest.approx(4.95))
    assert (high.count, high.right, high.value) == (2, 2, 15.0)
    assert low.accuracy == 0.5


def test_an_empty_band_has_accuracy_zero() -> None:
    (band,) = metrics.bands(np.array([]), np.array([], bool), (0, 1))

    assert band == (0.0, 1.0, 0, 0, 0.0)
    assert band.accuracy == 0


def test_the_calibration_error_is_the_weighted_gap() -> None:
    confidence = np.array([0.55, 0.65, 0.95, 0.95])
    right = np.array([True, False, True, True])

    table = metrics.reliability(confidence, right, bins=2)

    # All lie in the upper half: accuracy 3/4, mean confidence 0.775.
    assert metrics.calibration_error(table) == pytest.approx(0.025)
    finer = metrics.reliability(confidence, right, bins=5)
    # 0.55 in 0.4–0.6: gap 0.45; 0.65 in 0.6–0.8: 0.65; two of 0.95 in 0.8–1: 0.05.
    assert metrics.calibration_error(finer) == pytest.approx((0.45 + 0.65 + 2 * 0.05) / 4)
    assert metrics.calibration_error([]) == 0


def test_certainty_is_in_the_last_bin() -> None:
    table = metrics.reliability(np.array([1.0]), np.array([True]))

    assert [band.count for band in table] == [0] * 14 + [1]


def test_the_likelihood_is_the_mean_surprise_and_never_infinite() -> None:
    table = np.array([[0.5, 0.5], [1.0, 0.0]])

    assert metrics.likelihood(table, np.array([0, 0])) == pytest.approx(math.log(2) / 2)
    assert math.isfinite(metrics.likelihood(table, np.array([0, 1])))


def test_the_temperature_undoes_a_scale_of_the_logits() -> None:
    """A lead of ln 3 says 75 %, and three of four are right: at temperature 1 that is true."""
    lead = math.log(3)
    logits = np.array([[lead, 0.0]] * 4)
    truth = np.array([0, 0, 0, 1])

    assert metrics.fit_temperature(logits, truth) == pytest.approx(1, rel=0.011)
    assert metrics.fit_temperature(logits * 3, truth) == pytest.approx(3, rel=0.011)


def test_no_group_is_judged_with_a_temperature_it_helped_to_fit() -> None:
    """One group asks for a temperature of 1, the other for 3; each gets the other's."""
    lead = math.log(3)
    logits = np.array([[lead, 0.0]] * 4 + [[3 * lead, 0.0]] * 4)
    truth = np.array([0, 0, 0, 1] * 2)

    table, _ = metrics.tempered(logits, truth, ["a"] * 4 + ["b"] * 4)

    assert table[0, 0] == pytest.approx(3 ** (1 / 3) / (1 + 3 ** (1 / 3)), abs=0.01)
    assert table[4, 0] == pytest.approx(27 / 28, abs=0.01)


def test_a_single_group_is_left_as_it_is() -> None:
    logits = np.array([[2.0, 0.0]])

    table, temperature = metrics.tempered(logits, np.array([0]), ["a"])

    assert temperature == 1
    np.testing.assert_array_equal(table, metrics.probabilities(logits))


@pytest.mark.parametrize(
    ("right", "count", "expected"),
    [(0, 0, (0, 1)), (8, 10, (0.4902, 0.9433)), (10, 10, (0.7225, 1.0)), (0, 10, (0.0, 0.2775))],
)
def test_wilson_s_interval(right: int, count: int, expected: tuple[float, float]) -> None:
    assert metrics.wilson(right, count) == pytest.approx(expected, abs=1e-4)
