"""How long outputs may take when a run ends: by itself, or within two seconds of a signal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple, TypeVar

from edge.handover import Queue

T = TypeVar("T")

HURRY_S = 1.5  # from when the first output is waited for, all of them side by side
ROOM_S = 0.5  # for room in the queue of an output, from when the end was asked for
SLICE_S = 0.1  # between two looks at whether it has been


def never() -> float | None:
    """Nobody asks for the end."""
    return None


class Patience:
    """The time that is left to outputs which others wait for.

    While the run goes on and when it ends by itself, each output has its own. Once somebody has
    asked for the end, all share HURRY_S: what is stuck then is left to itself, so that a signal
    ends the run within two seconds whatever an output hangs on. `asked`: the monotonic second at
    which the end was asked for, None before.
    """

    def __init__(
        self, asked: Callable[[], float | None] = never, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._asked = asked
        self._clock = clock
        self._deadline: float | None = None

    def at_most(self, seconds: float, hurried: float) -> float:
        """`seconds`, or `hurried` where the end has been asked for."""
        return seconds if self._asked() is None else min(seconds, hurried)

    def put(self, queue: Queue[T], item: T) -> bool:
        """Wait for room in the queue; False where the run is to end and there still is none."""
        while not queue.offer(item, SLICE_S):
            asked = self._asked()
            if asked is not None and self._clock() - asked >= ROOM_S:
                return False
        return True

    def join(self, thread: threading.Thread, seconds: float) -> bool:
        """Wait for a thread; whether it has ended."""
        end = self._clock() + seconds
        while thread.is_alive():
            now = self._clock()
            if self._asked() is not None:
                if self._deadline is None:
                    self._deadline = now + HURRY_S
                end = min(end, self._deadline)
            if now >= end:
                return False
            thread.join(min(end - now, SLICE_S))
        return True


class Ending(NamedTuple):
    """The end of a run: everything on `stack` is closed, and the outputs have this patience."""

    stack: ExitStack
    patience: Patience = Patience()
