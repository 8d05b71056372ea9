"""Things at the roadside that look like a sign and are none; every brand is invented."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from training.glyphs import text
from training.lamps_and_wheels import (
    AMBER,
    CENTRE,
    CREAM,
    DARK,
    GREEN,
    LAMPS_AND_WHEELS,
    RED,
    WHITE,
)
from training.sign_backs import SIGN_BACKS
from training.vector import Colour, Pen, arc, chain, circle, rectangle, regular, rounded, smooth

BLUE: Colour = (170, 90, 20)
YELLOW: Colour = (60, 215, 250)
GREY: Colour = (130, 130, 130)


def _clock(pen: Pen) -> None:
    pen.plate(DARK, circle(CENTRE, 0.5))
    pen.fill(WHITE, circle(CENTRE, 0.44))
    for hour in range(12):
        local = pen.at(0.5, 0.5, turn=hour * 30)
        local.fill(DARK, rectangle(-0.015, -0.41, 0.015, -0.32 if hour % 3 else -0.28))
    pen.at(0.5, 0.5, turn=305).fill(DARK, rectangle(-0.022, -0.24, 0.022, 0.04))
    pen.at(0.5, 0.5, turn=50).fill(DARK, rectangle(-0.015, -0.36, 0.015, 0.06))


def _round_letter(colour: Colour, pen: Pen) -> None:
    """The round letter of a shop's name, cut out of plastic."""
    pen.plate(colour, circle(CENTRE, 0.5))
    pen.fill((205, 210, 212), circle(CENTRE, 0.31))


def _dish(pen: Pen) -> None:
    """A satellite dish with its arm."""
    pen.plate((205, 207, 208), arc(CENTRE, (0.44, 0.5), 0, 360))
    pen.fill((185, 187, 190), arc((0.46, 0.47), (0.34, 0.4), 0, 360))
    pen.stroke((70, 70, 72), [(0.3, 0.95), (0.52, 0.5)], 0.035)
    pen.disc((60, 60, 62), 0.53, 0.48, 0.05)


def _fan(pen: Pen) -> None:
    """The round grille of a ventilator."""
    pen.plate((200, 198, 196), rectangle(0, 0, 1, 1, 0.04))
    pen.fill((70, 68, 68), circle(CENTRE, 0.44))
    for radius in (0.12, 0.2, 0.28, 0.36):
        pen.stroke((190, 188, 186), arc(CENTRE, radius, 0, 360), 0.02)
    for turn in range(0, 180, 45):
        pen.at(0.5, 0.5, turn=turn).fill((190, 188, 186), rectangle(-0.44, -0.012, 0.44, 0.012))


def _mirror(pen: Pen) -> None:
    """A round traffic mirror: red-white rim, a bent piece of street inside."""
    pen.plate(RED, circle(CENTRE, 0.5))
    for step in range(0, 360, 60):
        sector = chain([CENTRE], arc(CENTRE, 0.5, step, step + 30))
        pen.fill(WHITE, sector)
    pen.fill((205, 180, 160), circle(CENTRE, 0.4))
    pen.fill((90, 95, 95), arc(CENTRE, 0.4, 15, 165))
    pen.fill((70, 105, 80), smooth([(0.12, 0.6), (0.3, 0.48), (0.5, 0.53), (0.3, 0.62)]))


def _target(pen: Pen) -> None:
    """An archery target: rings around a dot."""
    pen.plate(WHITE, circle(CENTRE, 0.5))
    for colour, radius in ((DARK, 0.4), (BLUE, 0.3), (RED, 0.2), (YELLOW, 0.1)):
        pen.disc(colour, 0.5, 0.5, radius)


def _round_shop(pen: Pen) -> None:
    pen.plate(BLUE, circle(CENTRE, 0.5))
    pen.fill(YELLOW, circle(CENTRE, 0.45))
    pen.fill(BLUE, rectangle(0.06, 0.38, 0.94, 0.62))
    text(pen, WHITE, "LOPI", CENTRE, 0.17, stroke=0.17)


