"""Ctrl-C and SIGTERM: the first one ends the work in good order, the second one at once.

SIGHUP is either: a closed terminal, which ends the work too, or a service's reload.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


class Interrupted(KeyboardInterrupt):
    """The user or the system asked for the end. `number`: the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """While entered, the first signal raises `Interrupted`, but never in the middle of a frame.

    Outside of `hold()` it is raised where the main thread happens to be, which is waiting for the
    next frame. Inside it is raised at the end of the hold. A second signal ends the process as if
    nobody had asked to hear it. A signal that the parent process has told to ignore stays ignored.

    SIGHUP ends the work as well, but where `rereads` it only asks for the settings to be read
    again: `take_hangup` then says so. `asked_at`: the monotonic second of the first signal.
    """

    def __init__(self, rereads: bool = False) -> None:
        self._rereads = rereads
        self._hung_up = False
        self._asked: int | None = None
        self.asked_at: float | None = None
        self._held = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (*SIGNALS, HANGUP):
                if number is None:
                    continue
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._asked is not None and error is None:
            raise Interrupted(self._asked)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """A stretch that is finished before a signal takes effect."""
        self._held = True
        yield
        self._held = False
        if self._asked is not None:
            raise Interrupted(self._asked)

    def hold_to_the_end(self) -> None:
        """From here on everything is put in order; a signal takes effect when that is done."""
        self._held = True

    def take_hangup(self) -> bool:
        """Whether SIGHUP has come since the last time."""
        hung_up, self._hung_up = self._hung_up, False
        return hung_up

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == HANGUP and self._rereads:
            self._hung_up = True
            return
        if self._asked is not None:
            if number == HANGUP:  # the shell sends one more when its terminal closes
                return
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._asked, self.asked_at = number, time.monotonic()
        if not self._held:
            raise Interrupted(number)
