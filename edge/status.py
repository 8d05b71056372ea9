"""One line on the terminal: a progress bar for files, a live status for cameras."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TextIO

from edge.core import Event, Health, Scene

REFRESH_S = 0.2  # often enough to look alive, seldom enough to cost nothing
RATE_WINDOW_S = 2.0  # frames per second are averaged over this long
BAR_WIDTH = 24
ERASE = "\r\x1b[K"


class Rate:
    """Frames per second over the last two seconds."""

    def __init__(self) -> None:
        self._ticks: deque[float] = deque()

    def tick(self, now: float) -> float:
        """Count one frame at `now` (seconds) and say the rate; 0 before the second frame."""
        self._ticks.append(now)
        while now - self._ticks[0] > RATE_WINDOW_S and len(self._ticks) > 2:
            self._ticks.popleft()
        span = now - self._ticks[0]
        return (len(self._ticks) - 1) / span if span > 0 else 0.0


class StatusLine:
    """A line that is redrawn in place, on stderr; nothing at all where that is no terminal.

    It is cleared before every log record, so that a warning never lands in the middle of it.
    """

    def __init__(
        self,
        total: int | None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._shown = self._stream.isatty()
        self._drawn = False
        self._next = 0.0
        self._started = clock()
        if self._shown:
            for handler in logging.getLogger().handlers:
                handler.addFilter(self._make_room)

    def update(self, done: int, facts: str) -> None:
        """Show how many frames are done, and `facts` (such as the rate) behind that."""
        now = self._clock()
        if not self._shown or now < self._next:
            return
        self._next = now + REFRESH_S
        elapsed = now - self._started
        text = f"{self._progress(done, elapsed)}  {facts}"
        columns = shutil.get_terminal_size().columns
        self._stream.write(ERASE + text[: columns - 1])
        self._stream.flush()
        self._drawn = True

    def clear(self) -> None:
        """Take the line away, so that something else can be printed."""
        if self._drawn:
            self._stream.write(ERASE)
            self._stream.flush()
            self._drawn = False

    def close(self) -> None:
        """Take the line away for good."""
        self.clear()
        self._shown = False
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._make_room)

    def _make_room(self, _record: logging.LogRecord) -> bool:
        self.clear()
        return True

    def _progress(self, done: int, elapsed: float) -> str:
        if not self._total:
            return f"{clock_text(elapsed)}  {done} frames"
        share = min(1.0, done / self._total)
        filled = round(share * BAR_WIDTH)
        left = elapsed * (1 - share) / share if share else 0.0
        bar = "█" * filled + "░" * (BAR_WIDTH - filled)
        return f"{bar} {share:4.0%}  {done}/{self._total}  {clock_text(left)} left"


class Watch:
    """A sink for whoever watches: it feeds the line on the terminal and the overlay's own line.

    `status` is the latter: rate, latency, then `words` (the models); how the source is, where
    nothing comes from it. The age of a `live` frame is how long ago the camera gave it.
    """

    lossless = True

    def __init__(
        self,
        line: StatusLine,
        words: Callable[[], str],
        live: bool,
        health: Callable[[], Health] = lambda: Health("online", 0.0),
    ) -> None:
        self._line = line
        self._words = words
        self._live = live
        self._health = health
        self._rate = Rate()
        self._age = ""
        self._next = 0.0
        self._done = 0
        self._signs = 0
        self.status = words()

    def write(self, scene: Scene) -> None:
        now = time.monotonic()
        rate = self._rate.tick(now)
        self._done += 1
        self._signs += sum(event.kind == "new" for event in scene.events)
        latency_ms = 1000 * scene.timings["total"]
        if now >= self._next:  # text that stands still is drawn only once
            self._next = now + REFRESH_S
            self._age = f" · {1000 * (now - scene.frame.time):.0f} ms old" if self._live else ""
            self.status = f"{rate:.0f} fps · {latency_ms:.0f} ms{self._age} · {self._words()}"
        facts = f"{rate:.1f} fps · {latency_ms:.0f} ms{self._age} · {self._signs} signs"
        self._line.update(self._done, facts)

    def idle(self) -> None:
        """Nothing came for a second: say how the source is, and for how long."""
        health = self._health()
        if health.state == "online":
            return
        why = f": {health.detail}" if health.detail else ""
        self.status = f"{health.state} for {clock_text(time.monotonic() - health.since)}{why}"
        self._line.update(self._done, self.status)

    def finish(self, events: Sequence[Event]) -> None:
        pass

    def close(self) -> None:
        self._line.close()


def clock_text(seconds: float) -> str:
    """`0:07`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
