"""Pictures of a few signs whose figures can be worked out by hand, and what models say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from calibration.places import Places
from calibration.seen import Seen, see_detector, see_system
from edge.core import UNKNOWN, Box, Detection, Image, Reading
from edge.reader import SignRead
from training.datasets import Annotation, Example


def at(x: float, height: float = 20) -> Box:
    """A sign at x: boxes 100 px apart never touch."""
    return Box(100 * x, 0, 100 * x + height, height)


def half_of(box: Box) -> Box:
    """A box inside the other one, with an IoU of 0.62."""
    return Box(box.x1, box.y1, box.x1 + 0.62 * box.width, box.y2)


class Street:
    """Pictures numbered by their content, the signs in them, and what the models answer."""

    def __init__(self, *pictures: tuple[Sequence[Annotation], Sequence[Any]]) -> None:
        self.pictures = pictures

    def __iter__(self) -> Iterator[tuple[Example, Image]]:
        for number, (signs, _) in enumerate(self.pictures):
            image = np.full((1, 1, 3), number, np.uint8)
            yield Example(f"{number:05d}.png", tuple(signs)), image

    def detect(self, image: Image) -> list[Detection]:
        return [Detection(*answer) for answer in self.pictures[int(image[0, 0, 0])][1]]

    def read(self, image: Image) -> list[SignRead]:
        return [
            SignRead(
                Detection(box, score),
                Reading("foreign" if label == UNKNOWN else "sign", label, 1.0, np.zeros(45)),
                fused,
            )
            for box, label, score, fused in self.pictures[int(image[0, 0, 0])][1]
        ]


def sign(box: Box, label: int = 1) -> Annotation:
    return Annotation(tuple(box), label)


def found(*pictures: tuple[Any, Any], places: dict[str, Places] | None = None) -> list[Seen]:
    """What the detector says of these pictures, judged."""
    street = Street(*pictures)
    return see_detector(street, street, places)[0]


def read(*pictures: tuple[Any, Any], places: dict[str, Places] | None = None) -> list[Seen]:
    """What both models say of these pictures, judged."""
    street = Street(*pictures)
    return see_system(street, street, places)
