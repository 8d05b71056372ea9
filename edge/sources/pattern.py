"""The test picture: a ball that moves and a frame counter, live by the clock, made of nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from urllib.parse import parse_qsl

import cv2
import numpy as np

from edge.config import parse_size
from edge.core import Image
from edge.sources.device import Pause, Shot
from models.errors import UsageError

EXPECTED = "test:?size=WxH&fps=N, each at most once"
FASTEST = 1000.0  # frames a second
TURN_S = 4.0  # for one round of the ball


@dataclass(frozen=True, slots=True)
class Pattern:
    """A device. Every picture has its number, and the number its time: those missed are left out.

    A picture drawn late, because the machine is busy, tells the time at which it was due.
    """

    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    clock: Callable[[], float] = time.monotonic

    @property
    def name(self) -> str:
        width, height = self.size
        return f"test:?size={width}x{height}&fps={self.fps:g}"

    def __call__(self, pause: Pause) -> Generator[Shot, None, None]:
        background = _background(*self.size)
        start = self.clock()
        number = 0
        while True:
            due = start + number / self.fps
            now = self.clock()
            if due > now:
                if pause(due - now):
                    return
                continue
            number = max(number, math.floor((now - start) * self.fps))
            yield Shot(draw(background, number, self.fps), start + number / self.fps)
            number += 1


def parse_pattern(options: str) -> Pattern:
    """The test picture of `size=640x480&fps=15`; UsageError for anything else."""
    try:
        pairs = parse_qsl(options, keep_blank_values=True, strict_parsing=True) if options else []
        given = dict(pairs)
        if len(given) != len(pairs) or not given.keys() <= {"size", "fps"}:
            raise ValueError
        fps = float(given.get("fps", Pattern().fps))
    except ValueError:
        raise UsageError(f"test:?{options}: expected {EXPECTED}") from None
    size = parse_size(given["size"]) if "size" in given else Pattern().size
    if not 0 < fps <= FASTEST:
        raise UsageError(f"test:?{options}: expected up to {FASTEST:g} fps, found {fps:g}")
    return Pattern(size, fps)


def draw(background: Image, number: int, fps: float) -> Image:
    """The picture of that number: a ball on its round, and the number itself."""
    image: Image = background.copy()
    height, width = image.shape[:2]
    angle = 2 * math.pi * number / fps / TURN_S
    radius = max(2, min(width, height) // 12)
    x = round(width / 2 + (width / 2 - 2 * radius) * math.cos(angle))
    y = round(height / 2 + (height / 2 - 2 * radius) * math.sin(angle))
    cv2.circle(image, (x, y), radius, (40, 120, 240), -1, cv2.LINE_AA)
    scale, place = height / 360, (width // 20, height // 2)
    for colour, thickness in (((0, 0, 0), 6), ((255, 255, 255), 2)):
        thick = max(1, round(thickness * scale))
        cv2.putText(image, f"{number}", place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick)
    return image


def _background(width: int, height: int) -> Image:
    """Grey, lighter to the right and bluer to the bottom, with a grid to see shifts by."""
    across = np.linspace(40, 140, width)
    down = np.linspace(0, 60, height)
    shade = np.broadcast_to(across, (height, width))
    image = np.dstack([shade + down[:, None], shade, shade]).astype(np.uint8)
    step = max(8, height // 9)
    image[::step] = image[:, ::step] = 90
    return image
