"""A text file that grows line by line, whole lines only, and loses nothing when we are killed."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from edge.sinks.files import Part
from models.errors import OutputError

STDOUT = "-"


class GrowingFile:
    """Lines on their way to a file or (`-`) to stdout; OutputError for everything that fails.

    A file gets its name when it is closed; until then it grows as `<name>.part.<suffix>`, and what
    was appended is on the disk before `append` returns, so that neither a kill nor a power cut
    takes it back. What is no plain file (a pipe, a device) is written to as it is.
    BrokenPipeError goes through untouched: a reader that has had enough is no error of ours.
    """

    def __init__(self, target: str) -> None:
        self._name = "stdout" if target == STDOUT else target
        self._part: Part | None = None
        self._whole = 0  # bytes, up to the last line that was written to its end
        path = Path(target)
        if target == STDOUT:
            self._file: TextIO | None = sys.stdout
        elif is_device(path):
            self._file = self._open(path)
        else:
            self._part = Part(path, lasting=True)
            self._file = self._open(self._part.path)

    def append(self, lines: str) -> None:
        """Write whole lines; nothing after a failure or a close."""
        file = self._file
        if file is None or not lines:
            return
        try:
            file.write(lines)
            file.flush()
            if self._part is not None:
                os.fsync(file.fileno())
                self._whole += len(lines.encode())
        except BrokenPipeError:
            self._file = None
            raise
        except OSError as error:
            self._give_up(file, error)

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

    def _give_up(self, file: TextIO, error: OSError) -> None:
        self._file = None
        if file is not sys.stdout:
            with suppress(OSError):  # it tries once more to write what could not be written
                file.close()
        kept = ""
        if self._part is not None:
            with suppress(OSError):
                os.truncate(self._part.path, self._whole)
            kept = self._part.leave()
        raise OutputError(
            f"{self._name}: cannot write the events: {error.strerror}{kept}"
        ) from error

    def _open(self, path: Path) -> TextIO:
        try:
            return path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise OutputError(f"{self._name}: cannot be written: {error.strerror}") from error


def is_device(path: Path) -> bool:
    """Whether it is there and neither a file nor a folder."""
    try:
        return path.exists() and not path.is_file() and not path.is_dir()
    except OSError:  # a name too long to be anything
        return False
