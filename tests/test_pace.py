"""Bursts are played at their own speed, and what piles up is left out."""

from __future__ import annotations

import pytest

from edge.sources.pace import Backlog, Pace


def test_a_burst_is_spread_by_its_stamps() -> None:
    pace = Pace()

    due = [pace(7.0 + number / 25, 100.0) for number in range(4)]

    assert due == pytest.approx([100.0, 100.04, 100.08, 100.12])


@pytest.mark.parametrize(
    ("stamp", "now", "due"),
    [
        (None, 103.0, 103.0),  # no stamp
        (8.0, 100.9, 101.0),  # in time
        (8.0, 101.9, 101.0),  # a little late: no reason to shift everything
        (8.0, 102.1, 102.1),  # held up: from here on by the clock of now
        (3.0, 100.5, 100.5),  # back: another recording
        (90.0, 100.5, 100.5),  # far ahead
    ],
)
def test_a_jump_or_a_delay_starts_the_clock_anew(
    stamp: float | None, now: float, due: float
) -> None:
    pace = Pace()
    pace(7.0, 100.0)

    assert pace(stamp, now) == pytest.approx(due)
    if stamp is not None:
        assert pace(stamp + 0.04, now) == pytest.approx(due + 0.04)


class Stream:
    """Packets of 25 pictures a second, every tenth a key, read by someone with a clock."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._number = 0
        self.now = 100.0

    def read(self, takes: float) -> bool:
        """Ask for the next packet, and work on it so long if it is not left out; whether it is."""
        stamp = self._number / 25
        asked, self.now = self.now, max(self.now, 100.0 + stamp)
        out = self._backlog.skip(stamp, asked, self.now, self._number % 10 == 0)
        self.now += 0.0 if out else takes
        self._number += 1
        return out

    @property
    def behind(self) -> float:
        return self.now - (100.0 + self._number / 25)


def test_nothing_is_left_out_by_a_reader_that_keeps_up() -> None:
    stream = Stream(Backlog())

    assert not any(stream.read(0.03) for _ in range(500))


def test_a_reader_that_is_too_slow_is_never_far_behind() -> None:
    stream = Stream(Backlog())
    left_out, worst = [], 0.0
    for _ in range(1000):
        left_out.append(stream.read(0.1))
        worst = max(worst, stream.behind)

    assert 1.0 < worst < 1.2
    assert 0.3 < sum(left_out) / len(left_out) < 0.9
    starts = [n for n in range(1, 1000) if left_out[n - 1] and not left_out[n]]
    assert starts
    assert all(number % 10 == 0 for number in starts)  # on a key frame


def test_a_single_delay_is_made_up_for_without_loss() -> None:
    stream = Stream(Backlog())
    for _ in range(50):
        stream.read(0.01)
    stream.read(0.8)

    assert not any(stream.read(0.01) for _ in range(200))


@pytest.mark.parametrize("drift", [0.9, 1.1])
def test_a_clock_that_runs_slow_or_fast_is_no_delay(drift: float) -> None:
    backlog = Backlog()
    asked = 0.0
    for number in range(1000):
        arrived = number / 25
        assert not backlog.skip(number / 25 * drift, asked, arrived, number % 10 == 0)
        asked = arrived + 0.01


def test_stamps_that_start_anew_are_no_delay() -> None:
    backlog = Backlog()
    for number in range(100):
        stamp = number % 50 / 25
        assert not backlog.skip(stamp, number / 25 - 0.03, number / 25, number % 10 == 0)


def test_packets_without_a_stamp_are_taken() -> None:
    assert not Backlog().skip(None, 1.0, 1.0, False)
