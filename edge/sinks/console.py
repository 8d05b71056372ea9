"""Events for people: one line when a sign is read, one when it has passed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from edge.core import Event, Scene
from edge.status import clock_text
from models.signs import sign_class


class ConsoleSink:
    """Prints `new` and `end` events. Nothing that its stream cannot spell stops it."""

    lossless = True

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def write(self, scene: Scene) -> None:
        self._print(scene.events)

    def finish(self, events: Sequence[Event]) -> None:
        self._print(events)

    def close(self) -> None:
        pass

    def _print(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind != "update":
                encoding = self._stream.encoding or "utf-8"
                text = event_line(event).encode(encoding, "replace").decode(encoding)
                self._stream.write(text + "\n")
                self._stream.flush()


def event_line(event: Event) -> str:
    """One event as a line: local time, or the source's where that is not known; what; where.

    `new` says where the sign is, `end` how long it was seen.
    """
    if event.wall is None:
        when = f"{clock_text(int(event.time))}.{int(event.time * 10) % 10}"
    else:
        when = time.strftime("%H:%M:%S", time.localtime(event.wall))
    what = f"{sign_class(event.sign.label).name:<32} {event.sign.probability:4.0%}"
    if event.kind == "end":
        return f"{when:>9}  end  {what}  seen for {event.last_seen - event.first_seen:.1f} s"
    x, y = event.box.centre
    size = f"{event.box.width:.0f}x{event.box.height:.0f}"
    return f"{when:>9}  new  {what}  at {x:.0f},{y:.0f} ({size} px)"
