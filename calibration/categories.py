"""GTSDB's categories of signs, which published figures are for: they are not those of the table."""

from __future__ import annotations

from typing import Literal

import numpy as np

from calibration.metrics import Ints
from models.signs import sign_table

Category = Literal["prohibitory", "mandatory", "danger", "other"]
CATEGORIES: tuple[Category, ...] = ("prohibitory", "mandatory", "danger", "other")
JUDGED = CATEGORIES[:3]  # those of the benchmark (Houben et al., IJCNN 2013)
NO_ENTRY = 17  # red all over, not a red ring: GTSDB counts it among the others
OUTSIDE = -1  # the number of no category: a sign whose class is not known


def category(label: int) -> Category:
    """The category of one of the 43 classes."""
    found = sign_table()[label].category
    if label == NO_ENTRY or found not in JUDGED:
        return "other"
    return JUDGED[JUDGED.index(found)]


def numbers(labels: Ints) -> Ints:
    """The place in CATEGORIES of each class, OUTSIDE for what is none of the 43: (n,)."""
    table = np.array([CATEGORIES.index(category(sign.id)) for sign in sign_table()])
    known = (labels >= 0) & (labels < len(table))
    return np.where(known, table[np.where(known, labels, 0)], OUTSIDE)
