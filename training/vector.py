"""Vector drawing in unit coordinates, filled four times too large and averaged down.

Paths are float arrays of shape (N, 2) in a unit square, x to the right and y down. Everything is
made of filled polygons, without a font or an anti-aliasing filter, so a drawing comes out the same
on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Colour = tuple[int, int, int]  # BGR
PathLike = Points | Sequence[tuple[float, float]]

MASTER = 512  # pixels of the largest picture
OVERSAMPLING = 4
_FRACTION_BITS = 8  # fixed-point digits that cv2.fillPoly takes
_SHARP = 0.9  # cosine of the turn from which a line gets a round join


def arc(
    centre: tuple[float, float],
    radius: float | tuple[float, float],
    start: float,
    stop: float,
) -> Points:
    """Points on an ellipse from angle `start` to `stop`, degrees, clockwise from the right."""
    rx, ry = radius if isinstance(radius, tuple) else (radius, radius)
    count = max(2, int(abs(stop - start) / 3) + 1)
    angle = np.radians(np.linspace(start, stop, count))
    return np.column_stack([centre[0] + rx * np.cos(angle), centre[1] + ry * np.sin(angle)])


def circle(centre: tuple[float, float], radius: float | tuple[float, float]) -> Points:
    return arc(centre, radius, 0, 360)


def chain(*parts: PathLike) -> Points:
    """The parts one after the other, as one path."""
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def rounded(points: PathLike, radius: float) -> Points:
    """The polygon with its corners rounded; the radius must fit into every corner."""
    corners = np.asarray(points, dtype=np.float64)
    out: list[Points] = []
    for before, corner, after in zip(
        np.roll(corners, 1, axis=0), corners, np.roll(corners, -1, axis=0), strict=True
    ):
        a = (before - corner) / np.linalg.norm(before - corner)
        b = (after - corner) / np.linalg.norm(after - corner)
        half = np.arccos(np.clip(a @ b, -1, 1)) / 2
        middle = corner + (a + b) / np.linalg.norm(a + b) * (radius / np.sin(half))
        start = corner + a * (radius / np.tan(half)) - middle
        stop = corner + b * (radius / np.tan(half)) - middle
        turn = np.arctan2(start[0] * stop[1] - start[1] * stop[0], start @ stop)
        first = np.arctan2(start[1], start[0])
        angles = np.degrees([first, first + turn])
        out.append(arc((middle[0], middle[1]), radius, angles[0], angles[1]))
    return np.concatenate(out)


def rectangle(x1: float, y1: float, x2: float, y2: float, radius: float = 0.0) -> Points:
    corners = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
    return rounded(corners, radius) if radius > 0 else corners


def regular(sides: int, radius: float, turn: float = 0.0) -> Points:
    """A regular polygon around (0.5, 0.5); `turn` in degrees moves its first corner."""
    angle = np.radians(turn + np.arange(sides) * 360 / sides)
    return np.column_stack([0.5 + radius * np.cos(angle), 0.5 + radius * np.sin(angle)])


def smooth(points: PathLike, steps: int = 8) -> Points:
    """A closed curve through the points (Catmull-Rom spline)."""
    p1 = np.asarray(points, dtype=np.float64)
    p0, p2, p3 = np.roll(p1, 1, axis=0), np.roll(p1, -1, axis=0), np.roll(p1, -2, axis=0)
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (p[:, None, :] for p in (p0, p1, p2, p3))
    curve = p1 + 0.5 * t * (
        (p2 - p0) + t * ((2 * p0 - 5 * p1 + 4 * p2 - p3) + t * (3 * (p1 - p2) + p3 - p0))
    )
    return curve.reshape(-1, 2)


class Pen:
    """Draws on a canvas through a transform of its own; `at` hands out pens that are moved on."""

    def __init__(self, colour: NDArray[np.uint8], alpha: NDArray[np.uint8], matrix: Points) -> None:
        self._colour = colour  # (S, S, 3)
        self._alpha = alpha  # (S, S)
        self._matrix = matrix  # (2, 3): local → unit square

    def at(
        self, x: float, y: float, scale: float = 1.0, turn: float = 0.0, mirror: bool = False
    ) -> Pen:
        """A pen whose origin is at (x, y), scaled, turned clockwise (degrees), mirrored in x."""
        cos, sin = np.cos(np.radians(turn)) * scale, np.sin(np.radians(turn)) * scale
        side = -1 if mirror else 1
        local = np.array([[side * cos, -sin, x], [side * sin, cos, y], [0, 0, 1]])
        return Pen(self._colour, self._alpha, self._matrix @ local)

    def plate(self, colour: Colour, contour: PathLike) -> None:
        """Make this part of the picture opaque, in this colour.

        The first plate also colours everything outside it, so that no foreign colour bleeds in
        where the picture is scaled.
        """
        if not self._alpha.any():
            self._colour[:] = colour
        cv2.fillPoly(self._alpha, [self._pixels(contour)], 255, shift=_FRACTION_BITS)
        self.fill(colour, contour)

    def fill(self, colour: Colour, *contours: PathLike) -> None:
        """Fill the area inside an odd number of the contours."""
        pixels = [self._pixels(contour) for contour in contours]
        cv2.fillPoly(self._colour, pixels, colour, shift=_FRACTION_BITS)

    def disc(self, colour: Colour, x: float, y: float, radius: float) -> None:
        self.fill(colour, circle((x, y), radius))

    def stroke(
        self,
        colour: Colour,
        path: PathLike,
        width: float,
        closed: bool = False,
        caps: bool = False,
    ) -> None:
        """A line of this width with round joins; flat ends, or round ones with `caps`."""
        points = np.asarray(path, dtype=np.float64)
        if closed:
            points = np.concatenate([points, points[:1]])
        steps = np.diff(points, axis=0)
        points = points[[True, *np.any(steps != 0, axis=1)]]
        steps = np.diff(points, axis=0)
        steps /= np.linalg.norm(steps, axis=1, keepdims=True)
        sides = np.column_stack([-steps[:, 1], steps[:, 0]]) * (width / 2)
        for (a, b), side in zip(pairwise(points), sides, strict=True):
            self.fill(colour, np.array([a + side, b + side, b - side, a - side]))
        for point, before, after in zip(points[1:-1], sides[:-1], sides[1:], strict=True):
            if before @ after < _SHARP * (width / 2) ** 2:
                self.disc(colour, point[0], point[1], width / 2)
            else:  # a disc would stick out of a flat end nearby
                self.fill(colour, np.array([point, point + before, point + after]))
                self.fill(colour, np.array([point, point - before, point - after]))
        if caps or closed:
            for x, y in points[[0, -1]]:
                self.disc(colour, x, y, width / 2)

    def _pixels(self, contour: PathLike) -> NDArray[np.int32]:
        points = np.asarray(contour, dtype=np.float64)
        unit = points @ self._matrix[:2, :2].T + self._matrix[:2, 2]
        pixels = unit * (MASTER * OVERSAMPLING) - 0.5
        fixed: NDArray[np.int32] = np.round(pixels * (1 << _FRACTION_BITS)).astype(np.int32)
        return fixed


def render(paint: Callable[[Pen], None]) -> NDArray[np.uint8]:
    """The drawing as BGRA with straight alpha, (MASTER, MASTER, 4)."""
    side = MASTER * OVERSAMPLING
    colour = np.zeros((side, side, 3), np.uint8)
    alpha = np.zeros((side, side), np.uint8)
    paint(Pen(colour, alpha, np.eye(3)))
    small, mask = halved(halved(colour)), halved(halved(alpha))
    return np.concatenate([small, mask[..., None]], axis=2)


def halved(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half the size, every pixel the rounded mean of four."""
    height, width = image.shape[:2]
    smaller = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return smaller.astype(np.uint8, copy=False)
