"""Events for programs: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from edge.core import Event, Road, Scene
from edge.sinks.growing import GrowingFile
from models.signs import sign_class

PLACES = 3  # decimals: milliseconds, thousandths of a pixel


class JsonlSink:
    """Writes every event as it happens, to a file or (`-`) to stdout, as `GrowingFile` does.

    Each line also tells, under `road`, what is in force as of the event's frame: what was before a
    reconnect for the signs that it ends.
    """

    lossless = True

    def __init__(self, target: str) -> None:
        self._file = GrowingFile(target)
        self._road = Road()

    def write(self, scene: Scene) -> None:
        before, self._road = self._road, scene.road
        number = scene.frame.segment
        self._append((e, self._road if e.segment == number else before) for e in scene.events)

    def finish(self, events: Sequence[Event]) -> None:
        self._append((event, self._road) for event in events)

    def close(self) -> None:
        self._file.close()

    def _append(self, told: Iterable[tuple[Event, Road]]) -> None:
        records = (event_record(event) | {"road": road_record(road)} for event, road in told)
        self._file.append("".join(json.dumps(record) + "\n" for record in records))


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
