"""What the camera makes of the light that reaches it: lens, sensor, tone, compression."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from training.painter import GAMMA, Picture
from training.pinhole import Array

FULL_WELL = 1.0  # linear light at which a pixel is white
GLARE = 0.025  # share of very bright light that spreads around it


class Optics(NamedTuple):
    """The state of the camera for one picture; `noise` is its deviation at mid grey, 0–255."""

    exposure: float = 1.0
    white: tuple[float, float, float] = (1.0, 1.0, 1.0)  # B, G, R
    defocus: float = 0.5  # pixels, sigma
    noise: float = 2.5
    vignette: float = 0.25  # light lost in the corners
    saturation: float = 1.15
    contrast: float = 1.38
    sharpen: float = 0.5
    chroma_blur: float = 0.8  # pixels, sigma
    jpeg: int = 92


@lru_cache(maxsize=8)
def _falloff(width: int, height: int, strength: float) -> Array:
    x = (np.arange(width, dtype=np.float32) - width / 2) / (width / 2)
    y = (np.arange(height, dtype=np.float32) - height / 2) / (width / 2)
    reach = (x[None, :] ** 2 + y[:, None] ** 2) / (1 + (height / width) ** 2)
    falloff: Array = (1 - strength * reach)[..., None].astype(np.float32)
    return falloff


def _tone(optics: Optics) -> Array:
    """12-bit linear light to 8-bit values, with a little more contrast than plain gamma."""
    value = (np.arange(4096) / 4095.0) ** (1 / GAMMA)
    middle, foot = 0.42, 0.06
    bent = middle + (value - middle) * optics.contrast
    toe = np.where(bent < foot, foot * np.exp((bent - foot) / foot), bent)
    return (np.clip(toe, 0, 1) * 255).astype(np.float32)


def _mosaic(image: Array) -> Array:
    """One colour a pixel, as a sensor with a Bayer pattern sees them (R G / G B)."""
    flat = image[..., 1].copy()
    flat[0::2, 0::2] = image[0::2, 0::2, 2]
    flat[1::2, 1::2] = image[1::2, 1::2, 0]
    return flat


def expose(light: Array, optics: Optics, rng: np.random.Generator) -> Picture:
    """The 8-bit BGR picture of linear light (h, w, 3) float32; height and width are even."""
    height, width = light.shape[:2]
    scene = light * (np.array(optics.white, np.float32) * optics.exposure)
    scene *= _falloff(width, height, round(optics.vignette, 2))
    small = cv2.resize(
        np.minimum(scene, 6.0), (width // 8, height // 8), interpolation=cv2.INTER_AREA
    )
    glow = cv2.GaussianBlur(np.maximum(small - 0.75, 0), (0, 0), 4)
    scene += GLARE * cv2.resize(glow, (width, height), interpolation=cv2.INTER_LINEAR)
    if optics.defocus > 0.2:
        scene = cv2.GaussianBlur(scene, (0, 0), optics.defocus)
    raw = np.clip(_mosaic(scene) / FULL_WELL, 0, 1)
    level = np.sqrt(raw)  # shot noise: in square-root light its strength hardly changes
    level += (optics.noise / 255 * 0.75) * rng.standard_normal(raw.shape, dtype=np.float32)
    raw = np.clip(level, 0, 1) ** 2
    values = _tone(optics)[(raw * 4095).astype(np.uint16)]
    image = cv2.cvtColor((values + 0.5).astype(np.uint8), cv2.COLOR_BayerBG2BGR)
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    if optics.sharpen > 0:
        plain = luma[..., 0]
        soft = cv2.GaussianBlur(plain, (0, 0), 1.0)
        luma[..., 0] = cv2.addWeighted(plain, 1 + optics.sharpen, soft, -optics.sharpen, 0)
    chroma = luma[..., 1:]
    if optics.chroma_blur > 0.2:
        chroma = cv2.GaussianBlur(chroma, (0, 0), optics.chroma_blur)
    luma[..., 1:] = cv2.addWeighted(
        chroma, optics.saturation, chroma, 0, 128 * (1 - optics.saturation)
    )
    image = cv2.cvtColor(luma, cv2.COLOR_YCrCb2BGR)
    if optics.jpeg < 100:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, optics.jpeg])
        image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    return image
