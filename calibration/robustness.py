"""How a classifier's figures hold under corruptions and in front of other cameras."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from calibration import cameras, metrics
from calibration.walk import known
from edge.core import Array, Box, Image
from edge.status import StatusLine
from models.errors import SourceError
from models.imaging import crop
from models.signs import COUNT
from models.spec import Spec
from training import corruptions
from training.datasets import Example

PASSES = {  # over all signs, by what is measured
    "corruptions": len(corruptions.CORRUPTIONS) * len(corruptions.SEVERITIES),
    "cameras": len(cameras.VARIATIONS),
}


class CropReader(Protocol):
    """A classifier that can be shown a crop as its net sees it."""

    spec: Spec

    def probabilities(self, crop_rgb: Image) -> Array: ...


class Sighting(NamedTuple):
    """One annotated sign with as much of its picture as any variation needs; BGR."""

    image: Image
    box: Box
    label: int


class Sightings:
    """A walk that keeps its signs of known class as it goes, so that pictures are read once."""

    def __init__(self, walk: Iterable[tuple[Example, Image]]) -> None:
        self.kept: list[Sighting] = []
        self._walk = walk

    def __iter__(self) -> Iterator[tuple[Example, Image]]:
        self.kept.clear()
        for example, image in self._walk:
            for annotation in known(example.annotations):
                part, box = cameras.around(image, Box(*annotation.box))
                self.kept.append(Sighting(part, box, annotation.label))
            yield example, image


def measure_corruptions(
    classifier: CropReader, sightings: Sequence[Sighting], status: StatusLine | None = None
) -> dict[str, Any]:
    """Each corruption in each severity, done to the crops of all signs.

    `corruptions`: name → `top1` a severity. `severity`: for each, the figures of its twelve passes
    taken together, and the bins of their calibration error as `reliability`. `constants`: what the
    severities are. The figures are those of `calibration.reading`: forced choice, probabilities as
    the app shows them. Without a sighting, SourceError.
    """
    size, margin = _cut(classifier)
    read = _Reader(classifier, sightings, status)
    crops = [crop(each.image, each.box, size, margin) for each in sightings]
    passes = {
        name: [
            read(
                corruptions.corrupt(each, name, severity, index) for index, each in enumerate(crops)
            )
            for severity in corruptions.SEVERITIES
        ]
        for name in corruptions.CORRUPTIONS
    }
    return {
        "corruptions": {
            name: [float(each.right.mean()) for each in found] for name, found in passes.items()
        },
        "severity": [_with_bins(_together(found)) for found in zip(*passes.values(), strict=True)],
        "constants": corruptions.constants(),
    }


def measure_cameras(
    classifier: CropReader, sightings: Sequence[Sighting], status: StatusLine | None = None
) -> dict[str, Any]:
    """`cameras`: the name of each variation → its meaning and its figures; else as above."""
    cut = _cut(classifier)
    read = _Reader(classifier, sightings, status)
    result: dict[str, dict[str, Any]] = {}
    for name, variation in cameras.VARIATIONS.items():
        found = read(
            cameras.vary(each.image, each.box, name, index, cut)
            for index, each in enumerate(sightings)
        )
        result[name] = {"meaning": variation.meaning, **_figures(found)}
    return {"cameras": result}


class _Reader:
    """Reads every sign once a call; `status` counts the signs of all calls."""

    def __init__(
        self, classifier: CropReader, sightings: Sequence[Sighting], status: StatusLine | None
    ) -> None:
        if not sightings:
            raise SourceError("none of the pictures that could be read has a sign of a known class")
        self._classifier = classifier
        self._truth = np.array([each.label for each in sightings])
        self._status = status
        self._done = 0

    def __call__(self, crops: Iterable[Image]) -> metrics.Forced:
        rows = []
        for each in crops:
            rows.append(self._classifier.probabilities(each))
            self._done += 1
            if self._status:
                self._status.update(self._done, "")
        return metrics.forced(np.array(rows, dtype=np.float64), self._truth, COUNT)


def _together(passes: Iterable[metrics.Forced]) -> metrics.Forced:
    """The answers of all passes as one."""
    return metrics.Forced(*(np.concatenate(column) for column in zip(*passes, strict=True)))


def _figures(found: metrics.Forced) -> dict[str, float]:
    counts = np.ones(len(found.right), dtype=np.int64)
    return {
        "top1": metrics.mean(found.right, counts),
        "ece": metrics.calibration_error(found.confidence, found.right, counts),
        "nll": metrics.mean(found.surprise, counts),
    }


def _with_bins(found: metrics.Forced) -> dict[str, Any]:
    bins = metrics.reliability_rows(found.confidence, found.right)
    return {**_figures(found), "reliability": bins}


def _cut(classifier: CropReader) -> tuple[int, float]:
    return classifier.spec.input.width, classifier.spec.input.margin
