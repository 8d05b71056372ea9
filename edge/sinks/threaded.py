"""Any sink on a thread of its own, so that writing overlaps inference."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from edge.core import Event, Scene, Sink
from edge.handover import Closed, Queue, Slot
from edge.patience import Patience
from models.errors import AppError, OutputError

log = logging.getLogger(__name__)

PATIENCE_S = 60.0  # for what is still queued at the end; then the sink is left to itself
LIVE_PATIENCE_S = 5.0  # the same for a live source, whose queue is short


class Threaded:
    """Runs a sink on its own thread, with at most `depth` scenes waiting.

    A lossless sink gets every scene: `write` waits while `depth` of them are queued. Of a `live`
    source nothing may be held up: a scene for which there is no room is dropped, counted and
    warned of. Any other sink gets the latest: `write` never waits. The sink is finished and closed
    on its thread, after everything that was queued.

    The sink's first error comes out of the next `write`, `finish` or `close` here: as it is if it
    is one of ours or a bug, an OSError as OutputError. After that `finish` and `close` are
    silent, so that a run can end in good order. A sink that has failed is closed at once.
    `name` is what warnings and errors call it. Where the run is asked to end, `patience` is short.
    """

    def __init__(
        self,
        sink: Sink,
        depth: int,
        live: bool = False,
        name: str = "",
        patience: Patience | None = None,
    ) -> None:
        self.lossless = sink.lossless
        self.name = name or type(sink).__name__
        self.dropped = 0
        self._live = live
        self._patience = patience or Patience()
        self._sink = sink
        self._handover: Queue[Scene] = Queue(depth) if sink.lossless else Slot()
        self._events: tuple[Event, ...] | None = None
        self._error: BaseException | None = None
        self._surfaced = False
        self._thread = threading.Thread(target=self._run, name=f"sink {self.name}", daemon=True)
        self._thread.start()

    def write(self, scene: Scene) -> None:
        try:
            if not self.lossless:
                self._handover.put(scene)
            elif self._live:
                if not self._handover.offer(scene):
                    self._drop("cannot keep up with the source")
            elif not self._patience.put(self._handover, scene):
                self._drop("is still busy at the end")
        except Closed:
            self._surface()
            raise

    def finish(self, events: Sequence[Event]) -> None:
        """Take the last events; the sink gets them when it has written what is queued."""
        self._events = tuple(events)
        self._handover.end()  # all outputs end side by side, and `close` waits for each
        self._surface(once=True)

    def close(self) -> None:
        """Wait until everything is written; OutputError if that takes unreasonably long."""
        self._handover.end()
        patience_s = LIVE_PATIENCE_S if self._live else PATIENCE_S
        ended = self._patience.join(self._thread, patience_s)
        if self.dropped:
            log.warning("%s: %d scenes were dropped in all", self.name, self.dropped)
        if not ended:
            raise OutputError(
                f"{self.name}: the output still was not written when the run had to end"
            )
        self._surface(once=True)

    @property
    def failed(self) -> bool:
        """Whether the sink has given up."""
        return self._error is not None

    def _drop(self, why: str) -> None:
        self.dropped += 1
        if self.dropped == 1:
            log.warning("%s %s: scenes are dropped", self.name, why)

    def _surface(self, once: bool = False) -> None:
        error = self._error
        if error is None or (once and self._surfaced):
            return
        self._surfaced = True
        if isinstance(error, OSError) and not isinstance(error, (AppError, BrokenPipeError)):
            raise OutputError(f"{self.name}: {error}") from error
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
