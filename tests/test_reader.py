"""One still picture to its signs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edge.core import UNKNOWN, Array, Box, Detection, Image, Kind, Reading
from edge.fusion import fuse
from edge.reader import Reader, SignRead
from models.signs import BACKGROUND, FOREIGN

PICTURE = np.zeros((60, 80, 3), np.uint8)
PLACES = [Box(0, 0, 10, 10), Box(20, 0, 30, 10), Box(40, 0, 50, 10)]


def reading(kind: Kind, label: int, share: float) -> Reading:
    probabilities: Array = np.full(45, (1 - share) / 44)
    probabilities[{"sign": label, "foreign": FOREIGN, "background": BACKGROUND}[kind]] = share
    return Reading(kind, label, share, probabilities)


class Finds:
    def __init__(self, *scores: float) -> None:
        self.detections = [
            Detection(box, score) for box, score in zip(PLACES, scores, strict=False)
        ]

    def detect(self, image: Image) -> list[Detection]:
        assert image is PICTURE
        return self.detections


class Says:
    def __init__(self, *readings: Reading) -> None:
        self.readings = readings
        self.asked: list[Sequence[Box]] = []

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:
        assert image is PICTURE
        self.asked.append(boxes)
        return list(self.readings)


def test_every_box_is_read_at_once_and_the_best_fused_score_comes_first() -> None:
    detector = Finds(0.9, 0.8, 0.3)
    classifier = Says(
        reading("sign", 3, 0.3), reading("sign", 4, 0.999), reading("foreign", UNKNOWN, 0.9)
    )
    reads = Reader(detector, classifier, threshold=0.0).read(PICTURE)
    expected = [
        SignRead(d, r, fuse(d, r))
        for d, r in zip(detector.detections, classifier.readings, strict=True)
    ]
    assert reads == sorted(expected, key=lambda read: -read.score)
    assert [read.score for read in reads] == sorted((read.score for read in reads), reverse=True)
    assert classifier.asked == [PLACES]


def test_background_is_dropped_and_a_foreign_sign_stays_unknown() -> None:
    classifier = Says(reading("background", UNKNOWN, 0.9), reading("foreign", UNKNOWN, 0.9))
    (read,) = Reader(Finds(0.9, 0.9), classifier, threshold=0.0).read(PICTURE)
    assert (read.reading.kind, read.reading.label) == ("foreign", UNKNOWN)
    assert read.detection.box == PLACES[1]


def test_the_threshold_is_on_the_fused_score_and_reaching_it_is_enough() -> None:
    detector, classifier = Finds(0.6, 0.2), Says(*[reading("sign", 1, 0.9)] * 2)
    better, worse = (fuse(detection, classifier.readings[0]) for detection in detector.detections)
    assert worse < better
    exactly = Reader(Finds(0.6), Says(reading("sign", 1, 0.9)), threshold=better).read(PICTURE)
    assert [read.score for read in exactly] == [better]
    assert len(Reader(detector, classifier, threshold=worse).read(PICTURE)) == 2


def test_what_no_reading_could_make_a_sign_is_not_read() -> None:
    detector, classifier = Finds(0.9, 0.3), Says(reading("sign", 1, 0.999))
    sure = Says(*[reading("sign", 1, 1.0)] * 2)
    most = fuse(detector.detections[1], sure.readings[0])
    (read,) = Reader(detector, classifier, threshold=most + 1e-9).read(PICTURE)
    assert read.detection.score == 0.9
    assert classifier.asked == [PLACES[:1]]
    assert len(Reader(detector, sure, threshold=most).read(PICTURE)) == 2


def test_an_empty_road_is_read_as_nothing_without_asking_the_classifier() -> None:
    classifier = Says()
    assert Reader(Finds(), classifier, threshold=0.0).read(PICTURE) == []
    assert classifier.asked == []


def test_a_classifier_that_loses_a_box_is_an_error_and_not_an_empty_road() -> None:
    with pytest.raises(ValueError, match="zip"):
        Reader(Finds(0.9, 0.9), Says(reading("sign", 1, 0.9)), threshold=0.0).read(PICTURE)