def _red_shop(pen: Pen) -> None:
    pen.plate(WHITE, circle(CENTRE, 0.5))
    pen.fill(RED, circle(CENTRE, 0.47), circle(CENTRE, 0.40))
    wave = smooth([(0.2, 0.55), (0.38, 0.38), (0.55, 0.5), (0.8, 0.36), (0.62, 0.64), (0.42, 0.55)])
    pen.fill(GREEN, wave)
    text(pen, DARK, "MIRA", (0.5, 0.72), 0.09, stroke=0.16)


def _bakery(pen: Pen) -> None:
    pen.plate((50, 80, 120), arc(CENTRE, (0.5, 0.32), 0, 360))
    pen.fill(CREAM, arc(CENTRE, (0.46, 0.28), 0, 360))
    for turn in (-30, 0, 30):
        local = pen.at(0.5, 0.62, turn=turn)
        local.fill((60, 130, 200), arc((0, -0.2), (0.05, 0.12), 0, 360))
    text(pen, (50, 80, 120), "KORN", (0.5, 0.68), 0.09, stroke=0.16)


def _triangle_logo(pen: Pen) -> None:
    """A brand's triangle, standing on its point to one side."""
    pen.plate(GREEN, rounded([(0.0, 0.05), (1.08, 0.5), (0.0, 0.95)], 0.05))
    pen.fill(WHITE, rounded([(0.12, 0.24), (0.70, 0.5), (0.12, 0.76)], 0.04))
    pen.disc(BLUE, 0.3, 0.5, 0.1)


def _diamond_logo(pen: Pen) -> None:
    pen.plate(DARK, rounded(regular(4, 0.5), 0.02))
    pen.fill(AMBER, rounded(regular(4, 0.44), 0.02))
    pen.fill(DARK, rounded(regular(6, 0.2), 0.02))


def _shop_sign(word: str, ground: Colour, ink: Colour, pen: Pen) -> None:
    pen.plate(ground, rectangle(0, 0.36, 1, 0.64, 0.03))
    text(pen, ink, word, CENTRE, min(0.16, 1.15 / len(word)), stroke=0.17)


def _billboard(pen: Pen) -> None:
    pen.plate(GREY, rectangle(0, 0.17, 1, 0.83))
    pen.fill((225, 190, 120), rectangle(0.025, 0.195, 0.975, 0.805))
    pen.fill(
        (60, 140, 70), smooth([(0.02, 0.8), (0.2, 0.6), (0.5, 0.7), (0.97, 0.55), (0.97, 0.8)])
    )
    pen.disc(YELLOW, 0.78, 0.36, 0.1)
    pen.fill(RED, rectangle(0.08, 0.27, 0.55, 0.45))
    text(pen, WHITE, "SOMMER", (0.315, 0.36), 0.10, stroke=0.17)


def _poster(pen: Pen) -> None:
    """An upright poster with a face."""
    pen.plate(WHITE, rectangle(0.15, 0, 0.85, 1))
    pen.fill((120, 60, 130), rectangle(0.18, 0.03, 0.82, 0.72))
    pen.fill((150, 185, 225), arc((0.5, 0.4), (0.15, 0.2), 0, 360))
    pen.fill(DARK, arc((0.5, 0.32), (0.17, 0.16), 180, 360))
    pen.fill((70, 60, 60), arc((0.5, 0.74), (0.27, 0.16), 180, 360))
    text(pen, DARK, "LINA 26", (0.5, 0.86), 0.13, stroke=0.16)


def _sticker(pen: Pen) -> None:
    """A price sticker with a jagged edge."""
    angle = np.radians(np.arange(0, 360, 11.25))
    radius = np.where(np.arange(len(angle)) % 2 == 0, 0.5, 0.41)
    star = np.column_stack([0.5 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)])
    pen.plate(YELLOW, star)
    text(pen, RED, "2,99", CENTRE, 0.26, stroke=0.17)


def _smile(pen: Pen) -> None:
    pen.plate(DARK, circle(CENTRE, 0.5))
    pen.fill(YELLOW, circle(CENTRE, 0.46))
    pen.fill(DARK, arc((0.36, 0.38), (0.045, 0.08), 0, 360))
    pen.fill(DARK, arc((0.64, 0.38), (0.045, 0.08), 0, 360))
    pen.stroke(DARK, arc((0.5, 0.52), 0.24, 20, 160), 0.045, caps=True)


