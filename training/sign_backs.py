"""Signs for the other direction, seen from behind: bare metal, clamps and the post before it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from training.vector import Colour, PathLike, Pen, circle, rectangle, regular, rounded

BRIGHT: Colour = (186, 184, 180)
WEATHERED: Colour = (122, 124, 126)
CLAMP: Colour = (92, 92, 92)
POST: Colour = (150, 150, 150)
RAIL = 0.035  # half the height of a stiffening rail
OUTLINES: dict[str, PathLike] = {
    "round": circle((0.5, 0.5), 0.5),
    "triangular": rounded([(0.5, 0.0), (1.07, 1.0), (-0.07, 1.0)], 0.05),
    "pointed": rounded([(-0.07, 0.0), (1.07, 0.0), (0.5, 1.0)], 0.05),
    "eight-sided": regular(8, 0.5413, 22.5),
    "square": rectangle(0, 0, 1, 1, 0.06),
}
HEIGHTS = {"round": (0.3, 0.7), "triangular": (0.55, 0.8), "pointed": (0.2, 0.45)}  # of its clamps


def _back(shape: str, metal: Colour, post: bool, pen: Pen) -> None:
    """The back of a sign; `post`: it is fixed to one that stands before it, else to an arm."""
    pen.plate(metal, OUTLINES[shape])
    dark = (metal[0] - 34, metal[1] - 34, metal[2] - 34)
    for y in HEIGHTS.get(shape, (0.28, 0.72)):
        half = 0.24 if shape in ("triangular", "pointed") else 0.36
        pen.fill(dark, rectangle(0.5 - half, y - RAIL, 0.5 + half, y + RAIL))
        if post:
            pen.fill(CLAMP, rectangle(0.4, y - RAIL, 0.6, y + RAIL, 0.01))
    if post:
        pen.fill(POST, rectangle(0.455, 0, 0.545, 1))
        pen.fill((190, 190, 190), rectangle(0.47, 0, 0.49, 1))


SIGN_BACKS: dict[str, Callable[[Pen], None]] = {
    **{f"{shape} back": partial(_back, shape, BRIGHT, True) for shape in OUTLINES},
    "weathered round back": partial(_back, "round", WEATHERED, True),
    "round back on an arm": partial(_back, "round", BRIGHT, False),
    "weathered triangular back": partial(_back, "triangular", WEATHERED, True),
}
