"""Trees, bushes and high grass, drawn from random numbers; BGRA with straight alpha."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from training.noise import blank, tone
from training.painter import Picture
from training.pinhole import Array

LEAVES = (  # BGR, by season
    (44, 84, 70),
    (40, 74, 58),
    (44, 98, 110),
    (46, 88, 126),
    (44, 70, 102),
    (52, 100, 92),
)


class _Twig(NamedTuple):
    x: float
    y: float
    angle: float  # radians from upright
    length: float
    depth: int  # how many times it still parts


def _branches(rng: np.random.Generator, image: Picture, root: _Twig) -> Array:
    """Grow a tree without leaves into the image; the ends of its branches, (n, 2)."""
    tips, growing = [], [root]
    while growing:
        twig = growing.pop()
        x = twig.x + np.sin(twig.angle) * twig.length
        y = twig.y - np.cos(twig.angle) * twig.length
        bark = tone((52, 62, 70), rng.uniform(0.55, 1.15))
        points = [(round(a * 8), round(b * 8)) for a, b in ((twig.x, twig.y), (x, y))]
        thick = max(1, int(twig.length / (9 if twig.depth > 2 else 14)))
        cv2.line(image, points[0], points[1], bark, thick, cv2.LINE_AA, 3)
        tips.append((x, y))
        if twig.depth > 0:
            for _ in range(int(rng.integers(2, 4 if twig.depth > 1 else 5))):
                angle = twig.angle * 0.8 + rng.normal(0, 0.5)
                length = twig.length * rng.uniform(0.62, 0.85)
                growing.append(_Twig(x, y, angle, length, twig.depth - 1))
    return np.array(tips)


def tree(rng: np.random.Generator, leafy: float) -> Picture:
    """A tree, (384, 320, 4); `leafy` is 0 for a bare one and 1 for one in full leaf."""
    image = blank(384, 320)
    root = _Twig(160, 384, rng.normal(0, 0.04), rng.uniform(72, 96), 6)
    tip = _branches(rng, image, root)
    base = np.array(LEAVES[rng.integers(len(LEAVES))], float)
    count = int(6000 * leafy)
    if count:
        at = tip[rng.integers(len(tip), size=count)] + np.clip(
            rng.normal(0, 16, (count, 2)), -34, 34
        )
        at[:, 0] = 160 + 152 * np.tanh((at[:, 0] - 160) / 140)
        at[:, 1] = np.maximum(
            at[:, 1], 4 + 40 * ((at[:, 0] - 160) / 152) ** 2 + rng.uniform(0, 9, count)
        )
        centre = tip.mean(axis=0)
        lift = (centre[1] - at[:, 1]) / 130 + (centre[0] - at[:, 0]) / 260
        shade = np.clip(0.72 + 0.3 * lift + rng.normal(0, 0.24, count), 0.22, 1.6)
        for k in np.argsort(shade + rng.normal(0, 0.3, count)).tolist():
            hue = base + rng.normal(0, 9, 3)
            centre_k = (int(at[k, 0]), int(at[k, 1]))
            axes = (int(rng.integers(2, 6)), int(rng.integers(1, 4)))
            cv2.ellipse(
                image,
                centre_k,
                axes,
                float(rng.uniform(0, 180)),
                0,
                360,
                tone(tuple(hue.astype(int).tolist()), float(shade[k])),
                -1,
            )
    return image


def bush(rng: np.random.Generator) -> Picture:
    """A bush or a piece of hedge, (160, 256, 4), closed at the bottom."""
    image = blank(160, 256)
    base = np.array(LEAVES[rng.integers(len(LEAVES))], float) * 0.8
    count = 2200
    x = rng.uniform(6, 250, count)
    limit = 150 - 105 * np.clip(1 - ((x - 128) / 128) ** 4, 0, 1) * (0.75 + 0.25 * np.sin(x / 17))
    y = limit + (160 - limit) * rng.uniform(0, 1, count) ** 0.8
    shade = np.clip(1.25 - (y - limit) / 90 + rng.normal(0, 0.22, count), 0.2, 1.6)
    for k in range(count):
        hue = tuple((base + rng.normal(0, 8, 3)).astype(int).tolist())
        axes = (int(rng.integers(2, 7)), int(rng.integers(1, 4)))
        cv2.ellipse(
            image,
            (int(x[k]), int(y[k])),
            axes,
            float(rng.uniform(0, 180)),
            0,
            360,
            tone(hue, float(shade[k])),
            -1,
        )
    return image


def tufts(rng: np.random.Generator) -> Picture:
    """A strip of high grass, (64, 512, 4)."""
    image = blank(64, 512)
    for _ in range(900):
        x, lean = rng.uniform(0, 512), rng.normal(0, 7)
        height = rng.uniform(10, 60) * (0.6 + 0.4 * np.sin(x / 40))
        colour = tone((56, 104, 104), rng.uniform(0.45, 1.3))
        cv2.line(image, (int(x), 64), (int(x + lean), int(64 - height)), colour, 1, cv2.LINE_AA)
    return image
