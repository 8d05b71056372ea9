"""Paints flat textured panels into a picture in perspective, farthest first, in linear light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.pinhole import NEAR, Array, Camera

Picture = NDArray[np.uint8]

GAMMA = 2.2
LINEAR = ((np.arange(256) / 255.0) ** GAMMA).astype(np.float32)
FAR = 190.0  # metres; nothing is drawn beyond
MIN_LEVEL = 4  # pixels of the smallest pyramid level's shorter side
UNCOVERED = np.array([[0, 0, 0, -1, 1]] * 3, np.float32)  # BGRA → 1 − alpha, three times
FULL_COVER = 1 / 510  # less alpha than this covers nothing


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """A picture as a pyramid: linear light times alpha, then alpha; (h, w, 4) float32 a level."""

    levels: tuple[Array, ...]
    outline: Array  # hull of what is opaque, (n, 2) of 0–1 in x and y


def texture_of(art: Picture) -> Texture:
    """The texture of a BGRA picture (straight alpha) with sRGB-like values."""
    alpha = art[..., 3:].astype(np.float32) / 255
    level = np.concatenate([LINEAR[art[..., :3]] * alpha, alpha], axis=2)
    levels = [level]
    while min(level.shape[:2]) >= 2 * MIN_LEVEL:
        level = cv2.resize(
            level, (level.shape[1] // 2, level.shape[0] // 2), interpolation=cv2.INTER_AREA
        )
        levels.append(level)
    solid = art[..., 3] > 127
    rows = np.nonzero(solid.any(axis=1))[0]
    if len(rows) == 0:
        return Texture(tuple(levels), np.zeros((0, 2)))
    first = solid[rows].argmax(axis=1)
    last = art.shape[1] - solid[rows, ::-1].argmax(axis=1)  # exclusive
    corners = [(x, rows + j) for x in (first, last) for j in (0, 1)]
    points = np.concatenate([np.stack(c, axis=1) for c in corners]).astype(np.int32)
    hull = cv2.convexHull(points)[:, 0, :]
    return Texture(tuple(levels), hull / np.array([art.shape[1], art.shape[0]], float))


class Panel(NamedTuple):
    """A flat thing in the world.

    `gain` multiplies its light, `retro` is how strongly it throws headlights back, `glow` is light
    of its own; `sign` ≥ 0 numbers the sign whose face it is; `velocity` is in m/s.
    """

    texture: Texture
    corners: Array  # (4, 3)
    gain: float = 1.0
    retro: float = 0.0
    glow: float = 0.0
    sign: int = -1
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bias: float = 0.0  # metres it is taken to be nearer, to lie before what it is fixed to


class Light(NamedTuple):
    """How the world is lit: gains are per channel (B, G, R), in linear light."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sky: tuple[float, float, float] = (1.0, 1.0, 1.0)
    haze: tuple[float, float, float] = (1.0, 1.0, 1.0)
    density: float = 0.0  # of the haze, 1/m
    headlights: float = 0.0


class Face(NamedTuple):
    """A sign's face in a picture: its number, the bounds of its outline, how much can be seen."""

    sign: int
    box: tuple[float, float, float, float]
    visible: float


class _Watch(NamedTuple):
    """What is still seen of one face while nearer things are painted over it."""

    sign: int
    box: tuple[float, float, float, float]
    left: int
    top: int
    mask: Array
    total: float


def line_kernel(dx: float, dy: float) -> Array:
    """A normalised kernel that smears along (dx, dy) pixels."""
    half = int(np.ceil(max(abs(dx), abs(dy)) / 2)) + 1
    size, scale = 2 * half + 1, 16
    kernel = np.zeros((size, size), np.float32)
    steps = np.linspace(-0.5, 0.5, scale * 2)
    x, y = half + steps * dx, half + steps * dy
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    for i in (0, 1):
        for j in (0, 1):
            weight = np.abs(1 - i - (x - x0)) * np.abs(1 - j - (y - y0))
            np.add.at(kernel, (y0 + j, x0 + i), weight)
    return kernel / kernel.sum()


