"""How well a classifier names signs, on readings whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from calibration.reading import measure_classifier
from edge.core import UNKNOWN, Box, Image, Reading
from models.errors import SourceError
from models.signs import COUNT, FOREIGN
from training.datasets import Annotation, Example

BOX = (1.0, 2.0, 11.0, 12.0)


def reading(kind: str, **shares: float) -> Reading:
    """A reading with these probabilities, `c3=0.8`, the rest on `foreign`."""
    probabilities = np.zeros(45, np.float32)
    for key, share in shares.items():
        probabilities[int(key[1:])] = share
    probabilities[FOREIGN] += 1 - probabilities.sum()
    label = int(probabilities[:COUNT].argmax()) if kind == "sign" else UNKNOWN
    return Reading(kind, label, float(probabilities.max()), probabilities)


class Answers:
    """Pictures of one sign each, with the reading that the classifier gives of it."""

    def __init__(self, *rows: tuple[int, str, Reading]) -> None:
        self.rows = rows

    def __iter__(self):
        for number, (label, track, _) in enumerate(self.rows):
            example = Example(f"{number:05d}.png", (Annotation(BOX, label),), track)
            yield example, np.full((1, 1, 3), number, np.uint8)

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:
        assert all(box == Box(*BOX) for box in boxes)
        return [self.rows[int(image[0, 0, 0])][2] for _ in boxes]


ANSWERS = Answers(
    (3, "a", reading("sign", c3=0.9, c4=0.1)),  # right
    (3, "a", reading("foreign", c3=0.3, c4=0.2)),  # right if forced, but refused
    (4, "b", reading("sign", c5=0.8, c4=0.2)),  # wrong
    (5, "c", reading("background", c7=0.4, c5=0.25)),  # wrong and refused
)


def test_classifier_figures_by_hand() -> None:
    figures = measure_classifier(ANSWERS, ANSWERS)
    assert figures["top1"] == 0.5
    assert figures["top1_accepted"] == 0.25
    assert figures["refused"] == 0.5
    # class 3: 1; class 4: 0; class 5: 0 (named once, wrongly); class 7 does not occur
    assert figures["macro_f1"] == pytest.approx(1 / 3)
    # each alone in its bin: |1 − 0.9|, |1 − 0.3|, |0 − 0.8|, |0 − 0.4|
    assert figures["ece"] == pytest.approx((0.1 + 0.7 + 0.8 + 0.4) / 4)
    assert figures["nll"] == pytest.approx(-np.log([0.9, 0.3, 0.2, 0.25]).mean())
    assert (figures["n"], figures["n_groups"]) == (4, 3)


def test_reliability_holds_the_bins_of_the_forced_choices() -> None:
    rows = measure_classifier(ANSWERS, ANSWERS)["reliability"]
    assert [row["n"] for row in rows] == [1, 1, 1, 1]
    assert [row["confidence"] for row in rows] == pytest.approx([0.3, 0.4, 0.8, 0.9])
    assert [row["accuracy"] for row in rows] == [1.0, 0.0, 0.0, 1.0]


def test_each_class_and_each_confusion_is_listed() -> None:
    figures = measure_classifier(ANSWERS, ANSWERS)
    assert [(row["id"], row["n"], row["accuracy"]) for row in figures["per_class"]] == [
        (3, 2, 1.0),
        (4, 1, 0.0),
        (5, 1, 0.0),
    ]
    assert figures["confusions"] == [
        {"truth": 4, "read": 5, "n": 1},
        {"truth": 5, "read": 7, "n": 1},
    ]


def test_intervals_draw_whole_tracks() -> None:
    right, wrong = reading("sign", c3=1.0), reading("sign", c4=1.0)
    as_tracks = Answers(*[(3, "a", right)] * 2, *[(3, "b", wrong)] * 2)
    loose = Answers(*[(3, "", r) for r in [right] * 20 + [wrong] * 20])
    # of two tracks, one right and one wrong, a quarter of the draws holds only the right one
    assert measure_classifier(as_tracks, as_tracks)["intervals"]["top1"] == (0.0, 1.0)
    low, high = measure_classifier(loose, loose)["intervals"]["top1"]
    assert (low, high) == pytest.approx((0.345, 0.655), abs=0.03)  # 0.5 ± 1.96 · sqrt(0.25 / 40)


def test_signs_of_unknown_class_are_passed_over() -> None:
    answers = Answers((UNKNOWN, "", reading("foreign", c3=0.1)), (3, "", reading("sign", c3=1.0)))
    figures = measure_classifier(answers, answers)
    assert (figures["n"], figures["top1"]) == (1, 1.0)


def test_only_signs_of_unknown_class_are_an_error() -> None:
    answers = Answers((UNKNOWN, "", reading("foreign", c3=0.1)))
    with pytest.raises(SourceError, match="known class"):
        measure_classifier(answers, answers)
