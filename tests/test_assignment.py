"""The cheapest assignment, against every one there is."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.assignment import assign

COSTS = st.integers(0, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.floats(0, 3), min_size=columns, max_size=columns), min_size=0, max_size=4
    )
)


@given(COSTS)
@settings(max_examples=200)
def test_the_assignment_is_the_cheapest_of_all(costs: list[list[float]]) -> None:
    rows, columns = len(costs), len(costs[0]) if costs else 0
    chosen = assign(costs, miss=2.0)
    taken = [column for column in chosen if column is not None]
    assert len(chosen) == rows
    assert len(set(taken)) == len(taken)

    def price(choice: tuple[int | None, ...] | list[int | None]) -> float:
        return sum(2.0 if c is None else costs[row][c] for row, c in enumerate(choice))

    choices = permutations([*range(columns), *[None] * rows], rows)
    assert price(chosen) == pytest.approx(min(price(choice) for choice in choices))


def test_the_assignment_prefers_the_pair_over_the_greedy_choice() -> None:
    # greedy takes 0.1 and is left with 1.9; together 0.5 + 0.5 is cheaper
    assert assign([[0.1, 0.5], [0.5, 1.9]]) == [1, 0]


def test_no_row_takes_a_column_that_costs_as_much_as_none() -> None:
    assert assign([[2.0], [5.0]], miss=2.0) == [None, None]
