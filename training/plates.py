"""The colours and the plates that road signs share: rings, triangles, discs, numbers."""

from __future__ import annotations

from typing import NamedTuple

from training.glyphs import text
from training.vector import Colour, Pen, Points, circle, rectangle, rounded

# As cameras see them: hues of bright GTSRB crops, not the paint of the norm.
RED: Colour = (38, 40, 188)
BLUE: Colour = (162, 78, 28)
YELLOW: Colour = (14, 156, 246)
GREEN: Colour = (110, 140, 10)
WHITE: Colour = (240, 242, 242)
BLACK: Colour = (28, 25, 25)
GREY: Colour = (112, 110, 110)

CENTRE = (0.5, 0.5)


class Style(NamedTuple):
    """How a country draws the signs that the Vienna Convention (1968) gives to all; Germany's by
    default. Widths are shares of the sign's longer side."""

    danger: Colour = WHITE  # ground of the triangles
    ban: Colour = WHITE  # ground of the red rings and of the ends
    red: Colour = RED
    blue: Colour = BLUE
    edge: float = 0.02  # outside the red and the blue
    ring: float = 0.128  # width of the red
    border: float = 0.088
    stripes: int = 5  # of an end; 1 is a broad one
    pictogram: float = 1.0  # its size, …
    turned: bool = False  # … and whether what has no side of its own looks the other way
    digits: float = 1.0  # their height, …
    weight: float = 1.0  # … and that of their strokes
    framed: bool = True  # a black line round the yellow of the priority road


GERMAN = Style()
_CORNER = 0.046  # radius of a triangle's corners
_SIDE = 1 + 1.4641 * _CORNER  # between the sharp corners, so that the rounded ones span 1


def red_ring(pen: Pen, style: Style = GERMAN) -> None:
    """Disc with a red ring: the prohibitions."""
    outer = 0.5 - 1.2 * style.edge
    pen.plate(style.ban, circle(CENTRE, 0.5))
    pen.fill(style.red, circle(CENTRE, outer), circle(CENTRE, outer - style.ring))


def blue_disc(pen: Pen, colour: Colour | None = None, style: Style = GERMAN) -> None:
    pen.plate(WHITE, circle(CENTRE, 0.5))
    pen.fill(colour or style.blue, circle(CENTRE, 0.5 - 1.3 * style.edge))


def end_disc(pen: Pen, style: Style = GERMAN) -> None:
    """Disc with a thin black edge: the end of a prohibition."""
    pen.plate(style.ban, circle(CENTRE, 0.5))
    pen.fill(BLACK, circle(CENTRE, 0.488), circle(CENTRE, 0.466))


def end_stripes(pen: Pen, style: Style = GERMAN) -> None:
    """The black lines from the lower left to the upper right."""
    local = pen.at(0.5, 0.5, turn=-45)
    half = 0.0105 if style.stripes > 1 else 0.05
    for step in range(style.stripes):
        y = (step - (style.stripes - 1) / 2) * 0.038
        local.fill(BLACK, rectangle(-0.475, y - half, 0.475, y + half))


def triangle(inset: float, corner: float, down: bool = False) -> Points:
    """The danger triangle, or inside it; `inset` is the distance from its outer edge."""
    height = _SIDE * 0.8660 - _CORNER
    reach = _SIDE * 0.28868  # from the middle to an edge
    middle = 0.5 + height / 2 - reach
    inner = reach - inset
    corners = [
        (0.5, middle - 2 * inner),
        (0.5 + 1.73205 * inner, middle + inner),
        (0.5 - 1.73205 * inner, middle + inner),
    ]
    return rounded([(x, 1 - y) if down else (x, y) for x, y in corners], corner)


def red_triangle(pen: Pen, style: Style = GERMAN, down: bool = False) -> None:
    """Triangle with a red border: dangers, and give way with its point down."""
    pen.plate(style.danger, triangle(0, _CORNER, down))
    pen.fill(style.red, triangle(0.9 * style.edge, 0.034, down))
    pen.fill(style.danger, triangle(0.9 * style.edge + style.border, 0.006, down))


def number(pen: Pen, colour: Colour, digits: str, style: Style = GERMAN) -> None:
    """A speed in the middle of a disc, in narrow digits where there are three."""
    height = 0.41 * style.digits
    if len(digits) < 3:
        text(pen, colour, digits, CENTRE, height, stroke=0.14 * style.weight)
    else:
        stroke = 0.118 * style.weight
        text(pen, colour, digits, CENTRE, height, width=0.425, stroke=stroke, gap=0.095)


def scaled(pen: Pen, style: Style, about: tuple[float, float] = CENTRE) -> Pen:
    """The pen for a pictogram of this style's size, enlarged about a point."""
    x, y = about
    rest = 1 - style.pictogram
    return pen if rest == 0 else pen.at(x * rest, y * rest, scale=style.pictogram)
