"""A part of the frame for the detector: cut, found in, and told in pixels of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.core import Box, Detection, Image
from edge.roi import Roi, RoiDetector, parse_roi
from models.errors import UsageError

THIRD = 1 / 3
MORE = math.nextafter(THIRD, 1)


class Corner:
    """Finds one sign in the top left corner, and remembers the picture it was shown."""

    def __init__(self) -> None:
        self.shown: Image | None = None

    def detect(self, image: Image) -> list[Detection]:
        self.shown = image
        return [Detection(Box(0, 1, 10.5, 12), 0.7)]


def numbered(width: int, height: int) -> Image:
    """Every pixel another colour."""
    count = np.arange(width * height * 3) % 251
    return count.astype(np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize(
    ("text", "roi"),
    [
        ("0.2,0.8", Roi(0, 0.2, 1, 0.8)),
        ("0,1", Roi(0, 0, 1, 1)),
        (".1, .2, .9, .75", Roi(0.1, 0.2, 0.9, 0.75)),
    ],
)
def test_two_edges_are_a_strip_and_four_a_part(text: str, roi: Roi) -> None:
    assert parse_roi(text) == roi


@pytest.mark.parametrize(
    "text",
    [
        *("0.2", "0.2,0.4,0.6", "0.8,0.2", "0.5,0.5", "0.2,1.1", "-0.1,0.5", "nan,0.5"),
        *("top,bottom", "0.2;0.8", "0.5,0.1,0.5,0.9", ""),
    ],
)
def test_what_is_no_part_of_a_frame_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="roi: expected TOP,BOTTOM or LEFT,TOP,RIGHT,BOTTOM"):
        parse_roi(text)


@pytest.mark.parametrize(
    ("roi", "size", "pixels"),
    [
        (Roi(0, 0.25, 1, 0.75), (1280, 720), (0, 180, 1280, 540)),
        (Roi(0.1, 0.1, 0.95, 0.95), (10, 10), (1, 1, 10, 10)),  # 9.5 ends with pixel 9
        (Roi(0.99, 0.99, 1, 1), (4, 4), (3, 3, 4, 4)),
        (Roi(0, 0, 0.01, 0.01), (4, 4), (0, 0, 1, 1)),
        (Roi(THIRD, THIRD, MORE, MORE), (3, 3), (1, 1, 2, 2)),  # both edges are at 1.0 px
    ],
)
def test_a_part_is_whole_pixels_and_never_empty(
    roi: Roi, size: tuple[int, int], pixels: tuple[int, int, int, int]
) -> None:
    assert roi.pixels(size) == pixels


def test_the_detector_sees_the_part_only_and_answers_for_the_whole() -> None:
    corner, image = Corner(), numbered(40, 20)

    found = RoiDetector(corner, Roi(0.25, 0.5, 0.75, 1)).detect(image)

    assert corner.shown is not None
    np.testing.assert_array_equal(corner.shown, image[10:20, 10:30])
    assert found == [Detection(Box(10, 11, 20.5, 22), 0.7)]
