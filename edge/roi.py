"""Detect in a part of the frame only: a strip around the horizon, as fractions of the frame."""

from __future__ import annotations

import math
from typing import NamedTuple

from edge.core import Box, Detection, Detector, Image
from models.errors import UsageError


class Roi(NamedTuple):
    """Edges as fractions of the frame's width and height, 0–1 from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def pixels(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Whole pixels x1, y1, x2, y2 of a frame of this (width, height); never without area."""
        width, height = size
        x1 = min(math.floor(self.left * width), width - 1)
        y1 = min(math.floor(self.top * height), height - 1)
        x2 = max(math.ceil(self.right * width), x1 + 1)
        y2 = max(math.ceil(self.bottom * height), y1 + 1)
        return x1, y1, x2, y2


def parse_roi(text: str) -> Roi:
    """`TOP,BOTTOM` (the frame's whole width) or `LEFT,TOP,RIGHT,BOTTOM`; UsageError if neither."""
    expected = "expected TOP,BOTTOM or LEFT,TOP,RIGHT,BOTTOM as fractions of the frame, 0 to 1"
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"roi: {expected}, found {text!r}") from error
    if len(edges) == 2:
        edges = [0.0, edges[0], 1.0, edges[1]]
    if len(edges) != 4:
        raise UsageError(f"roi: {expected}, found {len(edges)} numbers")
    roi = Roi(*edges)
    if not (0 <= roi.left < roi.right <= 1 and 0 <= roi.top < roi.bottom <= 1):
        raise UsageError(f"roi: {expected}, each edge before the one across, found {text}")
    return roi


class RoiDetector:
    """A detector that is shown a part of the frame, and answers in pixels of the whole.

    For an input of w × h the frame is shrunk by max(W / w, H / h), the part by max(share of the
    width · W / w, share of the height · H / h): of a 4:3 frame a strip buys up to a third, and a
    part half as wide and half as high shows all signs twice as large. A strip over the whole width
    of a 16:9 frame is bound by that width and shows nothing larger; but the input takes the part's
    shape (`edge.reshape`), so that it costs less time. What lies outside is lost; a sign that the
    edge cuts gets a box up to the edge.
    """

    def __init__(self, detector: Detector, roi: Roi) -> None:
        self._detector = detector
        self._roi = roi

    def detect(self, image: Image) -> list[Detection]:
        """What the detector finds inside, best first, in full-frame pixels; empty if nothing."""
        x1, y1, x2, y2 = self._roi.pixels((image.shape[1], image.shape[0]))
        return [
            Detection(Box(box.x1 + x1, box.y1 + y1, box.x2 + x1, box.y2 + y1), score)
            for box, score in self._detector.detect(image[y1:y2, x1:x2])
        ]
