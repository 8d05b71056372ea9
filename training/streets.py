"""The street pictures that a detector learns from: GTSDB's, those of YOLO sets, drawn ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.errors import SourceError, UsageError
from training import census, datasets, negatives, split
from training.detector import Recipe
from training.examples import Dataset, Example
from training.files import stem
from training.memory import refuse_too_little
from training.views import Image, Picture

DRAWN_SIZE = (960, 540)
CHANNELS = 3
HIDDEN = ("unclear", "no_stopping", "parking", "crossing", "bus_stop", "path", "one_way")


def load_pictures(recipe: Recipe, limit: int | None) -> tuple[list[Picture], NDArray[np.float64]]:
    """All training pictures in memory and the chance of each, real ones and drawn ones.

    Everything that is wrong with the sets is printed before SourceError is raised; nothing of
    them is learnt then.
    """
    chosen = chosen_pictures(recipe, limit)
    real = sum(len(data.examples) for data in chosen)
    needed = sum(_bytes(data, example) for data in chosen for example in data.examples)
    needed += recipe.drawn * DRAWN_SIZE[0] * DRAWN_SIZE[1] * CHANNELS
    refuse_too_little(needed, f"{real + recipe.drawn} pictures")
    pictures = read_pictures(chosen)
    if recipe.drawn:
        pictures += draw_pictures(recipe.drawn, recipe.seed)
    signs = np.array([min(len(p.boxes), 3) for p in pictures], np.float64)
    weights = 0.5 + 0.5 * signs  # pictures without a sign teach too, but less
    share = np.where(np.arange(len(pictures)) < real, 1 - recipe.drawn_share, recipe.drawn_share)
    if not recipe.drawn:
        share[:] = 1.0
    for part in (slice(0, real), slice(real, None)):
        weights[part] *= share[part] / max(weights[part].sum(), 1e-9)
    return pictures, weights / weights.sum()


def chosen_pictures(recipe: Recipe, limit: int | None) -> list[Dataset]:
    """Every set in `recipe.data` with what is learnt of it; with a limit the first, evenly many.

    Of GTSDB those of `recipe.part`, or those outside of the fold; of a YOLO set that has folders
    for its parts those below `train`, else all. Prints how many each gives. UsageError for a set of
    another kind.
    """
    names = recipe.data.split(",")
    chosen = []
    for name in names:
        data = datasets.open_set(name, warn=False)
        if data.layout not in ("gtsdb", "yolo"):
            raise UsageError(
                f"--data: expected GTSDB or YOLO sets of whole pictures, found {name}, which holds "
                f"single signs ({data.layout} layout)"
            )
        if data.layout == "gtsdb" and name != "gtsdb":  # the record could not say what was learnt
            raise UsageError(f"--data: expected GTSDB as gtsdb, from SIGN_DATA, found {name}")
        examples = _learnt(data, recipe)
        if limit is not None:
            examples = examples[: -(-limit // len(names))]
        chosen.append(replace(data, examples=tuple(examples)))
        found = census.count(chosen[-1])
        signs = sum(found.signs.values())
        print(f"{name}: {found.pictures} pictures, {signs} signs, {found.empty} without a sign")
        for note in data.notes:
            print(f"note: {name}: {note}")
    return chosen


def _learnt(data: Dataset, recipe: Recipe) -> Sequence[Example]:
    if data.layout == "gtsdb":
        if recipe.folds:
            return split.divide(data.examples, recipe.folds, recipe.fold)[0]
        return data.examples if recipe.part == "all" else datasets.part(data, recipe.part)
    return datasets.learnt_of_yolo(data.examples)


def _bytes(data: Dataset, example: Example) -> int:
    """Of a picture in memory; 0 for one that cannot be read, which is told when it is."""
    try:
        width, height = data.files.size(example.name)
    except SourceError:
        return 0
    return width * height * CHANNELS


def read_pictures(chosen: Sequence[Dataset]) -> list[Picture]:
    """SourceError where anything is wrong with a set, after a line for each fault."""
    pictures, faults = [], []
    with tqdm(total=sum(len(data.examples) for data in chosen), desc="pictures", unit="") as bar:
        for data in chosen:
            found = census.Faults(data)
            for example in data.examples:
                image = found.read(example)
                if image is not None:
                    pictures.append(street_picture(image, data, example))
                bar.update()
            faults += [f"{data.name}: {line}" for line in found.lines()]
    for fault in faults:
        print(f"fault: {fault}")
    if faults:
        raise SourceError(
            f"expected sets in order to learn from, found {len(faults)} faults, told above"
        )
    return pictures


def street_picture(image: Image, data: Dataset, example: Example) -> Picture:
    """A picture with its signs; of GTSDB without signs that neither are nor are not of the 43.

    GTSDB leaves a few signs of the 43 unmarked: they are marked here. What nobody can tell, and
    signs outside the 43 that look much like them, are painted over: they teach nothing.
    """
    boxes = [a.box for a in example.annotations]
    known = negatives.of_picture(stem(example.name)) if data.layout == "gtsdb" else ()
    boxes += [each.box for each in known if each.kind == "missed"]
    hidden = np.zeros(image.shape[:2], np.uint8)
    for each in known:
        if each.kind in HIDDEN:
            x1, y1, x2, y2 = each.box
            hidden[max(0, y1 - 2) : y2 + 2, max(0, x1 - 2) : x2 + 2] = 255
    if hidden.any():
        image = np.asarray(cv2.inpaint(image, hidden, 3, cv2.INPAINT_TELEA), np.uint8)
    return Picture(image, np.array(boxes, np.float32).reshape(-1, 4))


def draw_pictures(count: int, seed: int) -> list[Picture]:
    """Drawn street scenes; foreign signs are signs too, but for guide signs, plates and markers."""
    from training.scene import scene_picture  # noqa: PLC0415 – only where pictures are drawn

    drawn = []
    for number in tqdm(range(count), desc="drawing", unit=""):
        image, found = scene_picture(np.random.default_rng((seed, 7, number)), *DRAWN_SIZE)
        boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
        drawn.append(Picture(image, boxes))
    return drawn
