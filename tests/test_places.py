"""What a person has marked, and when an answer lies in it."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.places import is_gtsdb_test, known_places, places_by_picture, within
from training.datasets import Dataset, Example
from training.negatives import FOREIGN_FILE, FOREIGN_KINDS, read_negatives
from training.split import read_split


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((0, 0, 10, 10), True),
        ((5, 0, 15, 10), True),  # exactly half
        ((5.1, 0, 15.1, 10), False),
        ((2, 2, 4, 4), True),  # a small part of a large sign
        ((-45, -45, 55, 55), False),  # much more than the place
        ((20, 0, 30, 10), False),
        ((3, 3, 3, 3), False),  # no area
    ],
)
def test_half_of_an_answer_must_lie_in_one_place(
    box: tuple[float, float, float, float], inside: bool
) -> None:
    places = np.array([[0, 0, 10, 10], [100, 100, 110, 110]], np.float64)
    assert within(np.array([box], np.float64), places).tolist() == [inside]


def test_two_places_do_not_add_up() -> None:
    halves = np.array([[0, 0, 4, 10], [6, 0, 10, 10]], np.float64)
    assert not within(np.array([[0.0, 0, 10, 10]]), halves).any()


def test_without_places_or_answers_nothing_lies_in_any() -> None:
    none = np.zeros((0, 4))
    assert within(np.ones((3, 4)), none).tolist() == [False] * 3
    assert within(none, np.ones((3, 4))).shape == (0,)


def test_every_picture_of_the_training_part_has_its_places() -> None:
    found, rows = places_by_picture(), read_negatives(FOREIGN_FILE)
    assert found.keys() == read_split("gtsdb").keys()
    assert sum(len(each.boxes) for each in found.values()) == len(rows)
    foreign = sum(int(each.foreign.sum()) for each in found.values())
    assert foreign == sum(row.kind in FOREIGN_KINDS for row in rows)
    first = rows[0]
    assert first.box in [tuple(box) for box in found[first.picture].boxes]


def street(layout: str, *numbers: int) -> Dataset:
    examples = tuple(Example(f"{number:05d}.ppm") for number in numbers)
    return Dataset("street", layout, None, examples)  # type: ignore[arg-type]


def test_only_pictures_that_a_person_has_looked_at_are_known() -> None:
    training = street("gtsdb", 0, 5, 599)
    assert known_places(training, training.examples) is not None
    full = street("gtsdb", 0, 5, 600)
    assert known_places(full, full.examples) is None
    assert known_places(full, full.examples[:2]) is not None  # a part of it is
    assert known_places(street("yolo", 0), street("yolo", 0).examples) is None
    test_part = street("gtsdb", *range(300))  # numbered from 0 again
    assert is_gtsdb_test(test_part)
    assert known_places(test_part, test_part.examples) is None
