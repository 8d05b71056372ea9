"""The detector's input in the shape of the frames: which one, and that it is the same net."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_models import classifier_bytes, detector_bytes, detector_spec, save

from edge.core import Box, Image, Tensor
from edge.demo import VIDEO as DEMO
from edge.detector import MAX_OTHERS, YoloDetector, load_detector
from edge.reshape import FEWER, FINER, STEP, Size, fitting, reshaped
from edge.runtime import LiteRtRuntime
from models.errors import ModelError
from models.imaging import letterbox
from models.spec import FOLDER, Input, load_spec

OWN = (1152, 640)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((1280, 720), OWN),
        ((1920, 1080), OWN),
        ((1360, 800), OWN),  # a twentieth would be saved: not worth it
        ((640, 480), (864, 640)),
        ((1440, 900), (1024, 640)),
        ((3280, 2464), (992, 736)),  # narrower: larger, with no more pixels
        ((720, 960), (608, 800)),  # a quarter larger
        ((960, 720), (960, 736)),  # as large as it is
        ((720, 1280), (480, 800)),
        ((10, 5000), (32, 800)),
        ((1280, 360), (1152, 352)),
        ((5000, 10), (1152, 32)),
        ((1, 1), (640, 640)),
    ],
)
def test_an_input_shows_a_frame_as_finely_or_finer(frame: Size, expected: Size) -> None:
    assert fitting(frame, OWN) == expected


def test_no_frame_is_seen_less_finely_nor_costs_more() -> None:
    dice = np.random.default_rng(0)
    for columns, rows in dice.integers(8, 4000, (500, 2)).tolist():
        for own in (OWN, (704, 416), (1408, 800), (96, 64)):
            width, height = fitting((columns, rows), own)
            usual = min(own[0] / columns, own[1] / rows)
            assert min(width / columns, height / rows) >= usual * (1 - 1e-5)
            finer = min(width / columns, height / rows) >= FINER[0] * usual * (1 - 1e-5)
            share = 1.0 if finer or (width, height) == own else FEWER
            assert width * height <= share * own[0] * own[1]
            assert width % STEP == height % STEP == 0


def small(folder: Path, width: int = 160, height: int = 96) -> tuple[LiteRtRuntime, Path]:
    data = detector_bytes(width, height)
    spec = detector_spec(data, input=Input(width, height, "rgb", "letterbox", 0.0))
    path = save(spec, data, folder)
    return LiteRtRuntime(spec, path, 1), path


def test_another_input_gives_the_same_answers_for_the_same_pixels(tmp_path: Path) -> None:
    runtime, path = small(tmp_path)
    image = np.random.default_rng(1).integers(0, 256, (96, 160, 3), np.uint8)
    image[:, 96:] = 0
    narrow = LiteRtRuntime(load_spec(path), path, 1, (96, 96))
    assert sorted(narrow.shapes) == [(1, 12, 12, 1), (1, 12, 12, 64)]
    for whole, part in zip(
        runtime(image), narrow(np.ascontiguousarray(image[:, :96])), strict=True
    ):
        assert np.array_equal(whole.values[:, :, :12], part.values)
    assert [shape[2] for shape in runtime.shapes] == [20, 20]  # the first one stays as it was


@pytest.mark.parametrize("name", ["detector", "detector-fast", "detector-accurate"])
def test_a_published_net_rewritten_for_its_own_size_is_itself(name: str) -> None:
    spec = load_spec(FOLDER / f"{name}.json")
    own = spec.input.width, spec.input.height
    runtime = LiteRtRuntime(spec, FOLDER / f"{name}.json", 1)
    image = np.random.default_rng(0).integers(0, 256, (own[1], own[0], 3), np.uint8)
    again = LiteRtRuntime(spec, FOLDER / f"{name}.json", 1, own)
    for first, second in zip(runtime(image), again(image), strict=True):
        assert np.array_equal(first.values, second.values)


def test_the_published_detector_finds_in_a_narrow_frame_what_it_finds_in_grey() -> None:
    """Frames of the demo drive cut to 4:3, 3:4 and a strip, with and without another input."""
    video = cv2.VideoCapture(str(DEMO))
    detector, kept = load_detector("detector", 1), load_detector("detector", 1)
    kept._other = None
    signs = again = 0
    for number in range(0, int(video.get(cv2.CAP_PROP_FRAME_COUNT)), 45):
        video.set(cv2.CAP_PROP_POS_FRAMES, number)
        read, frame = video.read()
        assert read
        for part in (frame[:, 320:], frame[:, 740:], frame[180:540]):
            image = np.ascontiguousarray(part)
            found, usual = detector.detect(image), kept.detect(image)
            for each in usual:
                if each.score > 0.6 and _inside(each.box, image):
                    signs += 1
                    again += max(each.box.iou(other.box) for other in found) > 0.7
    video.release()
    assert again >= 0.98 * signs > 20  # two that touch are now and then one box
    assert detector._other
    assert detector._other.cache_info().currsize == 3
    assert kept._other is None


def _inside(box: Box, image: Image) -> bool:
    """Not cut by the frame's edge: there the grey beside it does tell something."""
    rows, columns = image.shape[:2]
    return box.x1 > 4 and box.y1 > 4 and box.x2 < columns - 4 and box.y2 < rows - 4


