"""How the drive's signs compare with those of real drives: sizes, sharpness, contrast, light."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np

from models.errors import OutputError, SourceError
from training.datasets import gtsdb, gtsrb
from training.examples import Dataset, Example
from training.painter import Picture
from training.pinhole import Array
from training.progress import progress

CROP = 48  # pixels of a crop whose sharpness is measured
REAL_WIDTH = 1360  # pixels of the pictures of both real sets
SMALLEST = 16.0  # pixels; the real sets label nothing smaller
EVERY_CROP = 29  # of GTSRB; prime to the length of its tracks
EVERY_FRAME = 3  # of the drive
COLOURS = ((60, 60, 220), (200, 120, 20), (60, 150, 40))  # BGR, one a set
PANEL = (600, 340)


Corners = tuple[float, float, float, float]


class Look(NamedTuple):
    """One sign as it looks in one picture."""

    height: float  # pixels in a picture 1280 wide
    sharpness: float
    contrast: float  # standard deviation of grey, 0–255
    light: float  # mean of grey, 0–255


def look_of(image: Picture, box: Corners, scale: float) -> Look:
    """Measure the sign in `box`; `scale` brings its height to a picture 1280 pixels wide.

    Sharpness is the variance of the Laplacian of the grey crop, resized to `CROP` pixels square,
    over the variance of its grey values: light and contrast of the sign drop out.
    """
    x1, y1, x2, y2 = (round(value) for value in box)
    crop = image[max(y1, 0) : max(y2, 1), max(x1, 0) : max(x2, 1)]
    way = cv2.INTER_AREA if min(crop.shape[:2]) > CROP else cv2.INTER_LINEAR
    grey = cv2.cvtColor(cv2.resize(crop, (CROP, CROP), interpolation=way), cv2.COLOR_BGR2GRAY)
    grey = grey.astype(np.float32)
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    variance = float(grey.var())
    sharpness = float(edges.var()) / max(variance, 1.0)
    return Look((box[3] - box[1]) * scale, sharpness, variance**0.5, float(grey.mean()))


def looks_of_set(dataset: Dataset, every: int, scale: float) -> list[Look]:
    """The labelled signs of every `every`-th picture of a real data set."""
    found: list[Look] = []
    examples = [example for example in dataset.examples[::every] if example.annotations]
    with progress(dataset.name, len(examples), " pictures") as advance:
        for example in examples:
            found += _looks_of_example(dataset, example, scale)
            advance(1)
    return found


def _looks_of_example(dataset: Dataset, example: Example, scale: float) -> list[Look]:
    """Full pictures are brought to a width of 1280; of crops only the heights are scaled."""
    image = dataset.read(example)
    if image.shape[1] != REAL_WIDTH:
        return [look_of(image, a.box, scale) for a in example.annotations]
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return [look_of(image, _scaled(a.box, scale), 1.0) for a in example.annotations]


def _scaled(box: Corners, scale: float) -> Corners:
    return box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale


def _frames(path: Path) -> Iterator[tuple[int, Picture]]:
    try:
        with av.open(str(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index % EVERY_FRAME == 0:
                    yield index, frame.to_ndarray(format="bgr24")
    except OSError as error:
        raise SourceError(f"cannot read the drive {path}: {error}") from error


def looks_of_drive(folder: Path) -> list[Look]:
    """The signs of the drive in this folder, as in its video; SourceError if it is not one."""
    try:
        truth = json.loads((folder / "drive.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read the drive's truth in {folder}: {error}") from error
    boxes: dict[int, list[Any]] = {}
    for sign in truth["signs"]:
        for index, *box in sign["boxes"]:
            boxes.setdefault(index, []).append(box)
    return [
        look_of(image, tuple(box), 1280 / truth["width"])
        for index, image in _frames(folder / truth["video"])
        for box in boxes.get(index, ())
    ]


def _shares(values: Array, edges: Array) -> Array:
    counts = np.histogram(np.clip(values, edges[0], edges[-1] - 1e-6), edges)[0]
    return counts / max(1, counts.sum())


def _panel(
    title: str, series: Iterable[tuple[str, Array]], edges: Array, marks: Iterable[float]
) -> Picture:
    """One histogram with a line a set, the share of its signs in each of the steps."""
    width, height = PANEL
    image = np.full((height, width, 3), 255, np.uint8)
    left, bottom, top, right = 50, height - 40, 56, width - 20
    lines = [(name, values, _shares(values, edges)) for name, values in series]
    most = max(float(shares.max()) for _, _, shares in lines) * 1.08
    steps = len(edges) - 1

    def column(value: float) -> int:
        return round(
            left + float(np.interp(value, edges, np.arange(steps + 1))) / steps * (right - left)
        )

    font, black = cv2.FONT_HERSHEY_SIMPLEX, (40, 40, 40)
    cv2.putText(image, title, (left, 22), font, 0.52, black, 1, cv2.LINE_AA)
    for mark in marks:
        x = column(mark)
        cv2.line(image, (x, top), (x, bottom), (228, 228, 228), 1)
        cv2.putText(image, f"{mark:g}", (x - 9, bottom + 17), font, 0.4, black, 1, cv2.LINE_AA)
    for share in np.arange(0, most, 0.05):
        y = round(bottom - share / most * (bottom - top))
        cv2.line(image, (left, y), (right, y), (228, 228, 228), 1)
        cv2.putText(image, f"{share:.0%}", (8, y + 4), font, 0.38, black, 1, cv2.LINE_AA)
    for k, ((name, values, shares), colour) in enumerate(zip(lines, COLOURS, strict=True)):
        points = []
        for step, share in enumerate(shares.tolist()):
            y = round(bottom - share / most * (bottom - top))
            points += [(column(edges[step]), y), (column(edges[step + 1]), y)]
        cv2.polylines(image, [np.array(points)], False, colour, 2, cv2.LINE_AA)
        middle = np.median(values)
        label = f"{name} (n {len(values)}, median {middle:.3g})"
        place = (right - 250, top + 6 + 17 * k)
        cv2.putText(image, label, place, font, 0.4, colour, 1, cv2.LINE_AA)
    return image


def draw_histograms(drive: Path, output: Path) -> dict[str, list[Look]]:
    """Measure the drive and both real sets and plot them; OutputError if it cannot be written."""
    sets = {
        "drive": looks_of_drive(drive),
        "GTSDB": looks_of_set(gtsdb(), 1, 1280 / REAL_WIDTH),
        "GTSRB": looks_of_set(gtsrb(), EVERY_CROP, 1280 / REAL_WIDTH),
    }
    sized = {
        name: np.array([look for look in looks if look.height >= SMALLEST])
        for name, looks in sets.items()
    }
    plots = (
        ("height of signs from 16 px on, in a picture 1280 px wide", 0,
         np.geomspace(16, 160, 21), (16, 24, 32, 48, 64, 96, 128)),
        ("sharpness: var(Laplacian) / var(grey) of a 48 px crop", 1,
         np.geomspace(0.005, 3, 25), (0.01, 0.03, 0.1, 0.3, 1)),
        ("contrast: standard deviation of grey", 2, np.linspace(0, 110, 23), range(0, 111, 20)),
        ("light: mean of grey", 3, np.linspace(0, 255, 26), range(0, 256, 50)),
    )  # fmt: skip
    panels = [
        _panel(title, [(name, looks[:, k]) for name, looks in sized.items()], edges, marks)
        for title, k, edges, marks in plots
    ]
    image = np.vstack([np.hstack(panels[:2]), np.hstack(panels[2:]), _by_size(sized)])
    done, packed = cv2.imencode(".png", image)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(packed.tobytes() if done else b"")
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error}") from error
    return sets


def _by_size(sized: dict[str, Array]) -> Picture:
    """A table under the plots: the quartiles of sharpness for signs of each size."""
    bins = (16, 24, 32, 48, 64, 96, 999)
    image = np.full((40 + 26 * (len(sized) + 1), 2 * PANEL[0], 3), 255, np.uint8)
    font, black = cv2.FONT_HERSHEY_SIMPLEX, (40, 40, 40)
    title = "sharpness, lower quartile - median - upper quartile, by height in px"
    cv2.putText(image, title, (50, 22), font, 0.48, black, 1, cv2.LINE_AA)
    for column, (low, high) in enumerate(pairwise(bins)):
        head = f"{low}-{high}" if high < 999 else f"{low} on"
        cv2.putText(image, head, (140 + 175 * column, 50), font, 0.45, black, 1, cv2.LINE_AA)
        for row, ((name, looks), colour) in enumerate(zip(sized.items(), COLOURS, strict=True)):
            y = 76 + 26 * row
            cv2.putText(image, name, (50, y), font, 0.45, colour, 1, cv2.LINE_AA)
            part = looks[(looks[:, 0] >= low) & (looks[:, 0] < high), 1]
            if len(part):
                text = " - ".join(f"{q:.2f}" for q in np.percentile(part, (25, 50, 75)))
                cv2.putText(
                    image, text, (140 + 175 * column, y), font, 0.45, colour, 1, cv2.LINE_AA
                )
    return image
