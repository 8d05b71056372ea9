"""Backgrounds that are no place at all: colour gradients, noise, shapes, pieces of scenery."""

from __future__ import annotations

import cv2
import numpy as np

from training.noise import fractal
from training.painter import GAMMA, Picture
from training.scenery import MAKERS, pick

MOST_SHAPES = 40
PIECES = ("tree", "bare", "bush", "house2", "house4", "shop", "gable", "concrete", "fence", "side",
          "front", "plate", "lamp", "roof")  # fmt: skip


def backdrop(rng: np.random.Generator, width: int, height: int) -> Picture:
    """A random one, (height, width, 3) BGR."""
    image = _gradient(rng, width, height)
    for _ in range(int(rng.integers(0, MOST_SHAPES))):
        _shape(rng, image)
    for _ in range(int(rng.integers(0, 9))):
        _piece(rng, image)
    if rng.random() < 0.4:
        image *= 1 + 0.25 * fractal(rng, height, width, float(rng.uniform(4, 60)))[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, width: int, height: int) -> cv2.typing.MatLike:
    """Four random corner colours, blended, with some coarse noise."""
    corners = (rng.uniform(10, 245, (2, 2, 1)) + rng.normal(0, 30, (2, 2, 3))).astype(np.float32)
    image = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    return image + 14 * fractal(rng, height, width, float(rng.uniform(20, 200)))[..., None]


def _shape(rng: np.random.Generator, image: cv2.typing.MatLike) -> None:
    """One disc, ellipse, bar, box or polygon: what a careless detector takes for a sign."""
    height, width = image.shape[:2]
    at = (int(rng.integers(width)), int(rng.integers(height)))
    reach = int(np.exp(rng.uniform(np.log(4), np.log(height / 3))))
    colour = rng.integers(0, 256, 3).tolist()
    thick = -1 if rng.random() < 0.7 else max(1, reach // 8)
    kind = rng.integers(4)
    if kind == 0:
        axes = (reach, int(reach * rng.uniform(0.3, 1.0)))
        cv2.ellipse(image, at, axes, float(rng.uniform(0, 180)), 0, 360, colour, thick, cv2.LINE_AA)
    elif kind == 1:
        end = (at[0] + int(rng.normal(0, reach * 2)), at[1] + int(rng.normal(0, reach * 2)))
        cv2.line(image, at, end, colour, max(1, reach // 10), cv2.LINE_AA)
    elif kind == 2:
        end = (at[0] + reach, at[1] + int(reach * rng.uniform(0.3, 2)))
        cv2.rectangle(image, at, end, colour, thick)
    else:
        points = np.array(at) + rng.normal(0, reach, (int(rng.integers(3, 7)), 2))
        cv2.fillPoly(image, [points.astype(np.int32)], colour, cv2.LINE_AA)


def _piece(rng: np.random.Generator, image: cv2.typing.MatLike) -> None:
    """One sprite, anywhere, in any size that fits."""
    height, width = image.shape[:2]
    kinds = [kind for kind in PIECES if kind in MAKERS]
    level = pick(rng, kinds[int(rng.integers(len(kinds)))]).levels[0]
    scale = float(rng.uniform(0.15, 0.9)) * height / level.shape[0]
    size = (min(width, max(2, int(level.shape[1] * scale))), max(2, int(level.shape[0] * scale)))
    part = cv2.resize(level, size, interpolation=cv2.INTER_AREA)
    left, top = int(rng.integers(width - size[0] + 1)), int(rng.integers(height - size[1] + 1))
    cover = part[..., 3:]
    colours = (np.clip(part[..., :3] * rng.uniform(0.3, 1.2), 0, 1) ** (1 / GAMMA)) * 255
    spot = image[top : top + size[1], left : left + size[0]]
    spot += (colours / np.maximum(cover ** (1 / GAMMA), 1e-3) - spot) * cover
