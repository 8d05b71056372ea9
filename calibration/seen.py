"""What the models say of whole pictures, kept picture by picture: one walk answers everything."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from calibration.metrics import Bools, Floats, Ints
from calibration.places import NONE, Places
from edge.core import UNKNOWN, Classifier, Detection, Detector, Image
from edge.reader import Reader
from training.datasets import Example
from training.files import stem

WHOLE_CURVE = 0.001  # detector score down to which average precision looks, as in COCO's practice
READ_CURVE = 0.003  # the same where every box is also read: what lies below cannot move the figure


class Answers(NamedTuple):
    """What the models answered to one picture, best first; the fields are those of Seen."""

    boxes: Floats  # (n, 4)
    said: Ints  # (n,)
    scores: Floats  # (n,)
    detected: Floats  # (n,)


class Seen(NamedTuple):
    """One picture: what stands there, and what the models answered, best first.

    `labels` of signs whose class is not known are UNKNOWN. `said` is UNKNOWN for what was read as
    a foreign sign, and everywhere where nothing was read. `scores` rank the answers: the fused
    ones, or where nothing was read the detector's, which are also in `detected`. `places` is what
    else a person has marked there, None where nobody has looked.
    """

    example: Example
    signs: Floats  # (m, 4)
    labels: Ints  # (m,)
    places: Places | None
    boxes: Floats  # (n, 4)
    said: Ints  # (n,)
    scores: Floats  # (n,)
    detected: Floats  # (n,)

    @property
    def heights(self) -> Floats:
        """Of the signs in px, (m,)."""
        return np.asarray(self.signs[:, 3] - self.signs[:, 1])

    @property
    def hand_marked(self) -> Places:
        return NONE if self.places is None else self.places

    @property
    def sign_free(self) -> bool:
        """Whether neither the set nor the person who has looked has marked anything here."""
        return self.places is not None and not len(self.signs) and not len(self.places.boxes)


Pictures = Iterable[tuple[Example, Image]]  # such as a Walk
ByPicture = Mapping[str, Places]


def see_detector(
    detector: Detector, pictures: Pictures, places: ByPicture | None = None
) -> tuple[list[Seen], list[float]]:
    """Every picture with the detector's answers, and the seconds that each took in it."""
    seen, seconds = [], []
    for example, image in pictures:
        start = time.perf_counter()
        found = detector.detect(image)
        seconds.append(time.perf_counter() - start)
        seen.append(_found(example, found, places))
    return seen, seconds


def see_system(reader: Reader, pictures: Pictures, places: ByPicture | None = None) -> list[Seen]:
    """Every picture with what was found and read in it."""
    seen = []
    for example, image in pictures:
        reads = reader.read(image)
        answers = Answers(
            boxes_of([read.detection.box for read in reads]),
            np.array([read.reading.label for read in reads], dtype=np.int64),
            np.array([read.score for read in reads], dtype=np.float64),
            np.array([read.detection.score for read in reads], dtype=np.float64),
        )
        seen.append(seen_of(example, places, answers))
    return seen


class _Overheard:
    """A detector that keeps its latest answer, for who hears only what became of it."""

    def __init__(self, detector: Detector) -> None:
        self.latest: list[Detection] = []
        self._detector = detector

    def detect(self, image: Image) -> list[Detection]:
        self.latest = self._detector.detect(image)
        return self.latest


def see_both(
    detector: Detector, classifier: Classifier, pictures: Pictures, places: ByPicture | None = None
) -> tuple[list[Seen], list[Seen]]:
    """Every picture with what was found and read in it, and with what the detector alone found.

    The second holds also what was then read as background.
    """
    overheard = _Overheard(detector)
    reader = Reader(overheard, classifier, threshold=0.0)
    read, found = [], []
    for example, image in pictures:
        read += see_system(reader, [(example, image)], places)
        found.append(_found(example, overheard.latest, places))
    return read, found


def _found(example: Example, found: Sequence[Detection], places: ByPicture | None) -> Seen:
    scores = np.array([each.score for each in found], dtype=np.float64)
    said = np.full(len(found), UNKNOWN, dtype=np.int64)
    boxes = boxes_of([each.box for each in found])
    return seen_of(example, places, Answers(boxes, said, scores, scores))


def seen_of(example: Example, places: ByPicture | None, answers: Answers) -> Seen:
    """One picture with what is known of it and these answers."""
    return Seen(
        example,
        boxes_of([each.box for each in example.annotations]),
        np.array([each.label for each in example.annotations], dtype=np.int64),
        None if places is None else places.get(stem(example.name)),
        *answers,
    )


def boxes_of(boxes: Sequence[tuple[float, float, float, float]]) -> Floats:
    """Boxes as an array (n, 4), also where there are none."""
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def reaches(seen: Seen, least_detected: float, least: float) -> Bools:
    """Which answers the app would give: both scores reach their thresholds. (n,)"""
    return (seen.detected >= least_detected) & (seen.scores >= least)
