"""Sprites: small translucent pictures that are drawn once and laid over many frames."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from edge.core import Image

Colour = tuple[int, int, int]  # red, green, blue; only `Sprite` turns it into BGR

OVERSAMPLING = 4  # shapes are drawn this much larger and scaled down: smooth edges


class Sprite(NamedTuple):
    """A picture with its opacity worked in, so that laying it over is one product and one sum.

    `colour`: BGR already multiplied by the opacity; `keep`: 255 minus the opacity, the share of
    what lies below that stays visible. Both uint8 (h, w, 3).
    """

    colour: Image
    keep: Image

    @property
    def width(self) -> int:
        return int(self.colour.shape[1])

    @property
    def height(self) -> int:
        return int(self.colour.shape[0])


def stencil(mask: Image, colour: Colour, opacity: float = 1.0) -> Sprite:
    """One colour through a mask of uint8 (h, w), 255 being solid."""
    alpha = mask[..., None].astype(np.float32) * opacity  # (h, w, 1)
    bgr = np.array(colour[::-1], np.float32)
    covered = np.rint(alpha * bgr / 255).astype(np.uint8)
    keep = np.repeat(255 - np.rint(alpha).astype(np.uint8), 3, axis=2)
    return Sprite(covered, np.ascontiguousarray(keep))


def from_pillow(picture: Pillow.Image) -> Sprite:
    """A sprite of an oversampled RGBA drawing, scaled down to its final size."""
    size = (picture.width // OVERSAMPLING, picture.height // OVERSAMPLING)
    # "RGBa" is Pillow's multiplied form: without it, edges pick up the colour of what is clear.
    small = np.asarray(picture.convert("RGBa").resize(size, Pillow.Resampling.BOX))
    keep = np.repeat(255 - small[..., 3:], 3, axis=2)
    return Sprite(np.ascontiguousarray(small[..., 2::-1]), np.ascontiguousarray(keep))


def rounded(width: int, height: int, radius: float, colour: Colour, opacity: float) -> Sprite:
    """A filled rectangle with round corners."""
    size = (width * OVERSAMPLING, height * OVERSAMPLING)
    mask = Pillow.new("L", size)
    ImageDraw.Draw(mask).rounded_rectangle(
        (0, 0, size[0] - 1, size[1] - 1), radius * OVERSAMPLING, fill=255
    )
    small = mask.resize((width, height), Pillow.Resampling.BOX)
    return stencil(np.asarray(small), colour, opacity)


def paste(picture: Image, sprite: Sprite, x: int, y: int) -> None:
    """Lay a sprite over a BGR picture, in place; what reaches beyond the picture is cut off."""
    height, width = picture.shape[:2]
    left, right = max(x, 0), min(x + sprite.width, width)
    top, bottom = max(y, 0), min(y + sprite.height, height)
    if left >= right or top >= bottom:
        return
    below = picture[top:bottom, left:right]
    part = np.s_[top - y : bottom - y, left - x : right - x]
    cv2.multiply(below, sprite.keep[part], dst=below, scale=1 / 255)
    cv2.add(below, sprite.colour[part], dst=below)


def stack(base: Sprite, top: Sprite, x: int, y: int) -> Sprite:
    """A new sprite: `top` laid over `base` at that place."""
    result = Sprite(base.colour.copy(), base.keep.copy())
    paste(result.colour, top, x, y)
    clear = Sprite(np.zeros_like(top.colour), top.keep)
    paste(result.keep, clear, x, y)
    return result
