"""The file of an event store: its tables, and how it is opened for writing and for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.sinks.files import make_folder, prove_place
from models.errors import OutputError

APPLICATION = int.from_bytes(b"TSEv", "big")  # marks the file as ours (PRAGMA application_id)
SCHEMA = 1
BUSY_S = 5.0  # how long another program may hold the file
WAL_BYTES = 1_000_000  # the log beside the file is cut back to this
# What SQLite may raise. Its message, which Python decodes, may quote bytes of a damaged file.
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)

# `number` gives the order, because clocks jump; AUTOINCREMENT never gives one out twice.
# `stored` is the UTC second of writing, NULL where the clock cannot be right.
TABLES = """
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    stored REAL,
    source TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    sign_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    time REAL NOT NULL,
    wall REAL,
    frame INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    track INTEGER NOT NULL,
    label INTEGER NOT NULL,
    name TEXT NOT NULL,
    probability REAL NOT NULL,
    votes INTEGER NOT NULL,
    x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL,
    box_frame INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen REAL NOT NULL
);
CREATE INDEX events_of_a_sign ON events (sign_id, number);
CREATE INDEX new_signs ON events (number) WHERE kind = 'new';
CREATE TABLE crops (
    sign_id TEXT PRIMARY KEY,
    jpeg BLOB NOT NULL
);
"""


class HeldError(OutputError):
    """The event store is there, but another program holds it for now."""


def prove_store(path: Path) -> None:
    """OutputError where `open_store` would raise it; nothing is made where there is no store."""
    if path.exists() and path.stat().st_size:
        open_store(path).close()
    else:
        _prove_new(path)


def open_store(path: Path) -> sqlite3.Connection:
    """The store at `path`, made where there is none, ready to be written from one thread.

    OutputError where it cannot be written, and where the file is no store of ours, a damaged one
    or that of a newer version; such a file is left as it was found.
    """
    if not path.exists() or path.is_dir():
        _prove_new(path)
        make_folder(path.parent)
    with store_errors(path):
        connection = sqlite3.connect(
            path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
    try:
        with store_errors(path):
            is_new = _check(connection, path)
            if is_new:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # a board may lose power at any time
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
            connection.execute("PRAGMA wal_autocheckpoint = 128")  # pages: half of that
            connection.execute("BEGIN IMMEDIATE")
            if is_new and _check(connection, path):  # another program may have been faster
                for statement in TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
            connection.execute("COMMIT")  # also proves that an old store can be written
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A store that is there, only to be read; it may be written elsewhere at the same time."""
    with store_errors(path):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if _check(connection, path):
                raise OutputError(f"{path}: expected an event store, found an empty file")
        except BaseException:
            connection.close()
            raise
    return connection


def is_damage(error: Exception) -> bool:
    """Whether the file is not as SQLite wrote it, rather than held or on a full disk."""
    signs = ("malformed", "corrupt", "no such", "decode", "not a database")
    return isinstance(error, UnicodeDecodeError) or any(sign in str(error) for sign in signs)


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """What SQLite raises within becomes an OutputError that names the file."""
    try:
        yield
    except SQLITE_ERRORS as error:
        text = str(error)
        if "not a database" in text:
            words = "expected an event store, found another kind of file"
        elif is_damage(error):
            words = f"the event store is damaged ({text}); move it away, and a new one is made"
        elif "locked" in text:
            raise HeldError(f"{path}: the event store is held by another program") from error
        else:
            words = f"the event store cannot be used: {text}"
        raise OutputError(f"{path}: {words}") from error


def _prove_new(path: Path) -> None:
    """Names what is wrong with a place, which SQLite does not."""
    if path.is_dir():
        raise OutputError(f"{path}: expected a file for the event store, found a folder")
    prove_place(path)


def _check(connection: sqlite3.Connection, path: Path) -> bool:
    """True for a file that is still empty; OutputError for one that is not ours to write."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if tables == application == schema == 0:
        return True
    if application != APPLICATION:
        raise OutputError(f"{path}: expected an event store, found another program's database")
    if schema != SCHEMA:
        newer = "a newer version: update this one, or name another file"
        by = newer if schema > SCHEMA else "an older version: name another file"
        raise OutputError(
            f"{path}: expected an event store of schema {SCHEMA}, found schema {schema}, written "
            f"by {by}"
        )
    connection.execute("SELECT max(number) FROM events").fetchone()
    return False
