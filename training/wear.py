"""What weather, dirt and people do to a sign's face."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from training.artwork import foreign_art, lookalike_art, sign_art
from training.noise import fractal
from training.painter import Picture

ART = 192  # pixels of a sign's texture in a drawn scene


@lru_cache(maxsize=256)
def clean_art(kind: str, name: str) -> Picture:
    """The artwork of a "sign" (its id as text), a "foreign" sign or a "lookalike"."""
    if kind == "sign":
        return sign_art(int(name), ART)
    return foreign_art(name, ART) if kind == "foreign" else lookalike_art(name, ART)


def weathered(art: Picture, rng: np.random.Generator, wear: float) -> Picture:
    """The artwork faded, dirty, scratched and partly in shade, the more so the higher `wear` is."""
    side = art.shape[0]
    colours = art[..., :3].astype(np.float32)
    grey = colours.mean(axis=2, keepdims=True)
    fade = wear * rng.uniform(0.0, 0.5)
    bleached = colours + (grey * 0.6 + 80 - colours) * (fade * np.array([0.5, 0.7, 0.9]))
    dirt = np.clip(fractal(rng, side, side, 50, 5) * 0.5 + rng.uniform(-0.4, 0.3), 0, 1) * wear
    run = np.clip(fractal(rng, 1, side, 6)[0], 0, 2)[None, :] * np.linspace(1, 0, side)[:, None]
    dirt = np.clip(dirt + 0.25 * wear * run, 0, 0.8)[..., None]
    mud = np.array([52, 62, 70], np.float32)
    image = bleached + (mud - bleached) * dirt
    if rng.random() < 0.5 * wear:
        for _ in range(int(rng.integers(1, 7))):
            a, b = rng.integers(0, side, 2).tolist(), rng.integers(0, side, 2).tolist()
            b = [a[0] + (b[0] - a[0]) // 4, a[1] + (b[1] - a[1]) // 4]
            cv2.line(image, a, b, (150, 152, 152), 1, cv2.LINE_AA)
    if rng.random() < 0.3 * wear:
        spot = rng.integers(side // 4, 3 * side // 4, 2).tolist()
        colour = rng.integers(20, 240, 3).tolist()
        cv2.circle(image, spot, int(rng.integers(5, 13)), colour, -1, cv2.LINE_AA)
    if rng.random() < 0.4:  # the shade of leaves
        shade = np.clip(fractal(rng, side, side, 60, 3) * 1.6 + rng.uniform(-0.3, 0.4), 0, 1)
        image *= (1 - rng.uniform(0.25, 0.6) * shade)[..., None]
    colours8 = np.clip(image, 0, 240).astype(np.uint8)
    return np.concatenate([colours8, art[..., 3:]], axis=2)
