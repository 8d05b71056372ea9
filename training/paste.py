"""Signs cut out of GTSRB and drawn ones, pasted into the detector's training windows.

Copy-paste shows signs on other grounds, in other sizes and of other countries than the street
pictures hold (Dwibedi et al., 2017, arXiv:1708.01642). Each is lit and softened like its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.signs import COUNT
from training import datasets
from training.artwork import LOOKALIKES, foreign_art, lookalike_art, sign_art
from training.nations import random_style
from training.views import Boxes, Image, Picture
from training.wear import weathered

Sticker = NDArray[np.uint8]  # (h, w, 4) BGRA, straight alpha, the sign filling it

FRAMES = (14, 29)  # of each track of 30: the last ones are the largest
LEAST = 20  # px: smaller cuttings hold nothing that is worth pasting
DRAWINGS = 8  # of each of the 43, half of them as other countries draw them
ART = 384  # px of a drawing: sharp where it fills a window
LEAST_SIDE, MOST_SIDE = 9.0, 0.95  # px across; of the window's height
ENLARGED = 1.9  # a sticker is shown this much larger than it is, at most
ASIDE = 0.15  # are seen from far aside
HANGING = 0.15  # hang askew on their pole
MOST = 3  # in one window
LOOKALIKE = 0.25  # of what is pasted is no sign
CUT_OUT = 0.5  # of the signs are real ones
SHRINK = 0.97  # of the outline, so that no ground comes along
# Round and three-cornered signs outside the 43. All others are seen in drawn scenes only, some of
# them `artwork.UNMARKED`.
ABROAD = (
    *("speed limit 10", "speed limit 40", "speed limit 90", "speed limit 130"),
    *("end of speed limit 50", "end of speed limit 60", "minimum speed 30", "weight limit"),
    *("height limit", "width limit", "no u-turn", "no left turn", "no pedestrians"),
    *("no cyclists", "no motor vehicles", "oncoming traffic first", "two-way traffic"),
    *("level crossing", "crosswind", "junction", "steep descent", "road narrows"),
)

UP, DOWN, DIAMOND, OCTAGON = {11, *range(18, 32)}, {13}, {12}, {14}
_CORNER = 0.06  # of a triangle's side is rounded away
_EIGHTH = 0.2929  # 1 − 1/√2: where an octagon's sides start
_TRIANGLE = [
    *((0.5 - _CORNER / 2, 0), (0.5 + _CORNER / 2, 0), (1, 1 - _CORNER), (1 - _CORNER, 1)),
    *((_CORNER, 1), (0, 1 - _CORNER)),
]
_OCTAGON = [
    *((_EIGHTH, 0), (1 - _EIGHTH, 0), (1, _EIGHTH), (1, 1 - _EIGHTH)),
    *((1 - _EIGHTH, 1), (_EIGHTH, 1), (0, 1 - _EIGHTH), (0, _EIGHTH)),
]
OUTLINES = {  # in a square of side 1; all others are round
    **{label: tuple(_TRIANGLE) for label in UP},
    **{label: tuple((x, 1 - y) for x, y in _TRIANGLE) for label in DOWN},
    **{label: ((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)) for label in DIAMOND},
    **{label: tuple(_OCTAGON) for label in OCTAGON},
}


class Stickers(NamedTuple):
    """What can be pasted: real signs, drawn signs, and what only looks like one."""

    real: Sequence[Sticker]
    drawn: Sequence[Sticker]
    lookalikes: Sequence[Sticker]


def outline(label: int, width: int, height: int) -> NDArray[np.uint8]:
    """The alpha (height, width) of a sign of this class whose bounding box it is."""
    big = 4  # drawn larger and averaged: smooth edges
    mask = np.zeros((big * height, big * width), np.uint8)
    corners = OUTLINES.get(label)
    if corners is None:
        centre = (big * width // 2, big * height // 2)
        axes = (round(SHRINK * big * width / 2), round(SHRINK * big * height / 2))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    else:
        points = (np.array(corners) - 0.5) * SHRINK + 0.5
        points = np.rint(points * [big * width, big * height])
        cv2.fillPoly(mask, [points.astype(np.int32)], 255)
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def gtsrb_stickers(limit: int | None = None) -> list[Sticker]:
    """Two frames of each physical sign of GTSRB, cut out along the sign's outline."""
    data = datasets.gtsrb()
    chosen = [e for e in data.examples if int(e.name.rpartition("_")[2].split(".")[0]) in FRAMES]
    found = []
    for example in tqdm(chosen[:limit], desc="cutting out", unit="", mininterval=5):
        (sign,) = example.annotations
        left, top, right, bottom = (round(edge) for edge in sign.box)
        if min(right - left, bottom - top) < LEAST:
            continue
        face = data.read(example)[top:bottom, left:right]
        alpha = outline(sign.label, face.shape[1], face.shape[0])
        found.append(np.dstack([face, alpha]))
    return found


