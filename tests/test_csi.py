"""Boards' cameras at their seams: no board is needed, and none has been tried."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from fakes import FakeCapture

from edge.core import Image
from edge.sources import SourceOptions
from edge.sources.csi import CsiCamera, argus, has_gstreamer
from models.errors import SourceError

WITH, WITHOUT = "    GStreamer:      YES (1.20.3)\n", "    GStreamer:      NO\n"


class FakePicamera2:
    """The module and its class in one."""

    def __init__(self, pictures: list[Image | Exception]) -> None:
        self._pictures = pictures
        self.calls: list[Any] = []

    def Picamera2(self, number: int) -> FakePicamera2:  # noqa: N802 - the library's name
        self.calls.append(number)
        return self

    def create_video_configuration(self, **wishes: Any) -> dict[str, Any]:
        return wishes

    def configure(self, configuration: dict[str, Any]) -> None:
        self.calls.append(configuration)

    def start(self) -> None:
        self.calls.append("start")

    def capture_array(self, name: str) -> Image:
        assert name == "main"
        picture = self._pictures.pop(0)
        if isinstance(picture, Exception):
            raise picture
        return picture

    def close(self) -> None:
        self.calls.append("close")


def absent(name: str) -> Any:
    raise ModuleNotFoundError(name)


def no_pause(_: float) -> bool:
    return False


def test_on_a_raspberry_pi_picamera2_is_asked() -> None:
    picture = np.full((72, 96, 4), 9, np.uint8)  # some formats carry a fourth channel
    module = FakePicamera2([picture])
    options = SourceOptions(size=(1920, 1080), fps=25.0)
    camera = CsiCamera(1, options, lambda name: {"picamera2": module}[name])

    shots = camera(no_pause)
    shot = next(shots)
    shots.close()

    main = {"size": (1920, 1080), "format": "RGB888"}
    wishes = {"main": main, "controls": {"FrameRate": 25.0}}
    assert module.calls == [1, wishes, "start", "close"]
    assert shot.image.shape == (72, 96, 3)
    assert camera.name == "csi://1"


@pytest.mark.parametrize("error", [RuntimeError("camera in use"), IndexError("no camera 0")])
def test_what_picamera2_complains_of_is_a_source_error_and_it_is_closed(error: Exception) -> None:
    module = FakePicamera2([error])

    with pytest.raises(SourceError, match=f"csi://0: Picamera2: {error}"):
        next(CsiCamera(0, SourceOptions(), lambda _: module)(no_pause))
    assert module.calls[-1] == "close"


def jetson(camera: FakeCapture, asked: list[tuple[str, int]], timeout_s: float = 60.0) -> CsiCamera:
    def capture(pipeline: str, backend: int) -> FakeCapture:
        asked.append((pipeline, backend))
        return camera

    options = SourceOptions(size=(1920, 1080), fps=29.97, timeout_s=timeout_s)
    return CsiCamera(2, options, absent, lambda: WITH, capture)


def test_on_a_jetson_argus_is_asked_through_gstreamer() -> None:
    picture = np.zeros((72, 96, 3), np.uint8)
    camera, asked = FakeCapture([None, picture]), []

    shots = jetson(camera, asked)(no_pause)
    shot = next(shots)
    shots.close()

    assert asked == [(argus(2, (1920, 1080), 29.97), cv2.CAP_GSTREAMER)]
    assert "sensor-id=2 " in asked[0][0]
    assert "width=1920, height=1080, framerate=30/1" in asked[0][0]
    assert shot.image is picture
    assert camera.released.is_set()


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (FakeCapture(opened=False), "Argus gives no camera 2"),
        (FakeCapture(), "gave no frame for 0.05 s"),
    ],
)
def test_an_argus_that_gives_nothing_is_named(camera: FakeCapture, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        next(jetson(camera, [], 0.05)(no_pause))
    assert camera.released.is_set()


def test_a_picamera2_that_cannot_be_loaded_is_no_traceback() -> None:
    def torn(_: str) -> Any:
        raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")

    with pytest.raises(SourceError, match=r"csi://0 .*loaded: numpy\.dtype size .*uninstall numpy"):
        CsiCamera(0, SourceOptions(), torn)(no_pause)


def test_where_neither_is_there_both_ways_to_get_one_are_told() -> None:
    camera = CsiCamera(0, SourceOptions(), absent, lambda: WITHOUT)

    with pytest.raises(SourceError, match=r"apt install python3-picamera2.*system's OpenCV"):
        camera(no_pause)


@pytest.mark.parametrize(("build", "expected"), [(WITH, True), (WITHOUT, False), ("", False)])
def test_gstreamer_is_looked_up_in_the_build(build: str, expected: bool) -> None:
    assert has_gstreamer(build) is expected
