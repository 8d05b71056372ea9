"""Scenes without their pictures, and only those in which something changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge.core import Event, Image, Road, Scene, Sink

NO_PICTURE: Image = np.zeros((0, 0, 3), np.uint8)
NO_PICTURE.flags.writeable = False


SILENT = 5  # times that no frame came for a second: then the signs of before are no longer seen


class Changes:
    """Passes a scene on when it has events, or other signs or another road than the one before.

    It stands before the queue of a sink that only wants to know what was read: without pictures a
    long queue costs nothing, so that such a sink can lag far behind before anything is lost. Where
    no frame comes for long, it passes the last scene on once more, without signs.
    """

    lossless = True

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._before: tuple[list[tuple[int, int]], Road] | None = None
        self._last: Scene | None = None  # that was passed on
        self._idles = 0

    def write(self, scene: Scene) -> None:
        self._idles = 0
        shown = [(t.id, t.sign.label) for t in scene.tracks if t.state == "confirmed" and t.sign]
        state = shown, scene.road
        if not scene.events and state == self._before:
            return
        self._before = state
        self._last = replace(scene, frame=replace(scene.frame, image=NO_PICTURE))
        self._sink.write(self._last)

    def idle(self) -> None:
        """No frame has come for a second."""
        self._idles += 1
        if self._idles == SILENT and self._last is not None and self._before and self._before[0]:
            self._before = [], self._last.road
            self._last = replace(self._last, tracks=(), events=())
            self._sink.write(self._last)

    def finish(self, events: Sequence[Event]) -> None:
        self._sink.finish(events)

    def close(self) -> None:
        self._sink.close()
