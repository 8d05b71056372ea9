"""Reads what a classifier is trained on into memory: real crops, drawn signs, negatives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from models.errors import SourceError, UsageError
from models.signs import BACKGROUND, COUNT, FOREIGN, UNKNOWN_SIGN, label_names
from training import datasets, negatives, split
from training.artwork import FOREIGN as FOREIGN_SIGNS
from training.artwork import LOOKALIKES, foreign_art, lookalike_art, sign_art
from training.crops import (
    STORED,
    Crops,
    background_crops,
    joined,
    overlap,
    pasted,
    stack,
    store,
    stored_side,
)
from training.files import stem
from training.memory import refuse_too_little
from training.nations import random_style
from training.views import Image

BACKGROUNDS_A_PICTURE = 12
NATIONAL = 0.5  # of the drawn signs are drawn as another country might, …
STYLES = 4  # … in so many ways a class
REAL_FOREIGN = 8.0  # weight of a labelled foreign sign beside drawn ones
MISFRAMED = 0.3  # overlap: augmentation may move a better frame than that back on its sign
ART = 128  # px of a drawing before it is pasted
KINDS = COUNT + len(FOREIGN_SIGNS) + len(LOOKALIKES)

LEARNT = "train"
FOLDED = ("train", "choose")


class Choice(NamedTuple):
    """Which pictures to train on and which to watch.

    `data` is gtsrb or the path of another set. `parts` are the parts trained on, joined by "+", or
    "all". With `folds`, train and choose are thrown together and divided into that many folds by
    track; fold number `fold` is watched and the others are trained on. `drawn` is the number of
    drawn crops a class, `limit` keeps about that many real crops and a tenth of the rest.
    """

    data: str = "gtsrb"
    parts: str = LEARNT
    folds: int = 0
    fold: int = 0
    drawn: int = 60
    seed: int = 0
    limit: int | None = None


class Gathered(NamedTuple):
    """The crops to train on, those to watch with their names, and the outputs' names."""

    train: Crops
    watched: Crops
    names: tuple[str, ...]
    part: str
    classes: tuple[str, ...]


def opened(data: str) -> datasets.Dataset:
    """The set to train on; SourceError where its labels or folders have a fault."""
    dataset = datasets.open_set(data, warn=False)
    _check(dataset, len(outputs(dataset)))
    return dataset


def outputs(dataset: datasets.Dataset) -> tuple[str, ...]:
    """What a net for this set answers, by index."""
    return dataset.classes or label_names()


