"""The 43 GTSRB classes: id, name, category, StVO number and OpenStreetMap value (signs.csv)."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, cast

Category = Literal["prohibitory", "danger", "mandatory", "priority", "end", "unknown"]

COUNT = 43
FOREIGN = 43  # output index of "a road sign, but none of the 43"
BACKGROUND = 44  # output index of "no sign at all"


class SignClass(NamedTuple):
    """One row of the table.

    `stvo` is the number in Germany's road traffic regulations (VzKat), `osm` the value of
    OpenStreetMap's `traffic_sign=*` for it.
    """

    id: int
    name: str
    category: Category
    stvo: str
    osm: str


UNKNOWN_SIGN = SignClass(-1, "unknown", "unknown", "", "")


@cache
def sign_table() -> tuple[SignClass, ...]:
    """All 43 classes in the order of their ids."""
    with Path(__file__).with_name("signs.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            SignClass(
                int(row["id"]),
                row["name"],
                cast(Category, row["category"]),
                row["stvo"],
                row["osm"],
            )
            for row in csv.DictReader(file)
        )


def sign_class(label: int) -> SignClass:
    """The class with this id; `UNKNOWN_SIGN` for -1. IndexError for any other number."""
    if label == UNKNOWN_SIGN.id:
        return UNKNOWN_SIGN
    if not 0 <= label < COUNT:
        raise IndexError(f"no sign class {label}: expected -1 … {COUNT - 1}")
    return sign_table()[label]


def label_names() -> tuple[str, ...]:
    """The classifier's outputs in order: the 43 names, then foreign, then background."""
    return (*(sign.name for sign in sign_table()), "foreign", "background")
