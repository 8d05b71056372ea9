"""Still pictures: one, a folder or a pattern, in natural order, each a segment of its own."""

from __future__ import annotations

import glob
import io
import logging
import re
import warnings
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from edge.core import Frame, Image
from edge.handover import Feed
from edge.sources.again import again
from edge.sources.info import OpenSource, SourceInfo, SourceOptions, info_of_file, waiting_room
from edge.sources.quiet import quiet_opencv
from edge.sources.turn import turn_frames
from models.errors import SourceError

log = logging.getLogger(__name__)

SUFFIXES = frozenset(
    {".bmp", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # of SUFFIXES, by Pillow's names
STILL_FPS = 1.0  # pictures have no clock of their own: one counts as a second


def is_picture(path: Path) -> bool:
    """Told from the suffix; what desktops leave behind (`._a.jpg`) is none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def open_pictures(
    paths: Sequence[Path], name: str, options: SourceOptions
) -> tuple[SourceInfo, OpenSource]:
    """A source of these pictures; SourceError if not one of them can be read.

    A picture that cannot be read is skipped with a warning and leaves a gap in `Frame.index`.
    """
    frames = _frames(paths, name, options.max_pixels)
    if options.loop:
        frames = again(frames, lambda: _frames(paths, name, options.max_pixels), 1 / STILL_FPS)
    feed = Feed(turn_frames(frames, options), waiting_room(options), name)
    try:
        first = feed.peek()
    except BaseException:
        feed.close()
        raise
    count = None if options.loop else len(paths)
    return info_of_file(name, True, count, first, STILL_FPS), feed


def folder_pictures(folder: Path) -> list[Path]:
    """The pictures right in this folder, in natural order; SourceError if there is none."""
    try:
        paths = [path for path in folder.iterdir() if is_picture(path) and path.is_file()]
    except OSError as error:
        raise SourceError(f"cannot list the folder {folder}: {error.strerror}") from error
    if not paths:
        raise SourceError(f"no pictures in {folder}: expected {_expected()}")
    return sorted(paths, key=natural_key)


def glob_pictures(pattern: str) -> list[Path]:
    """The pictures that match (`**` goes into folders), in natural order; SourceError if none."""
    found = [Path(match) for match in glob.glob(pattern, recursive=True)]  # noqa: PTH207 - the pattern may be absolute
    paths = [path for path in found if is_picture(path) and path.is_file()]
    if not paths:
        what = f"{len(found)} other files" if found else "nothing"
        raise SourceError(f"{pattern!r} matches {what}: expected pictures, {_expected()}")
    return sorted(paths, key=natural_key)


def natural_key(path: Path) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Numbers in names sort by value, so that 2.jpg comes before 10.jpg."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", path.as_posix().casefold())
    parts = tuple((0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in pieces)
    return parts, path.as_posix()


def read_picture(path: Path, max_pixels: int) -> Image:
    """One picture as BGR uint8, upright (EXIF), alpha dropped, 16 bit scaled down to 8.

    SourceError if it is empty, no picture, cut off or larger than the cap; the cap is checked
    against the header, so that nothing large is ever unpacked.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
    return decode_picture(data, str(path), max_pixels)


def decode_picture(
    data: bytes, name: str, max_pixels: int, formats: tuple[str, ...] = FORMATS
) -> Image:
    """A picture in memory, with the same promises; `name` is for the errors.

    `formats`: only these, by Pillow's names, told from the content.
    """
    if not data:
        raise SourceError(f"{name} is empty: expected a picture, found 0 bytes")
    width, height = _header_size(name, data, max_pixels, formats)
    if width * height > max_pixels:
        raise SourceError(
            f"{name} is too large: {width} × {height} pixels, expected at most "
            f"{max_pixels / 1e6:g} million"
        )
    try:
        with quiet_opencv():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise SourceError(f"{name} cannot be decoded: {error.err}") from error
    if image is None:
        raise SourceError(f"{name} cannot be decoded: it is damaged or cut off")
    return cast(Image, image)


def _header_size(
    name: str, data: bytes, max_pixels: int, formats: tuple[str, ...]
) -> tuple[int, int]:
    """(width, height) as stored; Pillow reads no more than the header here."""
    try:
        with warnings.catch_warnings():  # the cap is ours, not Pillow's
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            with Pillow.open(io.BytesIO(data), formats=formats) as picture:
                width, height = picture.size
                return width, height
    except Pillow.DecompressionBombError as error:
        most = f"{max_pixels / 1e6:g} million"
        raise SourceError(f"{name} is too large: expected at most {most} pixels") from error
    except UnidentifiedImageError as error:
        expected = ", ".join(formats)
        raise SourceError(f"{name} is not a picture: expected {expected}") from error
    # What its readers raise on broken headers.
    except (NotImplementedError, OSError, SyntaxError, ValueError) as error:
        raise SourceError(f"{name} cannot be decoded: {error}") from error


def _frames(paths: Sequence[Path], name: str, max_pixels: int) -> Generator[Frame, None, None]:
    skipped = 0
    for index, path in enumerate(paths):
        try:
            image = read_picture(path, max_pixels)
        except SourceError as error:
            if len(paths) == 1:
                raise
            log.warning("skipped: %s", error)
            skipped += 1
            continue
        yield Frame(image, index, index / STILL_FPS, segment=index, name=str(path))
    if skipped == len(paths):
        raise SourceError(f"none of the {skipped} pictures of {name} can be read")
    if skipped:
        log.warning("%d of %d pictures could not be read and were skipped", skipped, len(paths))


def _expected() -> str:
    return " ".join(sorted(SUFFIXES))
