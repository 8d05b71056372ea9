"""The table of the 43 classes."""

from __future__ import annotations

from typing import get_args

import pytest

from models.signs import (
    BACKGROUND,
    COUNT,
    FOREIGN,
    UNKNOWN_SIGN,
    Category,
    label_names,
    sign_class,
    sign_table,
)


def test_there_are_43_classes_in_the_order_of_their_ids() -> None:
    assert [sign.id for sign in sign_table()] == list(range(43))
    assert COUNT == 43


@pytest.mark.parametrize("column", ["name", "stvo", "osm"])
def test_no_two_classes_share_a_value(column: str) -> None:
    values = [getattr(sign, column) for sign in sign_table()]
    assert all(values)
    assert len(set(values)) == COUNT


def test_every_category_is_one_of_the_known_and_none_is_unknown() -> None:
    found = {sign.category for sign in sign_table()}
    assert found == set(get_args(Category)) - {"unknown"}


@pytest.mark.parametrize("sign", sign_table(), ids=lambda sign: sign.name)
def test_openstreetmap_takes_the_stvo_number_with_the_country(sign: object) -> None:
    assert sign.osm == f"DE:{sign.stvo}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("label", "name", "category", "stvo"),
    [
        (1, "Speed limit 30", "prohibitory", "274-30"),
        (6, "End of speed limit 80", "end", "278-80"),
        (13, "Give way", "priority", "205"),
        (14, "Stop", "priority", "206"),
        (25, "Roadworks", "danger", "123"),
        (38, "Keep right", "mandatory", "222-20"),
    ],
)
def test_well_known_signs_are_where_gtsrb_has_them(
    label: int, name: str, category: str, stvo: str
) -> None:
    found = sign_class(label)
    assert (found.name, found.category, found.stvo) == (name, category, stvo)


def test_minus_one_is_a_sign_of_unknown_class() -> None:
    assert sign_class(-1) is UNKNOWN_SIGN
    assert UNKNOWN_SIGN.category == "unknown"


@pytest.mark.parametrize("label", [-2, 43, 44, 1000])
def test_any_other_number_is_an_error(label: int) -> None:
    with pytest.raises(IndexError, match=f"no sign class {label}: expected -1 … 42"):
        sign_class(label)


def test_the_outputs_are_the_classes_then_foreign_then_background() -> None:
    names = label_names()
    assert len(names) == 45
    assert names[:COUNT] == tuple(sign.name for sign in sign_table())
    assert (names[FOREIGN], names[BACKGROUND]) == ("foreign", "background")
