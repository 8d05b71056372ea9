"""A folder of our own files that never grows beyond a size and an age: the oldest go first."""

from __future__ import annotations

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

MB = 1_000_000
# What `Shots` calls its files: a number that grows, the sign's id, its class. Nothing else in the
# folder is counted or removed.
OWN = re.compile(r"(\d{8,})-[0-9a-f]{32}-s\d+-[a-z0-9-]+(\.part(?:-\d+)?)?\.jpg")


class _Kept(NamedTuple):
    size: int
    written: float  # seconds of its clock
    clock: Callable[[], float]


class Quota:
    """The files of this and of earlier runs in the order in which they were written.

    That order is told by the number in their names, not by the clock, which may jump. `megabytes`
    and `hours` are the limits, 0 is none. The age of this run's files is told by `steady`, seconds
    that never jump; that of those found by `now`, UTC seconds.
    """

    def __init__(
        self,
        folder: Path,
        megabytes: float = 0,
        hours: float = 0,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._most = megabytes * MB
        self._age_s = hours * 3600
        self._now = now
        self._steady = steady
        self._files: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self.number = 1  # of the next file
        self._find()

    def add(self, name: str, size: int) -> None:
        """Count a file that was just written, new or again, then make room for it."""
        self.forget(name)
        self._files[name] = _Kept(size, self._steady(), self._steady)
        self._bytes += size
        self.trim()

    def remove(self, name: str) -> None:
        """Delete one file."""
        self.forget(name)
        with suppress(OSError):
            (self._folder / name).unlink()

    def forget(self, name: str) -> None:
        """Count a file no longer."""
        kept = self._files.pop(name, None)
        self._bytes -= kept.size if kept else 0

    def trim(self) -> None:
        """Delete the oldest files until both limits hold; the newest one always stays."""
        before = len(self._files)
        while len(self._files) > 1:
            name, kept = next(iter(self._files.items()))
            too_old = self._age_s and kept.clock() - kept.written > self._age_s
            if not too_old and not (self._most and self._bytes > self._most):
                break
            self.remove(name)
        if before > len(self._files):
            log.debug("%s: %d files made room", self._folder, before - len(self._files))

    def _find(self) -> None:
        found = []
        for path in self._folder.iterdir():
            match = OWN.fullmatch(path.name)
            if match is None:
                continue
            if match[2]:  # half a file that a killed run has left
                with suppress(OSError):
                    path.unlink()
                continue
            with suppress(OSError):
                status = path.stat()
                found.append((int(match[1]), path.name, status.st_size, status.st_mtime))
        for number, name, size, written in sorted(found):
            self._files[name] = _Kept(size, written, self._now)
            self._bytes += size
            self.number = number + 1
        self.trim()
