"""The ground: a texture along the road, drawn once for a world, and laid into a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.noise import fractal
from training.painter import LINEAR, Light, Picture
from training.pinhole import STEP, Array, Camera, Road

ROWS_PER_METRE = 12.0
COLUMNS = 1024
BEND = 12.0  # metres from the centre line where the texture's columns begin to widen
SPREAD = 240.0  # columns; SPREAD / BEND columns make a metre of the road
LANE = 3.4  # metres, width of each of the two lanes


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The ground along a road as (rows, COLUMNS, 3) pictures, each half as many rows as the last.

    Row r of the first lies at s = r / ROWS_PER_METRE, column c at the distance
    BEND · sinh((c − COLUMNS / 2) / SPREAD) to the right of the centre line.
    """

    levels: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Paving:
    """What a road and its sides are made of; colours are BGR."""

    asphalt: tuple[int, int, int] = (88, 86, 84)
    verge: tuple[int, int, int] = (52, 92, 84)
    field: tuple[int, int, int] = (60, 104, 98)
    pavement_m: float = 0.0  # width of a pavement with a kerb; 0: grass
    lines: tuple[str, str] = ("dashed", "solid")  # the middle, the edges; "none" draws none
    sunshine: float = 1.0  # how hard the shadows of trees are, 0–1


def _band(image: Array, mask: Array, colour: tuple[float, float, float], opacity: Array) -> None:
    """Blend a colour into the columns of `mask` (columns,) with opacity (rows, 1)."""
    share = (mask[None, :] * opacity)[..., None]
    image += (np.asarray(colour, np.float32) - image) * share


def _paint_surface(rng: np.random.Generator, s: Array, d: Array, paving: Paving) -> Array:
    """Asphalt, verge and field with their grain, (rows, columns, 3) float32."""
    rows, columns = len(s), len(d)
    edge = LANE + 0.45
    grain = rng.standard_normal((rows, columns), dtype=np.float32)
    coarse = fractal(rng, rows, columns, 90)
    field = np.asarray(paving.field, np.float32) + coarse[..., None] * (9, 14, 15)
    verge = np.asarray(paving.verge, np.float32) + (fractal(rng, rows, columns, 14) * 16)[..., None]
    verge += (grain * 9)[..., None] * (0.7, 1.0, 0.9)
    leaves = (grain > 2.1)[..., None] * np.asarray((10, 60, 120), np.float32)
    away = np.abs(d)
    wide = np.clip((away - 9 - 3 * np.sin(s[:, None] / 17)) / 4, 0, 1)[..., None]
    image = verge * (1 - wide) + field * wide + leaves * 0.6
    ruts = np.cos(2 * np.pi * (away - LANE / 2) / 1.5) * np.exp(-(((away - LANE / 2) / 1.2) ** 2))
    tone = 1 + 0.07 * coarse + 0.05 * ruts + 0.055 * grain
    road = np.asarray(paving.asphalt, np.float32) * tone[..., None]
    for _ in range(int(rows / ROWS_PER_METRE / 14) + 1):  # mended places
        top, left = int(rng.integers(rows)), rng.uniform(-LANE, LANE - 1)
        length = int(rng.uniform(1, 9) * ROWS_PER_METRE)
        inside = (d > left) & (d < left + rng.uniform(0.4, 2.2))
        road[top : top + length, inside] *= rng.uniform(0.72, 1.18)
    return np.where((away < edge)[None, :, None], road, image)


