"""Events into an SQLite file, each with a small picture of its sign; old ones make room."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from edge.core import Event, Scene
from edge.database import WAL_BYTES, HeldError, open_store, store_errors
from edge.handover import Closed, Queue
from edge.patience import Patience
from edge.sinks.threaded import LIVE_PATIENCE_S, PATIENCE_S
from edge.sinks.thumbnails import Thumbnails
from models.errors import OutputError
from models.signs import sign_class

WAITING = 256  # lots of events that wait for the disk
TIDY_EVERY_S = 600.0  # old events go on a quiet road too
BATCH = 25  # events deleted at a time
TIDY_BATCHES = 8  # a time, so that new events are not kept waiting
SLACK_PAGES = 64  # more than so many unused ones are given back to the disk
GIVEN_PAGES = 256  # at a time
DAY_S = 86_400.0
EARLIEST = 1_704_067_200.0  # 2024: a clock that says less has never been set

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_INSERT = f"INSERT INTO events VALUES (NULL, {', '.join('?' * 21)}) ON CONFLICT (id) DO NOTHING"
_DELETE_CROPS = """
DELETE FROM crops WHERE sign_id IN (SELECT sign_id FROM events WHERE number <= :last)
AND NOT EXISTS (SELECT 1 FROM events WHERE sign_id = crops.sign_id AND number > :last)
"""
# A time that cannot be (none, or in the future) says nothing: such a row goes with its neighbours.
_DATED = """
SELECT number, stored FROM events WHERE stored IS NOT NULL AND stored <= ?
ORDER BY number LIMIT ?
"""


class Retention(NamedTuple):
    """How much is kept: for so many days, 0 for ever; in a file of at most so many MB."""

    days: float
    megabytes: int


class StoreFigures(NamedTuple):
    """How a store fares: events and bytes in it, events lost to a disk that hung, and its error."""

    events: int
    size_bytes: int
    dropped: int
    failed: bool


class StoreSink:
    """Writes every event, durably, on a thread of its own.

    The line only cuts out thumbnails; a slow disk is felt by nobody until hundreds of events
    wait for it, or for another program that holds the file. Then the line waits too, but for a
    `live` source: its events are dropped, with a warning. Events that came together are one
    transaction, on the disk before the next. Errors come out as OutputError of the next call,
    once, as with `Threaded`.
    """

    lossless = True

    def __init__(self, store: Store, live: bool = False, patience: Patience | None = None) -> None:
        self._store = store
        self._live = live
        self._patience = patience or Patience()
        self._dropped = 0
        self._thumbnails = Thumbnails()
        self._queue: Queue[list[Stored]] = Queue(WAITING)
        self._error: BaseException | None = None
        self._surfaced = False
        self._thread = threading.Thread(target=self._run, name="sink store", daemon=True)
        self._thread.start()

    def write(self, scene: Scene) -> None:
        self._thumbnails.see(scene)
        self._put(scene.events)
        self._surface()

    def finish(self, events: Sequence[Event]) -> None:
        if self._error is None:
            self._put(events)

    def close(self) -> None:
        """Wait until everything is written; OutputError if that takes unreasonably long."""
        self._queue.end()
        patience_s = LIVE_PATIENCE_S if self._live else PATIENCE_S
        if not self._patience.join(self._thread, patience_s):
            raise OutputError(f"{self._store.path}: the disk had not taken all events at the end")
        if not self._surfaced:
            self._surface()

    def figures(self) -> StoreFigures:
        """How it fares right now, from any thread."""
        size = self._store.size()
        return StoreFigures(self._store.events, size, self._dropped, self._error is not None)

    def _put(self, events: Sequence[Event]) -> None:
        lot = [Stored(event, self._thumbnails.jpeg(event)) for event in events]
        with suppress(Closed):  # the thread has failed; `_surface` says how
            if not lot:
                return
            offer = self._queue.offer(lot) if self._live else self._patience.put(self._queue, lot)
            if not offer:
                self._dropped += len(lot)
                log.warning(
                    "%s: the disk hangs, %d events are lost", self._store.path, self._dropped
                )

    def _surface(self) -> None:
        if self._error is not None:
            self._surfaced = True
            raise self._error

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # carried over to the main thread
            self._error = error
        self._queue.close()
        try:
            self._store.close()
        except BaseException as error:
            self._error = self._error or error

    def _work(self) -> None:
        more = True
        while True:
            try:
                lot = self._queue.take(0.0 if more else TIDY_EVERY_S)
                self._insist(partial(self._store.add, [*lot, *self._waiting()]))
            except TimeoutError:
                pass
            except Closed:
                return
            more = self._insist(self._store.tidy)

    def _insist(self, work: Callable[[], Result]) -> Result:
        """Until no other program holds the file: it waits for us no less than we do for it."""
        warned = False
        while True:
            try:
                return work()
            except HeldError as error:  # noqa: PERF203 - SQLite has waited for seconds by then
                if not warned:
                    log.warning("%s; events wait for it", error)
                warned = True

    def _waiting(self) -> list[Stored]:
        """What has come meanwhile: it goes into the same transaction."""
        entries: list[Stored] = []
        with suppress(TimeoutError, Closed):
            for _ in range(WAITING):
                entries += self._queue.take(0.0)
        return entries


class Stored(NamedTuple):
    """An event and its sign's picture as JPEG, None where there is none."""

    event: Event
    jpeg: bytes | None


