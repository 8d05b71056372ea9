"""Means of groups drawn whole, and differences of two answers to the same questions."""

from __future__ import annotations

import numpy as np
import pytest

from models.intervals import mean_and_interval, paired_difference

TRACKS = ["a"] * 3 + ["b"] * 3


def test_whole_groups_are_drawn() -> None:
    """One of two tracks right in all frames: a draw holds none, one or both of it."""
    values = np.array([1.0, 1, 1, 0, 0, 0])
    assert mean_and_interval(values, TRACKS) == (0.5, (0, 1))


def test_a_large_group_weighs_as_much_as_it_is_large() -> None:
    values = np.array([1.0, 1, 1, 0])
    mean, interval = mean_and_interval(values, ["a", "a", "a", "b"])
    assert (mean, interval) == (0.75, (0, 1))
    one_of_each = mean_and_interval(np.array([5.0, 5, 5, 5]), ["a", "a", "a", "b"])
    assert one_of_each == (5, (5, 5))


def test_identical_answers_differ_by_nothing_for_certain() -> None:
    values = np.array([1.0, 0, 1, 0, 1, 0])
    assert paired_difference(values, values.copy(), TRACKS) == (0, (0, 0))


def test_what_is_hard_for_both_does_not_widen_the_interval() -> None:
    """Their means lie between 0 and 1 in the draws, their difference is 0.25 in each."""
    hard = np.array([0.0, 0, 0, 1, 1, 1])
    assert mean_and_interval(hard, TRACKS)[1] == (0, 1)
    assert paired_difference(hard + 0.25, hard, TRACKS) == (0.25, (0.25, 0.25))


@pytest.mark.parametrize(("sign", "expected"), [(1, (0.25, (0, 0.75))), (-1, (-0.25, (-0.75, 0)))])
def test_the_interval_of_a_difference_in_one_of_four_groups(
    sign: int, expected: tuple[float, tuple[float, float]]
) -> None:
    """That one is drawn k of 4 times with the chance of k hits at 1/4 each: never 0.316, 3 or 4
    times 0.051, 4 times 0.004. So 2.5 % lie at 0 and 97.5 % at 3 of 4."""
    others = np.array([0.0, 0, 1, 1])
    values = others + sign * np.array([0.0, 1, 0, 0])
    assert paired_difference(values, others, list("abcd")) == expected
