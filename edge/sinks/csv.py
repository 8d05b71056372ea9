"""Events for spreadsheets: one row an event, as RFC 4180 wants it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from edge.core import Event, Scene
from edge.sinks.growing import GrowingFile
from edge.sinks.jsonl import event_record

EDGES = ("x1", "y1", "x2", "y2")
COLUMNS = (
    *("id", "sign_id", "kind", "time", "wall", "frame", "segment", "track"),
    *("class_id", "name", "category", "stvo", "probability", "votes"),
    *(*EDGES, "box_frame", "first_seen", "last_seen"),
)


class CsvSink:
    """Writes a header, then every event as it happens, to a file as `GrowingFile` does.

    The columns are the fields of the JSON lines, the box as four of them; a `wall` that is not
    known is empty. Lines end in CR LF, texts with commas or quotes are quoted.
    """

    lossless = True

    def __init__(self, target: str) -> None:
        self._file = GrowingFile(target)
        self._file.append(_rows([COLUMNS]))

    def write(self, scene: Scene) -> None:
        self._append(scene.events)

    def finish(self, events: Sequence[Event]) -> None:
        self._append(events)

    def close(self) -> None:
        self._file.close()

    def _append(self, events: Sequence[Event]) -> None:
        self._file.append(_rows(map(event_row, events)))


def event_row(event: Event) -> tuple[Any, ...]:
    """One event in the order of `COLUMNS`."""
    record = event_record(event)
    record |= zip(EDGES, record["box"], strict=True)
    return tuple(record[column] for column in COLUMNS)


def _rows(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # its own default is RFC 4180, None an empty field
    return text.getvalue()