def outline_box(camera: Camera, panel: Panel) -> tuple[float, float, float, float]:
    """The bounds of a panel's opaque part, in pixels; the panel lies before the camera."""
    origin, right, _, down = panel.corners
    u, v = panel.texture.outline[:, :1], panel.texture.outline[:, 1:]
    pixels, _ = camera.project(origin + u * (right - origin) + v * (down - origin))
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _patch(
    panel: Panel, pixels: Array, motion: Array, size: tuple[int, int]
) -> tuple[Array, int, int] | None:
    """The panel warped into the picture: (h, w, 4) and where its top left corner goes."""
    reach = np.abs(motion) / 2 + 1.5
    low = np.floor(np.maximum(pixels.min(axis=0) - reach, 0)).astype(int)
    high = np.ceil(np.minimum(pixels.max(axis=0) + reach, size)).astype(int)
    width, height = (high - low).tolist()
    if width <= 0 or height <= 0:
        return None
    levels = panel.texture.levels
    across = max(np.hypot(*(pixels[1] - pixels[0])), np.hypot(*(pixels[2] - pixels[3])), 1.0)
    along = max(np.hypot(*(pixels[3] - pixels[0])), np.hypot(*(pixels[2] - pixels[1])), 1.0)
    ratio = min(levels[0].shape[1] / across, levels[0].shape[0] / along)
    level = levels[int(np.clip(np.log2(max(ratio, 1.0)) + 0.3, 0, len(levels) - 1))]
    h, w = level.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32) - 0.5
    target = (pixels - low - 0.5).astype(np.float32)
    warp = cv2.getPerspectiveTransform(source, target)
    patch = cv2.warpPerspective(level, warp, (width, height), flags=cv2.INTER_LINEAR)
    if np.hypot(*motion) > 0.8:
        patch = cv2.filter2D(patch, -1, line_kernel(*motion), borderType=cv2.BORDER_CONSTANT)
    return patch, int(low[0]), int(low[1])


def _shade(patch: Array, panel: Panel, depth: float, light: Light) -> Array:
    """The patch's colours as they are lit: sun and sky, own light, headlights, haze; (h, w, 3)."""
    beam = light.headlights * panel.retro * 60.0 / (60.0 + depth * depth / 12.0)
    clear = float(np.exp(-light.density * depth))
    gain = (np.array(light.gain) * panel.gain + panel.glow + beam) * clear
    mixing = np.zeros((3, 4), np.float32)
    mixing[:, :3] = np.diag(gain)
    mixing[:, 3] = np.array(light.haze) * (1 - clear)
    return cv2.transform(patch, mixing)


def paint(
    canvas: Array,
    panels: Sequence[Panel],
    cameras: tuple[Camera, Camera],
    light: Light,
    exposure_s: float = 0.0,
) -> tuple[Face, ...]:
    """Paint the panels into the canvas (h, w, 3), linear BGR float32; the faces of signs in it.

    `cameras` are those in the middle and at the end of the exposure; the panels smear along
    what they move between them. A face is reported where all of its outline lies before the camera.
    """
    if not panels:
        return ()
    camera, later = cameras
    corners = np.stack([panel.corners for panel in panels])  # (n, 4, 3)
    pixels, depths = camera.project(corners)
    middle = corners.mean(axis=1)
    moved = middle + np.array([panel.velocity for panel in panels]) * exposure_s / 2
    motion = 2 * (later.project(moved)[0] - camera.project(middle)[0])
    width, height = camera.size
    seen = (depths.min(axis=1) > NEAR) & (depths.mean(axis=1) < FAR)
    seen &= (pixels[..., 0].min(axis=1) < width) & (pixels[..., 0].max(axis=1) > 0)
    seen &= (pixels[..., 1].min(axis=1) < height) & (pixels[..., 1].max(axis=1) > 0)
    order = depths.mean(axis=1) - np.array([panel.bias for panel in panels])
    watches: list[_Watch] = []
    for index in np.nonzero(seen)[0][np.argsort(-order[seen], kind="stable")].tolist():
        panel = panels[index]
        warped = _patch(panel, pixels[index], motion[index], camera.size)
        if warped is None:
            continue
        patch, left, top = warped
        colour = _shade(patch, panel, float(depths[index].mean()), light)
        cover = patch[..., 3]
        for watch in watches:
            _cover(watch, cover, left, top)
        if panel.sign >= 0:
            mask = cover.copy()
            box = outline_box(camera, panel)
            watches.append(_Watch(panel.sign, box, left, top, mask, float(mask.sum())))
        h, w = cover.shape
        region = canvas[top : top + h, left : left + w]
        region[:] = cv2.add(cv2.multiply(region, cv2.transform(patch, UNCOVERED)), colour)
    return tuple(
        Face(watch.sign, watch.box, float(watch.mask.sum()) / max(watch.total, FULL_COVER))
        for watch in watches
    )


def _cover(watch: _Watch, cover: Array, left: int, top: int) -> None:
    """Take from the watched face what a nearer patch hides."""
    height, width = watch.mask.shape
    x1, y1 = max(left, watch.left), max(top, watch.top)
    x2 = min(left + cover.shape[1], watch.left + width)
    y2 = min(top + cover.shape[0], watch.top + height)
    if x1 < x2 and y1 < y2:
        hidden: Any = cover[y1 - top : y2 - top, x1 - left : x2 - left]
        watch.mask[y1 - watch.top : y2 - watch.top, x1 - watch.left : x2 - watch.left] *= 1 - hidden
