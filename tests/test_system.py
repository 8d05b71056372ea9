"""How well signs are found and read, on pictures whose figures can be worked out by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from streets import Street, at, half_of, sign

from calibration import metrics
from calibration.categories import CATEGORIES, OUTSIDE, category, numbers
from calibration.places import NONE, Places
from calibration.seen import see_system
from calibration.system import Thresholds, system_figures
from edge.core import UNKNOWN
from models.signs import COUNT


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from a few draws: what they are worth is the matter of test_metrics."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=20))


def system(*pictures: tuple[Any, Any], places: dict[str, Places] | None = None) -> dict[str, Any]:
    """Each answer is a box, its class, the detector's score and the fused one."""
    street = Street(*pictures)
    return system_figures(see_system(street, street, places), Thresholds(0.3, 0.5))


def test_the_system_is_right_where_box_and_class_are() -> None:
    figures = system(
        # found and read right; found and read wrong
        ([sign(at(0), 1), sign(at(1), 2)], [(at(0), 1, 0.9, 0.9), (at(1), 3, 0.9, 0.8)]),
        # found, but taken for a sign outside the 43; another foreign sign where nothing is labelled
        ([sign(at(0), 4)], [(at(0), UNKNOWN, 0.9, 0.9), (at(5), UNKNOWN, 0.9, 0.9)]),
        # missed
        ([sign(at(0), 5)], []),
    )
    assert figures["found"] == pytest.approx(3 / 4)
    assert figures["read_right_of_found"] == pytest.approx(1 / 3)
    assert figures["recall"] == pytest.approx(1 / 4)
    assert figures["precision"] == pytest.approx(1 / 2)
    assert figures["f1"] == pytest.approx(1 / 3)
    assert figures["false_alarms_per_image"] == pytest.approx(1 / 3)
    assert figures["foreign_per_image"] == pytest.approx(2 / 3)
    assert figures["ap50"] == pytest.approx(26 / 101)  # recalls 0 … 0.25 at a precision of 1
    assert (figures["n_images"], figures["n_boxes"]) == (3, 4)


def test_what_the_app_does_not_give_takes_no_sign_from_what_it_gives() -> None:
    """The surer answer is below the detector's threshold, so that only the other one is shown."""
    figures = system(([sign(at(0), 1)], [(at(0), 1, 0.2, 0.9), (half_of(at(0)), 1, 0.9, 0.8)]))
    assert (figures["recall"], figures["precision"], figures["found"]) == (1.0, 1.0, 1.0)
    assert figures["false_alarms_per_image"] == 0.0


@pytest.mark.parametrize(
    ("score", "fused", "recall"),
    [(0.3, 0.5, 1.0), (0.29, 0.9, 0.0), (0.9, 0.49, 0.0)],
)
def test_both_thresholds_hold_at_the_operating_point_but_not_for_ap(
    score: float, fused: float, recall: float
) -> None:
    figures = system(([sign(at(0), 1)], [(at(0), 1, score, fused)]))
    assert (figures["recall"], figures["found"], figures["ap50"]) == (recall, recall, 1.0)


def test_an_answer_on_a_sign_of_unknown_class_is_neither_right_nor_wrong() -> None:
    figures = system(
        ([sign(at(0), UNKNOWN), sign(at(1), 1)], [(at(0), 5, 0.9, 0.9), (at(1), 1, 0.9, 0.8)])
    )
    assert (figures["precision"], figures["recall"], figures["n_boxes"]) == (1.0, 1.0, 1)
    assert figures["ap50"] == 1.0


def test_an_answer_of_the_right_class_is_taken_though_a_better_one_lies_there_too() -> None:
    figures = system(([sign(at(0), 1)], [(at(0), 2, 0.9, 0.9), (at(0), 1, 0.9, 0.8)]))
    assert (figures["recall"], figures["precision"], figures["ap50"]) == (1.0, 0.5, 0.5)


# --- classes and categories ---


def test_gtsdbs_categories_are_the_benchmarks_own() -> None:
    """As its description lists them; no entry is one of the others, unlike in our table."""
    expected = {
        "prohibitory": [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16],
        "mandatory": [33, 34, 35, 36, 37, 38, 39, 40],
        "danger": [11, *range(18, 32)],
        "other": [6, 12, 13, 14, 17, 32, 41, 42],
    }
    found = {name: [i for i in range(COUNT) if category(i) == name] for name in CATEGORIES}
    assert found == expected


