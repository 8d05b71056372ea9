"""A board's own camera at its ribbon cable: Picamera2 on a Raspberry Pi, Argus on a Jetson."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Generator
from typing import Any, cast

import cv2
import numpy as np

from edge.core import Image
from edge.sources.device import Pause, Shot
from edge.sources.info import SourceOptions
from edge.sources.quiet import quiet_opencv
from edge.sources.usb import RETRY_S
from models.errors import SourceError

SIZE = (1280, 720)  # where none is asked for: these cameras have no size of their own
FPS = 30.0

MISSING = (
    "a Raspberry Pi needs Picamera2 (sudo apt install python3-picamera2, and a venv made with "
    "--system-site-packages), a Jetson needs the system's OpenCV, which has GStreamer (a venv "
    "made with --system-site-packages and no opencv from pip)"
)


class CsiCamera:
    """A device of the camera of that number. What talks to it is looked up when it is opened.

    `load` imports a module by its name; `build` is OpenCV's build information.
    """

    def __init__(
        self,
        number: int,
        options: SourceOptions,
        load: Callable[[str], Any] = importlib.import_module,
        build: Callable[[], str] = cv2.getBuildInformation,
        capture: Callable[[str, int], Any] = cv2.VideoCapture,
    ) -> None:
        self.name = f"csi://{number}"
        self._number = number
        self._size = options.size or SIZE
        self._fps = options.fps or FPS
        self._timeout_s = options.timeout_s
        self._load = load
        self._build = build
        self._capture = capture

    def __call__(self, pause: Pause) -> Generator[Shot, None, None]:
        """Its pictures; SourceError where nothing here can talk to it, or it gives none."""
        try:
            module = self._load("picamera2")
        except ImportError:
            module = None
        except Exception as error:  # pip's NumPy in the way of the system's makes it a ValueError
            raise SourceError(
                f"{self.name} cannot be opened: Picamera2 cannot be loaded: {error} (made for "
                "another NumPy than this venv's? pip uninstall numpy leaves it the system's)"
            ) from error
        if module is not None:
            return self._by_picamera2(module)
        if has_gstreamer(self._build()):
            return self._by_argus(pause)
        raise SourceError(f"{self.name} cannot be opened: {MISSING}")

    def _by_picamera2(self, module: Any) -> Generator[Shot, None, None]:
        camera = None
        try:
            camera = module.Picamera2(self._number)
            # Its RGB888 is blue, green, red in memory.
            main = {"size": self._size, "format": "RGB888"}
            wishes = {"FrameRate": self._fps}
            camera.configure(camera.create_video_configuration(main=main, controls=wishes))
            camera.start()
            while True:
                image = np.ascontiguousarray(camera.capture_array("main")[:, :, :3])
                yield Shot(cast(Image, image), time.monotonic())
        except (RuntimeError, OSError, IndexError) as error:  # what libcamera's binding raises
            raise SourceError(f"{self.name}: Picamera2: {error}") from error
        finally:
            if camera is not None:
                camera.close()

    def _by_argus(self, pause: Pause) -> Generator[Shot, None, None]:
        with quiet_opencv():
            camera = self._capture(argus(self._number, self._size, self._fps), cv2.CAP_GSTREAMER)
        try:
            if not camera.isOpened():
                raise SourceError(
                    f"{self.name} cannot be opened: Argus gives no camera {self._number} "
                    "(is the ribbon cable in, and nvargus-daemon running?)"
                )
            heard = time.monotonic()
            while True:
                ok, image = camera.read()
                now = time.monotonic()
                if ok:
                    heard = now
                    yield Shot(image, now)
                elif now - heard >= self._timeout_s:
                    raise SourceError(f"{self.name} gave no frame for {self._timeout_s:g} s")
                elif pause(RETRY_S):
                    return
        finally:
            camera.release()


def argus(number: int, size: tuple[int, int], fps: float) -> str:
    """GStreamer's words for a Jetson's camera; made of numbers only."""
    width, height = size
    return (
        f"nvarguscamerasrc sensor-id={number:d} ! "
        f"video/x-raw(memory:NVMM), width={width:d}, height={height:d}, "
        f"framerate={round(fps):d}/1 ! nvvidconv ! video/x-raw, format=BGRx ! videoconvert ! "
        "video/x-raw, format=BGR ! appsink drop=true max-buffers=1 sync=false"
    )


def has_gstreamer(build: str) -> bool:
    """Whether OpenCV's build information says so."""
    return any(
        line.strip().startswith("GStreamer:") and "YES" in line for line in build.splitlines()
    )
