"""Figures of merit against values worked out by hand and against slow, plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import metrics


def ones(n: int) -> metrics.Counts:
    return np.ones(n, dtype=np.int64)


# --- classification ---------------------------------------------------------------------------


def test_macro_f1_is_the_mean_over_the_classes_that_occur() -> None:
    truth = np.array([0, 0, 0, 1])
    predicted = np.array([0, 0, 1, 1])
    # class 0: 2·2 / (3 + 2) = 0.8; class 1: 2·1 / (1 + 2) = 2/3; class 2 does not occur
    assert metrics.macro_f1(truth, predicted, ones(4), 3) == pytest.approx((0.8 + 2 / 3) / 2)


def test_macro_f1_counts_a_prediction_outside_the_truth_only_as_a_miss() -> None:
    value = metrics.macro_f1(np.array([0, 0]), np.array([0, 2]), ones(2), 3)
    assert value == pytest.approx(2 / 3)  # 2·1 / (2 + 1)


def test_macro_f1_of_nothing_is_zero() -> None:
    empty = np.array([], dtype=np.int64)
    assert metrics.macro_f1(empty, empty, ones(0), 3) == 0.0


def test_counts_repeat_an_example() -> None:
    truth, predicted = np.array([0, 0, 1]), np.array([0, 1, 1])
    repeated = metrics.macro_f1(np.array([0, 0, 0, 0, 1]), np.array([0, 1, 1, 1, 1]), ones(5), 2)
    assert metrics.macro_f1(truth, predicted, np.array([1, 3, 1]), 2) == pytest.approx(repeated)


def test_calibration_error_weighs_each_bin_by_what_it_holds() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.55])
    correct = np.array([True, True, True, False, False])
    # bin of 0.9: |0.75 − 0.9| · 4/5 = 0.12; bin of 0.55: |0 − 0.55| · 1/5 = 0.11
    assert metrics.calibration_error(confidence, correct, ones(5)) == pytest.approx(0.23)


def test_calibration_error_lets_over_and_under_confidence_cancel_only_inside_a_bin() -> None:
    confidence = np.array([0.5, 0.5])
    assert metrics.calibration_error(confidence, np.array([True, False]), ones(2)) == 0.0


@pytest.mark.parametrize(("confidence", "correct"), [(0.0, False), (1.0, True)])
def test_calibration_error_holds_the_ends_of_the_scale(confidence: float, correct: bool) -> None:
    assert metrics.calibration_error(np.array([confidence]), np.array([correct]), ones(1)) == 0.0


def test_a_bin_edge_belongs_to_the_lower_bin() -> None:
    # with two bins 0.5 lies in the lower one: gaps of 0.5 (right) and −0.6 (wrong) in two bins
    error = metrics.calibration_error(np.array([0.5, 0.6]), np.array([True, False]), ones(2), 2)
    assert error == pytest.approx((0.5 + 0.6) / 2)


def test_reliability_is_each_bins_mean_confidence_and_accuracy() -> None:
    confidence = np.array([0.9, 1.0, 0.55, 0.5])
    correct = np.array([True, False, True, False])
    table = metrics.reliability(confidence, correct, np.array([3, 1, 1, 0]), 5)
    assert table.count.tolist() == [0, 0, 1, 0, 4]  # 0.55 in (0.4, 0.6], what counts 0 in none
    assert table.confidence.tolist() == pytest.approx([0, 0, 0.55, 0, (3 * 0.9 + 1) / 4])
    assert table.accuracy.tolist() == pytest.approx([0, 0, 1, 0, 0.75])


def test_reliability_rows_leave_empty_bins_out() -> None:
    rows = metrics.reliability_rows(np.array([0.99, 0.97, 0.01]), np.array([True, False, False]))
    assert [(row["n"], row["accuracy"]) for row in rows] == [(1, 0.0), (2, 0.5)]
    assert (rows[0]["low"], rows[0]["high"]) == (0, 1 / 15)
    assert (rows[1]["low"], rows[1]["high"]) == (14 / 15, 1)
    assert rows[1]["confidence"] == pytest.approx(0.98)
    assert metrics.reliability_rows(np.zeros(0), np.zeros(0, dtype=bool)) == []


def test_a_forced_choice_is_among_the_first_classes_and_its_surprise_is_of_the_truth() -> None:
    probabilities = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])
    found = metrics.forced(probabilities, np.array([1, 1]), 2)
    assert found.label.tolist() == [1, 0]
    assert found.right.tolist() == [True, False]
    assert found.confidence.tolist() == [0.3, 0.6]
    assert found.surprise == pytest.approx([-math.log(0.3), -math.log(0.1)])


def test_surprise_is_the_negative_logarithm_and_never_infinite() -> None:
    expected = [0.0, math.log(2), -math.log(1e-7)]
    assert metrics.surprise(np.array([1.0, 0.5, 0.0])) == pytest.approx(expected)


def test_confusions_come_most_frequent_first() -> None:
    truth = np.array([3, 1, 1, 2, 2, 5])
    predicted = np.array([3, 2, 2, 1, 1, 6])
    assert metrics.confusions(truth, predicted) == [(1, 2, 2), (2, 1, 2), (5, 6, 1)]


def test_no_mistakes_give_no_confusions() -> None:
    assert metrics.confusions(np.array([1]), np.array([1])) == []


# --- boxes ------------------------------------------------------------------------------------


def test_ious_by_hand() -> None:
    boxes = np.array([[0, 0, 2, 2], [0, 0, 0, 4]], dtype=float)
    others = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [2, 0, 4, 2], [0, 0, 0, 4]], dtype=float)
    assert metrics.ious(boxes, others) == pytest.approx(np.array([[1, 1 / 7, 0, 0], [0, 0, 0, 0]]))


def test_ious_of_nothing_have_the_right_shape() -> None:
    assert metrics.ious(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    assert metrics.ious(np.zeros((2, 4)), np.zeros((0, 4))).shape == (2, 0)


def test_the_best_detection_takes_the_truth_and_the_second_one_goes_without() -> None:
    overlap = np.array([[0.6], [0.9]])  # the lower score fits better, and still comes second
    assert metrics.match(overlap, 0.5).tolist() == [0, metrics.UNMATCHED]


def test_a_detection_whose_favourite_is_taken_falls_back_to_its_next_best() -> None:
    overlap = np.array([[0.9, 0.6], [0.8, 0.55]])
    assert metrics.match(overlap, 0.5).tolist() == [0, 1]
    assert metrics.match(overlap, 0.6).tolist() == [0, metrics.UNMATCHED]


def test_an_overlap_of_exactly_the_limit_is_enough() -> None:
    assert metrics.match(np.array([[0.5]]), 0.5).tolist() == [0]


def test_match_leaves_its_argument_alone() -> None:
    overlap = np.array([[0.9]])
    metrics.match(overlap, 0.5)
    assert overlap.tolist() == [[0.9]]


def test_match_without_truth_or_without_detections() -> None:
    assert metrics.match(np.zeros((2, 0)), 0.5).tolist() == [metrics.UNMATCHED] * 2
    assert metrics.match(np.zeros((0, 2)), 0.5).tolist() == []


def ap(hits: list[bool], n_truth: int, counts: list[int] | None = None) -> float:
    positions = np.flatnonzero(np.array(hits, dtype=bool))
    each = ones(len(hits)) if counts is None else np.array(counts, dtype=np.int64)
    (value,) = metrics.average_precisions([positions], n_truth, each)
    return float(value)


# --- average precision ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n_truth", "expected"),
    [
        ([True, True], 2, 1.0),
        ([False, False], 2, 0.0),
        ([], 2, 0.0),
        # one of two found at once: precision 1 at the recalls 0 … 0.50, 51 of the 101 points
        ([True], 2, 51 / 101),
        # hit, miss, hit: precision 1 up to recall 0.50, 2/3 for the 50 points above
        ([True, False, True], 2, (51 + 50 * 2 / 3) / 101),
        # miss, hit, hit: the precision of 2/3 at the end is the best at every recall
        ([False, True, True], 2, 2 / 3),
        # what comes after the last hit costs nothing
        ([True, False, False, False], 1, 1.0),
        # a third needs 34 points (recalls 0 … 0.33)
        ([True], 3, 34 / 101),
    ],
)
def test_average_precision_by_hand(hits: list[bool], n_truth: int, expected: float) -> None:
    assert ap(hits, n_truth) == pytest.approx(expected)


def test_average_precision_without_truth_is_not_a_number() -> None:
    assert math.isnan(ap([False], 0))


def test_each_way_of_counting_hits_gets_its_own_average_precision() -> None:
    values = metrics.average_precisions([np.array([0, 1]), np.array([1])], 2, ones(2))
    assert values == pytest.approx([1.0, 51 / 101 / 2])


def brute_force(hits: list[bool], n_truth: int) -> float:
    """For each of the 101 recalls, the best precision among all cut-offs that reach it."""
    total = 0.0
    for point in range(101):
        reaching = [
            sum(hits[:cut]) / cut
            for cut in range(1, len(hits) + 1)
            if sum(hits[:cut]) * 100 >= point * n_truth
        ]
        total += max(reaching, default=0.0)
    return total / 101


@given(st.lists(st.booleans(), max_size=25), st.integers(0, 5))
def test_average_precision_is_its_definition(hits: list[bool], missed: int) -> None:
    n_truth = sum(hits) + missed
    if n_truth:
        expected = brute_force(hits, n_truth)
        assert ap(hits, n_truth) == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=12), st.integers(0, 3))
def test_counting_a_detection_n_times_is_like_repeating_it(
    drawn: list[tuple[bool, int]], missed: int
) -> None:
    repeated = [hit for hit, count in drawn for _ in range(count)]
    n_truth = sum(repeated) + missed
    if n_truth:
        value = ap([hit for hit, _ in drawn], n_truth, [count for _, count in drawn])
        assert value == pytest.approx(brute_force(repeated, n_truth))


boxes = st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 6), st.integers(1, 6)).map(
    lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3])
)
picture = st.tuples(
    st.lists(st.tuples(boxes, st.integers(1, 5)), max_size=6), st.lists(boxes, max_size=4)
)


def plain_iou(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    cells_a = {(x, y) for x in range(a[0], a[2]) for y in range(a[1], a[3])}
    cells_b = {(x, y) for x in range(b[0], b[2]) for y in range(b[1], b[3])}
    return len(cells_a & cells_b) / len(cells_a | cells_b)


@settings(max_examples=60, deadline=None)
@given(st.lists(picture, min_size=1, max_size=3))
def test_ranked_matches_give_the_same_ap_as_one_plain_loop(
    pictures: list[tuple[list[tuple[tuple[int, ...], int]], list[tuple[int, ...]]]],
) -> None:
    scores, overlaps, plain = [], [], []
    for number, (unordered, truths) in enumerate(pictures):
        found = sorted(unordered, key=lambda item: -item[1])
        rows = np.array([box for box, _ in found], dtype=float).reshape(-1, 4)
        columns = np.array(truths, dtype=float).reshape(-1, 4)
        scores.append(np.array([score for _, score in found], dtype=float))
        overlaps.append(metrics.ious(rows, columns))
        plain += [(-score, number, box) for box, score in found]
    ranking = metrics.rank(scores, overlaps, np.array([0.5, 0.75]))
    n_truth = sum(len(truths) for _, truths in pictures)
    for which, least in enumerate((0.5, 0.75)):
        taken: set[tuple[int, int]] = set()
        hits = []
        for _, number, box in sorted(plain, key=lambda item: item[:2]):
            fits = [
                (plain_iou(box, truth), -index)
                for index, truth in enumerate(pictures[number][1])
                if (number, index) not in taken and plain_iou(box, truth) >= least
            ]
            hits.append(bool(fits))
            if fits:
                taken.add((number, -max(fits)[1]))
        assert (ranking.found[which] != metrics.UNMATCHED).tolist() == hits
        if n_truth:
            value = ap(list(ranking.found[which] != metrics.UNMATCHED), n_truth)
            assert value == pytest.approx(brute_force(hits, n_truth))


def test_ranking_pools_the_pictures_and_numbers_all_truths_through() -> None:
    ranking = metrics.rank(
        [np.array([0.9, 0.2]), np.array([]), np.array([0.5])],
        [np.array([[0.0, 0.8], [0.7, 0.0]]), np.zeros((0, 1)), np.array([[0.6]])],
        np.array([0.5, 0.75]),
    )
    assert ranking.order.tolist() == [0, 2, 1]
    assert ranking.pictures.tolist() == [0, 2, 0]
    assert ranking.found.tolist() == [[1, 3, 0], [1, -1, -1]]


# --- intervals --------------------------------------------------------------------------------


def test_an_interval_of_a_proportion_is_as_wide_as_the_binomial_says() -> None:
    right = np.arange(400) < 320  # p = 0.8, standard error 0.02
    result = metrics.intervals(lambda counts: {"share": metrics.mean(right, counts)}, 400)
    low, high = result["share"]
    assert low == pytest.approx(0.8 - 1.96 * 0.02, abs=0.005)
    assert high == pytest.approx(0.8 + 1.96 * 0.02, abs=0.005)


def test_intervals_are_the_same_every_time() -> None:
    values = np.arange(10.0)

    def measure(counts: metrics.Counts) -> dict[str, float]:
        return {"mean": metrics.mean(values, counts)}

    assert metrics.intervals(measure, 10) == metrics.intervals(measure, 10)


def test_draws_without_a_value_are_left_out_and_a_figure_without_any_has_no_interval() -> None:
    def measure(counts: metrics.Counts) -> dict[str, float]:
        return {"sometimes": 1.0 if counts[0] else math.nan, "never": math.nan}

    assert metrics.intervals(measure, 2) == {"sometimes": (1.0, 1.0)}


@pytest.mark.parametrize(("part", "whole", "expected"), [(1, 4, 0.25), (0, 0, 0.0), (3, 0, 0.0)])
def test_a_ratio_of_nothing_is_zero(part: int, whole: int, expected: float) -> None:
    assert metrics.ratio(part, whole) == expected