def test_classes_of_another_set_have_no_category() -> None:
    assert numbers(np.array([1, -1, 43, 77, 38])).tolist() == [0, OUTSIDE, OUTSIDE, OUTSIDE, 1]
    assert numbers(np.zeros(0, np.int64)).tolist() == []


MIXED = (
    # class 1 right, class 2 read as 1 (both prohibitory), class 38 right
    (
        [sign(at(0), 1), sign(at(1), 2), sign(at(2), 38)],
        [(at(0), 1, 0.9, 0.9), (at(1), 1, 0.9, 0.8), (at(2), 38, 0.9, 0.7)],
    ),
    # class 18 missed, and a false alarm of class 39
    ([sign(at(0), 18)], [(at(4), 39, 0.9, 0.6)]),
)


def test_every_class_has_its_own_figures() -> None:
    rows = {row["id"]: row for row in system(*MIXED)["per_class"]}
    figures = {
        label: (row["n"], row["named"], row["precision"], row["recall"], row["f1"])
        for label, row in rows.items()
    }
    assert figures == {
        1: (1, 2, 0.5, 1.0, pytest.approx(2 / 3)),
        2: (1, 0, 0.0, 0.0, 0.0),
        18: (1, 0, 0.0, 0.0, 0.0),
        38: (1, 1, 1.0, 1.0, 1.0),
        39: (0, 1, 0.0, 0.0, 0.0),  # named, though it does not occur
    }


def test_f1_is_told_over_all_answers_and_as_a_mean_of_the_classes_that_occur() -> None:
    figures = system(*MIXED)
    assert figures["f1"] == pytest.approx(2 * 2 / (4 + 4))
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 0 + 0 + 1) / 4)
    assert figures["intervals"].keys() >= {"macro_f1", "map50", "f1"}


def test_in_a_category_the_category_must_be_right_for_ap_and_the_class_for_recall() -> None:
    rows = {row["category"]: row for row in system(*MIXED)["by_category"]}
    assert list(rows) == ["prohibitory", "mandatory", "danger"]
    assert (rows["prohibitory"]["n"], rows["prohibitory"]["ap50"]) == (2, 1.0)
    assert rows["prohibitory"]["recall"] == 0.5
    assert rows["prohibitory"]["false_alarms_per_image"] == 0.5
    assert (rows["mandatory"]["ap50"], rows["mandatory"]["precision"]) == (1.0, 0.5)
    assert (rows["danger"]["ap50"], rows["danger"]["recall"]) == (0.0, 0.0)
    assert system(*MIXED)["map50"] == pytest.approx(2 / 3)


def test_a_set_without_one_of_the_three_categories_has_no_mean_of_them() -> None:
    assert "map50" not in system(([sign(at(0), 1)], []))


# --- what only a person has marked ---


@pytest.mark.parametrize("foreign", [True, False])
def test_an_answer_on_a_hand_marked_place_is_told_apart(foreign: bool) -> None:
    """Neither right nor wrong in the second figures; to name a foreign sign is a mistake still."""
    place = Places(np.array([at(3)], np.float64), np.array([foreign]))
    figures = system(
        ([sign(at(0), 1)], [(at(0), 1, 0.9, 0.9), (at(3), 7, 0.9, 0.8), (at(5), 8, 0.9, 0.7)]),
        places={"00000": place},
    )
    honest = figures["ignoring_foreign"]
    assert (figures["false_alarms_per_image"], honest["false_alarms_per_image"]) == (2.0, 1.0)
    assert (figures["precision"], honest["precision"]) == (pytest.approx(1 / 3), 0.5)
    assert honest["recall"] == figures["recall"] == 1.0
    assert honest["named_foreign_per_image"] == float(foreign)
    assert figures["sign_free"] == {"n_images": 0}


def test_readings_of_pictures_without_any_sign_are_false_named_or_not() -> None:
    figures = system(
        ([sign(at(0), 1)], []),
        ([], [(at(0), 1, 0.9, 0.9), (at(1), UNKNOWN, 0.9, 0.9), (at(2), 1, 0.1, 0.9)]),
        ([], []),
        places={"00000": NONE, "00001": NONE, "00002": NONE},
    )
    free = figures["sign_free"]
    assert (free["n_images"], free["false_readings_per_image"]) == (2, 1.0)
    assert (free["named_per_image"], free["unknown_per_image"]) == (0.5, 0.5)
