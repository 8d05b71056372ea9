"""Smooth random fields, and the little that every drawing of a sprite begins with."""

from __future__ import annotations

import cv2
import numpy as np

from training.painter import Picture
from training.pinhole import Array


def fractal(
    rng: np.random.Generator, height: int, width: int, cells: float, octaves: int = 4
) -> Array:
    """Smooth noise of about ±1, (height, width) float32, with `cells` pixels to a coarse cell."""
    total = np.zeros((height, width), np.float32)
    weight = 1.0
    for _ in range(octaves):
        rows, columns = int(height / cells) + 2, int(width / cells) + 2
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        total += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        weight *= 0.55
        cells = max(1.0, cells / 2.3)
    return total / 1.4


def blank(height: int, width: int) -> Picture:
    """A transparent picture."""
    return np.zeros((height, width, 4), np.uint8)


def tone(colour: tuple[int, ...], gain: float) -> tuple[int, int, int, int]:
    b, g, r = (int(np.clip(c * gain, 0, 255)) for c in colour[:3])
    return b, g, r, 255


def rough(rng: np.random.Generator, image: Picture, strength: float) -> Picture:
    """The picture with blotches and grain in its colours, in place of what is too clean."""
    height, width = image.shape[:2]
    blotches = 1 + strength * (
        fractal(rng, height, width, height / 3) * 0.6
        + 0.35 * rng.standard_normal((height, width), dtype=np.float32)
    )
    colours = np.clip(image[..., :3] * blotches[..., None], 0, 255).astype(np.uint8)
    return np.concatenate([colours, image[..., 3:]], axis=2)


def letters(rng: np.random.Generator, image: Picture, box: tuple[int, int, int, int]) -> None:
    """Something like a line of writing, in one contrasting colour."""
    x1, y1, x2, y2 = box
    dark = image[(y1 + y2) // 2, (x1 + x2) // 2, :3].mean() < 128
    ink = tone((235, 238, 240) if dark else (40, 36, 36), 1)
    x, tall = x1, y2 - y1
    while x < x2 - tall // 2:
        glyph = int(rng.integers(4))
        a, b = (x, y1), (x + tall // 2, y2)
        if glyph == 0:
            cv2.rectangle(image, a, (x + max(2, tall // 6), y2), ink, -1)
        elif glyph == 1:
            cv2.ellipse(
                image,
                (x + tall // 4, (y1 + y2) // 2),
                (tall // 4, tall // 2),
                0,
                0,
                360,
                ink,
                max(1, tall // 7),
            )
        elif glyph == 2:
            cv2.line(image, (x, y2), (x + tall // 4, y1), ink, max(1, tall // 7), cv2.LINE_AA)
            cv2.line(image, (x + tall // 4, y1), b, ink, max(1, tall // 7), cv2.LINE_AA)
        else:
            cv2.rectangle(image, a, b, ink, max(1, tall // 8))
        x += int(tall * rng.uniform(0.62, 0.8)) + (tall // 2 if rng.random() < 0.12 else 0)
