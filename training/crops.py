"""What the classifier is trained on: sign crops, drawn signs, foreign signs and background."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.imaging import CROP_MARGIN, CROP_SIZE, crop
from models.signs import BACKGROUND, COUNT, FOREIGN
from training.views import Image, disturb

STORED = 64  # px: crops are kept wider than the net sees them, so that they can be shifted
STORED_MARGIN = 0.25

# What a mirrored sign means: classes not listed here have no mirror image among the 43.
MIRRORED = {
    **{label: label for label in (11, 12, 13, 15, 17, 18, 22, 26, 30, 35, FOREIGN, BACKGROUND)},
    **{19: 20, 20: 19, 33: 34, 34: 33, 36: 37, 37: 36, 38: 39, 39: 38},
}


class Crops(NamedTuple):
    """Stored crops, RGB (n, STORED, STORED, 3), and their output index (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def stack(images: Sequence[Image], labels: Sequence[int]) -> Crops:
    if not images:
        return Crops(np.zeros((0, STORED, STORED, 3), np.uint8), np.zeros(0, np.int64))
    return Crops(np.stack(images), np.array(labels, np.int64))


def store(image: Image, box: tuple[float, float, float, float]) -> Image:
    """The wide crop of a box in a BGR picture."""
    return crop(image, box, STORED, STORED_MARGIN)


def background_crops(
    image: Image,
    boxes: Sequence[tuple[float, float, float, float]],
    count: int,
    rng: np.random.Generator,
) -> list[Image]:
    """Crops of a street picture that hold no sign, or one framed so badly that none can be read."""
    rows, columns = image.shape[:2]
    found: list[Image] = []
    for box in boxes:  # beside and around each sign, the mistakes that a detector makes
        width, height = box[2] - box[0], box[3] - box[1]
        angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.65, 1.1)
        x, y = np.cos(angle) * away * width, np.sin(angle) * away * height
        moved = (box[0] + x, box[1] + y, box[2] + x, box[3] + y)
        if max(_overlap(moved, other) for other in boxes) < 0.25:
            found.append(store(image, moved))
    for _ in range(20 * count):
        if len(found) >= count:
            break
        size = float(np.exp(rng.uniform(np.log(14), np.log(160))))
        x, y = rng.uniform(0, columns - size), rng.uniform(0, rows * 0.85 - size)
        place = (x, y, x + size, y + size)
        if all(_overlap(place, other) < 0.05 for other in boxes):
            found.append(store(image, place))
    return found


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
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
    inner = STORED / (1 + 2 * STORED_MARGIN)
    size = art.shape[0]
    squeeze = 1 - 0.3 * rng.random() ** 3  # seen from the side
    scale = inner / size
    linear = np.array([[scale * squeeze, 0.0], [scale * rng.normal(0, 0.03), scale]])
    shift = np.array([STORED / 2, STORED / 2]) - linear @ np.array([size / 2, size / 2])
    matrix = np.column_stack([linear, shift])
    small = cv2.warpAffine(art, matrix, (STORED, STORED), flags=cv2.INTER_AREA)
    alpha = small[:, :, 3:].astype(np.float32) / 255
    shade = _shade(rng)
    face = np.clip(small[:, :, :3] * shade, 0, 255)
    out = canvas * (1 - alpha) + face * alpha
    return np.ascontiguousarray(out.astype(np.uint8)[:, :, ::-1])


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


def augment(image: Image, rng: np.random.Generator) -> Image:
    """A stored crop as the net may meet it: RGB (CROP_SIZE, CROP_SIZE, 3)."""
    visible = STORED * (1 + 2 * CROP_MARGIN) / (1 + 2 * STORED_MARGIN)  # stored px across the input
    scale = CROP_SIZE / visible * np.exp(rng.uniform(-0.2, 0.2))
    stretch = np.exp(rng.uniform(-0.1, 0.1))
    angle = np.radians(rng.normal(0, 5))
    shear = rng.normal(0, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[scale * stretch, shear * scale], [0, scale / stretch]])
    centre = STORED / 2 + rng.uniform(-0.09, 0.09, 2) * visible
    matrix = np.column_stack([linear, CROP_SIZE / 2 - linear @ centre])
    out = cv2.warpAffine(
        image,
        matrix,
        (CROP_SIZE, CROP_SIZE),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if rng.random() < 0.3:  # a far sign: few pixels, enlarged
        size = int(rng.integers(12, 32))
        small = cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA)
        out = cv2.resize(small, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        out = _cover(np.asarray(out, np.uint8), rng)
    return disturb(np.asarray(out, np.uint8), rng, blur=0.4)


def _cover(image: Image, rng: np.random.Generator) -> Image:
    """Twigs, stickers, mud and shadows: one to four soft-edged shapes over part of the crop."""
    mask = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        centre = [float(v) for v in rng.uniform(4, CROP_SIZE - 4, 2)]
        axes = [float(v) for v in np.exp(rng.uniform(np.log(2), np.log(14), 2))]
        angle = float(rng.uniform(0, 180))
        if rng.random() < 0.6:
            cv2.ellipse(mask, (centre, axes, angle), 1.0, -1)
        else:
            corners = cv2.boxPoints((centre, axes, angle))
            cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 2.0)) * rng.uniform(0.4, 1.0)
    dark = rng.random() < 0.7
    colour = rng.uniform(0, 90, 3) if dark else rng.uniform(0, 255, 3)
    blend = image + (colour - image) * mask[:, :, None]
    return np.asarray(np.clip(blend, 0, 255), np.uint8)


def centred(images: Iterable[Image]) -> NDArray[np.uint8]:
    """Stored crops as the device would cut them, without any disturbance."""
    side = STORED * (1 + 2 * CROP_MARGIN) / (1 + 2 * STORED_MARGIN)
    half = STORED / 2
    box = (half - side / 2, half - side / 2, half + side / 2, half + side / 2)
    return np.stack([crop(image[:, :, ::-1], box, CROP_SIZE, 0.0) for image in images])


def chances(labels: NDArray[np.int64], shares: dict[str, float]) -> NDArray[np.float64]:
    """The chance of each crop, summing to 1.

    Classes are drawn by the square root of their frequency, which halves GTSRB's 10 : 1 skew on a
    log scale; `shares` gives what falls to `foreign` and `background`.
    """
    counts = np.bincount(labels, minlength=COUNT + 2).astype(np.float64)
    mass = np.sqrt(counts)
    mass[:COUNT] *= (1 - shares["foreign"] - shares["background"]) / max(mass[:COUNT].sum(), 1e-9)
    mass[FOREIGN] = shares["foreign"] * (counts[FOREIGN] > 0)
    mass[BACKGROUND] = shares["background"] * (counts[BACKGROUND] > 0)
    each = mass[labels] / counts[labels]
    return np.asarray(each / each.sum())
