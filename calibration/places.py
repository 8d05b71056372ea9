"""What a person has seen in GTSDB's pictures besides its own boxes: answers there do not count.

GTSDB marks the 43 classes only, so a detector that finds any other sign is punished. The places
come from `training.negatives`: foreign signs, signs of the 43 that GTSDB does not mark, and what
nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from calibration.metrics import Bools, Floats
from training.datasets import Dataset, Example
from training.files import stem
from training.negatives import FOREIGN_FILE, FOREIGN_KINDS, parts, read_negatives

INSIDE = 0.5  # share of an answer's area that lies in one place: COCO's rule for crowds
RULE = (
    "an answer that finds no marked sign does not count where half of its area or more lies in one "
    "place that was marked by hand"
)
GTSDB_TEST = 300  # pictures in GTSDB's official test part


class Places(NamedTuple):
    """The places of one picture; `foreign` are signs outside the 43, the others may be of them."""

    boxes: Floats  # (k, 4)
    foreign: Bools  # (k,)


NONE = Places(np.zeros((0, 4)), np.zeros(0, dtype=bool))


def places_by_picture() -> dict[str, Places]:
    """Those of every picture of GTSDB's training part by its stem, also where there are none."""
    rows: dict[str, list[tuple[tuple[int, ...], bool]]] = {name: [] for name in parts()}
    for each in read_negatives(FOREIGN_FILE):
        rows[each.picture].append((each.box, each.kind in FOREIGN_KINDS))
    return {
        name: Places(
            np.array([box for box, _ in found], dtype=np.float64).reshape(-1, 4),
            np.array([foreign for _, foreign in found], dtype=bool),
        )
        for name, found in rows.items()
    }


def known_places(dataset: Dataset, examples: Sequence[Example]) -> Mapping[str, Places] | None:
    """The places of these pictures, by stem; None unless a person has looked at all of them."""
    if dataset.layout != "gtsdb" or is_gtsdb_test(dataset):
        return None
    found = places_by_picture()
    return found if all(stem(example.name) in found for example in examples) else None


def is_gtsdb_test(dataset: Dataset) -> bool:
    """Whether this is GTSDB's test part by itself, whose pictures are numbered from 0 again."""
    names = sorted(stem(example.name) for example in dataset.examples)
    return dataset.layout == "gtsdb" and names == [f"{i:05d}" for i in range(GTSDB_TEST)]


def within(boxes: Floats, places: Floats) -> Bools:
    """Which of boxes (n, 4) have INSIDE of their area or more in one of the places (k, 4): (n,).

    An IoU of 0.5 with a place always reaches that.
    """
    low = np.maximum(boxes[:, None, :2], places[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], places[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)  # (n, k)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    inside: Bools = ((shared >= INSIDE * areas[:, None]) & (shared > 0)).any(axis=1)
    return inside
