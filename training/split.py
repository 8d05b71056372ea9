"""How the training sets are divided: by physical sign, the same way for ever."""

from __future__ import annotations

import csv
import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from models.errors import OutputError, SourceError
from training.examples import Dataset, Example
from training.files import stem
from training.runs import refuse_no_fold

SPLITS = Path(__file__).with_name("splits")

DEFAULT_SEED = 1
HELD_OUT = 0.1  # share of each class's GTSRB tracks that goes to choose, and the same to judge
JUDGED_PICTURES = 100  # of GTSDB's 600
SWAPS = 20_000  # tries to even out the classes; the last thousands change nothing
NO_SIGN = -2  # counted like a class, so that its share is fair too
LEFT_OUT = "left out"
ALSO_IN_TEST = "00014/00023"  # the pictures of this GTSRB track are in the official test set too
OFFICIAL = {  # examples and annotations of the training parts, without that track
    "gtsrb": (39_179, 39_179),
    "gtsdb": (600, 851),
}


def split_gtsrb(examples: Iterable[Example], seed: int) -> dict[str, str]:
    """Track → train, choose or judge: about 80/10/10 in each class, at least one track in each."""
    by_class: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        by_class[example.track.split("/")[0]].add(example.track)
    parts = {}
    for tracks in by_class.values():
        held_out = max(1, round(len(tracks) * HELD_OUT))
        for place, track in enumerate(sorted(tracks, key=lambda track: _lot(seed, track))):
            first = "judge" if place < held_out else "choose"
            parts[track] = first if place < 2 * held_out else "train"
    return dict(sorted(parts.items()))


def split_gtsdb(examples: Iterable[Example], seed: int) -> dict[str, str]:
    """Picture → train or judge, the judge part holding its fair share of each class's boxes.

    Pictures are drawn by lot, then swapped as long as the shares of the classes, and of the
    pictures without a sign, come closer to the share of the pictures.
    """
    counts = {
        stem(e.name): Counter(a.label for a in e.annotations) or Counter({NO_SIGN: 1})
        for e in examples
    }
    order = sorted(counts, key=lambda picture: _lot(seed, picture))
    judge, train = order[:JUDGED_PICTURES], order[JUDGED_PICTURES:]
    share = len(judge) / len(order)
    total = sum(counts.values(), Counter[int]())
    have = sum((counts[picture] for picture in judge), Counter[int]())
    dice = random.Random(seed)

    def distance(label: int, number: int) -> float:
        """Squared distance from the fair share, in units of what chance would do."""
        return float(number - share * total[label]) ** 2 / (share * total[label])

    for _ in range(SWAPS):
        i, j = int(dice.random() * len(judge)), int(dice.random() * len(train))
        leave, come = counts[judge[i]], counts[train[j]]
        gain = sum(
            distance(label, have[label]) - distance(label, have[label] + come[label] - leave[label])
            for label in leave | come
        )
        if gain > 0:
            have.update(come)
            have.subtract(leave)
            judge[i], train[j] = train[j], judge[i]
    return {picture: "judge" if picture in judge else "train" for picture in sorted(order)}


def split_pictures(examples: Iterable[Example], seed: int) -> dict[str, str]:
    """Picture → train or choose, for a set without tracks: about 90/10 in each class, by lot.

    A class of one picture is only trained on.
    """
    by_class: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for example in examples:
        by_class[tuple(sorted({a.label for a in example.annotations}))].append(example.name)
    parts = {}
    for names in by_class.values():
        held_out = max(1, round(len(names) * HELD_OUT)) if len(names) > 1 else 0
        for place, name in enumerate(sorted(names, key=lambda name: _lot(seed, name))):
            parts[name] = "choose" if place < held_out else "train"
    return parts


def folds(examples: Sequence[Example], count: int) -> list[int]:
    """The fold of each example: all of one track in one fold, the tracks of a class spread out."""
    groups: dict[tuple[int, ...], list[str]] = defaultdict(list)
    keys = [(tuple(sorted(a.label for a in e.annotations)), e.track or e.name) for e in examples]
    for labels, key in sorted(
        set(keys), key=lambda pair: hashlib.sha256(pair[1].encode()).digest()
    ):
        groups[labels].append(key)
    # Each class starts at another fold, so that the rests do not all fall to the first one.
    place = {
        key: (number + start) % count
        for start, (_, own) in enumerate(sorted(groups.items()))
        for number, key in enumerate(own)
    }
    return [place[key] for _, key in keys]


def divide(
    examples: Sequence[Example], count: int, fold: int
) -> tuple[list[Example], list[Example]]:
    """The examples outside one of `count` folds, and those inside.

    UsageError where there is no such fold.
    """
    refuse_no_fold(count, fold)
    own = list(zip(examples, folds(examples, count), strict=True))
    outside = [example for example, number in own if number != fold]
    return outside, [example for example, number in own if number == fold]


def _lot(seed: int, name: str) -> str:
    """A place in the draw that depends on nothing but the seed and the name."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def write_split(dataset: Dataset, seed: int) -> Path:
    """Divide an official training part anew and write it down.

    `SourceError` unless the set holds exactly what the official one holds, so that the written
    split is the same for everyone; `OutputError` if it cannot be written.
    """
    layout = dataset.layout
    signs = sum(len(example.annotations) for example in dataset.examples)
    found = (len(dataset.examples), signs)
    if found != OFFICIAL.get(layout):
        pictures, expected = OFFICIAL.get(layout, (0, 0))
        raise SourceError(
            f"{dataset.files.path}: expected {pictures} pictures with {expected} signs, "
            f"found {found[0]} with {found[1]}: that cannot be split for everyone"
        )
    if layout == "gtsrb":
        parts = split_gtsrb(dataset.examples, seed) | {ALSO_IN_TEST: LEFT_OUT}
        rows = [f"{int(key[:5])},{int(key[6:])},{its}" for key, its in sorted(parts.items())]
        text = "\n".join(("class,track,part", *rows, ""))
    else:
        parts = split_gtsdb(dataset.examples, seed)
        text = "\n".join(("picture,part", *(f"{key},{its}" for key, its in parts.items()), ""))
    path = SPLITS / f"{layout}.csv"
    try:
        SPLITS.mkdir(exist_ok=True)
        path.with_suffix(".part").write_text(text, encoding="utf-8", newline="")
        path.with_suffix(".part").replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    read_split.cache_clear()
    return path


@cache
def read_split(layout: str) -> dict[str, str]:
    """Track (`<class>/<track>`) or picture stem → part; `SourceError` if there is no such split."""
    path = SPLITS / f"{layout}.csv"
    if not path.is_file():
        raise SourceError(f"a data set in the layout {layout!r} has no written-down split")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if layout == "gtsrb":
        return {f"{int(row['class']):05d}/{int(row['track']):05d}": row["part"] for row in rows}
    return {row["picture"]: row["part"] for row in rows}
