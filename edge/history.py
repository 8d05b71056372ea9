"""What an event store remembers, for those who look: signs newest first, their crops, counts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge.database import open_to_read, store_errors

# A sign is one `new` row; what is known of it by now stands in its last row.
_SIGNS = """
SELECT first.number, last.stored, last.source, first.sign_id, last.label, last.probability,
       last.votes, first.time, first.wall, last.first_seen, last.last_seen, last.kind = 'end',
       EXISTS (SELECT 1 FROM crops WHERE crops.sign_id = first.sign_id)
FROM events AS first JOIN events AS last
  ON last.number = (SELECT max(number) FROM events WHERE sign_id = first.sign_id)
WHERE first.kind = 'new' AND first.number < :before AND (:label IS NULL OR last.label = :label)
ORDER BY first.number DESC LIMIT :limit
"""
_COUNTS = """
SELECT last.label, count(*)
FROM events AS first JOIN events AS last
  ON last.number = (SELECT max(number) FROM events WHERE sign_id = first.sign_id)
WHERE first.kind = 'new' GROUP BY last.label
"""
_END = 2**62  # above every number


class StoredSign(NamedTuple):
    """One physical sign: what its events say by now.

    `number` grows with every sign, whatever the clocks do. `stored` and `wall` are UTC seconds or
    None where the time was not known, the others seconds on the source's clock. `ended`: it has
    passed. `has_crop`: there is a picture of it.
    """

    number: int
    stored: float | None
    source: str
    sign_id: str
    label: int
    probability: float
    votes: int
    time: float
    wall: float | None
    first_seen: float
    last_seen: float
    ended: bool
    has_crop: bool


class History:
    """Reads a store, from any thread, also while it is written. OutputError if it is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection = open_to_read(path)
        self._counts: tuple[int, Mapping[int, int]] = (-1, {})

    def newest(self) -> int:
        """The number of the last event, 0 before the first: it changes with every event."""
        return int(self._ask("SELECT coalesce(max(number), 0) FROM events")[0][0])

    def signs(
        self, limit: int, before: int | None = None, label: int | None = None
    ) -> list[StoredSign]:
        """The newest signs first, at most `limit`.

        `before`: only those with a lower number, which turns the page; `label`: only this class.
        """
        wanted = {"before": before or _END, "label": label, "limit": limit}
        return [
            StoredSign._make((*facts, bool(ended), bool(has_crop)))
            for *facts, ended, has_crop in self._ask(_SIGNS, wanted)
        ]

    def crop(self, number: int) -> bytes | None:
        """The best picture of the sign with this number, JPEG; None where there is none."""
        found = self._ask(
            "SELECT jpeg FROM crops JOIN events USING (sign_id) WHERE number = :number",
            {"number": number},
        )
        return bytes(found[0][0]) if found else None

    def counts(self) -> Mapping[int, int]:
        """How many signs of each class; classes without any are left out."""
        newest = self.newest()
        if self._counts[0] != newest:
            self._counts = (newest, dict(self._ask(_COUNTS)))
        return self._counts[1]

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _ask(self, query: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        with self._lock, store_errors(self._path):
            return self._connection.execute(query, values or {}).fetchall()
