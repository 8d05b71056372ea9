"""Cameras hand over their newest frame; those that are absent, silent or stuck say so."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import FakeCapture

from edge import handover
from edge.core import Image
from edge.sources import SourceOptions, open_source
from edge.sources.live import camera_frames, list_cameras
from models.errors import SourceError

QUICK = SourceOptions(timeout_s=0.2)


def grey(value: int) -> Image:
    return np.full((48, 64, 3), value, np.uint8)


def never() -> None:
    threading.Event().wait()


def test_a_camera_gives_frames_with_the_time_they_came() -> None:
    gate = threading.Event()
    camera = FakeCapture([grey(1), gate.wait, grey(2), never])

    info, source = open_source("0", QUICK, camera)
    first = next(source)
    gate.set()
    second = next(source)

    assert (info.name, info.live, info.stills, info.frames) == ("camera 0", True, False, None)
    assert info.size == (64, 48)
    assert [first.image[0, 0, 0], second.image[0, 0, 0]] == [1, 2]
    assert [first.index, second.index] == [0, 1]
    assert first.time < second.time
    assert first.wall is not None


def test_what_nobody_took_is_replaced_and_leaves_a_gap_in_the_index() -> None:
    all_read = threading.Event()
    camera = FakeCapture([grey(1), grey(2), grey(3), all_read.set, never])

    _, source = open_source("/dev/video3", QUICK, camera)
    assert all_read.wait(10)
    frame = next(source)

    assert (camera.index, frame.index, frame.image[0, 0, 0]) == (3, 2, 3)


def test_a_camera_that_drops_a_few_frames_goes_on() -> None:
    camera = FakeCapture([None, None, grey(1), None, grey(2)])
    ticks = count()

    frames = camera_frames(0, SourceOptions(timeout_s=3), camera, no_pause, lambda: next(ticks))

    assert [next(frames).time, next(frames).time] == [3, 5]
    frames.close()
    assert camera.released.is_set()


def test_a_camera_that_dies_is_an_error_and_is_released() -> None:
    camera = FakeCapture([grey(1)])
    ticks = count()
    frames = camera_frames(0, SourceOptions(timeout_s=3), camera, no_pause, lambda: next(ticks))
    next(frames)

    with pytest.raises(SourceError, match="camera 0 gave no frame for 3 s"):
        next(frames)
    assert camera.released.is_set()


def no_pause(_: float) -> bool:
    return False


def test_a_camera_that_falls_silent_is_an_error() -> None:
    _, source = open_source("0", QUICK, FakeCapture([grey(1), never]))
    next(source)

    with pytest.raises(SourceError, match=r"camera 0 gave no frame for 0\.2 s"):
        next(source)


def test_a_camera_that_never_gives_a_frame_is_an_error_at_once() -> None:
    with pytest.raises(SourceError, match="gave no frame"):
        open_source("0", QUICK, FakeCapture())


def test_closing_releases_the_camera() -> None:
    camera = FakeCapture([grey(value) for value in range(200)])
    _, source = open_source("0", QUICK, camera)

    source.close()

    assert camera.released.is_set()
    assert list(source) == []


def test_closing_leaves_a_read_that_hangs_to_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handover, "ABANDON_S", 0.01)
    _, source = open_source("0", QUICK, FakeCapture([grey(1), never]))

    source.close()

    assert "camera 0 hangs and was abandoned" in caplog.text


def test_the_format_is_asked_for_before_size_and_rate() -> None:
    camera = FakeCapture([grey(1)])
    options = SourceOptions(width=1920, height=1080, fps=60, timeout_s=0.2)

    _, source = open_source("0", options, camera)
    source.close()

    assert camera.settings[:4] == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 1920),
        (cv2.CAP_PROP_FRAME_HEIGHT, 1080),
        (cv2.CAP_PROP_FPS, 60),
    ]


def test_a_camera_that_cannot_be_opened_is_named_and_released() -> None:
    camera = FakeCapture(opened=False)

    with pytest.raises(SourceError, match="camera 4321 cannot be opened"):
        open_source("4321", QUICK, camera)
    assert camera.released.is_set()


@pytest.mark.skipif(sys.platform != "linux", reason="devices are files on Linux only")
def test_a_camera_that_is_not_there_is_one_line_and_opencv_stays_silent() -> None:
    script = "from edge.sources import open_source; open_source('4321')"

    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
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
