"""Pictures in which no sign stands: whatever is read there is a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from calibration import metrics
from calibration.metrics import Counts, Floats
from calibration.places import NONE, Places, known_places
from calibration.seen import Seen
from edge.core import UNKNOWN
from models.errors import SourceError
from training.datasets import Dataset, Example
from training.files import stem

SIGN_FREE = "sign-free"  # the task of this name
REMARK = "#"


def sign_free(seen: Sequence[Seen], given: Mapping[str, Sequence[Floats]]) -> dict[str, Any]:
    """How many answers pictures without any sign get: a mean for each kind in `given`.

    `given` holds for each picture which answers the app gives. Just the count of pictures where
    there are none.
    """
    empty = [index for index, each in enumerate(seen) if each.sign_free]
    if not empty:
        return {"n_images": 0}
    sums = {key: np.array([its[i].sum() for i in empty]) for key, its in given.items()}

    def figures(counts: Counts) -> dict[str, float]:
        return {key: metrics.mean(values, counts) for key, values in sums.items()}

    once = np.ones(len(empty), dtype=np.int64)
    drawn = metrics.intervals(figures, len(empty))
    return {**figures(once), "n_images": len(empty), "intervals": drawn}


def readings(seen: Sequence[Seen], operating: Sequence[Floats]) -> dict[str, Any]:
    """`sign_free` for what both models read: all, what they gave a class, and what they did not."""
    pairs = list(zip(seen, operating, strict=True))
    return sign_free(
        seen,
        {
            "false_readings_per_image": operating,
            "named_per_image": [its * (each.said != UNKNOWN) for each, its in pairs],
            "unknown_per_image": [its * (each.said == UNKNOWN) for each, its in pairs],
        },
    )


def without_a_sign(
    dataset: Dataset, examples: Sequence[Example], names: Iterable[str] | None
) -> tuple[Example, ...]:
    """The pictures in which no sign stands.

    Those with these file `names`, folder and ending left out. Without names: those in which neither
    the set nor, where one has looked, a person has marked anything. SourceError where there is
    none, where a name is no picture of the set, and where the set itself marks a sign in one.
    """
    empty = {stem(each.name): each for each in examples if not each.annotations}
    if names is None:
        places = known_places(dataset, examples) or {}
        found = [its for name, its in empty.items() if not len(places.get(name, NONE).boxes)]
    else:
        there = {stem(each.name) for each in examples}
        for name in names:
            if name not in empty:
                what = "one with a marked sign" if name in there else "no such picture"
                raise SourceError(
                    f"{dataset.name}: expected a picture {name} without a sign, found {what}"
                )
        found = [empty[name] for name in names]
    if not found:
        raise SourceError(f"{dataset.name}: expected pictures without a sign, found none")
    return tuple(found)


def read_names(path: Path) -> tuple[str, ...]:
    """Names of pictures from a text file, one a line; what follows a # is a remark.

    SourceError where it is no such file, and where a name stands there twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: expected a list of pictures, found none: {error}") from error
    names = tuple(filter(None, (line.partition(REMARK)[0].strip() for line in lines)))
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise SourceError(f"{path}: expected every picture once, found {twice[0]} twice")
    return names


def sign_free_figures(seen: Sequence[Seen]) -> dict[str, Any]:
    """What the app reads in pictures without a sign: every answer, at its own thresholds.

    As `readings`, and `read`: each answer with its picture, box (x1, y1, x2, y2) in px, class
    (UNKNOWN for a sign outside the 43) and fused score.
    """
    read = [
        {
            "picture": each.example.name,
            "box": [round(float(edge), 1) for edge in each.boxes[number]],
            "label": int(each.said[number]),
            "score": float(each.scores[number]),
        }
        for each in seen
        for number in range(len(each.boxes))
    ]
    return {**readings(seen, [np.ones(len(each.boxes)) for each in seen]), "read": read}


def nothing_there(examples: Sequence[Example]) -> dict[str, Places]:
    """Says of these pictures that a person found nothing in them."""
    return {stem(each.name): NONE for each in examples}