def drawn_stickers(seed: int) -> tuple[list[Sticker], list[Sticker]]:
    """Worn drawings of signs, German and otherwise, and of what only looks like a sign."""
    rng = np.random.default_rng((seed, 11))

    def worn(art: Sticker) -> Sticker:
        return _tight(weathered(art, rng, float(rng.uniform(0, 1))))

    signs = [
        worn(sign_art(label, ART, random_style(rng)) if n % 2 else sign_art(label, ART))
        for label in tqdm(range(COUNT), desc="drawing signs", unit="", mininterval=5)
        for n in range(DRAWINGS)
    ]
    signs += [worn(foreign_art(name, ART)) for name in ABROAD for _ in range(DRAWINGS // 2)]
    return signs, [worn(lookalike_art(name, ART)) for name in LOOKALIKES for _ in range(2)]


def _tight(art: Sticker) -> Sticker:
    """Without its transparent edges."""
    x, y, width, height = cv2.boundingRect((art[:, :, 3] > 127).astype(np.uint8))
    return np.ascontiguousarray(art[y : y + height, x : x + width])


def all_stickers(seed: int, limit: int | None = None) -> Stickers:
    """Everything there is to paste; `limit` keeps the first real ones only."""
    return Stickers(gtsrb_stickers(limit), *drawn_stickers(seed))


def paste(
    window: Picture, stickers: Stickers, rng: np.random.Generator, least: float = LEAST_SIDE
) -> Picture:
    """The window with up to `MOST` stickers in free places, and the boxes of those that are signs.

    They are `least` px across or more. A place that is taken is left alone.
    """
    image, boxes = window.image.copy(), list(window.boxes)
    taken = list(window.boxes)
    rows, columns = image.shape[:2]
    for _ in range(int(rng.integers(1, MOST + 1))):
        is_sign = rng.random() >= LOOKALIKE
        kind = stickers.real if rng.random() < CUT_OUT else stickers.drawn
        pool = kind if is_sign else stickers.lookalikes
        sticker = _posed(pool[int(rng.integers(len(pool)))], (least, MOST_SIDE * rows), rng)
        height, width = sticker.shape[:2]
        if width >= columns or height >= rows:
            continue
        left, top = int(rng.integers(columns - width)), int(rng.integers(rows - height))
        place = np.array([left, top, left + width, top + height], np.float32)
        if any(_near(place, other) for other in taken):
            continue
        ground = image[top : top + height, left : left + width]
        ground[:] = _blended(sticker, ground, rng)
        taken.append(place)
        if is_sign:
            boxes.append(place)
    return Picture(image, np.array(boxes, np.float32).reshape(-1, 4))


def _posed(sticker: Sticker, sizes: tuple[float, float], rng: np.random.Generator) -> Sticker:
    """Scaled to some size of `sizes` px, squeezed and tilted, with the box that fits it; alpha
    premultiplied, float32."""
    side = max(sticker.shape[:2])
    low, high = np.log(sizes[0]), np.log(min(sizes[1], ENLARGED * side))
    scale = float(np.exp(rng.uniform(low, max(low, high)))) / side
    aside = rng.random() < ASIDE
    squeeze = rng.uniform(0.2, 0.8) if aside else 1 - 0.35 * rng.random() ** 3
    width = max(4, round(sticker.shape[1] * scale * squeeze))
    height = max(4, round(sticker.shape[0] * scale))
    flat = sticker.astype(np.float32)
    flat[:, :, :3] *= flat[:, :, 3:] / 255
    small = cv2.resize(flat, (width, height), interpolation=cv2.INTER_AREA)
    room = 2 + round(0.25 * max(width, height))
    wide = cv2.copyMakeBorder(small, room, room, room, room, cv2.BORDER_CONSTANT, value=(0,) * 4)
    rows, columns = wide.shape[:2]
    tilt = rng.uniform(-25, 25) if rng.random() < HANGING else rng.normal(0, 4)
    turn = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), tilt, 1.0)
    turned = cv2.warpAffine(wide, turn, (columns, rows))
    x, y, width, height = cv2.boundingRect((turned[:, :, 3] > 127).astype(np.uint8))
    return np.asarray(turned[y : y + max(height, 1), x : x + max(width, 1)])


def _near(a: Boxes, b: Boxes) -> bool:
    """Whether two boxes touch, with a little room between them."""
    room = 3.0
    return bool((a[:2] - room < b[2:]).all() and (b[:2] - room < a[2:]).all())


def _blended(sticker: Sticker, ground: Image, rng: np.random.Generator) -> Image:
    """The sticker over its ground, about as bright as its surroundings, now and then softened."""
    alpha = sticker[:, :, 3:] / 255
    face = sticker[:, :, :3]
    bright = float(face.sum() / max(float(3 * alpha.sum()), 1.0))
    around = float(ground.mean())
    matched = (around + 40) / (bright + 40)  # in shade a sign is dark, before the sky it is not
    light = np.clip(matched ** rng.uniform(0, 0.9), 0.4, 1.6) * np.exp(rng.normal(0, 0.15))
    side = np.linspace(-1, 1, face.shape[1], dtype=np.float32)[None, :, None]
    shade = 1 + rng.uniform(-0.2, 0.2) * side
    out = ground * (1 - alpha) + np.clip(face * float(light) * shade, 0, 255)
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.3, 1.0)))
    return np.asarray(np.clip(np.rint(out), 0, 255), np.uint8)
