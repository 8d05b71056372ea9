"""A JPEG a sign: its crop, or the whole picture, from the frame in which it was seen best."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from edge.core import Event, Image, Scene
from edge.overlay import Overlay
from edge.sinks.files import picture_folder, write_whole
from edge.sinks.quota import Quota
from models.errors import OutputError
from models.signs import sign_class

JPEG_QUALITY = 92
MARGIN = 0.15  # of the box's size, on every side: people want to see the edge of a sign

OPEN = 64  # signs whose picture may still be replaced


class Shots:
    """Writes the scenes of `BestFrames`: one file a sign, replaced while better frames come.

    `00000042-<sign id>-speed-limit-50.jpg`: the number grows from run to run, the id is that of the
    sign's events. Whatever the quota says goes, the oldest first. OutputError if the folder cannot
    be written to.
    """

    lossless = True

    def __init__(
        self,
        folder: Path,
        picture_of: Callable[[Scene], Image],
        quota: Callable[[Path], Quota] = Quota,
    ) -> None:
        self._folder = folder
        self._picture_of = picture_of
        picture_folder(folder)
        try:
            self._quota = quota(folder)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be read: {error.strerror}") from error
        self._open: OrderedDict[str, str] = OrderedDict()  # sign id → the name its file has

    def write(self, scene: Scene) -> None:
        for event in scene.events:
            before = self._open.get(event.sign_id)
            name = self._name(event, before)
            size = self._save(self._folder / name, self._picture_of(scene))
            self._quota.add(name, size)
            if before is not None and before != name:
                self._quota.remove(before)
            self._open[event.sign_id] = name
            if event.kind == "end":
                del self._open[event.sign_id]
            while len(self._open) > OPEN:
                self._open.popitem(last=False)

    def finish(self, events: Sequence[Event]) -> None:
        """Nothing: `BestFrames` has made scenes of the last events."""

    def close(self) -> None:
        pass

    def _name(self, event: Event, before: str | None) -> str:
        if before is None:
            number = f"{self._quota.number:08d}"
            self._quota.number += 1
        else:
            number = before.partition("-")[0]
        return f"{number}-{event.sign_id}-{slug(sign_class(event.sign.label).name)}.jpg"

    def _save(self, target: Path, picture: Image) -> int:
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        write_whole(target, data.tobytes())
        return len(data)


def crop_of(scene: Scene) -> Image:
    """The scene's only sign with a margin, cut at the edge of the picture; never empty."""
    (track,) = scene.tracks
    image = scene.frame.image
    rows, columns = image.shape[:2]
    across, down = MARGIN * track.box.width, MARGIN * track.box.height
    x1 = min(columns - 1, max(0, int(track.box.x1 - across)))
    y1 = min(rows - 1, max(0, int(track.box.y1 - down)))
    x2 = min(columns, max(x1 + 1, round(track.box.x2 + across)))
    y2 = min(rows, max(y1 + 1, round(track.box.y2 + down)))
    return image[y1:y2, x1:x2]


def snapshot_of(scene: Scene) -> Image:
    """The whole picture with its only sign boxed and named."""
    return Overlay().draw(scene)


def slug(name: str) -> str:
    """A name as file names and topics like it: `speed-limit-50`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
