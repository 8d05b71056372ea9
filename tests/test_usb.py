"""USB cameras: what they are asked for, what they say, and how one is named that is not there."""

from __future__ import annotations

import logging
import subprocess
import sys
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import FakeCapture

from edge.core import Image
from edge.sources import SourceOptions
from edge.sources.usb import UsbCamera, camera_number, camera_table, lasting_names, list_cameras
from models.errors import SourceError
from tests.commands import TIMEOUT_S

MJPG = cv2.VideoWriter.fourcc(*"MJPG")


def grey(value: int) -> Image:
    return np.full((48, 64, 3), value, np.uint8)


def no_pause(_: float) -> bool:
    return False


def device(camera: FakeCapture, timeout_s: float = 3.0) -> UsbCamera:
    """A camera by a clock that moves a second with every look at it."""
    ticks = count()
    options = SourceOptions(timeout_s=timeout_s, size=(1920, 1080), fps=60)
    return UsbCamera("0", options, camera, lambda: float(next(ticks)))


def test_a_camera_that_drops_a_few_frames_goes_on() -> None:
    camera = FakeCapture([None, None, grey(1), None, grey(2)])

    shots = device(camera)(no_pause)

    assert [next(shots).time, next(shots).time] == [3, 5]
    shots.close()
    assert camera.released.is_set()


def test_a_camera_that_dies_is_an_error_and_is_released() -> None:
    camera = FakeCapture([grey(1)])
    shots = device(camera)(no_pause)
    next(shots)

    with pytest.raises(SourceError, match="camera 0 gave no frame for 3 s"):
        next(shots)
    assert camera.released.is_set()


def test_a_picture_that_opencv_chokes_on_is_left_out() -> None:
    def choke() -> None:
        raise cv2.error("corrupt JPEG")

    shots = device(FakeCapture([choke, grey(7)]))(no_pause)

    assert next(shots).image[0, 0, 0] == 7


def test_it_ends_when_nobody_wants_more() -> None:
    camera = FakeCapture([None])

    assert list(device(camera)(lambda _: True)) == []
    assert camera.released.is_set()


def test_the_format_is_asked_for_before_size_and_rate() -> None:
    camera = FakeCapture([grey(1)])

    next(device(camera)(no_pause))

    assert camera.settings == [
        (cv2.CAP_PROP_FOURCC, MJPG),
        (cv2.CAP_PROP_FRAME_WIDTH, 1920),
        (cv2.CAP_PROP_FRAME_HEIGHT, 1080),
        (cv2.CAP_PROP_FPS, 60),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]


@pytest.mark.parametrize(
    ("granted", "message"),
    [
        (
            {"FOURCC": MJPG, "FRAME_WIDTH": 1920, "FRAME_HEIGHT": 1080, "FPS": 60},
            "camera 0: gives 1920x1080 MJPG at 60 frames/s",
        ),
        (
            {
                "FOURCC": cv2.VideoWriter.fourcc(*"YUYV"),
                "FRAME_WIDTH": 640,
                "FRAME_HEIGHT": 480,
                "FPS": 5,
            },
            "camera 0: gives 640x480 YUYV at 5 frames/s; asked for 1920x1080, MJPG, 60 frames/s",
        ),
        ({}, "gives 0x0 format not told at 0 frames/s"),
    ],
)
def test_what_is_granted_is_told_and_compared(
    granted: dict[str, float], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    values = {getattr(cv2, f"CAP_PROP_{name}"): value for name, value in granted.items()}

    shots = device(FakeCapture([grey(1), grey(2)], granted=values))(no_pause)
    next(shots)
    next(shots)

    assert len(caplog.messages) == 1
    assert message in caplog.messages[0]


def test_a_camera_that_cannot_be_opened_is_named_and_released() -> None:
    camera = FakeCapture(opened=False)
    broken = UsbCamera("4321", SourceOptions(), camera)

    with pytest.raises(SourceError, match="camera 4321 cannot be opened"):
        next(broken(no_pause))
    assert camera.released.is_set()


@pytest.mark.skipif(sys.platform != "linux", reason="devices are files on Linux only")
def test_a_camera_that_is_not_there_is_one_line_and_opencv_stays_silent() -> None:
    script = "from edge.sources import open_source; open_source('4321')"

    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=Path(__file__).parents[1],
    )

    last = done.stderr.strip().splitlines()[-1]
    assert "camera 4321 cannot be opened: there is no /dev/video4321; cameras found:" in last
    assert "VIDEOIO" not in done.stderr
    assert "obsensor" not in done.stderr


def test_the_cameras_of_the_system_are_listed_by_number_and_name(tmp_path: Path) -> None:
    for name, label in (("video10", "Dashcam\n"), ("video2", None), ("v4l-subdev0", "x")):
        (tmp_path / name).mkdir()
        if label:
            (tmp_path / name / "name").write_text(label)

    assert list_cameras(tmp_path) == ["2 (no name)", "10 (Dashcam)"]
    assert list_cameras(tmp_path / "absent") == []


def test_the_table_of_cameras_says_what_to_type(tmp_path: Path) -> None:
    for number, label in ((0, "HD Cam (Left)"), (2, "HD Cam")):
        (tmp_path / "class" / f"video{number}").mkdir(parents=True)
        (tmp_path / "class" / f"video{number}" / "name").write_text(label)
    (tmp_path / "by-id").mkdir()
    (tmp_path / "by-id" / "usb-HD_Cam-index0").symlink_to("../../video0")

    found = camera_table(tmp_path / "class", tmp_path / "by-id")

    assert found == [
        f"--camera 0  HD Cam (Left)  --source {tmp_path}/by-id/usb-HD_Cam-index0",
        "--camera 2  HD Cam",
    ]
    assert lasting_names(tmp_path / "absent") == {}


def test_a_link_is_followed_to_the_number_it_has_now(tmp_path: Path) -> None:
    link = tmp_path / "usb-HD_Cam"
    for number in (0, 3):
        link.unlink(missing_ok=True)
        link.symlink_to(f"/dev/video{number}")

        assert camera_number(str(link)) == number


@pytest.mark.parametrize("target", ["/dev/null", "/etc/video1", "/dev/videos", None])
def test_a_link_that_leads_to_no_camera_is_not_opened(target: str | None, tmp_path: Path) -> None:
    link = tmp_path / "usb-HD_Cam"
    if target:
        link.symlink_to(target)

    with pytest.raises(SourceError, match="usb-HD_Cam is not there; cameras found: "):
        camera_number(str(link))