def test_a_net_is_rewritten_once_for_all_who_need_that_size() -> None:
    data, again = detector_bytes(96, 96), detector_bytes(96, 96)

    made = reshaped(data, (96, 96), (128, 96))

    assert reshaped(again, (96, 96), (128, 96)) is made
    assert reshaped(data, (96, 96), (96, 128)) != made


def test_a_net_that_does_more_than_convolve_is_not_rewritten() -> None:
    with pytest.raises(ModelError, match="takes any size, found FULLY_CONNECTED"):
        reshaped(classifier_bytes(96, 96), (96, 96), (96, 128))


@pytest.mark.parametrize("own", [(160, 90), (64, 96)])
def test_an_input_that_cannot_be_told_apart_is_not_rewritten(own: Size) -> None:
    with pytest.raises(ModelError, match="expected an input of whole steps of 32 px"):
        reshaped(detector_bytes(*own), own, (96, 96))


def test_a_net_of_another_size_than_claimed_is_not_rewritten() -> None:
    with pytest.raises(ModelError, match=r"expected sides in proportion to \d+, found"):
        reshaped(detector_bytes(168, 104), (160, 96), (96, 96))


class Reshaping:
    """A runtime for each size, which remembers what it was shown; `fails` after so many."""

    def __init__(self, fails: int = 1000) -> None:
        self.made: list[Size] = []
        self.shown: list[tuple[int, ...]] = []
        self.fails = fails

    def __call__(self, size: Size) -> Reshaping:
        if len(self.made) >= self.fails:
            raise ModelError("expected something else")
        self.made.append(size)
        return self

    def run(self, image: Image) -> tuple[Tensor, ...]:
        self.shown.append(image.shape[:2])
        rows, columns = image.shape[0] // 8, image.shape[1] // 8
        return (
            Tensor(np.zeros((1, rows, columns, 64), np.float32)),
            Tensor(np.full((1, rows, columns, 1), -9.0, np.float32)),
        )


def detector_of(reshaping: Reshaping) -> YoloDetector:
    spec = detector_spec(input=Input(320, 192, "rgb", "letterbox", 0.0))
    return YoloDetector(spec, reshaping.run, None, lambda size: reshaping(size).run)


def frame(width: int, height: int) -> Image:
    return np.zeros((height, width, 3), np.uint8)


def test_each_shape_is_made_once_and_the_latest_are_kept() -> None:
    reshaping = Reshaping()
    detector = detector_of(reshaping)
    for _ in range(2):
        detector.detect(frame(640, 384))
        detector.detect(frame(192, 192))
    assert reshaping.made == [(192, 192)]
    assert reshaping.shown == [(192, 320), (192, 192)] * 2
    for width in (32, 64, 96, 128):
        detector.detect(frame(width, 192))
    assert detector._other
    assert detector._other.cache_info().currsize == MAX_OTHERS
    detector.detect(frame(320, 192))
    detector.detect(frame(128, 192))
    assert len(reshaping.made) == 5  # own and latest are still there …
    detector.detect(frame(192, 192))
    assert reshaping.made[5:] == [(192, 192)]  # … the one not seen for longest is not


def test_a_net_that_cannot_change_keeps_its_own_input(caplog: pytest.LogCaptureFixture) -> None:
    reshaping = Reshaping(fails=0)
    detector = detector_of(reshaping)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert detector.detect(frame(192, 192)) == []
    assert reshaping.shown == [(192, 320)] * 3
    assert [r.getMessage() for r in caplog.records] == [
        "small keeps its own input: expected something else"
    ]


def test_boxes_of_another_input_are_in_pixels_of_the_frame(tmp_path: Path) -> None:
    """A white square in a narrow frame: the answer lies where the square does."""
    _, path = small(tmp_path)
    spec = dataclasses.replace(load_spec(path), thresholds={"score": 0.9, "iou": 0.3})
    save(spec, path.with_name(spec.file).read_bytes(), tmp_path)
    image = frame(192, 192)
    image[64:96, 128:160] = 255
    detector = load_detector(str(path), 1)
    found = detector.detect(image)
    assert found
    assert detector._fitting(image).width == 96
    small_image, _ = letterbox(image, 96, 96)
    assert small_image.shape == (96, 96, 3)
    for each in found:
        assert 128 <= (each.box.x1 + each.box.x2) / 2 <= 160
        assert 64 <= (each.box.y1 + each.box.y2) / 2 <= 96