def _ball(pen: Pen) -> None:
    pen.plate(WHITE, circle(CENTRE, 0.5))
    pen.fill(DARK, regular(5, 0.15, -90))
    for turn in range(0, 360, 72):
        local = pen.at(0.5, 0.5, turn=turn)
        local.stroke(DARK, [(0, -0.15), (0, -0.34)], 0.02)
        local.fill(DARK, [(-0.10, -0.50), (0.10, -0.50), (0.07, -0.40), (0, -0.34), (-0.07, -0.40)])


def _manhole(pen: Pen) -> None:
    pen.plate((85, 85, 88), circle(CENTRE, 0.5))
    pen.fill((60, 60, 62), circle(CENTRE, 0.45), circle(CENTRE, 0.41))
    for x in np.arange(0.22, 0.8, 0.11):
        for y in np.arange(0.22, 0.8, 0.11):
            pen.fill((60, 60, 62), rectangle(x - 0.03, y - 0.03, x + 0.03, y + 0.03))


def _house_number(pen: Pen) -> None:
    pen.plate(WHITE, rectangle(0, 0, 1, 1, 0.05))
    pen.fill((120, 40, 20), rectangle(0.03, 0.03, 0.97, 0.97, 0.04))
    text(pen, WHITE, "27", CENTRE, 0.58, stroke=0.14)


def _licence_plate(pen: Pen) -> None:
    pen.plate(DARK, rectangle(0, 0.39, 1, 0.61, 0.03))
    pen.fill(WHITE, rectangle(0.01, 0.40, 0.99, 0.60, 0.025))
    pen.fill((150, 50, 10), rectangle(0.015, 0.405, 0.085, 0.595, 0.02))
    text(pen, DARK, "HN ZL 482", (0.54, 0.5), 0.145, width=0.5, stroke=0.13)


def _window(pen: Pen) -> None:
    pen.plate(WHITE, rectangle(0.1, 0, 0.9, 1))
    for x1, x2 in ((0.16, 0.47), (0.53, 0.84)):
        for y1, y2 in ((0.06, 0.36), (0.42, 0.94)):
            pen.fill((120, 100, 85), rectangle(x1, y1, x2, y2))
            pen.fill((170, 150, 135), [(x1, y1), (x1 + 0.2, y1), (x1, y1 + 0.2)])


def _parasol(pen: Pen) -> None:
    """A parasol from above, red and white."""
    pen.plate(WHITE, regular(8, 0.5))
    for corner in range(0, 8, 2):
        ring = regular(8, 0.5)
        pen.fill(RED, [CENTRE, tuple(ring[corner]), tuple(ring[corner + 1])])
    pen.disc(GREY, 0.5, 0.5, 0.03)


LOOKALIKE_THINGS: dict[str, Callable[[Pen], None]] = {
    **LAMPS_AND_WHEELS,
    "clock": _clock,
    "green round letter": partial(_round_letter, (60, 120, 30)),
    "blue round letter": partial(_round_letter, BLUE),
    "dish": _dish,
    "fan": _fan,
    "mirror": _mirror,
    "archery target": _target,
    "round shop sign": _round_shop,
    "ringed shop sign": _red_shop,
    "bakery": _bakery,
    "triangle emblem": _triangle_logo,
    "diamond emblem": _diamond_logo,
    "red shop sign": partial(_shop_sign, "KANO", RED, WHITE),
    "blue shop sign": partial(_shop_sign, "TANDRIS", BLUE, WHITE),
    "yellow shop sign": partial(_shop_sign, "HOLZ", YELLOW, DARK),
    "billboard": _billboard,
    "poster": _poster,
    "price sticker": _sticker,
    "smile": _smile,
    "ball": _ball,
    "manhole": _manhole,
    "house number": _house_number,
    "licence plate": _licence_plate,
    "window": _window,
    "parasol": _parasol,
    **SIGN_BACKS,
}
