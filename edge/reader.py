"""One still picture to its signs: detect, classify, fuse; no memory between pictures."""

from __future__ import annotations

from typing import NamedTuple

from edge.core import Classifier, Detection, Image, Reading, Watcher
from edge.fusion import fuse, most


class SignRead(NamedTuple):
    """A sign found in a still picture, what it was read as, and the fused score of 0–1."""

    detection: Detection
    reading: Reading
    score: float


class Reader:
    """Reads single pictures: a folder, an upload, an evaluation set.

    `threshold` is the lowest fused score that counts as a sign: the score of "a road sign, one of
    the 43 or foreign, stands here".
    """

    def __init__(self, detector: Watcher, classifier: Classifier, threshold: float) -> None:
        self._detector = detector
        self._classifier = classifier
        self._threshold = threshold

    def read(self, image: Image) -> list[SignRead]:
        """The signs of a BGR picture (H, W, 3), best fused score first; empty if there are none.

        What is read as background is dropped; a foreign sign stays, with the label `UNKNOWN`.
        """
        found = self._detector.detect(image) or ()
        detections = [each for each in found if most(each) >= self._threshold]
        if not detections:
            return []
        readings = self._classifier.classify(image, [detection.box for detection in detections])
        reads = [
            SignRead(detection, reading, fuse(detection, reading))
            for detection, reading in zip(detections, readings, strict=True)
            if reading.kind != "background"
        ]
        reads = [read for read in reads if read.score >= self._threshold]
        return sorted(reads, key=lambda read: read.score, reverse=True)
