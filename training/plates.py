"""The colours and the plates that road signs share: rings, triangles, discs, numbers."""

from __future__ import annotations

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
_CORNER = 0.046  # radius of a triangle's corners
_SIDE = 1 + 1.4641 * _CORNER  # between the sharp corners, so that the rounded ones span 1


def red_ring(pen: Pen) -> None:
    """White disc with a red ring: the prohibitions."""
    pen.plate(WHITE, circle(CENTRE, 0.5))
    pen.fill(RED, circle(CENTRE, 0.476), circle(CENTRE, 0.348))


def blue_disc(pen: Pen, colour: Colour = BLUE) -> None:
    pen.plate(WHITE, circle(CENTRE, 0.5))
    pen.fill(colour, circle(CENTRE, 0.474))


def end_disc(pen: Pen) -> None:
    """White disc with a thin black edge: the end of a prohibition."""
    pen.plate(WHITE, circle(CENTRE, 0.5))
    pen.fill(BLACK, circle(CENTRE, 0.488), circle(CENTRE, 0.466))


def end_stripes(pen: Pen) -> None:
    """The five black lines from the lower left to the upper right."""
    local = pen.at(0.5, 0.5, turn=-45)
    for step in range(-2, 3):
        y = step * 0.038
        local.fill(BLACK, rectangle(-0.475, y - 0.0105, 0.475, y + 0.0105))


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


def red_triangle(pen: Pen, down: bool = False) -> None:
    """White triangle with a red border: dangers, and give way with its point down."""
    pen.plate(WHITE, triangle(0, _CORNER, down))
    pen.fill(RED, triangle(0.018, 0.034, down))
    pen.fill(WHITE, triangle(0.106, 0.006, down))


def number(pen: Pen, colour: Colour, digits: str) -> None:
    """A speed in the middle of a disc, in narrow digits where there are three."""
    if len(digits) < 3:
        text(pen, colour, digits, CENTRE, 0.41, stroke=0.14)
    else:
        text(pen, colour, digits, CENTRE, 0.41, width=0.425, stroke=0.118, gap=0.095)