def _paint_lines(
    rng: np.random.Generator, image: Array, s: Array, d: Array, paving: Paving
) -> None:
    """Markings, worn in places, and the kerb and pavement where there is one."""
    rows = len(s)
    worn = np.clip(0.82 + 0.18 * fractal(rng, rows, 1, 40), 0.25, 1)
    white = (214.0, 216.0, 214.0)
    middle, edges = paving.lines
    dashes = ((s % 9) < 4.0).astype(np.float32)[:, None]
    for place, style in ((0.0, middle), (-LANE, edges), (LANE, edges)):
        mask = np.clip(1.4 - np.abs(d - place) / 0.075, 0, 1)
        if style != "none":
            _band(image, mask, white, worn * (dashes if style == "dashed" else 1.0))
    if paving.pavement_m > 0:
        start = LANE + 0.45
        away = np.abs(d)
        slab = ((away > start + 0.18) & (away < start + paving.pavement_m)).astype(np.float32)
        joints = 1 - 0.22 * (((s % 0.6) < 0.09)[:, None] | ((away % 0.5) < 0.06)[None, :])
        shade = 118 + 9 * fractal(rng, rows, len(d), 30)
        tiles = (joints * shade)[..., None] * np.asarray((0.97, 1.0, 1.02), np.float32)
        image += (tiles - image) * slab[None, :, None]
        kerb = ((away > start) & (away <= start + 0.18)).astype(np.float32)
        stone = 0.9 + 0.1 * ((s % 1.0) > 0.06)[:, None]
        _band(image, kerb, (150.0, 152.0, 152.0), stone)


