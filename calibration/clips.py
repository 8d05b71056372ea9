"""Moving pictures whose signs are known: drawn drives, and still pictures driven towards."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edge.cache import cache_folder
from edge.core import Box, Frame, Image
from edge.demo import TRUTH, VIDEO, TrueSign, load_truth
from edge.sources import open_source
from models.errors import SourceError
from models.signs import sign_class
from training.datasets import Dataset, Example

DEMO_SEED = 1  # the bundled drive's
FPS = 30
STILL_S = 1.5
SIZE = (1280, 720)  # of a clip made of still pictures
CLOSING = 0.27  # 1/s: how fast a still picture is driven into; at its end all is 1.7 times larger
SWAY, SWAY_S = 0.006, 1.1  # shares of the width by which the camera turns to and fro; its period
PAUSE = 10  # frame numbers between two stills: no truth of one lies near the other's frames
MIN_HEIGHT = 10.0  # pixels, as in the drives: a smaller sign is not in the truth …
MIN_VISIBLE = 0.7  # … nor one of which less is in the picture


class Clip(NamedTuple):
    """Frames and what is in them. `count`: how many frames to expect.

    `signs_only`: the truth knows the 43 classes only, so that a foreign sign may stand anywhere.
    """

    name: str
    frames: Callable[[], Iterator[Frame]]
    count: int | None
    truth: tuple[TrueSign, ...]
    signs_only: bool


def drive(seed: int, seconds: float | None = None) -> Clip:
    """The drive of a seed: the bundled one, or one that is drawn into the cache if need be.

    `seconds` leaves out what comes later. Drawing takes a second a frame: a quarter of an hour.
    """
    video, truth = (VIDEO, TRUTH) if seed == DEMO_SEED else _drawn(seed)
    limit = None if seconds is None else round(seconds * FPS)
    signs = load_truth(truth)
    if limit is not None:
        signs = tuple(s._replace(boxes=_before(s.boxes, limit)) for s in signs)
        signs = tuple(sign for sign in signs if sign.boxes)

    def frames() -> Iterator[Frame]:
        _, source = open_source(str(video))
        with closing(source):
            yield from islice(source, limit)

    return Clip(f"drive {seed}", frames, limit, signs, signs_only=False)


def _before(boxes: dict[int, Box], limit: int) -> dict[int, Box]:
    return {index: box for index, box in boxes.items() if index < limit}


def _drawn(seed: int) -> tuple[Path, Path]:
    folder = cache_folder() / "drives" / f"seed-{seed}"
    files = folder / "drive.mp4", folder / "drive.json"
    if not all(file.is_file() for file in files):
        command = [sys.executable, "-m", "training.drive", "--seed", str(seed)]
        done = subprocess.run([*command, "--output", str(folder)], check=False)
        if done.returncode:
            raise SourceError(f"the drive of seed {seed} could not be drawn into {folder}")
    return files


def stills(dataset: Dataset, examples: Sequence[Example]) -> Clip:
    """Each picture for a moment as if one drove into it, one after the other in one clip.

    Every picture is a segment of its own, so that no track bridges two of them. SourceError where
    one cannot be read.
    """
    each = round(STILL_S * FPS)
    signs: list[TrueSign] = []
    for number, example in enumerate(examples):
        image = dataset.read(example)
        for annotation in example.annotations:
            boxes = {}
            for step in range(each):
                box = _seen(_view(image, step, number), Box(*annotation.box))
                if box:
                    boxes[number * (each + PAUSE) + step] = box
            if boxes:
                first, last = min(boxes) / FPS, max(boxes) / FPS
                name = sign_class(annotation.label).name
                sign = TrueSign(len(signs) + 1, annotation.label, name, first, last, boxes)
                signs.append(sign)

    def frames() -> Iterator[Frame]:
        for number, example in enumerate(examples):
            image = dataset.read(example)
            for step in range(each):
                index = number * (each + PAUSE) + step
                shown = _show(image, _view(image, step, number))
                yield Frame(shown, index, index / FPS, segment=number)

    count = len(examples) * each
    return Clip(f"{len(examples)} stills", frames, count, tuple(signs), signs_only=True)


def _view(image: Image, step: int, number: int) -> Box:
    """The part of a picture that fills the clip's frame `step` steps into the drive."""
    rows, columns = image.shape[:2]
    time = step / FPS
    zoom = 1 / (1 - CLOSING * time)
    ratio = SIZE[0] / SIZE[1]
    width = min(columns, rows * ratio) / zoom
    sway = SWAY * columns * math.sin(2 * math.pi * time / SWAY_S + number)
    x1 = min(max((columns - width) / 2 + sway, 0.0), columns - width)
    y1 = (rows - width / ratio) / 2
    return Box(x1, y1, x1 + width, y1 + width / ratio)


def _show(image: Image, view: Box) -> Image:
    scale = SIZE[0] / view.width
    # Pixel centres: destination pixel 0.5 looks at source x1 + 0.5 / scale.
    matrix = np.array(
        [
            [scale, 0, (0.5 - view.x1) * scale - 0.5],
            [0, scale, (0.5 - view.y1) * scale - 0.5],
        ]
    )
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(image, matrix, SIZE, flags=cv2.INTER_LINEAR, borderMode=border)


def _seen(view: Box, box: Box) -> Box | None:
    """A picture's box in a frame that shows this view, cut at its edge; None if it hardly shows."""
    scale = SIZE[0] / view.width
    x1, x2 = ((x - view.x1) * scale for x in (box.x1, box.x2))
    y1, y2 = ((y - view.y1) * scale for y in (box.y1, box.y2))
    whole = Box(x1, y1, x2, y2)
    cut = Box(max(0.0, x1), max(0.0, y1), min(SIZE[0], x2), min(SIZE[1], y2))
    if cut.height < MIN_HEIGHT or cut.area < MIN_VISIBLE * whole.area:
        return None
    return cut
