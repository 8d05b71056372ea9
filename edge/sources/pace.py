"""Time in a stream: its own speed where it comes in bursts, catching up where it piles up."""

from __future__ import annotations

AHEAD_S = 10.0  # stamps further ahead than this have jumped
LATE_S = 1.0  # further behind than this, nobody waits for what should have been
WAITED_S = 0.005  # a packet that was waited for so long had not been lying there


class Pace:
    """When to show a picture, by the stamps of a stream whose pieces come in bursts."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._last = 0.0

    def __call__(self, stamp: float | None, now: float) -> float:
        """The monotonic second at which the picture with this stamp is due, by the clock's `now`.

        Without a stamp, after a jump in the stamps, and where the stream has been held up, that
        is now, and the pictures that follow go by it.
        """
        if stamp is None:
            return now
        if self._start is not None:
            due = self._start + stamp
            if -LATE_S <= due - now <= AHEAD_S and stamp >= self._last:
                self._last = stamp
                return due
        self._start, self._last = now - stamp, stamp
        return now


class Backlog:
    """Which packets of a live stream to leave undecoded, so that it is never far behind.

    Where decoding is slower than the stream, packets pile up in the system's buffers and what is
    seen grows older and older. How old is told by the stamps since the last packet that had to be
    waited for: that one was fresh. From a second on everything is left out up to a fresh key frame.
    """

    def __init__(self) -> None:
        self._fresh: float | None = None  # the clock less the stamp of a packet without delay
        self._skipping = False

    def skip(self, stamp: float | None, asked: float, arrived: float, key: bool) -> bool:
        """Whether to leave out the packet with this stamp.

        `asked`, `arrived`: the monotonic seconds between which it was waited for.
        """
        if stamp is None:
            return self._skipping
        offset = arrived - stamp
        waited = arrived - asked >= WAITED_S
        if self._fresh is None or waited or offset < self._fresh:
            self._fresh = offset
        behind = offset - self._fresh
        if behind > LATE_S:
            self._skipping = True
        elif self._skipping and key and waited:
            self._skipping = False
        return self._skipping
