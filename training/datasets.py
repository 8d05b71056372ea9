"""The data sets for training and validation, and their written-down splits."""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path

from models.errors import SourceError
from training.examples import Annotation, Dataset, Example, Layout
from training.files import stem
from training.layouts import open_dataset

__all__ = [
    "Annotation",
    "Dataset",
    "Example",
    "Layout",
    "data_root",
    "gtsdb",
    "gtsrb",
    "open_dataset",
    "part",
]

SPLITS = Path(__file__).with_name("splits")
GTSRB_PLACES = (
    "gtsrb/GTSRB_Final_Training_Images.zip",
    "gtsrb/GTSRB/Final_Training/Images",
    "gtsrb/Final_Training/Images",
    "GTSRB/Final_Training/Images",
    "GTSRB_Final_Training_Images.zip",
    "GTSRB_Final_Training_Images",
)
GTSDB_PLACES = (
    "gtsdb/TrainIJCNN2013.zip",
    "gtsdb/TrainIJCNN2013",
    "TrainIJCNN2013.zip",
    "TrainIJCNN2013",
    "gtsdb/FullIJCNN2013.zip",
    "gtsdb/FullIJCNN2013",
    "FullIJCNN2013.zip",
    "FullIJCNN2013",
)
GTSRB_ALSO_IN_TEST = "00014/00023"  # this track's pictures are in the official test set too
GTSDB_TRAINING = 600  # pictures 00000 … 00599 of the full set; the others are its test part


def data_root() -> Path:
    """Where data sets are looked for: `$SIGN_DATA`, else `data/` in the current folder."""
    return Path(os.environ.get("SIGN_DATA") or "data")


def gtsrb() -> Dataset:
    """GTSRB's training part under `data_root()`, without the track that is in its test part too."""
    found = _open_first("GTSRB's training part", "gtsrb", GTSRB_PLACES)
    return found.only(lambda example: example.track != GTSRB_ALSO_IN_TEST)


def gtsdb() -> Dataset:
    """GTSDB's training part under `data_root()`, taken out of the full set if need be."""
    found = _open_first("GTSDB's training part", "gtsdb", GTSDB_PLACES)
    return found.only(lambda example: int(stem(example.name)) < GTSDB_TRAINING)


def _open_first(what: str, name: str, places: tuple[str, ...]) -> Dataset:
    root = data_root()
    for place in places:
        if (root / place).exists():
            return open_dataset(root / place)
    raise SourceError(
        f"{what}: expected {root / places[0]} or another of its usual places, found none; get it "
        f"with `python -m training.datasets fetch {name}`, or name its folder's folder in SIGN_DATA"
    )


def part(dataset: Dataset, name: str) -> tuple[Example, ...]:
    """The examples of one part of the written-down split, in the set's order.

    GTSRB has the parts train, choose and judge, GTSDB train and judge. `SourceError` if the set
    has no such split, or holds something the split does not know: that is another set then.
    """
    parts = {example: _part_of(dataset, example) for example in dataset.examples}
    found = tuple(example for example, its in parts.items() if its == name)
    if not found:
        names = ", ".join(sorted(set(parts.values())))
        raise SourceError(f"{dataset.files.path}: expected a part of {names}, found {name!r}")
    return found


def _part_of(dataset: Dataset, example: Example) -> str:
    key = example.track if dataset.layout == "gtsrb" else stem(example.name)
    try:
        return read_split(dataset.layout)[key]
    except KeyError:
        raise SourceError(
            f"{dataset.files.path}: {example.name} is in no part of the {dataset.layout} split: "
            "expected the official training part"
        ) from None


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
