"""Lamps, wheels and posts, which a careless detector takes for a sign."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from training.vector import Colour, Pen, arc, circle, rectangle

CENTRE = (0.5, 0.5)
RED: Colour = (40, 30, 205)
AMBER: Colour = (20, 150, 245)
GREEN: Colour = (90, 190, 40)
CREAM: Colour = (215, 235, 242)
WHITE: Colour = (240, 240, 240)
DARK: Colour = (40, 38, 38)


def _lamp(colour: Colour, pen: Pen) -> None:
    """A round lamp that is lit: dark rim, lens, bright middle."""
    pen.plate(DARK, circle(CENTRE, 0.5))
    for step in range(8):
        share = step / 7
        blend = tuple(round(c + (255 - c) * share * 0.7) for c in colour)
        pen.fill((blend[0], blend[1], blend[2]), circle((0.48, 0.47), 0.43 - 0.045 * step))


def _traffic_light(lit: int, pen: Pen) -> None:
    """Three lamps one above the other, the one of this number lit."""
    pen.plate(DARK, rectangle(0.31, 0, 0.69, 1, 0.06))
    off = ((30, 20, 60), (20, 45, 70), (35, 60, 20))
    for number, colour in enumerate((RED, AMBER, GREEN)):
        y = 0.18 + 0.32 * number
        pen.disc((60, 60, 60), 0.5, y, 0.145)
        pen.disc(colour if number == lit else off[number], 0.5, y, 0.125)


def _walker_light(pen: Pen) -> None:
    """Two square lamps for who walks: a red figure lit above a dark one."""
    pen.plate(DARK, rectangle(0.24, 0, 0.76, 1, 0.05))
    pen.fill((25, 22, 22), rectangle(0.3, 0.05, 0.7, 0.47), rectangle(0.3, 0.53, 0.7, 0.95))
    pen.disc(RED, 0.5, 0.13, 0.045)
    pen.fill(RED, rectangle(0.44, 0.19, 0.56, 0.33, 0.03), rectangle(0.45, 0.3, 0.55, 0.44))


def _wheel(pen: Pen) -> None:
    pen.plate(DARK, circle(CENTRE, 0.5))
    pen.fill((165, 165, 165), circle(CENTRE, 0.33))
    for spoke in range(5):
        local = pen.at(0.5, 0.5, turn=spoke * 72)
        local.fill(DARK, [(0.06, -0.10), (0.10, -0.26), (-0.10, -0.26), (-0.06, -0.10)])
    pen.disc((100, 100, 100), 0.5, 0.5, 0.06)


def _alloy_wheel(spokes: int, metal: Colour, pen: Pen) -> None:
    """A large rim in a thin tyre: narrow spokes from the hub to the edge, dark between them."""
    pen.plate((30, 28, 28), circle(CENTRE, 0.5))
    pen.fill(metal, circle(CENTRE, 0.41))
    pen.fill((45, 42, 42), circle(CENTRE, 0.37))
    for spoke in range(spokes):
        local = pen.at(0.5, 0.5, turn=spoke * 360 / spokes)
        local.fill(metal, [(-0.05, 0), (-0.022, -0.39), (0.022, -0.39), (0.05, 0)])
    pen.disc(metal, 0.5, 0.5, 0.1)
    pen.disc((60, 58, 58), 0.5, 0.5, 0.045)


def _steel_wheel(pen: Pen) -> None:
    """A plain rim with holes, as vans and trailers have it."""
    pen.plate((35, 33, 33), circle(CENTRE, 0.5))
    pen.fill((190, 190, 192), circle(CENTRE, 0.36))
    pen.fill((160, 160, 163), circle(CENTRE, 0.3))
    for hole in range(8):
        local = pen.at(0.5, 0.5, turn=hole * 45)
        local.disc((60, 58, 58), 0, -0.24, 0.042)
    pen.disc((205, 205, 205), 0.5, 0.5, 0.13)
    pen.disc((120, 120, 122), 0.5, 0.5, 0.08)


def _headlamp(pen: Pen) -> None:
    """A car's round headlamp: chrome rim, clear glass, a bright bulb."""
    pen.plate((120, 118, 115), circle(CENTRE, 0.5))
    pen.fill((205, 205, 200), circle(CENTRE, 0.46))
    pen.fill((150, 148, 145), arc(CENTRE, (0.42, 0.42), 0, 360))
    pen.fill((215, 218, 220), arc((0.45, 0.42), (0.3, 0.28), 0, 360))
    pen.disc((252, 252, 252), 0.5, 0.5, 0.15)


def _globe_lamp(pen: Pen) -> None:
    """A street lamp's white globe on its neck."""
    pen.plate((55, 55, 52), rectangle(0.42, 0.74, 0.58, 1))
    pen.plate((225, 232, 235), circle((0.5, 0.4), 0.4))
    pen.fill((245, 248, 250), arc((0.43, 0.3), (0.2, 0.18), 0, 360))


def _bollard(pen: Pen) -> None:
    """A post with a round white head and a red band."""
    pen.plate((70, 66, 60), rectangle(0.4, 0.3, 0.6, 1))
    pen.fill(RED, rectangle(0.4, 0.46, 0.6, 0.56))
    pen.plate(WHITE, circle((0.5, 0.2), 0.2))


def _tail_lamps(pen: Pen) -> None:
    """Three round lamps of a lorry's back side by side."""
    pen.plate(DARK, rectangle(0, 0.31, 1, 0.69, 0.05))
    for x, colour in ((0.18, AMBER), (0.5, RED), (0.82, (60, 50, 150))):
        pen.disc((20, 18, 80), x, 0.5, 0.15)
        pen.disc(colour, x, 0.5, 0.125)


LAMPS_AND_WHEELS: dict[str, Callable[[Pen], None]] = {
    "red lamp": partial(_lamp, RED),
    "amber lamp": partial(_lamp, AMBER),
    "green lamp": partial(_lamp, GREEN),
    "white lamp": partial(_lamp, CREAM),
    "red traffic light": partial(_traffic_light, 0),
    "amber traffic light": partial(_traffic_light, 1),
    "traffic light": partial(_traffic_light, 2),
    "walkers' light": _walker_light,
    "wheel": _wheel,
    "wheel of five spokes": partial(_alloy_wheel, 5, (190, 188, 186)),
    "wheel of ten spokes": partial(_alloy_wheel, 10, (165, 163, 160)),
    "black wheel": partial(_alloy_wheel, 7, (85, 82, 80)),
    "steel wheel": _steel_wheel,
    "headlamp": _headlamp,
    "tail lamps": _tail_lamps,
    "globe lamp": _globe_lamp,
    "bollard": _bollard,
}
