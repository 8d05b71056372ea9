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
    was already used in this run gets a number. A source picture is never overwritten: OutputError.
    """

    lossless = True

    def __init__(self, folder: Path, render: Callable[[Scene], Image]) -> None:
        self._folder = folder
        self._render = render
        self._used: dict[str, int] = {}
        picture_folder(folder)

    def write(self, scene: Scene) -> None:
        target = self._folder / self._name(scene.frame)
        source = Path(scene.frame.name)
        if scene.frame.name and target.exists() and source.exists() and target.samefile(source):
            raise OutputError(f"{target}: is a picture of the source; name another output folder")
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
        name = source.stem + suffix
        times = self._used[name] = self._used.get(name, 0) + 1
        return name if times == 1 else f"{source.stem}-{times}{suffix}"
