"""Any sink on a thread of its own, so that writing overlaps inference."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from edge.core import Event, Scene, Sink
from edge.handover import Closed, Queue, Slot
from models.errors import AppError, OutputError

PATIENCE_S = 60.0  # for what is still queued at the end; then the sink is left to itself


class Threaded:
    """Runs a sink on its own thread, with at most `depth` scenes waiting.

    A lossless sink gets every scene: `write` waits while `depth` of them are queued. Any other
    gets the latest: `write` never waits. The sink is finished and closed on its thread, after
    everything that was queued.

    The sink's first error comes out of the next `write`, `finish` or `close` here: as it is if it
    is one of ours or a bug, an OSError as OutputError. After that `finish` and `close` are
    silent, so that a run can end in good order. A sink that has failed is closed at once.
    """

    def __init__(self, sink: Sink, depth: int) -> None:
        self.lossless = sink.lossless
        self._sink = sink
        self._handover: Queue[Scene] = Queue(depth) if sink.lossless else Slot()
        self._events: tuple[Event, ...] | None = None
        self._error: BaseException | None = None
        self._surfaced = False
        name = f"sink {type(sink).__name__}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def write(self, scene: Scene) -> None:
        try:
            self._handover.put(scene)
        except Closed:
            self._surface()
            raise

    def finish(self, events: Sequence[Event]) -> None:
        """Take the last events; the sink gets them when it has written what is queued."""
        self._events = tuple(events)
        self._surface(once=True)

    def close(self) -> None:
        """Wait until everything is written; OutputError if that takes over a minute."""
        self._handover.end()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            raise OutputError(
                f"{type(self._sink).__name__}: expected the output to be written within "
                f"{PATIENCE_S:g} s, it still is not"
            )
        self._surface(once=True)

    def _surface(self, once: bool = False) -> None:
        error = self._error
        if error is None or (once and self._surfaced):
            return
        self._surfaced = True
        if isinstance(error, OSError) and not isinstance(error, (AppError, BrokenPipeError)):
            raise OutputError(f"{type(self._sink).__name__}: {error}") from error
        raise error

    def _run(self) -> None:
        try:
            self._drain()
        except BaseException as error:  # carried over to the main thread
            self._error = error
        self._handover.close()  # wakes a writer that waits for room
        try:
            self._sink.close()
        except BaseException as error:
            self._error = self._error or error

    def _drain(self) -> None:
        while True:
            try:
                scene = self._handover.take()
            except Closed:
                break
            self._sink.write(scene)
        if self._events is not None:
            self._sink.finish(self._events)
