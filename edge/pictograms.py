"""One small pictogram for each category of signs, drawn in the category's colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from PIL import Image as Pillow
from PIL import ImageDraw

from edge.sprite import OVERSAMPLING, Colour, Sprite, from_pillow
from models.signs import Category

# Told apart at a glance on asphalt, sky and trees, and close to what stands on the signs.
COLOURS: Mapping[Category, Colour] = {
    "prohibitory": (242, 64, 60),
    "danger": (255, 138, 36),
    "mandatory": (45, 140, 255),
    "priority": (255, 212, 38),
    "end": (214, 220, 228),
    "unknown": (158, 167, 179),
}
WHITE: Colour = (250, 250, 250)
DARK: Colour = (28, 31, 36)

Draw = ImageDraw.ImageDraw
Point = tuple[float, float]


@lru_cache(64)
def pictogram(category: Category, size: int) -> Sprite:
    """The category's pictogram in a square of `size` pixels."""
    side = size * OVERSAMPLING
    picture = Pillow.new("RGBA", (side, side))
    _SHAPES[category](ImageDraw.Draw(picture), side, COLOURS[category])
    return from_pillow(picture)


def _disc(draw: Draw, side: float, radius: float, fill: Colour) -> None:
    """A disc around the middle; `radius` as a share of the side."""
    low, high = side * (0.5 - radius), side * (0.5 + radius) - 1
    draw.ellipse((low, low, high, high), fill=fill)


def _polygon(draw: Draw, side: float, points: list[Point], fill: Colour, round_by: float) -> None:
    """A polygon, blown up by `round_by` with round corners; everything as shares of the side."""
    corners = [(x * side, y * side) for x, y in points]
    draw.polygon(corners, fill=fill)
    radius = round_by * side
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        draw.line((start, end), fill=fill, width=round(2 * radius))
        x, y = start
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def _ring(draw: Draw, side: float, colour: Colour) -> None:
    _disc(draw, side, 0.5, colour)
    _disc(draw, side, 0.3, WHITE)


def _triangle(draw: Draw, side: float, colour: Colour) -> None:
    outer: list[Point] = [(0.5, 0.13), (0.91, 0.84), (0.09, 0.84)]
    inner: list[Point] = [(0.5, 0.37), (0.72, 0.75), (0.28, 0.75)]
    _polygon(draw, side, outer, colour, 0.09)
    _polygon(draw, side, inner, WHITE, 0.02)


def _arrow(draw: Draw, side: float, colour: Colour) -> None:
    _disc(draw, side, 0.5, colour)
    _polygon(draw, side, [(0.5, 0.22), (0.7, 0.45), (0.3, 0.45)], WHITE, 0.025)
    draw.rectangle((0.43 * side, 0.45 * side, 0.57 * side - 1, 0.79 * side), fill=WHITE)


def _diamond(draw: Draw, side: float, colour: Colour) -> None:
    for reach, fill in ((0.43, WHITE), (0.27, colour)):
        points = [(0.5, 0.5 - reach), (0.5 + reach, 0.5), (0.5, 0.5 + reach), (0.5 - reach, 0.5)]
        _polygon(draw, side, list(points), fill, 0.05)


def _slash(draw: Draw, side: float, colour: Colour) -> None:
    _disc(draw, side, 0.5, colour)
    _disc(draw, side, 0.41, WHITE)
    reach = 0.44 / math.sqrt(2)
    for shift in (-0.07, 0.07):
        low, high = (0.5 - reach + shift) * side, (0.5 + reach + shift) * side
        draw.line((low, high, high, low), fill=DARK, width=round(0.075 * side))


def _question(draw: Draw, side: float, colour: Colour) -> None:
    draw.rounded_rectangle((0, 0, side - 1, side - 1), 0.2 * side, fill=colour)
    width = round(0.13 * side)
    draw.arc((0.3 * side, 0.17 * side, 0.7 * side, 0.57 * side), 180, 405, DARK, width)
    tail: list[Point] = [(0.595, 0.465), (0.5, 0.56), (0.5, 0.655)]
    draw.line([(x * side, y * side) for x, y in tail], DARK, width, joint="curve")
    x, y, dot = 0.5 * side, 0.79 * side, 0.075 * side
    draw.ellipse((x - dot, y - dot, x + dot, y + dot), DARK)


_SHAPES: Mapping[Category, Callable[[Draw, float, Colour], None]] = {
    "prohibitory": _ring,
    "danger": _triangle,
    "mandatory": _arrow,
    "priority": _diamond,
    "end": _slash,
    "unknown": _question,
}
