"""Events that wait on disk for a broker, in order, until it has said that it has them."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from edge.database import SQLITE_ERRORS, is_damage
from edge.sinks.files import make_folder, prove_place
from models.errors import OutputError

log = logging.getLogger(__name__)

MOST = 100_000  # events that wait at most, about 50 MB; then the oldest make room

SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, text TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Letter(NamedTuple):
    """One event on its way: its id and its JSON."""

    id: str
    text: str


class Spool:
    """A queue in a file. It survives the end of the process at any moment, and a power cut.

    Usable from any thread. `identity` is a name that this spool keeps for ever. A file that is no
    spool any more is set aside and a new one begun. OutputError where the file cannot be written,
    and where another run holds it.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        self._path = path
        self._most = most
        self._lock = threading.Lock()
        make_folder(path.parent)
        try:
            self._db = self._open()
        except SQLITE_ERRORS as error:
            if not is_damage(error):
                raise self._failed(error) from error
            self._set_aside()
            self._db = self._open()
        self._waiting = int(self._one("SELECT COUNT(*) FROM letters"))
        self.identity = str(self._one("SELECT value FROM facts WHERE name = 'identity'"))
        self._gone: set[str] = set()  # have arrived, but the disk is too full to say so
        self.lost = 0  # of this run, because more than `most` were waiting

    def __len__(self) -> int:
        return self._waiting - len(self._gone)

    def put(self, letters: Iterable[tuple[str, str]]) -> None:
        """Add (id, text), on the disk when this returns; an id that is there already is no news."""
        with self._lock:
            try:
                with self._db:
                    before = self._db.total_changes
                    insert = "INSERT OR IGNORE INTO letters (id, text) VALUES (?, ?)"
                    self._db.executemany(insert, letters)
                    added = self._db.total_changes - before
                    over = max(0, self._waiting + added - self._most)
                    if over:
                        oldest = "SELECT number FROM letters ORDER BY number LIMIT ?"
                        self._db.execute(f"DELETE FROM letters WHERE number IN ({oldest})", (over,))
            except SQLITE_ERRORS as error:
                raise self._failed(error) from error
            self._waiting += added - over
            if over and not self.lost:
                log.warning("%s: %d events wait; the oldest are lost now", self._path, self._most)
            self.lost += over

    def first(self) -> Letter | None:
        """The oldest letter, left where it is; None if none waits."""
        if not len(self):
            return None
        with self._lock:
            try:
                rows = self._db.execute("SELECT id, text FROM letters ORDER BY number")
                return next((Letter(*row) for row in rows if row[0] not in self._gone), None)
            except SQLITE_ERRORS as error:
                raise self._failed(error) from error

    def remove(self, ids: Iterable[str]) -> None:
        """Forget letters that have arrived. Where the disk is too full even for that, later."""
        with self._lock:
            gone = self._gone.union(ids)
            try:
                with self._db:
                    before = self._db.total_changes
                    self._db.executemany("DELETE FROM letters WHERE id = ?", [(i,) for i in gone])
                self._waiting -= self._db.total_changes - before
                self._gone.clear()
            except SQLITE_ERRORS:
                log.debug("%s cannot be written", self._path, exc_info=True)
                try:
                    self._gone.update(filter(self._has, gone))
                except SQLITE_ERRORS as error:
                    raise self._failed(error) from error

    def _has(self, id_: str) -> bool:
        found = self._db.execute("SELECT 1 FROM letters WHERE id = ?", (id_,)).fetchone()
        return found is not None

    def close(self) -> None:
        with self._lock, suppress(*SQLITE_ERRORS):
            self._db.close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=0.5, check_same_thread=False)
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(SCHEMA)
            with db:
                insert = "INSERT OR IGNORE INTO facts VALUES ('identity', ?)"
                db.execute(insert, (f"signs-{uuid4().hex[:16]}",))
            _read_through(db)
        except BaseException:
            db.close()
            raise
        return db

    def _set_aside(self) -> None:
        names = (self._path.with_name(f"{self._path.name}.broken-{n}") for n in count(1))
        kept = next(path for path in names if not path.exists())
        self._path.rename(kept)
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink()
        log.warning("%s is damaged; it is kept as %s and a new one begun", self._path, kept)

    def _one(self, query: str) -> str | int:
        (value,) = self._db.execute(query).fetchone()
        return value  # type: ignore[no-any-return]

    def _failed(self, error: Exception) -> OutputError:
        if "locked" in str(error):
            return OutputError(f"{self._path}: another run holds this spool")
        return OutputError(f"{self._path}: events cannot wait on this disk: {error}")


def _read_through(db: sqlite3.Connection) -> None:
    """sqlite3.Error or UnicodeDecodeError where any of it cannot be read, or is not as written."""
    for (found,) in db.execute("PRAGMA integrity_check(1)"):
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")
    for query in ("SELECT id, text FROM letters", "SELECT name, value FROM facts"):
        for _ in db.execute(query):  # which also decodes them
            pass


def prove_spool(path: Path) -> None:
    """OutputError where there can be no spool; none is made where there is none."""
    try:
        is_there = path.is_file()
    except OSError:  # not ours to look at
        is_there = False
    if is_there:
        Spool(path).close()
    else:
        prove_place(path)
