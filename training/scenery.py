"""Sprites of what else stands beside a road, and the shared catalogue of all of them."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from training.buildings import concrete, facade, fence, gable, rail, roof
from training.noise import blank, letters, rough, tone
from training.painter import Picture, Texture, texture_of
from training.pinhole import Array
from training.plants import bush, tree, tufts

SEED = 20_241  # of the sprites every world shares
PAINT = (
    (36, 34, 34),
    (172, 172, 168),
    (208, 208, 206),
    (40, 34, 150),
    (120, 62, 30),
    (74, 70, 68),
    (52, 84, 40),
    (120, 120, 124),
)


def car(rng: np.random.Generator, view: str) -> Picture:
    """A car seen from its "front", "back" or "side", 80 pixels a metre."""
    paint = PAINT[rng.integers(len(PAINT))]
    body, dark = tone(paint, 1), tone((28, 27, 27), 1)
    glass = tone((70, 64, 58), rng.uniform(0.6, 1.6))
    if view == "side":
        image = blank(120, 340)
        hull = [[4, 92], [6, 62], [50, 50], [96, 14], [212, 10], [272, 48], [330, 62], [336, 92]]
        cv2.fillPoly(image, [np.array(hull)], body, cv2.LINE_AA)
        cv2.fillPoly(image, [np.array([[68, 50], [104, 20], [152, 17], [152, 50]])], glass)
        cv2.fillPoly(image, [np.array([[160, 50], [160, 17], [208, 16], [250, 50]])], glass)
        cv2.line(image, (156, 20), (154, 88), tone(paint, 0.6), 2)
        cv2.rectangle(image, (20, 84), (322, 98), tone(paint, 0.45), -1)
        for x in (70, 268):
            cv2.circle(image, (x, 92), 27, dark, -1, cv2.LINE_AA)
            cv2.circle(image, (x, 92), 16, tone((130, 130, 132), 1), -1, cv2.LINE_AA)
            cv2.circle(image, (x, 92), 5, dark, -1, cv2.LINE_AA)
        return rough(rng, image, 0.06)
    image = blank(120, 144)
    for x in (10, 112):
        cv2.rectangle(image, (x, 88), (x + 22, 119), dark, -1)
    hull = [[4, 100], [2, 60], [14, 46], [32, 8], [112, 8], [130, 46], [142, 60], [140, 100]]
    cv2.fillPoly(image, [np.array(hull)], body, cv2.LINE_AA)
    cv2.fillPoly(image, [np.array([[24, 44], [38, 14], [106, 14], [120, 44]])], glass)
    cv2.rectangle(image, (6, 88), (138, 102), tone(paint, 0.5), -1)
    plate = (48, 70, 96, 82) if view == "back" else (48, 86, 96, 98)
    cv2.rectangle(image, plate[:2], plate[2:], tone((220, 222, 222), 1), -1)
    letters(rng, image, (plate[0] + 6, plate[1] + 3, plate[2] - 4, plate[3] - 2))
    lamp = tone((30, 30, 190), 1) if view == "back" else tone((235, 240, 245), 1)
    for x in (6, 116):
        cv2.rectangle(image, (x, 56), (x + 22, 70), lamp, -1)
    if view == "front":
        cv2.rectangle(image, (40, 62), (104, 80), dark, -1)
    return rough(rng, image, 0.06)


def pole(rng: np.random.Generator) -> Picture:
    """A grey steel post, lit from one side, (128, 16, 4) with clear edges."""
    image = blank(128, 16)
    grey = np.array([0, 0, 70, 96, 132, 158, 170, 168, 156, 140, 122, 104, 86, 70, 0, 0])
    image[..., :3] = grey[None, :, None] * rng.uniform(0.75, 1.05)
    image[:, 2:14, 3] = 255
    return rough(rng, image, 0.12)


def lamp_head(rng: np.random.Generator, lit: bool) -> Picture:
    """A street lamp's head or a globe of glass, (64, 128, 4)."""
    image = blank(64, 128)
    glass = (200, 235, 250, 255) if lit else tone((196, 200, 202), 1)
    if rng.random() < 0.5:
        cv2.ellipse(image, (64, 30), (60, 16), 0, 180, 360, tone((96, 98, 100), 1), -1)
        cv2.ellipse(image, (64, 32), (50, 14), 0, 0, 180, glass, -1)
    else:
        cv2.circle(image, (64, 32), 28, glass, -1, cv2.LINE_AA)
    return image


