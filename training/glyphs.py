"""Digits and letters like those of German road signs (DIN 1451), drawn as strokes, without a font.

A glyph is a list of centre lines in a box of height 1; its strokes have the given width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from training.vector import Colour, PathLike, Pen, arc, chain


class Frame(NamedTuple):
    """Where the centre lines of a glyph may run: the box less half a stroke on each side."""

    left: float
    right: float
    top: float
    bottom: float
    stroke: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    @property
    def bow(self) -> float:
        return (self.right - self.left) / 2


Lines = list[PathLike]


def _zero(f: Frame) -> Lines:
    c, r = f.middle, f.bow
    upper = arc((c, f.top + r), r, 180, 360)
    lower = arc((c, f.bottom - r), r, 0, 180)
    return [chain(upper, lower, upper[:2])]


def _one(f: Frame) -> Lines:
    half = f.stroke / 2
    return [
        [(f.right, f.top - half), (f.right, f.bottom + half)],
        [(f.left - half, f.top + 0.21), (f.right, f.top + 0.02)],
    ]


def _two(f: Frame) -> Lines:
    c, r, half = f.middle, f.bow, f.stroke / 2
    bow = arc((c, f.top + r), r, 175, 395)
    return [
        chain(bow, [(f.left + 0.01, f.bottom)]),
        [(f.left - half, f.bottom), (f.right + half, f.bottom)],
    ]


def _three(f: Frame) -> Lines:
    c, r = f.middle, f.bow
    waist = f.top + 0.46 * (f.bottom - f.top)
    upper = arc((c, (f.top + waist) / 2), (r * 0.95, (waist - f.top) / 2), 195, 450)
    lower = arc((c, (f.bottom + waist) / 2), (r, (f.bottom - waist) / 2), 270, 525)
    return [upper, lower, [(c - 0.3 * r, waist), (c + 0.05, waist)]]


def _four(f: Frame) -> Lines:
    half, bar = f.stroke / 2, f.bottom - 0.22
    post = f.right - 0.07
    return [
        chain([(f.middle, f.top - half), (f.left + 0.02, bar)]),
        [(f.left - half, bar), (f.right + half, bar)],
        [(post, f.top + 0.40), (post, f.bottom + half)],
    ]


def _five(f: Frame) -> Lines:
    half = f.stroke / 2
    ry = 0.30 * (f.bottom - f.top) / 0.86
    bowl = arc((f.middle, f.bottom - ry), (f.bow, ry), 222, 525)
    left = f.left + 0.02
    return [
        [(left - half, f.top), (f.right + half * 0.5, f.top)],
        chain([(left, f.top)], [(left, bowl[0][1])], bowl),
    ]


def _six(f: Frame) -> Lines:
    c, r = f.middle, f.bow
    ry = min(0.29, r * 1.25)
    ring = arc((c, f.bottom - ry), (r, ry), 205, 565)
    return [ring, chain([(c + 0.45 * r, f.top - f.stroke / 2)], [(c - 0.45 * r, 0.37)], ring[:1])]


def _seven(f: Frame) -> Lines:
    half = f.stroke / 2
    foot = f.left + 0.55 * f.bow
    return [
        [(f.left - half, f.top), (f.right + half, f.top)],
        [(f.right, f.top - 0.02), (foot, f.bottom + half)],
        [(f.left, f.top), (f.left, f.top + 0.13)],
    ]


def _eight(f: Frame) -> Lines:
    c, r = f.middle, f.bow
    waist = f.top + 0.46 * (f.bottom - f.top)
    upper = arc((c, (f.top + waist) / 2), (r * 0.9, (waist - f.top) / 2), 0, 360)
    lower = arc((c, (f.bottom + waist) / 2), (r, (f.bottom - waist) / 2), 0, 360)
    return [upper, lower]


def _nine(f: Frame) -> Lines:
    height = f.top + f.bottom
    return [[(2 * f.middle - x, height - y) for x, y in line] for line in _six(f)]


def _s(f: Frame) -> Lines:
    c, r = f.middle, f.bow
    waist = (f.top + f.bottom) / 2
    ry = (waist - f.top) / 2
    upper = arc((c, f.top + ry), (r, ry), 335, 90 + 20)
    lower = arc((c, f.bottom - ry), (r, ry), 270 + 20, 360 + 155)
    return [chain(upper, lower)]


def _letters(f: Frame) -> dict[str, Lines]:
    left, right, top, bottom, s = f
    half, c, r, waist = s / 2, f.middle, f.bow, (f.top + f.bottom) / 2
    up, down = top - half, bottom + half
    post: PathLike = [(left, up), (left, down)]
    other: PathLike = [(right, up), (right, down)]
    belly = (waist + 0.04 - top) / 2
    bowl = chain(
        [(left, top)], arc((right - belly, top + belly), belly, -90, 90), [(left, top + 2 * belly)]
    )
    cup = chain([(left, up)], arc((c, bottom - r), r, 180, 0), [(right, up)])
    big = chain(
        [(left, top)],
        arc((right - r, top + r), r, -90, 0),
        arc((right - r, bottom - r), r, 0, 90),
        [(left, bottom)],
    )
    return {
        "A": [
            chain([(left, down)], [(c, top)], [(right, down)]),
            [(left + 0.1, 0.66), (right - 0.1, 0.66)],
        ],
        "D": [post, big],
        "E": [
            post,
            [(left, top), (right, top)],
            [(left, waist), (right - 0.06, waist)],
            [(left, bottom), (right, bottom)],
        ],
        "F": [post, [(left, top), (right, top)], [(left, waist), (right - 0.06, waist)]],
        "H": [post, other, [(left, waist), (right, waist)]],
        "I": [[(c, up), (c, down)]],
        "K": [post, [(right, up), (left, 0.62)], [(c - 0.06, 0.5), (right, down)]],
        "L": [post, [(left, bottom), (right, bottom)]],
        "M": [post, other, chain([(left, top)], [(c, 0.6)], [(right, top)])],
        "N": [post, other, [(left, top), (right, bottom)]],
        "O": _zero(f),
        "P": [post, bowl],
        "R": [post, bowl, [(c, waist), (right, down)]],
        "S": _s(f),
        "T": [[(left - half, top), (right + half, top)], [(c, up), (c, down)]],
        "U": [cup],
        "Z": [chain([(left, top)], [(right, top)], [(left, bottom)], [(right, bottom)])],
        "m": [
            [(left, 0.32), (left, down)],
            chain(arc(((left + c) / 2, 0.32 + half + r / 2), r / 2, 180, 360), [(c, down)]),
            chain(arc(((right + c) / 2, 0.32 + half + r / 2), r / 2, 180, 360), [(right, down)]),
        ],
        "t": [
            chain(
                [(c - 0.04, 0.1)], arc((c + 0.06, bottom - 0.1), 0.1, 180, 90), [(right, bottom)]
            ),
            [(left, 0.36), (right, 0.36)],
        ],
        ",": [[(c, bottom - 0.06), (c - 0.05, bottom + 0.16)]],
        " ": [],
    }


_DIGITS: dict[str, Callable[[Frame], Lines]] = {
    "0": _zero,
    "1": _one,
    "2": _two,
    "3": _three,
    "4": _four,
    "5": _five,
    "6": _six,
    "7": _seven,
    "8": _eight,
    "9": _nine,
}
_WIDTHS = {"1": 0.62, "I": 0.45, ",": 0.4, " ": 0.5, "M": 1.2, "m": 1.15, "t": 0.7}


def text(  # noqa: PLR0913 - a font has this many measures
    pen: Pen,
    colour: Colour,
    word: str,
    centre: tuple[float, float],
    height: float,
    *,
    width: float = 0.57,
    stroke: float = 0.15,
    gap: float = 0.125,
) -> None:
    """Write the word around `centre`; width of a letter, stroke and gap are parts of the height.

    KeyError for a character that has no glyph.
    """
    widths = [max(stroke, width * _WIDTHS.get(letter, 1.0)) for letter in word]
    x = -(sum(widths) + gap * (len(word) - 1)) / 2
    for letter, wide in zip(word, widths, strict=True):
        half = stroke / 2
        frame = Frame(half, wide - half, half, 1 - half, stroke)
        lines = _DIGITS[letter](frame) if letter in _DIGITS else _letters(frame)[letter]
        local = pen.at(centre[0] + x * height, centre[1] - height / 2, height)
        for line in lines:
            local.stroke(colour, line, stroke)
        x += wide + gap
