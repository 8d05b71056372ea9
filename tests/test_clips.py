"""Clips with a truth: the bundled drive, and still pictures that are driven into."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from calibration import clips
from calibration.clips import FPS, PAUSE, SIZE, STILL_S, drive, stills
from edge.core import Box, Image
from models.errors import SourceError
from training.datasets import Dataset, open_dataset

RED = (0, 0, 255)
STOP = 14
EACH = round(STILL_S * FPS)


def grey_with(box: tuple[int, int, int, int]) -> Image:
    image = np.full((800, 1360, 3), 90, np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = RED
    return image


@pytest.fixture
def pictures(tmp_path: Path) -> Dataset:
    """Two pictures with a red sign: one right of the middle, one close to the right edge."""
    folder = tmp_path / "FullIJCNN2013"
    folder.mkdir()
    lines = []
    for number, box in enumerate([(800, 300, 840, 340), (1280, 200, 1320, 240)]):
        cv2.imwrite(str(folder / f"{number:05d}.ppm"), grey_with(box))
        x1, y1, x2, y2 = box
        lines.append(f"{number:05d}.ppm;{x1};{y1};{x2 - 1};{y2 - 1};{STOP}")
    (folder / "gt.txt").write_text("\n".join(lines) + "\n")
    return open_dataset(folder)


def red(image: Image) -> Box:
    """The bounding box of what is red."""
    rows, columns = np.nonzero((image[..., 2] > 170) & (image[..., 1] < 45))
    return Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_the_truth_of_a_still_lies_on_its_sign_in_every_frame(pictures: Dataset) -> None:
    clip = stills(pictures, pictures.examples[:1])
    (sign,) = clip.truth

    frames = list(clip.frames())

    assert [frame.index for frame in frames] == list(range(EACH))
    assert clip.count == EACH
    assert list(sign.boxes) == list(range(EACH))
    for frame in frames:
        assert frame.image.shape == (SIZE[1], SIZE[0], 3)
        assert sign.boxes[frame.index].iou(red(frame.image)) > 0.9
    first, last = sign.boxes[0], sign.boxes[EACH - 1]
    assert last.height / first.height == pytest.approx(1.66, abs=0.05)
    assert sign.label == STOP


def test_a_sign_that_is_driven_past_leaves_the_truth(pictures: Dataset) -> None:
    _, sign = stills(pictures, pictures.examples).truth

    start = EACH + PAUSE
    assert min(sign.boxes) == start
    assert start < max(sign.boxes) < start + EACH - 1
    assert all(box.x2 <= SIZE[0] for box in sign.boxes.values())


def test_every_still_is_a_segment_of_its_own(pictures: Dataset) -> None:
    frames = list(stills(pictures, pictures.examples).frames())

    assert [frame.segment for frame in frames] == [0] * EACH + [1] * EACH
    assert frames[EACH].index - frames[EACH - 1].index == PAUSE + 1
    assert all(frame.time == frame.index / FPS for frame in frames)


def test_the_bundled_drive_can_be_cut_short() -> None:
    clip = drive(1, seconds=0.2)

    assert [frame.index for frame in clip.frames()] == list(range(6))
    assert clip.truth
    assert all(0 <= index < 6 for sign in clip.truth for index in sign.boxes)


def test_a_drive_that_has_been_drawn_is_taken_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "traffic-sign-edge" / "drives" / "seed-8"
    folder.mkdir(parents=True)
    (folder / "drive.mp4").write_bytes(clips.VIDEO.read_bytes())
    (folder / "drive.json").write_text('{"signs": []}')

    clip = drive(8, seconds=0.1)

    assert clip.truth == ()
    assert len(list(clip.frames())) == 3


def test_a_drive_that_cannot_be_drawn_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    with pytest.raises(SourceError, match="the drive of seed 9 could not be drawn into"):
        drive(9)
