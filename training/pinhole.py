"""Where things are and where they appear: the road's centre line and a pin-hole camera.

World axes are metres: x to the east, y up, z to the north. A place beside the road is (s, d): the
arc length along the centre line, and the distance to its right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

NEAR = 0.6  # metres; what reaches nearer than this is not drawn
STEP = 0.5  # metres between two points of a centre line


class Camera(NamedTuple):
    """A pin-hole camera in the world; angles in radians, focal length in pixels.

    `pitch` is positive when looking up, `roll` when the camera leans to the left (the horizon
    drops on its right). The principal point is the middle of the picture.
    """

    position: tuple[float, float, float]
    yaw: float
    pitch: float
    roll: float
    focal: float
    size: tuple[int, int]

    def rotation(self) -> Array:
        """World to camera axes (right, down, forward), (3, 3)."""
        sin, cos = np.sin, np.cos
        ahead = np.array([sin(self.yaw), 0.0, cos(self.yaw)])
        side = np.array([cos(self.yaw), 0.0, -sin(self.yaw)])
        forward = ahead * cos(self.pitch) + np.array([0.0, sin(self.pitch), 0.0])
        above = np.array([0.0, cos(self.pitch), 0.0]) - ahead * sin(self.pitch)
        right = side * cos(self.roll) + above * sin(self.roll)
        up = above * cos(self.roll) - side * sin(self.roll)
        return np.stack([right, -up, forward])

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels (…, 2) and depths (…) of world points (…, 3); depth ≤ 0 lies behind."""
        seen = (points - np.asarray(self.position)) @ self.rotation().T
        depth = seen[..., 2]
        scale = self.focal / np.maximum(depth, 1e-3)
        middle = np.array(self.size) / 2
        return seen[..., :2] * scale[..., None] + middle, depth


@dataclass(frozen=True, slots=True, eq=False)
class Road:
    """A flat centre line: x, z and heading (radians, clockwise from north) every `STEP` metres."""

    x: Array
    z: Array
    heading: Array

    @property
    def length(self) -> float:
        return (len(self.x) - 1) * STEP

    def direction(self, s: float) -> float:
        """Heading at arc length s."""
        return float(np.interp(s / STEP, np.arange(len(self.x)), self.heading))

    def place(self, s: float, d: float, height: float = 0.0) -> Array:
        """The world point (3,) at arc length s, d metres to the right of the centre line."""
        steps = np.arange(len(self.x))
        heading = self.direction(s)
        x = np.interp(s / STEP, steps, self.x) + d * np.cos(heading)
        z = np.interp(s / STEP, steps, self.z) - d * np.sin(heading)
        return np.array([x, height, z])


def road_of(curvature: Array) -> Road:
    """The road whose curvature (1/m, positive to the right) is given every `STEP` metres."""
    heading = np.cumsum(curvature) * STEP
    x = np.cumsum(np.sin(heading)) * STEP
    z = np.cumsum(np.cos(heading)) * STEP
    return Road(x, z, heading)


def upright(
    road: Road,
    at: tuple[float, float],
    size: tuple[float, float],
    bottom: float = 0.0,
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Array:
    """Corners (4, 3) of a board that faces the traffic: top left, top right, bottom right, left.

    `at` is (s, d) of its middle, `size` its width and height in metres, `turn` its yaw, its lean
    backwards and its rotation in its own plane, in radians.
    """
    yaw, lean, spin = turn
    heading = road.direction(at[0]) + yaw
    right = np.array([np.cos(heading), 0.0, -np.sin(heading)])
    ahead = np.array([np.sin(heading), 0.0, np.cos(heading)])
    up = np.array([0.0, np.cos(lean), 0.0]) + ahead * np.sin(lean)
    right, up = right * np.cos(spin) - up * np.sin(spin), up * np.cos(spin) + right * np.sin(spin)
    middle = road.place(at[0], at[1], bottom + size[1] / 2)
    half_x, half_y = right * size[0] / 2, up * size[1] / 2
    return np.stack(
        [
            middle - half_x + half_y,
            middle + half_x + half_y,
            middle + half_x - half_y,
            middle - half_x - half_y,
        ]
    )


def alongside(
    road: Road, start: float, end: float, d: float, heights: tuple[float, float]
) -> Array:
    """Corners (4, 3) of a wall that runs along the road from s `start` to `end`.

    `heights` are those of its lower and upper edge. The corners run as seen from the road.
    """
    left, right = (end, start) if d > 0 else (start, end)
    low, high = heights
    return np.stack(
        [
            road.place(left, d, high),
            road.place(right, d, high),
            road.place(right, d, low),
            road.place(left, d, low),
        ]
    )
