"""A world that can be looked at: its road, ground, sky and panels, drawn through one camera."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from training.painter import Face, Light, Panel, paint
from training.pinhole import Array, Camera, Road
from training.roadside import Standing
from training.sky import Sky, lay_sky
from training.terrain import Ground, lay_ground


class World(NamedTuple):
    """All that stands still; `signs` are numbered as in the panels' `sign`."""

    road: Road
    ground: Ground
    sky: Sky
    panels: tuple[Panel, ...]
    signs: tuple[Standing, ...]


class Shot(NamedTuple):
    """One opening of the shutter: the camera half way through it and at its end."""

    camera: Camera
    later: Camera
    exposure_s: float = 0.0


def look(
    world: World, shot: Shot, light: Light, moving: Sequence[Panel] = ()
) -> tuple[Array, tuple[Face, ...]]:
    """The light that reaches the sensor, (h, w, 3) linear BGR float32, and the signs' faces."""
    width, height = shot.camera.size
    canvas = np.zeros((height, width, 3), np.float32)
    lay_sky(canvas, world.sky, shot.camera, light)
    lay_ground(canvas, world.ground, world.road, shot.camera, light)
    faces = paint(
        canvas, [*world.panels, *moving], (shot.camera, shot.later), light, shot.exposure_s
    )
    return canvas, faces


def whole(face: Face, size: tuple[int, int], least: float, share: float) -> bool:
    """Is it `least` pixels high or more, not cut by the edge, and `share` of it in sight?"""
    x1, y1, x2, y2 = face.box
    inside = x1 >= 0 and y1 >= 0 and x2 <= size[0] and y2 <= size[1]
    return inside and y2 - y1 >= least and face.visible >= share
