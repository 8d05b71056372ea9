"""The road panel: what is in force now, as a row of small signs on a plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from PIL import Image as Pillow
from PIL import ImageDraw

from edge.core import Road
from edge.pictograms import COLOURS, DARK, WHITE, Draw, pictogram
from edge.sprite import OVERSAMPLING, Colour, Sprite, from_pillow, rounded, stack
from edge.text import Style, text_sprite, text_width

RED = COLOURS["prohibitory"]
FADED: Colour = (150, 157, 166)  # a limit that was read long ago
RING = 0.36  # of the white middle, as a share of the side
DIGITS = 0.5  # of the side: the height of the font of a limit
DIGITS_WIDTH = 0.64  # of the side, at most


def road_panel(road: Road, side: int, plate: Colour, opacity: float) -> Sprite | None:
    """The panel with signs of `side` pixels; None where nothing is known."""
    return _panel(replace(road, limit_since=None), side, plate, opacity)


@lru_cache(16)
def _panel(road: Road, side: int, plate: Colour, opacity: float) -> Sprite | None:
    signs = list(_signs(road, side))
    if not signs:
        return None
    gap = max(2, round(side * 0.15))
    width, height = len(signs) * (side + gap) + gap, side + 2 * gap
    panel = rounded(width, height, height * 0.2, plate, opacity)
    for number, sign in enumerate(signs):
        panel = stack(panel, sign, gap + number * (side + gap), gap)
    return panel


def _signs(road: Road, side: int) -> list[Sprite]:
    signs = []
    if road.limit is not None:
        signs.append(_limit(road.limit, road.stale, side))
    if road.free:
        signs.append(pictogram("end", side))
    if road.no_overtaking:
        signs.append(_drawn(_no_overtaking, side))
    if road.no_overtaking_trucks:
        signs.append(_drawn(_no_overtaking_trucks, side))
    if road.priority is not None:
        signs.append(pictogram("priority", side) if road.priority else _drawn(_give_way, side))
    return signs


def _drawn(draw: Callable[[Draw, float], None], side: int) -> Sprite:
    large = side * OVERSAMPLING
    picture = Pillow.new("RGBA", (large, large))
    draw(ImageDraw.Draw(picture), large)
    return from_pillow(picture)


def _limit(limit: int, stale: bool, side: int) -> Sprite:
    """A red ring and the number; all grey where it is stale."""
    ring, ink = (FADED, FADED) if stale else (RED, DARK)
    sign = _drawn(lambda draw, large: _roundel(draw, large, ring), side)
    text = str(limit)
    style = Style(round(side * DIGITS), ink, bold=True)
    while text_width(text, style) > side * DIGITS_WIDTH and style.size > 1:
        style = style._replace(size=style.size - 1)
    number = text_sprite(text, style)
    # Digits stand on a line 1.02 sizes below the sprite's top and are 0.73 sizes high.
    top = side / 2 - (1.02 - 0.73 / 2) * style.size
    return stack(sign, number, round((side - number.width) / 2), round(top))


def _roundel(draw: Draw, side: float, ring: Colour) -> None:
    draw.ellipse((0, 0, side - 1, side - 1), fill=ring)
    low, high = side * (0.5 - RING), side * (0.5 + RING) - 1
    draw.ellipse((low, low, high, high), fill=WHITE)


def _no_overtaking(draw: Draw, side: float) -> None:
    _roundel(draw, side, RED)
    _car(draw, side, 0.335, RED)
    _car(draw, side, 0.665, DARK)


def _no_overtaking_trucks(draw: Draw, side: float) -> None:
    _roundel(draw, side, RED)
    _truck(draw, side, 0.335, RED)
    _car(draw, side, 0.665, DARK)


def _car(draw: Draw, side: float, x: float, colour: Colour) -> None:
    """A car from behind around the share `x` of the side."""
    roof = [(x - 0.08, 0.41), (x + 0.08, 0.41), (x + 0.115, 0.5), (x - 0.115, 0.5)]
    draw.polygon([(u * side, v * side) for u, v in roof], fill=colour)
    _box(draw, side, (x - 0.13, 0.49, x + 0.13, 0.59), colour)
    for wheel in (x - 0.095, x + 0.095):
        _box(draw, side, (wheel - 0.03, 0.57, wheel + 0.03, 0.63), colour)


def _truck(draw: Draw, side: float, x: float, colour: Colour) -> None:
    _box(draw, side, (x - 0.125, 0.34, x + 0.125, 0.59), colour)
    for wheel in (x - 0.09, x + 0.09):
        _box(draw, side, (wheel - 0.035, 0.57, wheel + 0.035, 0.64), colour)


def _box(draw: Draw, side: float, box: tuple[float, float, float, float], colour: Colour) -> None:
    x1, y1, x2, y2 = (edge * side for edge in box)
    draw.rounded_rectangle((x1, y1, x2, y2), 0.02 * side, fill=colour)


def _give_way(draw: Draw, side: float) -> None:
    for reach, fill in ((0.0, RED), (0.17, WHITE)):
        corners = [
            (reach, 0.1 + reach * 0.56),
            (1 - reach, 0.1 + reach * 0.56),
            (0.5, 0.96 - reach),
        ]
        draw.polygon([(x * side, y * side) for x, y in corners], fill=fill)
