"""Events for programs: one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from edge.core import Event, Road, Scene
from edge.sinks.files import Part
from models.errors import OutputError
from models.signs import sign_class

STDOUT = "-"
PLACES = 3  # decimals: milliseconds, thousandths of a pixel


class JsonlSink:
    """Writes every event as it happens, to a file or (`-`) to stdout.

    Each line also tells, under `road`, what is in force as of the event's frame.

    A file gets its name when it is closed; until then it grows as `<name>.part`. What is no plain
    file (a pipe, a device) is written to as it is. BrokenPipeError goes through untouched: a
    reader that has had enough is no error of ours.
    """

    lossless = True

    def __init__(self, target: str) -> None:
        self._name = "stdout" if target == STDOUT else target
        self._road = Road()
        self._part: Part | None = None
        path = Path(target)
        if target == STDOUT:
            self._file: TextIO | None = sys.stdout
        elif _is_device(path):
            self._file = self._open(path)
        else:
            self._part = Part(path)
            self._file = self._open(self._part.path)

    def write(self, scene: Scene) -> None:
        self._road = scene.road
        self._append(scene.events)

    def finish(self, events: Sequence[Event]) -> None:
        self._append(events)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is None or file is sys.stdout:
            return
        try:
            file.close()
        except OSError as error:
            self._give_up(file, error)
        if self._part is not None:
            self._part.commit()

    def _append(self, events: Sequence[Event]) -> None:
        file = self._file
        if file is None:
            return
        try:
            for event in events:
                record = event_record(event) | {"road": road_record(self._road)}
                file.write(json.dumps(record) + "\n")
                file.flush()
        except BrokenPipeError:
            self._file = None
            raise
        except OSError as error:
            self._give_up(file, error)

    def _give_up(self, file: TextIO, error: OSError) -> None:
        self._file = None
        if file is not sys.stdout:
            with suppress(OSError):  # it tries once more to write what could not be written
                file.close()
        if self._part is not None:
            self._part.discard()
        raise OutputError(f"{self._name}: cannot write the events: {error.strerror}") from error

    def _open(self, path: Path) -> TextIO:
        try:
            return path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError(f"{self._name}: cannot be written: {error.strerror}") from error


def event_record(event: Event) -> dict[str, Any]:
    """One event as JSON can hold it.

    Times are seconds on the source's clock, `wall` UTC seconds or null, `box` x1, y1, x2, y2 in
    full-frame pixels of frame `box_frame`; `class_id` is −1 for a road sign outside the 43.
    """
    sign = sign_class(event.sign.label)
    return {
        "id": event.id,
        "sign_id": event.sign_id,
        "kind": event.kind,
        "time": round(event.time, PLACES),
        "wall": None if event.wall is None else round(event.wall, PLACES),
        "frame": event.frame,
        "segment": event.segment,
        "track": event.track,
        "class_id": sign.id,
        "name": sign.name,
        "category": sign.category,
        "stvo": sign.stvo,
        "probability": round(event.sign.probability, PLACES + 1),
        "votes": event.sign.votes,
        "box": [round(float(edge), PLACES) for edge in event.box],
        "box_frame": event.box_frame,
        "first_seen": round(event.first_seen, PLACES),
        "last_seen": round(event.last_seen, PLACES),
    }


def road_record(road: Road) -> dict[str, Any]:
    """What is in force as JSON can hold it: `limit` in km/h, null where none is known."""
    since = road.limit_since
    return asdict(road) | {"limit_since": None if since is None else round(since, PLACES)}


def _is_device(path: Path) -> bool:
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except OSError:  # a name too long to be anything
        return False
