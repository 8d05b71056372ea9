"""Turning pictures for a camera that is mounted on its side, upside down or behind a mirror."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import cast

import cv2
import numpy as np

from edge.core import Frame, Image
from edge.sources.device import Device, Pause, Shot
from edge.sources.info import Flip, SourceOptions

_FLIPS: dict[Flip, int] = {"horizontal": 1, "vertical": 0, "both": -1}  # OpenCV's codes

Turn = Callable[[Image], Image]


def turn_of(options: SourceOptions) -> Turn | None:
    """Rotates clockwise, then flips, as the options say; None where they ask for nothing."""
    quarters = options.rotate // 90 % 4
    if not quarters and options.flip == "none":
        return None

    def turn(image: Image) -> Image:
        if quarters:
            image = np.ascontiguousarray(np.rot90(image, -quarters))
        if options.flip != "none":
            image = cast(Image, cv2.flip(image, _FLIPS[options.flip]))
        return image

    return turn


def turn_frames(
    frames: Generator[Frame, None, None], options: SourceOptions
) -> Generator[Frame, None, None]:
    """The frames, turned as the options say."""
    turn = turn_of(options)
    with closing(frames):
        for frame in frames:
            yield replace(frame, image=turn(frame.image)) if turn else frame


def turn_device(device: Device, options: SourceOptions) -> Device:
    """The device, its pictures turned as the options say."""
    turn = turn_of(options)
    if turn is None:
        return device

    def turned(pause: Pause) -> Generator[Shot, None, None]:
        with closing(device(pause)) as shots:
            for shot in shots:
                yield Shot(turn(shot.image), shot.time)

    return turned
