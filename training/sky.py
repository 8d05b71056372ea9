"""The sky and the land far away: a panorama drawn once for a world, and laid into a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.noise import fractal
from training.painter import LINEAR, Light, Picture
from training.pinhole import Array, Camera

SKY_FOCAL = 1000.0  # pixels a radian of the sky's texture
SKY_ABOVE, SKY_BELOW = 760, 40  # rows of it above and below the horizon


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """A panorama of the sky (BGR) and of the land far away (BGRA) that closes on itself."""

    clouds: Picture
    land: Picture


def sky_of(
    rng: np.random.Generator,
    top: tuple[int, int, int],
    low: tuple[int, int, int],
    cover: float,
    land: tuple[int, int, int],
) -> Sky:
    """Draw a sky from colour `top` to `low`, a share `cover` (0–1) of it cloud, and far trees."""
    width, height = round(2 * np.pi * SKY_FOCAL), SKY_ABOVE + SKY_BELOW
    rows = np.clip((np.arange(height) / SKY_ABOVE), 0, 1)[:, None, None].astype(np.float32) ** 1.6
    small = (width // 4, height // 4)
    gradient = np.asarray(top, np.float32) * (1 - rows) + np.asarray(low, np.float32) * rows
    puffs = fractal(rng, small[1], small[0], 70, 6)
    puffs = cv2.resize(np.roll(puffs[:, : small[0]], 0, 1), (width, height))
    blend = np.linspace(0, 1, 300, dtype=np.float32)  # the panorama closes on itself
    puffs[:, -300:] = puffs[:, -300:] * (1 - blend) + puffs[:, :1] * blend
    flatten = 0.5 + 0.5 * rows[..., 0]
    thick = np.clip((puffs * flatten + (cover - 0.5) * 3.2) * 1.3, 0, 1)[..., None]
    lit = 205 + 45 * np.clip(puffs - 0.3, -1, 1)[..., None]
    clouds = gradient * (1 - thick) + lit * np.asarray((1.0, 0.985, 0.97), np.float32) * thick
    crown = 26 + 14 * fractal(rng, 1, width, 500)[0] + 9 * fractal(rng, 1, width, 26, 3)[0]
    crown[-300:] = crown[-300:] * (1 - blend) + crown[0] * blend
    above = SKY_ABOVE - np.arange(height)[:, None]
    alpha = np.clip(np.maximum(crown, 4)[None, :] - above, 0, 1)
    tone = 1 + 0.25 * fractal(rng, height, width, 9, 3)
    trees = np.concatenate(
        [np.asarray(land, np.float32) * tone[..., None], alpha[..., None] * 255], axis=2
    )
    return Sky(np.clip(clouds, 0, 255).astype(np.uint8), np.clip(trees, 0, 255).astype(np.uint8))


def lay_sky(canvas: Array, sky: Sky, camera: Camera, light: Light) -> None:
    """Fill the canvas (h, w, 3), linear BGR float32, with the sky and the land below it."""
    width, height = camera.size
    scale = SKY_FOCAL / camera.focal
    sin, cos = np.sin(-camera.roll), np.cos(-camera.roll)
    middle_x = (camera.yaw % (2 * np.pi)) * SKY_FOCAL
    middle_y = SKY_ABOVE - np.tan(camera.pitch) * SKY_FOCAL
    warp = np.array([[cos * scale, -sin * scale, 0], [sin * scale, cos * scale, 0]], np.float32)
    warp[:, 2] = np.array([middle_x, middle_y]) - warp[:, :2] @ [width / 2, height / 2]
    horizon = height / 2 + np.tan(camera.pitch) * camera.focal
    rows = int(np.clip(horizon + 24 + abs(sin) * width / 2, 1, height))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (width, rows)
    clouds = cv2.warpAffine(sky.clouds, warp, size, flags=flags, borderMode=cv2.BORDER_WRAP)
    land = cv2.warpAffine(sky.land, warp, size, flags=flags, borderMode=cv2.BORDER_WRAP)
    clear = float(np.exp(-light.density * 220))
    haze = np.asarray(light.haze, np.float32)
    near = _lit(cv2.LUT(cv2.cvtColor(land, cv2.COLOR_BGRA2BGR), LINEAR), light.gain, haze, clear)
    cover = cv2.cvtColor(cv2.extractChannel(land, 3), cv2.COLOR_GRAY2BGR).astype(np.float32) / 255
    far = _lit(cv2.LUT(clouds, LINEAR), light.sky, haze, 1 - 0.6 * (1 - clear))
    canvas[:rows] = far + cv2.multiply(near - far, cover)
    canvas[rows:] = near[-1].mean(axis=0)


def _lit(colour: Array, gain: tuple[float, float, float], haze: Array, clear: float) -> Array:
    """A far picture under this light, seen through haze that lets a share `clear` pass."""
    mixing = np.zeros((3, 4), np.float32)
    mixing[:, :3] = np.diag(np.asarray(gain) * clear)
    mixing[:, 3] = haze * (1 - clear)
    return cv2.transform(colour, mixing)
