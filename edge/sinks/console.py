"""Events for people: a line when a sign is read, when it has passed, and when the road changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from edge.core import Event, Scene
from edge.road import road_words
from edge.status import clock_text
from models.errors import OutputError
from models.signs import sign_class


class ConsoleSink:
    """Prints `new` and `end` events, and what is in force on the road whenever that changes.

    Nothing that its stream cannot spell stops it; OutputError where it takes no more.
    """

    lossless = True

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._road = ""

    def write(self, scene: Scene) -> None:
        self._print_events(scene.events)
        road = road_words(scene.road)
        if road != self._road:
            self._road = road
            when = _when(scene.frame.time, scene.frame.wall)
            self._print(f"{when}  road {road or 'nothing known'}")

    def finish(self, events: Sequence[Event]) -> None:
        self._print_events(events)

    def close(self) -> None:
        pass

    def _print_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.kind != "update":
                self._print(event_line(event))

    def _print(self, line: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"stdout: cannot write the events: {error.strerror}") from error


def event_line(event: Event) -> str:
    """One event as a line: local time, or the source's where that is not known; what; where.

    `new` says where the sign is, `end` how long it was seen.
    """
    when = _when(event.time, event.wall)
    what = f"{sign_class(event.sign.label).name:<32} {event.sign.probability:4.0%}"
    if event.kind == "end":
        return f"{when}  end  {what}  seen for {event.last_seen - event.first_seen:.1f} s"
    x, y = event.box.centre
    size = f"{event.box.width:.0f}x{event.box.height:.0f}"
    return f"{when}  new  {what}  at {x:.0f},{y:.0f} ({size} px)"


def _when(seconds: float, wall: float | None) -> str:
    if wall is None:
        return f"{clock_text(int(seconds))}.{int(seconds * 10) % 10}".rjust(9)
    return time.strftime("%H:%M:%S", time.localtime(wall)).rjust(9)
