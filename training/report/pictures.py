"""The watched pictures themselves: crops as the net sees them, their size, light and track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import SourceError
from models.imaging import CROP_MARGIN, CROP_SIZE, crop
from training import datasets
from training.datasets import Annotation, Dataset, Example

LUMA = (0.299, 0.587, 0.114)  # of R, G and B: ITU-R BT.601
PARTS = ("train", "choose", "judge")


class Pictures(NamedTuple):
    """One entry for each name asked for.

    `crops` is RGB (n, size, size, 3). `sizes` is the longer side of the box in the picture in
    pixels, `brightness` the mean luma of the crop, 0–1. `groups` names the physical sign, or the
    picture where the set has no tracks. `found` is False where the set has no such picture: its
    crop is black, its size and brightness nan.
    """

    crops: NDArray[np.uint8]
    sizes: NDArray[np.float64]
    brightness: NDArray[np.float64]
    groups: tuple[str, ...]
    found: NDArray[np.bool_]


class Cut(NamedTuple):
    """What is cut out around a box: a square of `size` px with `margin` around the longer side."""

    size: int = CROP_SIZE
    margin: float = CROP_MARGIN


def look(
    dataset: Dataset,
    names: Sequence[str],
    labels: Sequence[int],
    cut: Cut,
    advance: Callable[[int], None],
) -> Pictures:
    """Read the named pictures, each cut out around its sign with that label as `cut` says.

    `advance` is called with 1 after each. SourceError if the set has none of them.
    """
    examples = {example.name: example for example in dataset.examples}
    count = len(names)
    crops = np.zeros((count, cut.size, cut.size, 3), np.uint8)
    sizes, brightness = np.full(count, np.nan), np.full(count, np.nan)
    found, groups = np.zeros(count, bool), list(names)
    for index, (name, label) in enumerate(zip(names, labels, strict=True)):
        example = examples.get(name)
        annotation = _annotation(example, int(label)) if example else None
        if example and annotation:
            x1, y1, x2, y2 = annotation.box
            crops[index] = crop(dataset.read(example), annotation.box, *cut)
            sizes[index] = max(x2 - x1, y2 - y1)
            brightness[index] = (crops[index].mean(axis=(0, 1)) / 255) @ LUMA
            groups[index], found[index] = example.track or name, True
        advance(1)
    if not found.any():
        raise SourceError(
            f"{dataset.files.path}: expected the {count} pictures that the run watched, found "
            f"none of them, the first is {names[0]}: the run was made with another data set"
        )
    return Pictures(crops, sizes, brightness, tuple(groups), found)


def _annotation(example: Example, label: int) -> Annotation | None:
    """The sign with that label; the only one whatever its label, as for a negative."""
    same = [each for each in example.annotations if each.label == label]
    if same:
        return same[0]
    return example.annotations[0] if len(example.annotations) == 1 else None


class Census(NamedTuple):
    """What the whole set holds: by part, the count of each label (outputs,) and all sizes in px."""

    counts: dict[str, NDArray[np.int64]]
    sizes: dict[str, NDArray[np.float64]]


def census(dataset: Dataset, outputs: int) -> Census:
    """Counts and sizes as the annotations give them; one part, `all`, where none is written down.

    No picture is decoded for it. Labels that are no output are left out.
    """
    counts, sizes = {}, {}
    for name, examples in _parts(dataset).items():
        signs = [a for e in examples for a in e.annotations if 0 <= a.label < outputs]
        counts[name] = np.bincount(np.array([a.label for a in signs], int), minlength=outputs)
        boxes: Any = np.array([a.box for a in signs], np.float64).reshape(-1, 4)
        sizes[name] = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return Census(counts, sizes)


def _parts(dataset: Dataset) -> dict[str, tuple[Example, ...]]:
    parts = {name: _part(dataset, name) for name in PARTS}
    return {name: its for name, its in parts.items() if its} or {"all": dataset.examples}


def _part(dataset: Dataset, name: str) -> tuple[Example, ...]:
    try:
        return datasets.part(dataset, name)
    except SourceError:  # this set has no such part, or is not divided at all
        return ()
