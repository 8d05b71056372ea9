"""Sprites of what stands beside a road, drawn from random numbers; BGRA with straight alpha."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from training.painter import Picture, Texture, texture_of
from training.pinhole import Array
from training.terrain import fractal

SEED = 20_241  # of the sprites every world shares
LEAVES = (  # BGR, by season
    (44, 84, 70),
    (40, 74, 58),
    (44, 98, 110),
    (46, 88, 126),
    (44, 70, 102),
    (52, 100, 92),
)
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


def blank(height: int, width: int) -> Picture:
    """A transparent picture."""
    return np.zeros((height, width, 4), np.uint8)


def _tone(colour: tuple[int, ...], gain: float) -> tuple[int, int, int, int]:
    b, g, r = (int(np.clip(c * gain, 0, 255)) for c in colour[:3])
    return b, g, r, 255


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
        bark = _tone((52, 62, 70), rng.uniform(0.55, 1.15))
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
                _tone(tuple(hue.astype(int).tolist()), float(shade[k])),
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
            _tone(hue, float(shade[k])),
            -1,
        )
    return image


def tufts(rng: np.random.Generator) -> Picture:
    """A strip of high grass, (64, 512, 4)."""
    image = blank(64, 512)
    for _ in range(900):
        x, lean = rng.uniform(0, 512), rng.normal(0, 7)
        height = rng.uniform(10, 60) * (0.6 + 0.4 * np.sin(x / 40))
        colour = _tone((56, 104, 104), rng.uniform(0.45, 1.3))
        cv2.line(image, (int(x), 64), (int(x + lean), int(64 - height)), colour, 1, cv2.LINE_AA)
    return image


def rough(rng: np.random.Generator, image: Picture, strength: float) -> Picture:
    """The picture with blotches and grain in its colours, in place of what is too clean."""
    height, width = image.shape[:2]
    tone = 1 + strength * (
        fractal(rng, height, width, height / 3) * 0.6
        + 0.35 * rng.standard_normal((height, width), dtype=np.float32)
    )
    colours = np.clip(image[..., :3] * tone[..., None], 0, 255).astype(np.uint8)
    return np.concatenate([colours, image[..., 3:]], axis=2)


def facade(rng: np.random.Generator, storeys: int, shop: bool) -> Picture:
    """The front of a house, 40 pixels a metre: 8 m wide, 3 m a storey."""
    width, height = 320, 120 * storeys
    image = np.full((height, width, 4), _tone(PLASTER[rng.integers(len(PLASTER))], 1), np.uint8)
    if rng.random() < 0.35:  # bricks
        image[::6, :, :3] = (image[::6, :, :3] * 0.78).astype(np.uint8)
        image[:, ::13, :3] = (image[:, ::13, :3] * 0.88).astype(np.uint8)
    frame = _tone((225, 228, 228), rng.uniform(0.4, 1.0))
    step, wide = int(rng.choice([64, 80, 106])), int(rng.integers(34, 48))
    for storey in range(storeys):
        top = storey * 120 + 28
        for x in range(step // 2 - wide // 2, width - wide, step):
            glass = _tone((92, 84, 76), rng.uniform(0.3, 1.5))
            cv2.rectangle(image, (x - 4, top - 4), (x + wide + 4, top + 66), frame, -1)
            cv2.rectangle(image, (x, top), (x + wide, top + 60), glass, -1)
            if rng.random() < 0.4:
                curtain = _tone((190, 196, 200), rng.uniform(0.6, 1))
                cv2.rectangle(image, (x, top), (x + wide // 3, top + 60), curtain, -1)
            cv2.line(image, (x + wide // 2, top), (x + wide // 2, top + 60), frame, 3)
            cv2.rectangle(
                image, (x - 6, top + 66), (x + wide + 6, top + 71), _tone((120, 124, 126), 1), -1
            )
    if shop:
        top = height - 112
        cv2.rectangle(image, (0, top), (width, height), _tone((60, 62, 64), 1), -1)
        for x in (10, 115, 220):
            glass = _tone((130, 120, 104), rng.uniform(0.4, 1.5))
            cv2.rectangle(image, (x, top + 28), (x + 92, height - 10), glass, -1)
            for _ in range(14):
                goods = _tone(tuple(rng.integers(30, 230, 3).tolist()), 1)
                gx, gy = int(rng.integers(x, x + 80)), int(rng.integers(top + 50, height - 14))
                cv2.rectangle(image, (gx, gy), (gx + 10, gy + 12), goods, -1)
        board = tuple(rng.integers(20, 235, 3).tolist())
        cv2.rectangle(image, (4, top - 6), (width - 4, top + 24), _tone(board, 1), -1)
        letters(rng, image, (16, top - 1, width - 16, top + 20))
    return rough(rng, image, 0.09)


def letters(rng: np.random.Generator, image: Picture, box: tuple[int, int, int, int]) -> None:
    """Something like a line of writing, in one contrasting colour."""
    x1, y1, x2, y2 = box
    dark = image[(y1 + y2) // 2, (x1 + x2) // 2, :3].mean() < 128
    ink = _tone((235, 238, 240) if dark else (40, 36, 36), 1)
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


def roof(rng: np.random.Generator) -> Picture:
    """Roof tiles, (128, 320, 4)."""
    colour = ((44, 52, 92), (52, 54, 60), (40, 62, 116))[rng.integers(3)]
    image = np.full((128, 320, 4), _tone(colour, 1), np.uint8)
    image[::9, :, :3] = (image[::9, :, :3] * 0.7).astype(np.uint8)
    return rough(rng, image, 0.16)


def gable(rng: np.random.Generator, storeys: int) -> Picture:
    """The end of a house with its pointed top, 32 pixels a metre: 8 m wide."""
    height = 96 * storeys + 120
    image = blank(height, 256)
    wall = _tone(PLASTER[rng.integers(len(PLASTER))], 0.8)
    cv2.fillPoly(
        image, [np.array([[0, 120], [128, 0], [255, 120], [255, height], [0, height]])], wall
    )
    for x, y in ((60, 150), (160, 150), (110, 70), (60, 246), (160, 246))[: 2 * storeys + 1]:
        if rng.random() < 0.7:
            cv2.rectangle(image, (x - 3, y - 3), (x + 31, y + 45), _tone((210, 212, 214), 0.9), -1)
            cv2.rectangle(image, (x, y), (x + 28, y + 42), _tone((80, 74, 70), 0.9), -1)
    return rough(rng, image, 0.08)


def car(rng: np.random.Generator, view: str) -> Picture:
    """A car seen from its "front", "back" or "side", 80 pixels a metre."""
    paint = PAINT[rng.integers(len(PAINT))]
    body, dark = _tone(paint, 1), _tone((28, 27, 27), 1)
    glass = _tone((70, 64, 58), rng.uniform(0.6, 1.6))
    if view == "side":
        image = blank(120, 340)
        hull = [[4, 92], [6, 62], [50, 50], [96, 14], [212, 10], [272, 48], [330, 62], [336, 92]]
        cv2.fillPoly(image, [np.array(hull)], body, cv2.LINE_AA)
        cv2.fillPoly(image, [np.array([[68, 50], [104, 20], [152, 17], [152, 50]])], glass)
        cv2.fillPoly(image, [np.array([[160, 50], [160, 17], [208, 16], [250, 50]])], glass)
        cv2.line(image, (156, 20), (154, 88), _tone(paint, 0.6), 2)
        cv2.rectangle(image, (20, 84), (322, 98), _tone(paint, 0.45), -1)
        for x in (70, 268):
            cv2.circle(image, (x, 92), 27, dark, -1, cv2.LINE_AA)
            cv2.circle(image, (x, 92), 16, _tone((130, 130, 132), 1), -1, cv2.LINE_AA)
            cv2.circle(image, (x, 92), 5, dark, -1, cv2.LINE_AA)
        return rough(rng, image, 0.06)
    image = blank(120, 144)
    for x in (10, 112):
        cv2.rectangle(image, (x, 88), (x + 22, 119), dark, -1)
    hull = [[4, 100], [2, 60], [14, 46], [32, 8], [112, 8], [130, 46], [142, 60], [140, 100]]
    cv2.fillPoly(image, [np.array(hull)], body, cv2.LINE_AA)
    cv2.fillPoly(image, [np.array([[24, 44], [38, 14], [106, 14], [120, 44]])], glass)
    cv2.rectangle(image, (6, 88), (138, 102), _tone(paint, 0.5), -1)
    plate = (48, 70, 96, 82) if view == "back" else (48, 86, 96, 98)
    cv2.rectangle(image, plate[:2], plate[2:], _tone((220, 222, 222), 1), -1)
    letters(rng, image, (plate[0] + 6, plate[1] + 3, plate[2] - 4, plate[3] - 2))
    lamp = _tone((30, 30, 190), 1) if view == "back" else _tone((235, 240, 245), 1)
    for x in (6, 116):
        cv2.rectangle(image, (x, 56), (x + 22, 70), lamp, -1)
    if view == "front":
        cv2.rectangle(image, (40, 62), (104, 80), dark, -1)
    return rough(rng, image, 0.06)


def rail(rng: np.random.Generator) -> Picture:
    """4 m of guard rail with two posts, (48, 256, 4)."""
    image = blank(48, 256)
    for x in (60, 188):
        cv2.rectangle(image, (x, 6), (x + 8, 47), _tone((92, 94, 96), 1), -1)
    for row, tone in zip(range(4, 26), np.sin(np.linspace(0, 9.4, 22)) * 38 + 138, strict=True):
        image[row] = (tone, tone, tone * 0.98, 255)
    return rough(rng, image, 0.1)


def fence(rng: np.random.Generator) -> Picture:
    """4 m of picket fence, (96, 256, 4)."""
    image = blank(96, 256)
    colour = ((70, 92, 116), (190, 196, 198), (60, 66, 60))[rng.integers(3)]
    for y in (26, 74):
        cv2.rectangle(image, (0, y), (255, y + 6), _tone(colour, 0.8), -1)
    for x in range(2, 256, 14):
        top = 4 + int(rng.integers(4))
        cv2.rectangle(image, (x, top), (x + 7, 95), _tone(colour, rng.uniform(0.8, 1.05)), -1)
    return rough(rng, image, 0.1)


def concrete(rng: np.random.Generator) -> Picture:
    """A stained concrete wall, (192, 256, 4)."""
    image = np.full((192, 256, 4), _tone((128, 132, 134), rng.uniform(0.8, 1.1)), np.uint8)
    image[:, ::64, :3] = (image[:, ::64, :3] * 0.7).astype(np.uint8)
    streaks = fractal(rng, 1, 256, 9)[0]
    image[..., :3] = np.clip(
        image[..., :3] * (1 - 0.14 * np.clip(streaks, 0, 2))[None, :, None], 0, 255
    )
    return rough(rng, image, 0.13)


def pole(rng: np.random.Generator) -> Picture:
    """A grey steel post, lit from one side, (128, 16, 4) with clear edges."""
    image = blank(128, 16)
    tone = np.array([0, 0, 70, 96, 132, 158, 170, 168, 156, 140, 122, 104, 86, 70, 0, 0])
    image[..., :3] = tone[None, :, None] * rng.uniform(0.75, 1.05)
    image[:, 2:14, 3] = 255
    return rough(rng, image, 0.12)


def lamp_head(rng: np.random.Generator, lit: bool) -> Picture:
    """A street lamp's head or a globe of glass, (64, 128, 4)."""
    image = blank(64, 128)
    glass = (200, 235, 250, 255) if lit else _tone((196, 200, 202), 1)
    if rng.random() < 0.5:
        cv2.ellipse(image, (64, 30), (60, 16), 0, 180, 360, _tone((96, 98, 100), 1), -1)
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


def flat(colour: tuple[int, int, int]) -> Array:
    """An opaque little square of one colour, for things without a pattern."""
    return np.full((8, 8, 4), (*colour, 255), np.uint8)


def shadow() -> Picture:
    """The dark below a car, (64, 128, 4), soft at its edge."""
    image = blank(64, 128)
    x, y = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 64))
    image[..., 3] = np.clip((1 - np.hypot(x, y)) * 2.2, 0, 0.8) * 255
    return image
