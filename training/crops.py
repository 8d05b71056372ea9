"""What the classifier is trained on: sign crops, drawn signs, foreign signs and background."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError
from models.imaging import crop
from models.signs import BACKGROUND, FOREIGN
from training.views import Image

STORED = 64  # px at most: crops are kept wider than the net sees them, so that they can be shifted
STORED_MARGIN = 0.25
BALANCES = {"none": 1.0, "sqrt": 0.5, "equal": 0.0}  # power of a class's frequency

# What a mirrored sign means: classes not listed here have no mirror image among the 43.
MIRRORED = {
    **{label: label for label in (11, 12, 13, 15, 17, 18, 22, 26, 30, 35, FOREIGN, BACKGROUND)},
    **{19: 20, 20: 19, 33: 34, 34: 33, 36: 37, 37: 36, 38: 39, 39: 38},
}

Place = tuple[float, float, float, float]


class Crops(NamedTuple):
    """Stored crops, RGB (n, side, side, 3), their output index (n,), and how much more often than
    others of its class each is drawn (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]


def stack(images: Sequence[Image], labels: Sequence[int], weight: float = 1.0) -> Crops:
    """Stored crops as one, all of the same weight; empty if there are none."""
    found = np.stack(images) if images else np.zeros((0, STORED, STORED, 3), np.uint8)
    return Crops(found, np.array(labels, np.int64), np.full(len(images), weight))


def joined(*parts: Crops) -> Crops:
    """All crops of all parts."""
    return Crops(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def stored_side(boxes: Iterable[Place]) -> int:
    """How large, px, crops of these boxes are kept.

    As they are, without a pixel between two others, where all are equally large and small enough:
    enlarging blurs, and reducing for the net blurs again.
    """
    longer = {max(box[2] - box[0], box[3] - box[1]) for box in boxes}
    own = longer.pop() * (1 + 2 * STORED_MARGIN) if len(longer) == 1 else STORED
    return int(own) if own < STORED and own == int(own) else STORED


def store(image: Image, box: Place, side: int = STORED) -> Image:
    """The wide crop of a box in a BGR picture, RGB (side, side, 3)."""
    return crop(image, box, side, STORED_MARGIN)


def background_crops(
    image: Image,
    boxes: Sequence[Place],
    count: int,
    rng: np.random.Generator,
    avoid: Sequence[Place] = (),
) -> list[Image]:
    """Crops of a street picture that hold no sign, or one framed so badly that none can be read.

    `boxes` are the signs of the 43, `avoid` what else must not be shown whole.
    """
    rows, columns = image.shape[:2]
    found: list[Image] = []
    every = [*boxes, *avoid]
    for box in boxes:  # beside and around each sign, the mistakes that a detector makes
        width, height = box[2] - box[0], box[3] - box[1]
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.65, 1.1)
        x, y = np.cos(angle) * away * width, np.sin(angle) * away * height
        moved = (box[0] + x, box[1] + y, box[2] + x, box[3] + y)
        if max(overlap(moved, other) for other in every) < 0.25:
            found.append(store(image, moved))
    for _ in range(20 * count):
        if len(found) >= count:
            break
        size = float(np.exp(rng.uniform(np.log(14), np.log(160))))
        x, y = rng.uniform(0, columns - size), rng.uniform(0, rows * 0.85 - size)
        place = (x, y, x + size, y + size)
        if all(overlap(place, other) < 0.05 for other in every):
            found.append(store(image, place))
    return found


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union, also 1 where `a` holds `b` whole."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    area_a, area_b = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return max(shared / (area_a + area_b - shared), float(shared >= 0.95 * area_b))


def pasted(art: Image, ground: Image, rng: np.random.Generator) -> Image:
    """A drawn sign, BGRA with straight alpha, on a stored-size BGR ground, as a stored RGB crop."""
    canvas = cv2.resize(ground, (STORED, STORED), interpolation=cv2.INTER_LINEAR)
    size = STORED  # averaged down first: bilinear sampling alone would skip pixels
    flat = np.concatenate([art[:, :, :3] * (art[:, :, 3:] / 255.0), art[:, :, 3:]], axis=2)
    flat = cv2.resize(flat.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    squeeze = 1 - 0.3 * rng.random() ** 3  # seen from the side
    scale = 1 / (1 + 2 * STORED_MARGIN)
    linear = np.array([[scale * squeeze, 0.0], [scale * rng.normal(0, 0.03), scale]])
    middle = np.full(2, (STORED - 1) / 2)
    matrix = np.column_stack([linear, middle - linear @ np.full(2, (size - 1) / 2)])
    small = cv2.warpAffine(flat, matrix, (STORED, STORED), flags=cv2.INTER_LINEAR)
    face = np.clip(small[:, :, :3] * _shade(rng), 0, 255)
    out = canvas * (1 - small[:, :, 3:] / 255) + face
    return np.ascontiguousarray(np.clip(out, 0, 255).astype(np.uint8)[:, :, ::-1])


def _shade(rng: np.random.Generator) -> NDArray[np.float32]:
    """Uneven light on a sign's face, (STORED, STORED, 3): a gradient, at times a shadow's edge."""
    y, x = np.mgrid[0:STORED, 0:STORED].astype(np.float32) / STORED - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    way = np.cos(angle) * x + np.sin(angle) * y
    light = rng.uniform(0.25, 1.0) * (1 + rng.uniform(0, 0.5) * way)
    if rng.random() < 0.25:
        light = np.where(way > rng.uniform(-0.3, 0.3), light, light * rng.uniform(0.4, 0.8))
    cast = np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    return np.asarray(light[:, :, None] * cast, np.float32)


def chances(crops: Crops, outputs: int, balance: str) -> NDArray[np.float64]:
    """The chance of each crop, summing to 1. Weights count within a class only.

    `none` leaves the classes as frequent as they are, `sqrt` draws them by the square root of
    their frequency, which halves GTSRB's 10 : 1 skew on a log scale, `equal` evens them out.
    """
    if balance not in BALANCES:
        raise UsageError(f"--balance: expected one of {', '.join(BALANCES)}, found {balance!r}")
    counts = np.bincount(crops.labels, minlength=outputs).astype(np.float64)
    mass = np.bincount(crops.labels, crops.weights, outputs)
    each = np.maximum(counts, 1) ** BALANCES[balance] / np.maximum(mass, 1e-12)
    chance = each[crops.labels] * crops.weights
    return np.asarray(chance / chance.sum())


def with_shares(
    chance: NDArray[np.float64], labels: NDArray[np.int64], shares: Mapping[int, float]
) -> NDArray[np.float64]:
    """The same chances, but a fixed share for some classes (where they have any crop)."""
    held = {label: share for label, share in shares.items() if (labels == label).any()}
    free = ~np.isin(labels, list(held))
    out = chance * free
    out *= (1 - sum(held.values())) / max(out.sum(), 1e-12)
    for label, share in held.items():
        own = labels == label
        out[own] = share * chance[own] / chance[own].sum()
    return np.asarray(out / out.sum())
