"""Scenes without their pictures, and only those in which something changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge.core import Event, Image, Road, Scene, Sink

NO_PICTURE: Image = np.zeros((0, 0, 3), np.uint8)
NO_PICTURE.flags.writeable = False


class Changes:
    """Passes a scene on when it has events, or other signs or another road than the one before.

    It stands before the queue of a sink that only wants to know what was read: without pictures a
    long queue costs nothing, so that such a sink can lag far behind before anything is lost.
    """

    lossless = True

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._before: tuple[list[tuple[int, int]], Road] | None = None

    def write(self, scene: Scene) -> None:
        shown = [(t.id, t.sign.label) for t in scene.tracks if t.state == "confirmed" and t.sign]
        state = shown, scene.road
        if not scene.events and state == self._before:
            return
        self._before = state
        self._sink.write(replace(scene, frame=replace(scene.frame, image=NO_PICTURE)))

    def finish(self, events: Sequence[Event]) -> None:
        self._sink.finish(events)

    def close(self) -> None:
        self._sink.close()
