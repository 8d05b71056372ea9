"""USB cameras through OpenCV: what they are asked for, what they grant, and which there are."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol, cast

import cv2

from edge.core import Image
from edge.sources.device import Pause, Shot
from edge.sources.info import SourceOptions
from edge.sources.quiet import quiet_opencv
from models.errors import SourceError

log = logging.getLogger(__name__)

SYSTEM = Path("/sys/class/video4linux")
LINKS = Path("/dev/v4l/by-id")
RETRY_S = 0.01  # after a read that gave nothing; a frame lasts three times as long


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def set(self, property_id: int, value: float) -> bool: ...
    def get(self, property_id: int) -> float: ...
    def read(self) -> tuple[bool, Image | None]: ...
    def release(self) -> None: ...


CaptureFactory = Callable[[int], Capture]


def open_capture(index: int) -> Capture:
    """OpenCV's camera of this number, by the system's own way to it."""
    with quiet_opencv():
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        return cast(Capture, cv2.VideoCapture(index, backend))


class UsbCamera:
    """A device of a camera's pictures. `target`: its number, or a link in /dev/v4l to it.

    A link is followed at every opening: a camera that is plugged in again may get another number.
    """

    def __init__(
        self,
        target: str,
        options: SourceOptions,
        capture: CaptureFactory = open_capture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"camera {target}"
        self._target = target
        self._options = options
        self._capture = capture
        self._clock = clock

    def __call__(self, pause: Pause) -> Generator[Shot, None, None]:
        """Every picture that it delivers; SourceError when it has been silent for the timeout."""
        index = camera_number(self._target)
        camera = self._capture(index)
        try:
            if not camera.isOpened():
                raise SourceError(_not_there(self.name, index))
            _ask_for(camera, self._options)
            heard, told = self._clock(), False
            while True:
                ok, image = _read(camera)
                now = self._clock()
                if ok and image is not None:
                    if not told:  # some drivers settle only when they stream
                        told = True
                        log.info("%s: %s", self.name, _granted(camera, self._options))
                    heard = now
                    yield Shot(image, now)
                elif now - heard >= self._options.timeout_s:
                    raise SourceError(
                        f"{self.name} gave no frame for {self._options.timeout_s:g} s"
                    )
                elif pause(RETRY_S):
                    return
        finally:
            camera.release()


def camera_number(target: str) -> int:
    """The number of a camera; SourceError where the link in /dev/v4l is not there."""
    if target.isdecimal():
        return int(target)
    device = Path(target).resolve()
    number = device.name.removeprefix("video")
    if device.parent != Path("/dev") or not number.isdecimal():
        found = ", ".join(list_cameras()) or "none"
        raise SourceError(f"camera {target} is not there; cameras found: {found}")
    return int(number)


def list_cameras(system: Path = SYSTEM) -> list[str]:
    """The cameras that Linux knows, as `0 (name)`; empty where there are none or on others."""
    found = []
    for entry in system.glob("video*"):
        number = entry.name.removeprefix("video")
        if number.isdecimal():
            label = entry / "name"
            name = label.read_text(errors="replace").strip() if label.is_file() else "no name"
            found.append((int(number), name))
    return [f"{number} ({name})" for number, name in sorted(found)]


def lasting_names(links: Path = LINKS) -> dict[int, str]:
    """Number → the link that names the same camera after a restart as well."""
    names = {}
    for link in sorted(links.glob("*")):
        number = link.resolve().name.removeprefix("video")
        if number.isdecimal():
            names[int(number)] = str(link)
    return names


def camera_table(system: Path = SYSTEM, links: Path = LINKS) -> list[str]:
    """A line for each camera: what to call it, its name, and what to call it for ever."""
    lasting = lasting_names(links)
    lines = []
    for camera in list_cameras(system):
        number, _, name = camera.partition(" ")
        link = lasting.get(int(number), "")
        lines.append(f"--camera {number}  {name[1:-1]}" + f"  --source {link}" * bool(link))
    return lines


def _ask_for(camera: Capture, options: SourceOptions) -> None:
    """MJPG goes first: raw pictures of this size do not fit through USB 2 at a full rate, and many
    cameras offer their sizes by format."""
    wishes: list[tuple[int, float]] = [(cv2.CAP_PROP_FOURCC, _code("MJPG"))]
    if options.size:
        wishes.append((cv2.CAP_PROP_FRAME_WIDTH, options.size[0]))
        wishes.append((cv2.CAP_PROP_FRAME_HEIGHT, options.size[1]))
    if options.fps:
        wishes.append((cv2.CAP_PROP_FPS, options.fps))
    wishes.append((cv2.CAP_PROP_BUFFERSIZE, 1))
    for name, value in wishes:
        camera.set(name, value)  # a camera that cannot gives what it has


def _granted(camera: Capture, options: SourceOptions) -> str:
    """What the camera gives, and what it was asked for where that is something else."""
    code = int(camera.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr(code >> 8 * place & 255) for place in range(4))
    width, height = (
        int(camera.get(name)) for name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    fps = camera.get(cv2.CAP_PROP_FPS)
    format_ = letters if letters.isprintable() and letters.strip() else "format not told"
    text = f"gives {width}x{height} {format_} at {fps:g} frames/s"
    wishes = []
    if options.size and options.size != (width, height):
        wishes.append("{}x{}".format(*options.size))
    if code != _code("MJPG"):
        wishes.append("MJPG")
    if options.fps and abs(options.fps - fps) > 0.5:
        wishes.append(f"{options.fps:g} frames/s")
    return f"{text}; asked for {', '.join(wishes)}" if wishes else text


def _code(letters: str) -> int:
    return sum(ord(letter) << (8 * place) for place, letter in enumerate(letters))


def _read(camera: Capture) -> tuple[bool, Image | None]:
    """One read; a picture that OpenCV cannot make sense of is none."""
    try:
        return camera.read()
    except cv2.error as error:
        log.debug("a picture was left out: %s", error)
        return False, None


def _not_there(name: str, index: int) -> str:
    tried = f"{name} cannot be opened"
    if sys.platform != "linux":
        return f"{tried}: is it connected, and may this program use it?"
    device = Path(f"/dev/video{index}")
    if device.exists():
        if not os.access(device, os.R_OK | os.W_OK):
            return f"{tried}: no permission for {device} (is this user in the group video?)"
        return f"{tried}: {device} is there but gives no pictures, or another program holds it"
    cameras = ", ".join(list_cameras()) or "none"
    return f"{tried}: there is no {device}; cameras found: {cameras}"