def gather(choice: Choice, dataset: datasets.Dataset | None = None) -> Gathered:
    """Read and check everything before the first step. SourceError names the broken picture.

    `dataset` is the choice's where it was opened already.
    """
    dataset = dataset or opened(choice.data)
    learnt, watched, part = _divide(dataset, choice)
    if choice.limit:
        learnt, watched = _thin(learnt, choice.limit), _thin(watched, max(1, choice.limit // 10))
    counts = [sum(len(example.annotations) for example in each) for each in (learnt, watched)]
    if not all(counts):
        raise SourceError(
            f"{dataset.files.path}: expected pictures to train on and to watch ({part}), "
            f"found {counts[0]} and {counts[1]}"
        )
    crops = len(learnt) + len(watched)
    side = side_of(choice.data, dataset)
    twice = 2 * crops * side * side * 3  # they are joined with the drawn ones
    refuse_too_little(twice, f"{crops} crops")
    train, _ = read_crops(dataset, learnt, side, "to train on")
    watch, names = read_crops(dataset, watched, side, f"to watch ({part})")
    if choice.data == "gtsrb":
        train = joined(train, _negatives_and_drawings(choice))
    elif not dataset.classes:
        print("note: drawn signs, negatives and a margin around signs go with --data gtsrb only")
    return Gathered(train, watch, tuple(names), part, outputs(dataset))


def side_of(name: str, dataset: datasets.Dataset) -> int:
    """How large, px, the crops of a set are kept, whichever part is asked for.

    See `training.crops.stored_side`; GTSRB's are joined with drawn ones of the usual size.
    """
    boxes = (a.box for example in dataset.examples for a in example.annotations)
    return STORED if name == "gtsrb" else stored_side(boxes)


def _divide(dataset: datasets.Dataset, choice: Choice) -> tuple[Sequence[Any], Sequence[Any], str]:
    """What is trained on, what is watched, and the name of the latter."""
    if choice.folds:
        if choice.parts != LEARNT:
            raise UsageError(
                f"--parts: expected none beside --folds, which divides {' and '.join(FOLDED)}, "
                f"found {choice.parts}"
            )
        both = [e for name in FOLDED for e in datasets.part(dataset, name)]
        outside, inside = split.divide(both, choice.folds, choice.fold)
        return outside, inside, f"fold {choice.fold} of {choice.folds}"
    watched = datasets.part(dataset, "choose")
    if choice.parts == "all":
        return dataset.examples, watched, "choose"
    learnt = [e for name in choice.parts.split("+") for e in datasets.part(dataset, name)]
    return learnt, watched, "choose"


def learnt_parts(parts: str, folds: int) -> list[str]:
    """The parts that a choice trains on, those included that are divided into folds."""
    if folds:
        return list(FOLDED)
    return ["train", "choose", "judge"] if parts == "all" else parts.split("+")


def _thin(examples: Sequence[Any], count: int) -> list[Any]:
    return list(examples[:: max(1, len(examples) // count)])


def _check(dataset: datasets.Dataset, classes: int) -> None:
    if dataset.problems:
        first, more = dataset.problems[0], len(dataset.problems) - 1
        others = f"; {more} more: `python -m training.datasets check DATA`" if more else ""
        raise SourceError(f"{dataset.files.path}: {first}{others}")
    signs = not dataset.classes
    lowest, highest = (UNKNOWN_SIGN.id, COUNT - 1) if signs else (0, classes - 1)
    for example in dataset.examples:
        for annotation in example.annotations:
            if not lowest <= annotation.label <= highest:
                raise SourceError(
                    f"{dataset.files.path}: {example.name}: expected a label of {lowest} to "
                    f"{highest}, found {annotation.label}"
                )


def read_crops(
    data: datasets.Dataset, examples: Sequence[datasets.Example], side: int, what: str
) -> tuple[Crops, list[str]]:
    """All signs of the pictures, stored `side` px large, and the picture of each."""
    images, labels, names = [], [], []
    for example in tqdm(examples, desc=what, unit="", mininterval=2):
        picture = data.read_whole(example)
        for annotation in example.annotations:
            images.append(store(picture, annotation.box, side))
            labels.append(FOREIGN if annotation.label == UNKNOWN_SIGN.id else annotation.label)
            names.append(example.name)
    return stack(images, labels), names


def _negatives_and_drawings(choice: Choice) -> Crops:
    """Crops of street pictures that are none of the 43, and drawn signs pasted on such crops."""
    rng = np.random.default_rng(choice.seed)
    street = datasets.gtsdb()
    parts = negatives.PARTS if choice.parts == "all" else ("train",)
    its = negatives.parts()
    pictures = [e for e in street.examples if its[stem(e.name)] in parts]
    marked: dict[str, list[negatives.Negative]] = defaultdict(list)
    for part in parts:
        for each in (negatives.foreign(part), negatives.missed(part), negatives.background(part)):
            for negative in each:
                marked[negative.picture].append(negative)
    foreign: list[Image] = []
    mistaken: list[Image] = []  # where a detector was wrong
    anywhere: list[Image] = []
    grounds = []
    for example in tqdm(
        pictures[: 20 if choice.limit else None], desc="negatives", unit="", mininterval=2
    ):
        picture, own = street.read(example), marked[stem(example.name)]
        boxes = [a.box for a in example.annotations]
        avoid = [n.box for n in own if n.kind not in negatives.BACKGROUND_KINDS]
        anywhere += background_crops(picture, boxes, BACKGROUNDS_A_PICTURE, rng, avoid)
        grounds.append(np.ascontiguousarray(anywhere[-1][:, :, ::-1]))
        for negative in own:
            if negative.kind in negatives.FOREIGN_KINDS:
                foreign.append(store(picture, negative.box))
            elif negative.kind in negatives.MISSED_KINDS:
                continue  # nothing is to be learnt there
            elif all(overlap(negative.box, box) < MISFRAMED for box in boxes):
                mistaken.append(store(picture, negative.box))
    drawn, labels = [], []
    count = choice.drawn // (10 if choice.limit else 1)
    for label, drawings in tqdm(
        _drawings(rng) if count else (), desc="drawing", unit="", total=KINDS, mininterval=2
    ):
        for number in range(count):
            ground = grounds[int(rng.integers(len(grounds)))]
            drawn.append(pasted(drawings[number % len(drawings)], ground, rng))
            labels.append(label)
    return joined(
        stack(foreign, [FOREIGN] * len(foreign), REAL_FOREIGN),
        stack(mistaken, [BACKGROUND] * len(mistaken)),
        stack(anywhere, [BACKGROUND] * len(anywhere)),
        stack(drawn, labels),
    )


def _drawings(rng: np.random.Generator) -> Iterator[tuple[int, list[Image]]]:
    """(output index, pictures to take turns) of everything that can be drawn."""
    german = round(STYLES * (1 - NATIONAL) / NATIONAL)
    for label in range(COUNT):
        abroad = [sign_art(label, ART, random_style(rng)) for _ in range(STYLES)]
        yield label, [sign_art(label, ART)] * german + abroad
    yield from ((FOREIGN, [foreign_art(name, ART)]) for name in FOREIGN_SIGNS)
    yield from ((BACKGROUND, [lookalike_art(name, ART)]) for name in LOOKALIKES)
