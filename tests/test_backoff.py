"""Tries come at longer and longer distances, between one and thirty seconds."""

from __future__ import annotations

import pytest

from edge.sources.backoff import Backoff


@pytest.mark.parametrize(
    ("chance", "expected"),
    [
        (0.0, [1, 2, 4, 8, 16, 30, 30]),
        (0.5, [1, 1.5, 3, 6, 12, 22.5, 22.5]),
        (1.0, [1, 1, 2, 4, 8, 15, 15]),
    ],
)
def test_waits_double_up_to_thirty_seconds_less_a_random_part(
    chance: float, expected: list[float]
) -> None:
    backoff = Backoff(lambda: chance)

    assert [backoff() for _ in expected] == expected


def test_it_starts_again_from_one_second() -> None:
    backoff = Backoff(lambda: 0.0)
    for _ in range(5):
        backoff()

    backoff.reset()

    assert backoff() == 1


def test_two_devices_do_not_wait_alike() -> None:
    first, second = Backoff(), Backoff()

    assert [first() for _ in range(8)] != [second() for _ in range(8)]
