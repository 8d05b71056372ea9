"""Which pictures are measured: the part asked for, whether it suits, whether a model knows it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from calibration.places import is_gtsdb_test
from calibration.sign_free import SIGN_FREE
from calibration.walk import known
from models.errors import SourceError, UsageError
from models.signs import COUNT
from models.spec import Spec
from training.datasets import Dataset, Example, learnt_of_yolo, part
from training.files import stem
from training.split import read_split

log = logging.getLogger(__name__)

CUT_OUT = ("gtsrb", "folders")  # layouts whose pictures are single signs


def choose(dataset: Dataset, name: str | None) -> tuple[Example, ...]:
    """The pictures of a part of the set, or all."""
    examples = part(dataset, name) if name else dataset.examples
    if not examples:
        raise SourceError(f"{dataset.name}: expected pictures, found none")
    return tuple(examples)


def spread(examples: Sequence[Example], limit: int | None) -> tuple[Example, ...]:
    """With a limit, that many, spread evenly; or all."""
    if limit is None or limit >= len(examples):
        return tuple(examples)
    return tuple(examples[i] for i in np.linspace(0, len(examples) - 1, limit).round().astype(int))


def check_suits(task: str, dataset: Dataset, examples: Sequence[Example]) -> None:
    """Raise UsageError where these pictures cannot answer the question."""
    if task != "classifier" and dataset.layout in CUT_OUT:
        raise UsageError(
            f"{task}: expected whole pictures (GTSDB or YOLO layout), found {dataset.name}, which "
            f"holds single signs ({dataset.layout} layout)"
        )
    if dataset.classes:
        raise UsageError(
            f"{task}: expected signs of the {COUNT} classes, found {dataset.name} with "
            f"{len(dataset.classes)} classes of its own ({dataset.classes[0]} …)"
        )
    if task == SIGN_FREE:
        return
    annotations = [each for example in examples for each in example.annotations]
    if not annotations:
        raise UsageError(f"{task}: expected annotated signs, found none in {dataset.name}")
    if task == "detector":
        return
    if not known(annotations):
        raise UsageError(
            f"{task}: expected signs of the {COUNT} classes, found only signs without a class in "
            f"{dataset.name}"
        )
    strange = {each.label for each in known(annotations) if not 0 <= each.label < COUNT}
    if strange:
        raise UsageError(
            f"{task}: expected the classes 0 to {COUNT - 1}, found {min(strange)} in {dataset.name}"
        )


def warn_of_trained_on(spec: Spec, dataset: Dataset, examples: Sequence[Example]) -> set[str]:
    """`trained_on`, told in a warning where there are any."""
    names = trained_on(spec, dataset, examples)
    if names:
        log.warning(
            "%d of %d pictures were trained on by %s: its figures on them say nothing",
            len(names),
            len(examples),
            spec.name,
        )
    return names


def trained_on(spec: Spec, dataset: Dataset, examples: Sequence[Example]) -> set[str]:
    """The names of those pictures that the model's origin says it was trained on.

    Pictures are told apart as the written-down splits do it: GTSRB by track, GTSDB by number. A
    YOLO set is known by its name.
    """
    if dataset.layout == "yolo":
        sets = {its.get("name") for its in spec.origin.data if its.get("data") == "yolo"}
        if dataset.files.path.name not in sets:
            return set()
        learnt = {each.name for each in learnt_of_yolo(dataset.examples)}
        return learnt & {each.name for each in examples}
    parts = {
        name
        for origin in spec.origin.data
        if origin.get("data") == dataset.layout
        for name in origin.get("parts", ())
    }
    if not parts or is_gtsdb_test(dataset):
        return set()
    split = read_split(dataset.layout)
    return {each.name for each in examples if split.get(each.track or stem(each.name)) in parts}
