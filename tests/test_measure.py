"""Counting a run and the percentiles of its stages."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from edge.core import Frame, Scene
from edge.measure import Latest, Stages, Tally, peak_memory

FRAME = Frame(np.zeros((4, 4, 3), np.uint8), 0, 0.0)


def test_percentiles_are_milliseconds_in_the_order_of_the_line() -> None:
    stages = Stages()
    for number in range(101):
        stages.add({"detect": number / 1000, "track": 0.001})

    found = stages.percentiles((50, 95))

    assert found == {"detect": {"p50": 50.0, "p95": 95.0}, "track": {"p50": 1.0, "p95": 1.0}}
    assert list(found) == ["detect", "track"]


def test_the_table_has_a_line_for_each_stage() -> None:
    stages = Stages()
    stages.add({"detect": 0.0125})

    assert stages.table((50, 99)).splitlines() == [
        "ms              p50      p99",
        "detect        12.50    12.50",
    ]


def test_a_run_without_frames_has_an_empty_table() -> None:
    assert Stages().table((50,)).splitlines() == ["ms              p50"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_the_latest_rows_are_kept_the_oldest_first(count: int) -> None:
    latest = Latest(3, 2, np.float64)
    for number in range(count):
        latest.add(number, -number)

    kept = range(max(0, count - 3), count)
    assert latest.rows().tolist() == [[n, -n] for n in kept]
    assert latest.count == count


def test_a_run_of_days_needs_no_more_memory_than_its_first_frame() -> None:
    stages = Stages()
    stages.add({"detect": 0.01})
    tracemalloc.start()
    for _ in range(30_000):
        stages.add({"detect": 0.01})
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert grown < 4_000


def test_the_first_result_is_the_first_scene() -> None:
    now = 10.0
    tally = Tally(clock=lambda: now)
    assert tally.first_result is None

    now = 10.5
    tally.write(Scene(FRAME))
    now = 12.0
    tally.write(Scene(FRAME))

    assert (tally.first_result, tally.frames, tally.elapsed()) == (10.5, 2, 2.0)


def test_peak_memory_is_in_bytes_and_counts_what_was_held() -> None:
    held = np.ones(200 << 20, np.uint8)

    assert held.nbytes <= peak_memory() < 1 << 36
