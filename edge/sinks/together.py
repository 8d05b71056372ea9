"""Many outputs as one: where one of them fails, the others go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from edge.core import Event, Idler, Scene, Sink
from models.errors import OutputError

log = logging.getLogger(__name__)

FAILURES = (OutputError, BrokenPipeError)


class Together:
    """Gives every scene to every output that still works.

    The first failure of an output is said once, in a warning, and it gets nothing more. When the
    last one has failed there is nothing left to do: `write` raises then. `finish` raises the first
    OutputError again, so that the exit code tells of it; a reader who has closed the pipe is no
    error as long as anybody else listens.
    """

    lossless = True

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = list(sinks)
        self._errors: list[OutputError | BrokenPipeError] = []

    def write(self, scene: Scene) -> None:
        for sink in tuple(self._sinks):
            self._try(sink, partial(sink.write, scene))
        if self._errors and not self._sinks:
            raise self._worst()

    def idle(self) -> None:
        """No frame has come for a while: those outputs are told that want to know."""
        for sink in tuple(self._sinks):
            if isinstance(sink, Idler):
                self._try(sink, sink.idle)

    def finish(self, events: Sequence[Event]) -> None:
        for sink in tuple(self._sinks):
            self._try(sink, partial(sink.finish, events))
        if self._errors and (not self._sinks or isinstance(self._worst(), OutputError)):
            raise self._worst()

    def close(self) -> None:
        """Each output is closed by whoever opened it."""

    def _try(self, sink: Sink, call: Callable[[], None]) -> None:
        try:
            call()
            return
        except FAILURES as caught:
            error = caught
        self._sinks.remove(sink)
        self._errors.append(error)
        if self._sinks and isinstance(error, OutputError):
            log.warning("%s; the other outputs go on", error)

    def _worst(self) -> OutputError | BrokenPipeError:
        """The first OutputError, else the closed pipe."""
        return min(self._errors, key=lambda error: isinstance(error, BrokenPipeError))
