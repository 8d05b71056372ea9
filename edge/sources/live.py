"""Cameras: a thread reads as fast as they deliver, the newest frame is handed over."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol, cast

import cv2

from edge.core import Frame, Image
from edge.handover import Closed, Feed, Slot
from edge.sources.info import OpenSource, SourceInfo, SourceOptions, size_of
from edge.sources.quiet import quiet_opencv
from models.errors import SourceError

log = logging.getLogger(__name__)

_RETRY_S = 0.01  # after a read that gave nothing; a frame lasts three times as long


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def set(self, property_id: int, value: float) -> bool: ...
    def read(self) -> tuple[bool, Image | None]: ...
    def release(self) -> None: ...


CaptureFactory = Callable[[int], Capture]


def open_capture(index: int) -> Capture:
    """OpenCV's camera of this number, by the system's own way to it."""
    with quiet_opencv():
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        return cast(Capture, cv2.VideoCapture(index, backend))


def open_camera(
    index: int, options: SourceOptions, capture: CaptureFactory = open_capture
) -> tuple[SourceInfo, OpenSource]:
    """A source of a camera's newest frame; SourceError if it gives none in time.

    Frame.time is the monotonic second at which a frame came, Frame.wall the UTC second. A gap in
    Frame.index is a frame that nobody took in time.
    """
    source = CameraSource(index, options, capture)
    try:
        first = source.peek()
    except BaseException:
        source.close()
        raise
    return SourceInfo(source.name, True, False, size=size_of(first)), source


class CameraSource:
    """An iterator over the newest frame. It never ends by itself: SourceError when it runs dry."""

    def __init__(self, index: int, options: SourceOptions, capture: CaptureFactory) -> None:
        self.name = f"camera {index}"
        self._timeout_s = options.timeout_s
        slot: Slot[Frame] = Slot()
        self._feed = Feed(camera_frames(index, options, capture, slot.wait_closed), slot, self.name)

    def __iter__(self) -> CameraSource:
        return self

    def __next__(self) -> Frame:
        try:
            return self._feed.take(self._timeout_s)
        except Closed:
            raise StopIteration from None
        except TimeoutError as error:
            raise self._silent() from error

    def peek(self) -> Frame:
        """The frame that is there now, left for `next`; SourceError if none comes in time."""
        try:
            return self._feed.peek(self._timeout_s)
        except TimeoutError as error:
            raise self._silent() from error

    def close(self) -> None:
        self._feed.close()

    def _silent(self) -> SourceError:
        return SourceError(f"{self.name} gave no frame for {self._timeout_s:g} s")


def camera_frames(
    index: int,
    options: SourceOptions,
    capture: CaptureFactory,
    pause: Callable[[float], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Frame, None, None]:
    """Every frame that the camera delivers, until `pause` says that nobody wants more.

    A read that fails is tried again until the camera has been silent for the timeout.
    """
    camera = capture(index)
    try:
        if not camera.isOpened():
            raise SourceError(_not_there(index))
        _ask_for(camera, options)
        count = 0
        heard = clock()
        while True:
            ok, image = camera.read()
            now = clock()
            if ok and image is not None:
                heard = now
                yield Frame(image, count, now, wall=time.time())
                count += 1
            elif now - heard >= options.timeout_s:
                raise SourceError(f"camera {index} gave no frame for {options.timeout_s:g} s")
            elif pause(_RETRY_S):
                return
    finally:
        camera.release()


def _ask_for(camera: Capture, options: SourceOptions) -> None:
    """MJPG goes first: raw pictures of this size do not fit through USB 2 at a full rate, and many
    cameras offer their sizes by format."""
    mjpg = sum(ord(letter) << (8 * place) for place, letter in enumerate("MJPG"))
    for name, value in (
        (cv2.CAP_PROP_FOURCC, mjpg),
        (cv2.CAP_PROP_FRAME_WIDTH, options.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, options.height),
        (cv2.CAP_PROP_FPS, options.fps),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ):
        camera.set(name, value)  # a camera that cannot gives what it has


def list_cameras(system: Path = Path("/sys/class/video4linux")) -> list[str]:
    """The cameras that Linux knows, as `0 (name)`; empty where there are none or on others."""
    found = []
    for entry in system.glob("video*"):
        number = entry.name.removeprefix("video")
        if number.isdecimal():
            label = entry / "name"
            name = label.read_text(errors="replace").strip() if label.is_file() else "no name"
            found.append((int(number), name))
    return [f"{number} ({name})" for number, name in sorted(found)]


def _not_there(index: int) -> str:
    tried = f"camera {index} cannot be opened"
    if sys.platform != "linux":
        return f"{tried}: is it connected, and may this program use it?"
    device = Path(f"/dev/video{index}")
    if device.exists():
        if not os.access(device, os.R_OK | os.W_OK):
            return f"{tried}: no permission for {device} (is this user in the group video?)"
        return f"{tried}: {device} is there but gives no pictures, or another program holds it"
    cameras = ", ".join(list_cameras()) or "none"
    return f"{tried}: there is no {device}; cameras found: {cameras}"
