"""Whether a classifier knows what it does not know: signs kept, everything else refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration import metrics
from calibration.matching import IOU
from calibration.metrics import UNMATCHED, Bools, Counts, Floats
from calibration.seen import boxes_of
from calibration.walk import known
from edge.core import Box, Classifier, Detector, Image, Reading
from models.errors import SourceError
from models.signs import COUNT
from training import negatives
from training.datasets import Annotation, Dataset, Example
from training.files import stem

SIGN = "sign"
NEGATIVES = ("background", "misframed", "foreign")  # what must not be called one of the 43
SAID = ("sign", "foreign", "background")


class Negative(NamedTuple):
    """A place that is none of the 43 signs; `kind` is one of NEGATIVES."""

    box: Box
    kind: str


def negatives_by_picture() -> dict[str, list[Negative]]:
    """The written-down negatives of all of GTSDB's training pictures, by the picture's stem."""
    found: dict[str, list[Negative]] = {}
    for part in negatives.PARTS:
        for each in negatives.foreign(part):
            found.setdefault(each.picture, []).append(Negative(Box(*each.box), "foreign"))
        for each in negatives.background(part):
            found.setdefault(each.picture, []).append(Negative(Box(*each.box), each.kind))
    return found


def part_of_negatives(dataset: Dataset, part: str) -> tuple[Example, ...]:
    """The pictures of GTSDB that are `choose` (or another part) where negatives are concerned."""
    its = negatives.parts()
    return tuple(each for each in dataset.examples if its.get(stem(each.name)) == part)


class Look(NamedTuple):
    """What the classifier said of one place; `truth` is SIGN or one of NEGATIVES."""

    truth: str
    said: str
    picture: int


class Found(NamedTuple):
    """What it said of a sign as the detector cut it out."""

    label: int
    reading: Reading
    picture: int


def measure_kinds(
    classifier: Classifier,
    detector: Detector | None,
    walk: Iterable[tuple[Example, Image]],
    places: Mapping[str, Sequence[Negative]],
) -> dict[str, Any]:
    """Read every annotated sign, every negative, and every sign that the detector finds.

    `places` by the picture's stem; without a detector its part is left out. Under `kinds`, as
    shares: `kept`, signs of the 43 that are called one of the 43, right or wrong;
    `background_refused`, `misframed_refused` and `foreign_refused`, negatives that are not; for
    each what it is called (`said`) and how many there are (`n`). Under `detected` the figures of
    calibration.reading for the detector's own boxes, an IoU of 0.5 or more with a sign. A figure
    without examples is left out; SourceError where there are no signs or no negatives at all.
    Intervals draw pictures.
    """
    looks: list[Look] = []
    found: list[Found] = []
    pictures = 0
    for example, image in walk:
        signs, others = known(example.annotations), places.get(stem(example.name), ())
        hits = _matched(detector, image, signs) if detector else []
        boxes = [
            *(Box(*each.box) for each in signs),
            *(each.box for each in others),
            *(box for box, _ in hits),
        ]
        readings = classifier.classify(image, boxes)
        truths = [SIGN] * len(signs) + [each.kind for each in others]
        pairs = zip(truths, readings[: len(truths)], strict=True)
        looks += [Look(truth, reading.kind, pictures) for truth, reading in pairs]
        cut = zip(hits, readings[len(truths) :], strict=True)
        found += [Found(label, reading, pictures) for (_, label), reading in cut]
        pictures += 1
    result = {"kinds": kinds(looks, pictures)}
    return result | {"detected": detected(found, pictures)} if found else result


def kinds(looks: Sequence[Look], pictures: int) -> dict[str, Any]:
    """Shares kept and refused, with intervals; SourceError without a sign or without a negative."""
    truth = np.array([look.truth for look in looks])
    named = np.array([look.said == SIGN for look in looks], dtype=bool)
    group = np.array([look.picture for look in looks], dtype=np.int64)
    asked: dict[str, tuple[Bools, Bools]] = {"kept": (truth == SIGN, named)}
    asked |= {f"{kind}_refused": (truth == kind, ~named) for kind in NEGATIVES}
    asked = {key: (its, good) for key, (its, good) in asked.items() if its.any()}
    if "kept" not in asked or len(asked) == 1:
        lacking = "places that are none" if "kept" in asked else "signs"
        raise SourceError(
            f"expected signs of the 43 classes and places that are none, found no {lacking}"
        )

    def figures(counts: Counts) -> dict[str, float]:
        return {key: _share(good[its], counts[group][its]) for key, (its, good) in asked.items()}

    said = np.array([look.said for look in looks])
    present = [kind for kind in (SIGN, *NEGATIVES) if (truth == kind).any()]
    return {
        **figures(np.ones(pictures, dtype=np.int64)),
        "said": {
            kind: {each: float((said[truth == kind] == each).mean()) for each in SAID}
            for kind in present
        },
        "n": {kind: int((truth == kind).sum()) for kind in present},
        "n_groups": pictures,
        "intervals": metrics.intervals(figures, pictures),
    }


def detected(found: Sequence[Found], pictures: int) -> dict[str, Any]:
    """How well at least one sign is read in the detector's box, and how well that is known."""
    table: Floats = np.array([each.reading.probabilities for each in found], dtype=np.float64)
    forced = metrics.forced(table, np.array([each.label for each in found]), COUNT)
    named = np.array([each.reading.kind == SIGN for each in found])
    group = np.array([each.picture for each in found], dtype=np.int64)

    def figures(counts: Counts) -> dict[str, float]:
        weight = counts[group]
        if not weight.any():
            return dict.fromkeys(("top1", "kept", "ece", "nll"), float("nan"))
        return {
            "top1": metrics.mean(forced.right, weight),
            "kept": metrics.mean(named, weight),
            "ece": metrics.calibration_error(forced.confidence, forced.right, weight),
            "nll": metrics.mean(forced.surprise, weight),
        }

    return {
        **figures(np.ones(pictures, dtype=np.int64)),
        "n": len(found),
        "intervals": metrics.intervals(figures, pictures),
        "reliability": metrics.reliability_rows(forced.confidence, forced.right),
    }


def _matched(
    detector: Detector, image: Image, signs: Sequence[Annotation]
) -> list[tuple[Box, int]]:
    """(the detector's box, the class that stands there) of the signs it finds."""
    boxes = [each.box for each in detector.detect(image)]
    overlap = metrics.ious(boxes_of(boxes), boxes_of([each.box for each in signs]))
    places = metrics.match(overlap, IOU)
    return [
        (box, signs[place].label)
        for box, place in zip(boxes, places, strict=True)
        if place != UNMATCHED
    ]


def _share(good: Bools, counts: Counts) -> float:
    """nan where a draw holds none, so that it does not count."""
    return metrics.mean(good, counts) if counts.any() else float("nan")
