"""Detect in every n-th frame only; in between the tracker follows what it knows."""

from __future__ import annotations

from edge.core import Detection, Detector, Image


class SparseDetector:
    """A detector that looks at the first frame and then at every `every`-th.

    In the frames between tracks are predicted, none starts and none is read. It buys time, or with
    a camera a higher frame rate, and costs delay: a sign is found up to `every` − 1 frames later,
    and looks at it are fewer.
    """

    def __init__(self, detector: Detector, every: int) -> None:
        self._detector = detector
        self._every = every
        self._frames = 0

    def detect(self, image: Image) -> list[Detection] | None:
        """The detector's answer in a frame whose turn it is; None in the others."""
        turn = self._frames % self._every == 0
        self._frames += 1
        return self._detector.detect(image) if turn else None
