"""Annotated pictures in a folder, one a scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from edge.core import Event, Frame, Image, Scene
from edge.sinks.files import picture_folder, write_whole
from models.errors import OutputError

JPEG_SUFFIXES = (".jpg", ".jpeg")
JPEG_QUALITY = 92


class PicturesSink:
    """Writes each annotated picture under the name of the picture it came from, or its number.

    What came as JPEG leaves as JPEG, other pictures as PNG, frames of a video as JPEG. A name that
    was already used in this run gets a number. Nothing is written to where pictures come from,
    so that no original can be overwritten: OutputError.
    """

    lossless = True

    def __init__(self, folder: Path, render: Callable[[Scene], Image]) -> None:
        self._folder = folder
        self._render = render
        self._used: dict[str, int] = {}  # name → the last number given to its like
        picture_folder(folder)

    def write(self, scene: Scene) -> None:
        if scene.frame.name and _is(self._folder, Path(scene.frame.name).parent):
            what = f"{scene.frame.name}, a picture of the source, is in the output folder"
            raise OutputError(f"{what}; name another one")
        target = self._folder / self._name(scene.frame)
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if target.suffix == ".jpg" else []
        _, data = cv2.imencode(target.suffix, self._render(scene), quality)
        write_whole(target, data.tobytes())

    def finish(self, events: Sequence[Event]) -> None:
        """Events leave no trace in pictures."""

    def close(self) -> None:
        pass

    def _name(self, frame: Frame) -> str:
        if not frame.name:
            return f"frame-{frame.index:06d}.jpg"
        source = Path(frame.name)
        suffix = ".jpg" if source.suffix.lower() in JPEG_SUFFIXES else ".png"
        first = name = source.stem + suffix
        while name in self._used:
            self._used[first] += 1
            name = f"{source.stem}-{self._used[first]}{suffix}"
        self._used[name] = 1
        return name


def _is(folder: Path, other: Path) -> bool:
    return other.exists() and folder.samefile(other)
