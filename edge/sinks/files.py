"""Files that appear under their final name only once they are whole."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from models.errors import OutputError

if sys.platform == "win32":  # a file that is open cannot be renamed there: it guards itself
    fcntl = None
else:
    import fcntl

log = logging.getLogger(__name__)

PART = "part"


class Part:
    """A temporary file beside its target (`seen.part-4711.json`), renamed on `commit`.

    Making one makes the folder too and proves that the place can be written to: OutputError names
    the target and the reason. The process's number keeps runs that write the same file apart.
    `lasting` is for what grows, as `seen.part.mp4`, as long as the run does. Then what a killed run
    has left is set aside under a name of its own (`seen.cut-1.mp4`) instead of being overwritten,
    and a second run that would write the same file is refused. A `proof` only shows that the place
    can be written to, under a name that nobody had.
    """

    def __init__(self, target: Path, lasting: bool = False, proof: bool = False) -> None:
        self.target = target
        self._lasting = lasting
        self.path = part_of(target) if lasting else _beside(target, f"{PART}-{os.getpid()}")
        self._lock: BinaryIO | None = None
        self.made: list[Path] = []  # folders that were not there, innermost first
        try:
            if target.is_dir():
                raise OutputError(f"{target}: expected a file to write, found a folder")
            self.made = make_folder(target.parent)
            if lasting:
                self._set_aside()
                self._lock = _locked(self.path, target)
            elif proof:
                self.path = _new_file(target)
            else:
                self.path.open("wb").close()
        except OSError as error:  # also a name that is too long to ask about
            for folder in self.made:
                folder.rmdir()
            raise OutputError(f"{target}: cannot be written: {error.strerror}") from error

    def commit(self) -> None:
        """Give the file its name; whatever had it before is replaced.

        OutputError if that fails; what lasts is then kept where it is.
        """
        self._unlock()
        try:
            self.path.replace(self.target)
        except OSError as error:
            kept = ""
            if self._lasting:
                kept = self.leave()
            else:
                self.discard()
            reason = f"cannot be written: {error.strerror}{kept}"
            raise OutputError(f"{self.target}: {reason}") from error

    def sync(self) -> None:
        """Wait until what was written is on the disk, where even a power cut leaves it alone."""
        if self._lock is not None:
            os.fsync(self._lock.fileno())

    def discard(self) -> None:
        """Take the temporary file away."""
        self._unlock()
        with suppress(OSError):
            self.path.unlink()

    def leave(self) -> str:
        """Keep what was written where it is, after a failure; words that say so for the error.

        An empty file is taken away, and nothing is said.
        """
        self._unlock()
        with suppress(OSError):
            if self.path.stat().st_size:
                return f"; what was written until then is in {self.path}"
        self.discard()
        return ""

    def _set_aside(self) -> None:
        """Keep what an earlier run left that could not finish."""
        if not self.path.exists():
            return
        _locked(self.path, self.target).close()  # proves that no other run is at it
        if not self.path.stat().st_size:
            return
        names = (f"{self.target.stem}.cut-{number}{self.target.suffix}" for number in count(1))
        kept = next(p for p in map(self.target.with_name, names) if not p.exists())
        self.path.rename(kept)
        log.warning("an earlier run was cut off; what it had written is kept as %s", kept)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def part_of(target: Path) -> Path:
    """What a file that lasts is called until it is whole."""
    return _beside(target, PART)


def _beside(target: Path, tag: str) -> Path:
    return target.parent / f"{target.stem}.{tag}{target.suffix}"


def _new_file(target: Path) -> Path:
    """An empty file beside the target, under a name that nobody had."""
    number = 1
    while True:
        path = _beside(target, f"proof-{number}" if number > 1 else "proof")
        try:
            path.open("xb").close()
            return path
        except FileExistsError:
            number += 1


def _locked(path: Path, target: Path) -> BinaryIO:
    """The file, open and locked; OutputError, which names the target, where another run has it."""
    file = path.open("ab")
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise OutputError(f"{target}: another run is writing this file") from error
    except OSError:  # a file system without locks
        log.debug("%s cannot be locked", path, exc_info=True)
    return file


def prove_lasting(target: Path) -> None:
    """The same as `prove_place` for a file that grows; also OutputError if another run has it."""
    prove_place(target)
    growing = part_of(target)
    try:
        if growing.exists():
            _locked(growing, target).close()
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror}") from error


def prove_place(target: Path) -> None:
    """OutputError if no file can be written there; everything is left as it was found."""
    part = Part(target, proof=True)
    part.discard()
    for folder in part.made:
        with suppress(OSError):  # not ours alone any more
            folder.rmdir()


def write_whole(target: Path, data: bytes) -> None:
    """A file that is there with all of this, or as it was before, and OutputError."""
    part = Part(target)
    try:
        part.path.write_bytes(data)
    except OSError as error:
        part.discard()
        raise OutputError(f"{target}: cannot be written: {error.strerror}") from error
    part.commit()


def picture_folder(folder: Path) -> None:
    """Make a folder for pictures and prove that they can be written there; else OutputError."""
    prove_folder(folder)
    make_folder(folder)


def prove_folder(folder: Path) -> None:
    """OutputError if no pictures can be written there; everything is left as it was found."""
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: expected a folder to write pictures to, found a file")
    prove_place(folder / "writable")


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it; the ones that are new, innermost first."""
    try:
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make this folder: {error.strerror}") from error
    return made
