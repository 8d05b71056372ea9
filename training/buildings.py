"""Fronts, roofs and gables of houses, fences, rails, walls; BGRA with straight alpha."""

from __future__ import annotations

import cv2
import numpy as np

from training.noise import blank, fractal, letters, rough, tone
from training.painter import Picture

PLASTER = (
    (196, 206, 214),
    (150, 186, 204),
    (120, 160, 196),
    (176, 180, 178),
    (104, 128, 168),
    (88, 98, 140),
    (206, 212, 212),
    (128, 150, 140),
    (70, 84, 120),
)


def facade(rng: np.random.Generator, storeys: int, shop: bool) -> Picture:
    """The front of a house, 40 pixels a metre: 8 m wide, 3 m a storey."""
    width, height = 320, 120 * storeys
    image = np.full((height, width, 4), tone(PLASTER[rng.integers(len(PLASTER))], 1), np.uint8)
    if rng.random() < 0.35:  # bricks
        image[::6, :, :3] = (image[::6, :, :3] * 0.78).astype(np.uint8)
        image[:, ::13, :3] = (image[:, ::13, :3] * 0.88).astype(np.uint8)
    frame = tone((225, 228, 228), rng.uniform(0.4, 1.0))
    step, wide = int(rng.choice([64, 80, 106])), int(rng.integers(34, 48))
    for storey in range(storeys):
        top = storey * 120 + 28
        for x in range(step // 2 - wide // 2, width - wide, step):
            glass = tone((92, 84, 76), rng.uniform(0.3, 1.5))
            cv2.rectangle(image, (x - 4, top - 4), (x + wide + 4, top + 66), frame, -1)
            cv2.rectangle(image, (x, top), (x + wide, top + 60), glass, -1)
            if rng.random() < 0.4:
                curtain = tone((190, 196, 200), rng.uniform(0.6, 1))
                cv2.rectangle(image, (x, top), (x + wide // 3, top + 60), curtain, -1)
            cv2.line(image, (x + wide // 2, top), (x + wide // 2, top + 60), frame, 3)
            cv2.rectangle(
                image, (x - 6, top + 66), (x + wide + 6, top + 71), tone((120, 124, 126), 1), -1
            )
    if shop:
        top = height - 112
        cv2.rectangle(image, (0, top), (width, height), tone((60, 62, 64), 1), -1)
        for x in (10, 115, 220):
            glass = tone((130, 120, 104), rng.uniform(0.4, 1.5))
            cv2.rectangle(image, (x, top + 28), (x + 92, height - 10), glass, -1)
            for _ in range(14):
                goods = tone(tuple(rng.integers(30, 230, 3).tolist()), 1)
                gx, gy = int(rng.integers(x, x + 80)), int(rng.integers(top + 50, height - 14))
                cv2.rectangle(image, (gx, gy), (gx + 10, gy + 12), goods, -1)
        board = tuple(rng.integers(20, 235, 3).tolist())
        cv2.rectangle(image, (4, top - 6), (width - 4, top + 24), tone(board, 1), -1)
        letters(rng, image, (16, top - 1, width - 16, top + 20))
    return rough(rng, image, 0.09)


def roof(rng: np.random.Generator) -> Picture:
    """Roof tiles, (128, 320, 4)."""
    colour = ((44, 52, 92), (52, 54, 60), (40, 62, 116))[rng.integers(3)]
    image = np.full((128, 320, 4), tone(colour, 1), np.uint8)
    image[::9, :, :3] = (image[::9, :, :3] * 0.7).astype(np.uint8)
    return rough(rng, image, 0.16)


def gable(rng: np.random.Generator, storeys: int) -> Picture:
    """The end of a house with its pointed top, 32 pixels a metre: 8 m wide."""
    height = 96 * storeys + 120
    image = blank(height, 256)
    wall = tone(PLASTER[rng.integers(len(PLASTER))], 0.8)
    cv2.fillPoly(
        image, [np.array([[0, 120], [128, 0], [255, 120], [255, height], [0, height]])], wall
    )
    for x, y in ((60, 150), (160, 150), (110, 70), (60, 246), (160, 246))[: 2 * storeys + 1]:
        if rng.random() < 0.7:
            cv2.rectangle(image, (x - 3, y - 3), (x + 31, y + 45), tone((210, 212, 214), 0.9), -1)
            cv2.rectangle(image, (x, y), (x + 28, y + 42), tone((80, 74, 70), 0.9), -1)
    return rough(rng, image, 0.08)


def rail(rng: np.random.Generator) -> Picture:
    """4 m of guard rail with two posts, (48, 256, 4)."""
    image = blank(48, 256)
    for x in (60, 188):
        cv2.rectangle(image, (x, 6), (x + 8, 47), tone((92, 94, 96), 1), -1)
    for row, grey in zip(range(4, 26), np.sin(np.linspace(0, 9.4, 22)) * 38 + 138, strict=True):
        image[row] = (grey, grey, grey * 0.98, 255)
    return rough(rng, image, 0.1)


def fence(rng: np.random.Generator) -> Picture:
    """4 m of picket fence, (96, 256, 4)."""
    image = blank(96, 256)
    colour = ((70, 92, 116), (190, 196, 198), (60, 66, 60))[rng.integers(3)]
    for y in (26, 74):
        cv2.rectangle(image, (0, y), (255, y + 6), tone(colour, 0.8), -1)
    for x in range(2, 256, 14):
        top = 4 + int(rng.integers(4))
        cv2.rectangle(image, (x, top), (x + 7, 95), tone(colour, rng.uniform(0.8, 1.05)), -1)
    return rough(rng, image, 0.1)


def concrete(rng: np.random.Generator) -> Picture:
    """A stained concrete wall, (192, 256, 4)."""
    image = np.full((192, 256, 4), tone((128, 132, 134), rng.uniform(0.8, 1.1)), np.uint8)
    image[:, ::64, :3] = (image[:, ::64, :3] * 0.7).astype(np.uint8)
    streaks = fractal(rng, 1, 256, 9)[0]
    image[..., :3] = np.clip(
        image[..., :3] * (1 - 0.14 * np.clip(streaks, 0, 2))[None, :, None], 0, 255
    )
    return rough(rng, image, 0.13)
