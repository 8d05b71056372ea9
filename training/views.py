"""What the detector is trained on: random windows into street pictures, at many scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.imaging import GREY

Image = NDArray[np.uint8]
Boxes = NDArray[np.float32]  # (n, 4) x1, y1, x2, y2 in pixels


class Picture(NamedTuple):
    """A street picture, BGR, with the boxes of its signs, (n, 4)."""

    image: Image
    boxes: Boxes


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """How windows are cut and disturbed. Probabilities are per window."""

    width: int = 640
    height: int = 384
    scales: tuple[float, float] = (0.38, 1.7)  # window pixels per picture pixel, log-uniform
    close: float = 0.1  # the window is cut from close by: signs up to the size of a window
    close_scales: tuple[float, float] = (1.7, 5.0)
    reference_width: int = 1360  # scales are for pictures this wide; others are scaled to it
    on_sign: float = 0.75  # the window is placed to hold a sign
    mosaic: float = 0.35
    stretch: float = 0.12  # ± of the aspect ratio
    rotate: float = 4.0  # ± degrees
    tilted: float = 0.1  # the camera hangs askew
    askew: float = 12.0  # ± degrees, then
    strange: float = 0.15  # a camera or a light like no other
    flip: float = 0.5
    min_visible: float = 0.6  # of a box's area, else it is left out
    min_size: float = 5.0  # px, the longer side


def cut(
    picture: Picture, width: int, height: int, settings: ViewSettings, rng: np.random.Generator
) -> Picture:
    """One window of `width` × `height` at a random place, scale, stretch and tilt."""
    rows, columns = picture.image.shape[:2]
    near = rng.random() < settings.close
    low, high = np.log(settings.close_scales if near else settings.scales)
    scale = float(np.exp(rng.uniform(low, high))) * settings.reference_width / columns
    stretch = float(np.exp(rng.uniform(-settings.stretch, settings.stretch)))
    scale_x, scale_y = scale * stretch, scale / stretch
    span_x, span_y = width / scale_x, height / scale_y
    if len(picture.boxes) and rng.random() < settings.on_sign:
        box = picture.boxes[rng.integers(len(picture.boxes))]
        centre_x = (box[0] + box[2]) / 2 + rng.uniform(-0.45, 0.45) * span_x
        centre_y = (box[1] + box[3]) / 2 + rng.uniform(-0.45, 0.45) * span_y
    else:
        centre_x, centre_y = rng.uniform(0, columns), rng.uniform(0, rows)
    centre_x = _hold_inside(centre_x, span_x, columns)
    centre_y = _hold_inside(centre_y, span_y, rows)
    most = settings.askew if rng.random() < settings.tilted else settings.rotate
    angle = np.radians(rng.uniform(-most, most)) * (rng.random() < 0.5)
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos * scale_x, -sin * scale_y], [sin * scale_x, cos * scale_y]])
    shift = np.array([width / 2, height / 2]) - linear @ np.array([centre_x, centre_y])
    matrix = np.column_stack([linear, shift])
    # Boxes measure from the pixels' edges, warpAffine from their centres.
    centred = np.column_stack([linear, shift + linear @ np.array([0.5, 0.5]) - 0.5])
    image = cv2.warpAffine(
        picture.image, centred, (width, height), flags=cv2.INTER_LINEAR, borderValue=(GREY,) * 3
    )
    boxes = _warp_boxes(picture.boxes, matrix, abs(float(angle)))
    return Picture(np.asarray(image, np.uint8), _clip(boxes, width, height, settings))


def _hold_inside(centre: float, span: float, length: int) -> float:
    """Move a window's centre so that it shows as little outside of the picture as possible."""
    if span >= length:
        return length / 2
    return float(np.clip(centre, span / 2, length - span / 2))


def _warp_boxes(boxes: Boxes, matrix: NDArray[np.float64], angle: float) -> Boxes:
    """Axis-parallel boxes around the warped ones, shrunk towards a disc's for tilted windows."""
    if not len(boxes):
        return np.zeros((0, 4), np.float32)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    size = (boxes[:, 2:] - boxes[:, :2]) * np.linalg.norm(matrix[:, :2], axis=0)
    # A tilted square needs (cos + sin) of its side, a disc none: signs lie half way between.
    size = size * (1 + (np.cos(angle) + np.sin(angle) - 1) / 2)
    return np.concatenate([centre - size / 2, centre + size / 2], axis=1).astype(np.float32)


