"""Small drawn pictures whose signs are known, and what the published models said about them.

`python -m calibration.golden` cuts them out of the demo drive and writes down what was read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edge.core import Box, Detection, Reading

FOLDER = Path(__file__).parent / "golden"
RECORD = "golden.json"

# The same int8 graph rounds differently with other kernels and on other processors. LiteRT's own
# reference and optimised kernels stay within 0.05 (IoU), 0.001 (score) and 0.004 (probability) of
# XNNPACK on an x86.
MIN_IOU = 0.7
SCORE_APART = 0.15
PROBABILITY_APART = 0.2
SURE = 0.8  # a detection like this that was not there before is a difference, too


class GoldenSign(NamedTuple):
    """A sign that must be found and read: box in the picture's pixels, class, both scores."""

    box: Box
    label: int
    score: float
    probability: float


class GoldenPicture(NamedTuple):
    """One PNG in the folder of golden pictures.

    `others`: where something was found of which the models were not so sure.
    """

    file: str
    signs: tuple[GoldenSign, ...]
    others: tuple[Box, ...]


class Golden(NamedTuple):
    """All pictures, and the sha256 of the two models that read them."""

    detector: str
    classifier: str
    pictures: tuple[GoldenPicture, ...]


def load_golden(folder: Path = FOLDER) -> Golden:
    """What was written down; it comes with the package and is read as it is."""
    raw: Mapping[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    pictures = tuple(
        GoldenPicture(
            picture["file"],
            tuple(GoldenSign(**{**sign, "box": Box(*sign["box"])}) for sign in picture["signs"]),
            tuple(Box(*box) for box in picture["others"]),
        )
        for picture in raw["pictures"]
    )
    return Golden(raw["detector"], raw["classifier"], pictures)


def differences(
    expected: GoldenPicture, detections: Sequence[Detection], readings: Sequence[Reading]
) -> list[str]:
    """How this machine reads a picture otherwise, in words; empty where it reads it the same."""
    found = list(zip(detections, readings, strict=True))
    words = []
    for sign in expected.signs:
        near = max(found, key=lambda pair: pair[0].box.iou(sign.box), default=None)
        if near is None or near[0].box.iou(sign.box) < MIN_IOU:
            words.append(f"{expected.file}: the sign at {_place(sign.box)} was not found")
            continue
        detection, reading = near
        found.remove(near)
        if abs(detection.score - sign.score) > SCORE_APART:
            words.append(
                f"{expected.file}: the sign at {_place(sign.box)} was found with the score "
                f"{detection.score:.2f}, expected {sign.score:.2f}"
            )
        if reading.label != sign.label or reading.score < sign.probability - PROBABILITY_APART:
            words.append(
                f"{expected.file}: the sign at {_place(sign.box)} was read as class "
                f"{reading.label} ({reading.score:.2f}), expected {sign.label} "
                f"({sign.probability:.2f})"
            )
    words += [
        f"{expected.file}: a sign was found at {_place(detection.box)}, where there is none"
        for detection, _ in found
        if detection.score >= SURE
        and not any(detection.box.iou(box) >= MIN_IOU for box in expected.others)
    ]
    return words


def _place(box: Box) -> str:
    x, y = box.centre
    return f"{x:.0f},{y:.0f}"
