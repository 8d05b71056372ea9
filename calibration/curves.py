"""Precision against recall, drawn as a PNG with nothing but what the device has."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from calibration import metrics
from calibration.matching import Answers
from calibration.metrics import Floats

WIDTH, HEIGHT = 760, 560  # without the legend, which stands below
ROW = 22  # px, of the legend
LEFT, TOP, RIGHT, BOTTOM = 64, 42, 24, 56  # px around the axes
FINE = 2  # drawn so many times as large, then brought down: Pillow's lines are jagged
INK, FAINT, GRID, PAPER = (33, 37, 41), (110, 118, 125), (226, 230, 234), (255, 255, 255)
COLOURS = ((25, 113, 194), (214, 48, 49), (47, 158, 68), (232, 145, 20), (112, 72, 232))
CLOSE = 0.75  # where every curve has at least this precision on average, the axes begin at …
FROM = 0.5  # … this
STEPS = 5  # of an axis


class Line(NamedTuple):
    """One curve: recalls rising, and the best precision at each or beyond it."""

    name: str
    recall: Floats
    precision: Floats
    average: float


class Point(NamedTuple):
    """Where the app works."""

    recall: float
    precision: float


def line(name: str, answers: Answers, which: int = 0) -> Line | None:
    """The curve that average precision is the area of; None where there is no sign to find."""
    curve, n_truth = answers.curves[which], int(answers.truths.sum())
    if not n_truth:
        return None
    found = np.arange(1, len(curve.hits) + 1)
    precision = found / (curve.hits + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    once = np.ones(len(curve.pictures), dtype=np.int64)
    average = metrics.average_precisions([curve.hits], n_truth, once)[0]
    return Line(name, found / n_truth, best, float(average))


def draw(lines: Sequence[Line], point: Point | None) -> bytes:
    """The curves with their average precisions, and the point at which the app works."""
    low = FROM if lines and min(each.average for each in lines) >= CLOSE else 0.0
    whole = WIDTH, HEIGHT + ROW * (len(lines) + 1)
    image = Image.new("RGB", (FINE * whole[0], FINE * whole[1]), PAPER)
    pen = ImageDraw.Draw(image)
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(recall: float, precision: float) -> tuple[float, float]:
        x = LEFT + across * (recall - low) / (1 - low)
        y = TOP + down * (1 - (precision - low) / (1 - low))
        return FINE * x, FINE * y

    for value in np.linspace(low, 1, STEPS + 1):
        pen.line([place(low, value), place(1, value)], GRID, FINE)
        pen.line([place(value, low), place(value, 1)], GRID, FINE)
        x, y = place(low, value)
        pen.text((x - 8 * FINE, y), f"{value:.1f}", FAINT, _font(13), anchor="rm")
        x, y = place(value, low)
        pen.text((x, y + 8 * FINE), f"{value:.1f}", FAINT, _font(13), anchor="mt")
    x, y = place((low + 1) / 2, low)
    pen.text((x, y + 30 * FINE), "recall", INK, _font(14), anchor="mt")
    pen.text((FINE * 10, FINE * 10), "precision", INK, _font(14))
    for colour, each in zip(COLOURS, lines, strict=False):
        pen.line(_steps(each, low, place), colour, 2 * FINE, joint="curve")
    if point and point.recall >= low and point.precision >= low:
        x, y = place(*point)
        radius = 5 * FINE
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), PAPER, INK, 2 * FINE)
    _legend(pen, lines, point)
    small = image.resize(whole, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _steps(
    each: Line, low: float, place: Callable[[float, float], tuple[float, float]]
) -> list[tuple[float, float]]:
    """The curve within the axes: each precision holds back to the recall before it."""
    inside = each.precision >= low
    recall = np.clip(np.concatenate([[0.0], each.recall[inside]]), low, 1)
    precision = each.precision[inside]
    points = [
        point
        for start, end, value in zip(recall[:-1], recall[1:], precision, strict=True)
        for point in (place(start, value), place(end, value))
    ]
    return [*points, place(recall[-1], low)] if points else []


def _legend(pen: ImageDraw.ImageDraw, lines: Sequence[Line], point: Point | None) -> None:
    """Below the axes, in the way of no curve."""
    x, y = LEFT, HEIGHT
    for colour, each in zip(COLOURS, lines, strict=False):
        pen.line([(FINE * x, FINE * (y + 9)), (FINE * (x + 26), FINE * (y + 9))], colour, 3 * FINE)
        text = f"{each.name}   AP {each.average:.3f}"
        pen.text((FINE * (x + 36), FINE * y), text, INK, _font(14))
        y += ROW
    if point:
        middle, height = FINE * (x + 13), FINE * (y + 9)
        radius = 5 * FINE
        edge = (middle - radius, height - radius, middle + radius, height + radius)
        pen.ellipse(edge, PAPER, INK, 2 * FINE)
        text = f"where the app works   recall {point.recall:.3f}, precision {point.precision:.3f}"
        pen.text((FINE * (x + 36), FINE * y), text, INK, _font(14))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FINE * size)