def _clip(boxes: Boxes, width: int, height: int, settings: ViewSettings) -> Boxes:
    clipped = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    sides = clipped[:, 2:] - clipped[:, :2]
    keep = np.prod(sides, axis=1) >= settings.min_visible * area
    return clipped[keep & (sides.max(axis=1, initial=0) >= settings.min_size)]


def disturb(image: Image, rng: np.random.Generator, blur: float = 0.2) -> Image:
    """Other cameras, lights and weathers, BGR: colour, gamma, blur, noise, compression."""
    if rng.random() < 0.8:
        image = _relight(image, rng)
    if rng.random() < blur:
        image = _blur(image, rng)
    if rng.random() < 0.25:
        noise = rng.normal(
            0, rng.uniform(2, 12), (*image.shape[:2], 1 if rng.random() < 0.5 else 3)
        )
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(25, 90))
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    if rng.random() < 0.03:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:, :, None], 3, axis=2)
    return np.ascontiguousarray(image)


def _relight(image: Image, rng: np.random.Generator) -> Image:
    """Gamma, gain, white balance through a table a channel; then saturation."""
    ramp = np.linspace(0, 1, 256)
    gamma, gain = np.exp(rng.normal(0, 0.35)), np.exp(rng.normal(0, 0.12))
    casts = np.exp(rng.normal(0, 0.08, 3))
    tables = np.clip(ramp[:, None] ** gamma * gain * casts * 255 + rng.normal(0, 6), 0, 255)
    out = cv2.LUT(image, tables.astype(np.uint8)[:, None, :])
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    saturation = float(rng.uniform(0.4, 1.4))
    return np.asarray(cv2.addWeighted(out, saturation, grey, 1 - saturation, 0), np.uint8)


def strange(image: Image, rng: np.random.Generator) -> Image:
    """Dusk, sodium lamps, tinted glass, haze: gamma, a colour cast and a veil, all strong."""
    ramp = np.linspace(0, 1, 256)
    gamma, gain = np.exp(rng.normal(0.2, 0.6)), np.exp(rng.normal(-0.1, 0.35))
    casts = np.exp(rng.normal(0, 0.3, 3)) if rng.random() < 0.6 else np.ones(3)
    veil = rng.uniform(0, 0.6) * (rng.random() < 0.4)
    tables = np.clip(ramp[:, None] ** gamma * gain * casts, 0, 1)
    tables = tables * (1 - veil) + veil * np.clip(rng.uniform(0.3, 0.9) * casts, 0, 1)
    return np.asarray(cv2.LUT(image, np.rint(255 * tables).astype(np.uint8)[:, None, :]), np.uint8)


def _blur(image: Image, rng: np.random.Generator) -> Image:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.6)), np.uint8)
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D(((length - 1) / 2,) * 2, rng.uniform(-90, 90), 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return np.asarray(cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1e-6)), np.uint8)


def compose(
    pictures: Sequence[Picture],
    weights: NDArray[np.float64],
    settings: ViewSettings,
    rng: np.random.Generator,
    mosaic: bool = True,
) -> Picture:
    """A window of `settings.width` × `settings.height`, or a mosaic of four, as clean as it was.

    `weights` (n,) are the chances of each picture, summing to 1.
    """
    width, height = settings.width, settings.height

    def pick() -> Picture:
        return pictures[int(rng.choice(len(pictures), p=weights))]

    if not mosaic or rng.random() >= settings.mosaic:
        return cut(pick(), width, height, settings, rng)
    split_x = int(width * rng.uniform(0.3, 0.7))
    split_y = int(height * rng.uniform(0.3, 0.7))
    image = np.empty((height, width, 3), np.uint8)
    found = []
    for x1, x2 in ((0, split_x), (split_x, width)):
        for y1, y2 in ((0, split_y), (split_y, height)):
            part = cut(pick(), x2 - x1, y2 - y1, settings, rng)
            image[y1:y2, x1:x2] = part.image
            found.append(part.boxes + np.array([x1, y1, x1, y1], np.float32))
    return Picture(image, np.concatenate(found))


def finish(window: Picture, settings: ViewSettings, rng: np.random.Generator) -> Picture:
    """The window mirrored or not, and disturbed."""
    image, boxes = window
    if rng.random() < settings.flip:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes = boxes.copy()
        boxes[:, [0, 2]] = image.shape[1] - boxes[:, [2, 0]]
    if rng.random() < settings.strange:
        image = strange(image, rng)
    return Picture(disturb(image, rng), boxes)
