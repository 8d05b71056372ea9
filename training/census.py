"""What is in a data set, and what is wrong with it."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import SourceError
from models.signs import COUNT, UNKNOWN_SIGN, sign_class
from training.examples import Dataset, Example

SLACK_PX = 0.5  # YOLO's six decimals leave a box this far over the edge of no picture
SHOWN = 10  # faults of one kind that are named one by one


class Census(NamedTuple):
    """Counts by class id, ascending. A sign's size is the longer side of its box in pixels.

    `classes` are the set's own; empty for the 43 signs.
    """

    pictures: int
    empty: int  # pictures without a sign
    signs: dict[int, int]
    tracks: dict[int, int]
    sizes: dict[int, tuple[float, ...]]
    classes: tuple[str, ...] = ()

    @property
    def all_sizes(self) -> list[float]:
        return [size for sizes in self.sizes.values() for size in sizes]


def count(dataset: Dataset) -> Census:
    """What the annotations say; no picture is decoded for it."""
    signs: Counter[int] = Counter()
    tracks: dict[int, set[str]] = defaultdict(set)
    sizes: dict[int, list[float]] = defaultdict(list)
    for example in dataset.examples:
        for (x1, y1, x2, y2), label in example.annotations:
            signs[label] += 1
            sizes[label].append(max(x2 - x1, y2 - y1))
            if example.track:
                tracks[label].add(example.track)
    return Census(
        len(dataset.examples),
        sum(not example.annotations for example in dataset.examples),
        dict(sorted(signs.items())),
        {label: len(found) for label, found in sorted(tracks.items())},
        {label: tuple(found) for label, found in sorted(sizes.items())},
        dataset.classes,
    )


def headline(dataset: Dataset, census: Census) -> str:
    """One line: name, layout and the totals."""
    classes = "one class" if len(census.signs) == 1 else f"{len(census.signs)} classes"
    tracks = f", {sum(census.tracks.values())} tracks" if census.tracks else ""
    if census.classes:
        return f"{dataset.name} ({dataset.layout}): {census.pictures} pictures of {classes}{tracks}"
    return (
        f"{dataset.name} ({dataset.layout}): {census.pictures} pictures, "
        f"{sum(census.signs.values())} signs of {classes}{tracks}, "
        f"{census.empty} pictures without a sign"
    )


def table(census: Census) -> str:
    """A line a class: its id, name, signs, tracks, and the least, median and largest size."""
    shown = "pictures" if census.classes else "signs"
    lines = [f"{'id':>3}  {'name':<36}{shown:>8}{'tracks':>8}{'min px':>8}{'median':>8}{'max':>6}"]
    for label, signs in census.signs.items():
        sizes, tracks = census.sizes[label], census.tracks.get(label, "–")
        lines.append(
            f"{label:>3}  {label_name(label, census.classes):<36}{signs:>8}{tracks:>8}"
            f"{min(sizes):>8.0f}{statistics.median(sizes):>8.0f}{max(sizes):>6.0f}"
        )
    return "\n".join(lines)


def label_name(label: int, classes: Sequence[str] = ()) -> str:
    """The sign's name, or that of one of the set's own classes; else `not in the table`."""
    if classes:
        return classes[label] if 0 <= label < len(classes) else "not in the table"
    in_table = UNKNOWN_SIGN.id <= label < COUNT
    return sign_class(label).name if in_table else "not in the table"


class Faults:
    """What is wrong with a set, found while it is read."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._by_kind: dict[str, list[str]] = defaultdict(list)

    def read(self, example: Example) -> NDArray[np.uint8] | None:
        """The picture, BGR (H, W, 3); None where something is wrong with it or with its boxes."""
        try:
            image = self._dataset.read_whole(example)
        except SourceError as error:
            self._by_kind["unreadable pictures"].append(str(error))
            return None
        height, width = image.shape[:2]
        faults = list(_faults(self._dataset, example, width, height))
        for kind, line in faults:
            self._by_kind[kind].append(line)
        return None if faults else image

    def lines(self) -> list[str]:
        """One for each; a kind that fills the screen is cut short, and its others are counted."""
        lines = list(self._dataset.problems)
        for kind, found in self._by_kind.items():
            lines += found[:SHOWN]
            if len(found) > SHOWN:
                lines.append(f"{kind}: {len(found) - SHOWN} more")
        return lines


def faults(dataset: Dataset, advance: Callable[[int], None]) -> list[str]:
    """Everything wrong with a set, one line each; every picture is decoded for it.

    `advance` is called with 1 after each picture.
    """
    found = Faults(dataset)
    for example in dataset.examples:
        found.read(example)
        advance(1)
    return found.lines()


def _faults(
    dataset: Dataset, example: Example, width: int, height: int
) -> Iterator[tuple[str, str]]:
    for (x1, y1, x2, y2), label in example.annotations:
        shown = f"{x1:g} {y1:g} {x2:g} {y2:g}"
        if not (x2 > x1 and y2 > y1):  # nor where one is no number
            yield "empty boxes", f"{example.name}: empty box {shown}"
        elif min(x1, y1) < -SLACK_PX or x2 > width + SLACK_PX or y2 > height + SLACK_PX:
            fault = f"{example.name}: box {shown} reaches outside {width}×{height}"
            yield "boxes outside the picture", fault
        if not dataset.classes and not UNKNOWN_SIGN.id <= label < dataset.labels:
            last = dataset.labels - 1
            fault = f"{example.name}: expected a class of -1 … {last}, found {label}"
            yield "labels outside the table", fault