def plate(rng: np.random.Generator) -> Picture:
    """The white plate below a sign, with writing, (96, 160, 4)."""
    image = np.full((96, 160, 4), (226, 230, 230, 255), np.uint8)
    cv2.rectangle(image, (3, 3), (156, 92), (40, 40, 40, 255), 4)
    for y in (18, 54) if rng.random() < 0.6 else (34,):
        letters(rng, image, (18, y, 146, y + 26))
    return image


def billboard(rng: np.random.Generator, motif: Picture | None) -> Picture:
    """A poster on a board, (192, 288, 4), around a BGRA motif of 128 × 128 if one is given."""
    image = np.full((192, 288, 4), (70, 72, 74, 255), np.uint8)
    colour = 0.6 * rng.integers(20, 245, 3) + 0.4 * rng.integers(60, 220)
    image[8:184, 8:280, :3] = colour
    slope = np.linspace(-40, 40, 272)[None, :, None] * rng.choice([-1, 1])
    image[8:184, 8:280, :3] = np.clip(image[8:184, 8:280, :3] + slope, 0, 255)
    left = int(rng.choice([20, 140]))
    if motif is not None:
        cover = motif[..., 3:].astype(np.float32) / 255
        spot = image[32:160, left : left + 128, :3]
        spot[:] = (motif[..., :3] * cover + spot * (1 - cover)).astype(np.uint8)
    for y in (36, 76, 116):
        x = 160 - left + (8 if left > 100 else 0)
        letters(rng, image, (x, y, x + int(rng.integers(60, 116)), y + 22))
    return image


def sign_back(shape: str) -> Picture:
    """The grey back of a sign that faces the other way, (96, 96, 4); shape "disc" or "triangle"."""
    image = blank(96, 96)
    if shape == "disc":
        cv2.circle(image, (48, 48), 47, (112, 114, 116, 255), -1, cv2.LINE_AA)
    else:
        cv2.fillPoly(image, [np.array([[48, 6], [94, 88], [2, 88]])], (112, 114, 116, 255))
    return image


def shadow() -> Picture:
    """The dark below a car, (64, 128, 4), soft at its edge."""
    image = blank(64, 128)
    x, y = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 64))
    image[..., 3] = np.clip((1 - np.hypot(x, y)) * 2.2, 0, 0.8) * 255
    return image


def flat(colour: tuple[int, int, int]) -> Array:
    """An opaque little square of one colour, for things without a pattern."""
    return np.full((8, 8, 4), (*colour, 255), np.uint8)


MAKERS = {  # kind → (how many, maker)
    "tree": (9, lambda rng: tree(rng, rng.uniform(0.5, 1.0))),
    "bare": (5, lambda rng: tree(rng, rng.uniform(0.0, 0.08))),
    "bush": (6, bush), "tufts": (3, tufts), "roof": (3, roof),
    "house2": (5, lambda rng: facade(rng, 2, False)),
    "house4": (4, lambda rng: facade(rng, 4, False)),
    "shop": (4, lambda rng: facade(rng, 3, True)),
    "gable": (4, lambda rng: gable(rng, 2)),
    "front": (5, lambda rng: car(rng, "front")), "back": (5, lambda rng: car(rng, "back")),
    "side": (6, lambda rng: car(rng, "side")),
    "rail": (2, rail), "fence": (3, fence), "concrete": (3, concrete), "pole": (2, pole),
    "lamp": (3, lambda rng: lamp_head(rng, False)), "glow": (3, lambda rng: lamp_head(rng, True)),
    "plate": (5, plate),
    "discback": (1, lambda _: sign_back("disc")), "triback": (1, lambda _: sign_back("triangle")),
}  # fmt: skip


@cache
def sprites(kind: str) -> tuple[Texture, ...]:
    """The shared textures of one kind; the same in every process. KeyError for an unknown kind."""
    count, make = MAKERS[kind]
    return tuple(
        texture_of(make(np.random.default_rng([SEED, *kind.encode(), k]))) for k in range(count)
    )


def pick(rng: np.random.Generator, kind: str) -> Texture:
    """One of the shared textures."""
    choices = sprites(kind)
    return choices[int(rng.integers(len(choices)))]
