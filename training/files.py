"""The files of a data set, whether they lie in a folder or in a zip."""

from __future__ import annotations

import io
import os
import posixpath
import zipfile
import zlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import IO

from PIL import Image

from models.errors import SourceError

PICTURE_SUFFIXES = frozenset({".ppm", ".jpg", ".jpeg", ".png", ".webp", ".bmp"})
EXIF_ORIENTATION = 0x0112
EXIF_TURNED = 5  # orientations 5–8 show the picture's rows as columns; OpenCV turns it, so do we

# What Pillow raises for a file that is none. Ultralytics, where it is loaded, puts its own opener
# in Pillow's place, and that one asks for a package that nobody has installed.
NO_PICTURE = (OSError, ValueError, SyntaxError, zipfile.BadZipFile, zlib.error, ImportError)


class Files:
    """The files below a folder or inside a zip; nothing is unpacked.

    Names are posix paths inside the set. Reading is safe from threads, and from forked or spawned
    worker processes: each process opens the zip for itself.
    """

    def __init__(self, path: Path) -> None:
        """`SourceError` if the path is not there, or is neither a folder nor a whole zip."""
        self.path = path
        self._zips: dict[int, zipfile.ZipFile] = {}
        if not path.exists():
            raise SourceError(f"{path}: expected a folder or a zip, found nothing there")
        self.is_zip = not path.is_dir()
        if self.is_zip:
            self._zip()

    def __reduce__(self) -> tuple[Callable[[Path], Files], tuple[Path]]:
        return Files, (self.path,)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every file, sorted; hidden ones and the extras macOS puts into zips are passed over."""
        if self.is_zip:
            found = [item.filename for item in self._zip().infolist() if not item.is_dir()]
        else:
            found = []
            for folder, _, files in os.walk(self.path):
                place = Path(folder).relative_to(self.path)
                found += [(place / file).as_posix() for file in files]
        return tuple(sorted(name for name in found if not _hidden(name)))

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """Every folder below the top, sorted, also the empty ones; hidden ones are passed over."""
        if self.is_zip:
            found = {item.filename.rstrip("/") for item in self._zip().infolist() if item.is_dir()}
        else:
            places = (Path(place).relative_to(self.path) for place, _, _ in os.walk(self.path))
            found = {place.as_posix() for place in places}
        new = {folder(name) for name in self.names}
        while new - found:  # a zip need not list its folders
            found |= new
            new = {folder(name) for name in new}
        return tuple(sorted(name for name in found - {"."} if not _hidden(name)))

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        """The names that end like a picture, sorted."""
        return tuple(name for name in self.names if suffix(name) in PICTURE_SUFFIXES)

    def open(self, name: str) -> IO[bytes]:
        """One file for reading; `SourceError` if it is not there."""
        try:
            return self._zip().open(name) if self.is_zip else (self.path / name).open("rb")
        except (OSError, KeyError, RuntimeError, NotImplementedError) as error:
            raise SourceError(f"{self.path}: cannot read {name}: {error}") from error
        except zipfile.BadZipFile as error:
            raise SourceError(f"{self.path}: {name} is damaged: {error}") from error

    def read(self, name: str) -> bytes:
        """The whole content; `SourceError` if it is missing or, in a zip, damaged."""
        with self.open(name) as file:
            try:
                return file.read()
            except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                raise SourceError(f"{self.path}: {name} is damaged: {error}") from error

    def text(self, name: str) -> io.StringIO:
        """A text file, whatever its line ends and with or without a byte-order mark."""
        try:
            return io.StringIO(self.read(name).decode("utf-8-sig"), newline=None)
        except UnicodeDecodeError as error:
            raise SourceError(f"{self.path}: {name} is not a text file: {error}") from error

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of a picture as it is shown, from its header; else `SourceError`."""
        with self.open(name) as file:
            try:
                with Image.open(file) as picture:
                    width, height = picture.size
                    turned = picture.getexif().get(EXIF_ORIENTATION, 1) >= EXIF_TURNED
                    return (height, width) if turned else (width, height)
            except NO_PICTURE as error:
                raise SourceError(
                    f"{self.path}: {name}: expected a picture, found none: {error}"
                ) from error

    def verify(self, name: str) -> None:
        """`SourceError` for a picture that is cut off, which OpenCV would fill up with grey."""
        with self.open(name) as file:
            try:
                with Image.open(file) as picture:
                    picture.load()
            except NO_PICTURE as error:
                raise SourceError(f"{self.path}: {name} is damaged: {error}") from error

    def _zip(self) -> zipfile.ZipFile:
        process = os.getpid()  # a forked worker must not share its parent's place in the file
        if process not in self._zips:
            try:
                self._zips[process] = zipfile.ZipFile(self.path)
            except (OSError, zipfile.BadZipFile) as error:
                raise SourceError(
                    f"{self.path}: expected a folder or a whole zip, found neither: {error}"
                ) from error
        return self._zips[process]


# Strings, not PurePosixPath: GTSRB has so many names that opening it would take twice as long.


def suffix(name: str) -> str:
    """`.jpg` of `a/B.JPG`."""
    return posixpath.splitext(name)[1].lower()


def stem(name: str) -> str:
    """`B` of `a/B.jpg`."""
    return posixpath.splitext(posixpath.basename(name))[0]


def folder(name: str) -> str:
    """`a` of `a/B.jpg`; `.` where there is none."""
    return posixpath.dirname(name) or "."


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