def ground_of(
    rng: np.random.Generator,
    sections: tuple[tuple[float, Paving], ...],
    shadows: tuple[tuple[float, float, float], ...] = (),
    covered: tuple[tuple[float, float], ...] = (),
) -> Ground:
    """Draw the ground of a road made of sections (length in metres, paving) from s = 0 on.

    `shadows` are (s, d, radius) of trees, `covered` the stretches (from, to) below a bridge.
    """
    d = BEND * np.sinh((np.arange(COLUMNS, dtype=np.float32) + 0.5 - COLUMNS / 2) / SPREAD)
    parts, start, sunshine = [], 0, []
    for length, paving in sections:
        rows = int(length * ROWS_PER_METRE)
        s = (start + np.arange(rows, dtype=np.float32) + 0.5) / ROWS_PER_METRE
        part = _paint_surface(rng, s, d, paving)
        _paint_lines(rng, part, s, d, paving)
        parts.append(part.astype(np.float32))
        sunshine.append(np.full(rows, paving.sunshine, np.float32))
        start += rows
    image: Array = np.concatenate(parts)
    s = (np.arange(start, dtype=np.float32) + 0.5) / ROWS_PER_METRE
    image *= _shade(rng, s, d, shadows, np.concatenate(sunshine))[..., None]
    for begin, end in covered:
        inside = np.clip(np.minimum(s - begin, end - s) / 0.8 + 0.5, 0, 1)
        image *= 1 - 0.5 * inside[:, None, None]
    level = np.clip(image, 4, 250).astype(np.uint8)
    levels = [level]
    for power in range(1, 8):
        width = COLUMNS if power < 5 else COLUMNS // 2
        if level.shape[0] < 4:
            break
        level = cv2.resize(level, (width, level.shape[0] // 2), interpolation=cv2.INTER_AREA)
        levels.append(level)
    return Ground(tuple(levels))


def _shade(
    rng: np.random.Generator,
    s: Array,
    d: Array,
    shadows: tuple[tuple[float, float, float], ...],
    sunshine: Array,
) -> Array:
    """What trees leave of the light on the ground, (rows, columns)."""
    rows = len(s)
    shade = np.ones((rows, len(d)), np.float32)
    if not shadows:
        return shade
    dapple = fractal(rng, 512, len(d), 12, 3)
    for at, across, radius in shadows:
        top = max(int((at - 1.3 * radius) * ROWS_PER_METRE), 0)
        bottom = min(int((at + 1.3 * radius) * ROWS_PER_METRE), rows)
        if top >= bottom:
            continue
        rim = np.hypot(s[top:bottom, None] - at, (d[None, :] - across) / 1.6) / radius
        grain = dapple[np.arange(top, bottom) % 512]
        dark = np.clip(1.6 * (1 - rim) + 0.55 * grain - 0.1, 0, 1) * (rim < 1.3)
        shade[top:bottom] *= 1 - 0.5 * sunshine[top:bottom, None] * dark
    return shade


def _centre_line(road: Road, camera: Camera, reach: float) -> tuple[Array, ...]:
    """The road ahead in the camera's level axes: z (rising), x, s and angle of its centre line."""
    steps = np.arange(len(road.x))
    dx, dz = road.x - camera.position[0], road.z - camera.position[2]
    sin, cos = np.sin(camera.yaw), np.cos(camera.yaw)
    z, x = dx * sin + dz * cos, dx * cos - dz * sin
    near = int(np.argmin(np.hypot(dx, dz)))
    first = max(0, near - int(10 / STEP))
    part = slice(first, near + int(reach / STEP))
    rising = np.maximum.accumulate(z[part]) + np.arange(len(z[part])) * 1e-6
    return rising, x[part], steps[part] * STEP, road.heading[part] - camera.yaw


def lay_ground(canvas: Array, ground: Ground, road: Road, camera: Camera, light: Light) -> None:
    """Paint the ground below the horizon into the canvas (h, w, 3), linear BGR float32."""
    width, height = camera.size
    columns = np.arange(0, width + 8, 8, dtype=np.float32)
    rotation = camera.rotation()
    rows = np.arange(height, dtype=np.float32)
    u = (columns + 0.5 - width / 2) / camera.focal
    v = (rows + 0.5 - height / 2) / camera.focal
    rays = (  # (h, columns / 8, 3) world directions
        u[None, :, None] * rotation[0] + v[:, None, None] * rotation[1] + rotation[2]
    )
    falling = np.minimum(rays[..., 1], -1e-4)
    first = int(np.argmax((rays[..., 1] < -1e-4).any(axis=1)))
    if not (rays[-1, :, 1] < -1e-4).any():
        return
    distance = np.minimum(camera.position[1] / -falling[first:], 400.0)
    sin, cos = np.sin(camera.yaw), np.cos(camera.yaw)
    rays = rays[first:] * distance[..., None]
    ahead = rays[..., 0] * sin + rays[..., 2] * cos
    side = rays[..., 0] * cos - rays[..., 2] * sin
    z, x, s, angle = _centre_line(road, camera, 230.0)
    bend = np.interp(ahead, z, angle)
    off = side - np.interp(ahead, z, x)
    d = off * np.cos(bend)
    at = np.interp(ahead, z, s) + np.maximum(ahead - z[-1], 0) + off * np.sin(bend)
    map_u = COLUMNS / 2 + SPREAD * np.arcsinh(d / BEND) - 0.5
    full = (width, height - first)
    spread = np.array([[0.125, 0, 0], [0, 1, 0]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    maps = [
        cv2.warpAffine(
            part.astype(np.float32), spread, full, flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        for part in (map_u, at, ahead)
    ]
    centre = ahead[:, ahead.shape[1] // 2]
    footprint = centre**2 / (camera.focal * camera.position[1]) * ROWS_PER_METRE
    wanted = np.clip(np.log2(np.maximum(footprint, 1)) + 0.4, 0, len(ground.levels) - 1).astype(int)
    flat = np.empty((full[1], width, 3), np.uint8)
    for level in np.unique(wanted).tolist():
        band = np.nonzero(wanted == level)[0]
        part = slice(int(band[0]), int(band[-1]) + 1)
        picture = ground.levels[level]
        scale = picture.shape[1] / COLUMNS
        flat[part] = cv2.remap(
            picture,
            (maps[0][part] + 0.5) * scale - 0.5,
            maps[1][part] * (ROWS_PER_METRE / 2**level) - 0.5,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    colour = cv2.LUT(flat, LINEAR)
    gain = np.asarray(light.gain, np.float32)
    if light.headlights > 0:
        beam = np.exp(-(((maps[2] - 13) / 12) ** 2)) * light.headlights * 0.5
        colour *= gain + beam[..., None]
    else:
        colour *= gain
    clear = np.exp(-light.density * np.minimum(maps[2], 400))[..., None]
    colour = colour * clear + np.asarray(light.haze, np.float32) * (1 - clear)
    below = np.clip((-rays_edge(camera, first, full[1])) * 300, 0, 1)[..., None]
    canvas[first:] += (colour - canvas[first:]) * below


def rays_edge(camera: Camera, first: int, rows: int) -> Array:
    """How far the ray of each pixel points up, (rows, width), from row `first` on."""
    width, height = camera.size
    rotation = camera.rotation()
    u = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / camera.focal
    v = (np.arange(first, first + rows, dtype=np.float32) + 0.5 - height / 2) / camera.focal
    edge: Array = u[None, :] * rotation[0][1] + v[:, None] * rotation[1][1] + rotation[2][1]
    return edge.astype(np.float32)