class Store:
    """The open file, for one thread at a time. Everything raises OutputError where it fails.

    `source` names where the events come from, without credentials; `events` counts those in it.
    """

    def __init__(
        self, path: Path, source: str, keep: Retention, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self._source = source
        self._keep = keep
        self._clock = clock
        self._connection = open_store(path)
        with store_errors(path):
            found = self._connection.execute("SELECT count(*) FROM events").fetchone()
        self.events = int(found[0])

    def add(self, lot: Sequence[Stored]) -> None:
        """Write these events in one transaction; they are on the disk when it returns."""
        now = self._clock()
        stored = now if now >= EARLIEST else None
        with self._changes():
            new = 0
            for event, jpeg in lot:
                row = (stored, self._source, *_row(event))
                new += self._connection.execute(_INSERT, row).rowcount
                if jpeg is not None:
                    self._connection.execute(
                        "INSERT OR REPLACE INTO crops VALUES (?, ?)", (event.sign_id, jpeg)
                    )
        self.events += new

    def tidy(self) -> bool:
        """Delete a few events that are too old or too many; True if more of them are left."""
        with store_errors(self.path):
            for _ in range(TIDY_BATCHES):
                last = self._last_to_go()
                if last is None:
                    return self._give_back()
                with self._changes():
                    self._connection.execute(_DELETE_CROPS, {"last": last})
                    delete = "DELETE FROM events WHERE number <= ?"
                    gone = self._connection.execute(delete, (last,)).rowcount
                self.events -= gone
            return True

    def size(self) -> int:
        """Bytes on the disk, with the log beside the file; from any thread."""
        size = 0
        for file in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            with suppress(OSError):  # none there; it comes and goes
                size += file.stat().st_size
        return size

    def close(self) -> None:
        with store_errors(self.path):
            self._connection.close()

    @contextmanager
    def _changes(self) -> Iterator[None]:
        """One transaction: all of what is done within, or nothing and OutputError."""
        with store_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _last_to_go(self) -> int | None:
        """The highest number of the next batch to delete; None where all may stay."""
        if self._used() > self._keep.megabytes * 1_000_000 - WAL_BYTES:
            rows = self._connection.execute(
                "SELECT number FROM events ORDER BY number LIMIT ?", (BATCH,)
            ).fetchall()
            return int(rows[-1][0]) if rows else None
        now = self._clock()
        if self._keep.days <= 0 or now < EARLIEST:
            return None
        dated = self._connection.execute(_DATED, (now + DAY_S, BATCH)).fetchall()
        return last_expired(dated, now - self._keep.days * DAY_S)

    def _used(self) -> int:
        """Bytes of the file that hold something."""
        pages, free, size = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _give_back(self) -> bool:
        """Return unused pages to the disk, some at a time; True if there are more."""
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        if free > SLACK_PAGES:
            # `execute` takes one step of a statement without columns: one page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({GIVEN_PAGES})")
        return bool(free > SLACK_PAGES + GIVEN_PAGES)


def last_expired(oldest: Sequence[tuple[int, float]], limit: float) -> int | None:
    """The last of the oldest rows (number, second of storing) from before `limit`, None if none.

    Nothing behind a row that is still fresh goes, so that rows that a clock dated too early stay
    as long as their neighbours. A clock that is ahead while it is asked costs history.
    """
    last = None
    for number, stored in oldest:
        if stored >= limit:
            break
        last = number
    return last


def _row(event: Event) -> tuple[str | int | float | None, ...]:
    return (
        event.id,
        event.sign_id,
        event.kind,
        float(event.time),
        event.wall,
        event.frame,
        event.segment,
        event.track,
        event.sign.label,
        sign_class(event.sign.label).name,
        float(event.sign.probability),
        event.sign.votes,
        *(float(edge) for edge in event.box),
        event.box_frame,
        float(event.first_seen),
        float(event.last_seen),
    )
