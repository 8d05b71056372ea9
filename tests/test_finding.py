"""How well signs are found, on pictures whose figures can be worked out by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from streets import Street, at, half_of, sign

from calibration import metrics
from calibration.finding import detector_figures
from calibration.places import NONE, Places
from calibration.seen import see_detector
from edge.core import UNKNOWN, Box
from models.errors import SourceError


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from a few draws: what they are worth is the matter of test_metrics."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=20))


STREET = Street(
    # both found; one of them with an IoU of 0.62 only
    ([sign(at(0)), sign(at(1, 60))], [(at(0), 0.9), (half_of(at(1, 60)), 0.6)]),
    # a false alarm above the threshold and a hit below it
    ([sign(at(0, 10))], [(at(3), 0.8), (at(0, 10), 0.2)]),
    # an empty road, and nothing found
    ([], []),
)


def figures_of(street: Street, places: dict[str, Places] | None = None) -> dict[str, Any]:
    seen, _ = see_detector(street, street, places)
    return detector_figures(seen, 0.5)


def test_detector_figures_by_hand() -> None:
    figures = figures_of(STREET)
    # best first: hit .9, miss .8, hit .6, hit .2; three signs. Precision 1 up to a recall of 1/3
    # (34 points), then 3/4 at every higher recall (67 points).
    assert figures["ap50"] == pytest.approx((34 + 67 * 0.75) / 101)
    # above an IoU of 0.60 the third is a miss: precision 1 (34 points), 2/4 up to 2/3 (33 points)
    strict = (34 + 33 * 0.5) / 101
    assert figures["ap50_95"] == pytest.approx((3 * figures["ap50"] + 7 * strict) / 10)
    assert figures["recall"] == pytest.approx(2 / 3)
    assert figures["precision"] == pytest.approx(2 / 3)
    assert figures["f1"] == pytest.approx(2 / 3)
    assert figures["false_alarms_per_image"] == pytest.approx(1 / 3)
    assert (figures["n_images"], figures["n_boxes"]) == (3, 3)


def test_recall_is_told_by_the_height_of_the_sign() -> None:
    bands = {band["height"]: band for band in figures_of(STREET)["by_height"]}
    assert list(bands) == ["<16", "16–24", "24–32", "32–48", "48–96", ">=96"]
    assert (bands["<16"]["n"], bands["<16"]["recall"]) == (1, 0.0)
    assert (bands["16–24"]["n"], bands["16–24"]["recall"]) == (1, 1.0)
    assert (bands["48–96"]["n"], bands["48–96"]["recall"]) == (1, 1.0)
    assert bands[">=96"]["n"] == 0


@pytest.mark.parametrize(("height", "band"), [(15.9, 0), (16, 1), (48, 4), (96, 5)])
def test_a_height_on_the_edge_belongs_to_the_band_above(height: float, band: int) -> None:
    street = Street(([sign(at(0, height))], []))
    bands = figures_of(street)["by_height"]
    assert [each["n"] for each in bands] == [int(i == band) for i in range(6)]


def test_a_second_box_on_a_sign_is_a_false_alarm() -> None:
    street = Street(([sign(at(0))], [(at(0), 0.9), (at(0), 0.8)]))
    figures = figures_of(street)
    assert (figures["recall"], figures["precision"], figures["ap50"]) == (1.0, 0.5, 1.0)


def test_every_class_counts_as_a_sign_for_the_detector() -> None:
    street = Street(([sign(at(0), UNKNOWN), sign(at(1), 7)], [(at(0), 0.9), (at(1), 0.8)]))
    assert figures_of(street)["ap50"] == 1.0


def test_a_detector_that_finds_nothing_scores_nothing() -> None:
    street = Street(([sign(at(0))], []), ([], []))
    figures = figures_of(street)
    assert {figures[key] for key in ("ap50", "ap50_95", "recall", "precision", "f1")} == {0.0}


def test_every_figure_has_an_interval_around_it() -> None:
    figures = figures_of(STREET)
    assert {"ap50", "ap50_95", "recall", "false_alarms_per_image"} <= figures["intervals"].keys()
    for key, (low, high) in figures["intervals"].items():
        assert low <= figures[key] <= high


def test_pictures_without_a_sign_cannot_say_what_is_missed() -> None:
    street = Street(([], []))
    with pytest.raises(SourceError, match="annotated sign"):
        figures_of(street)


# --- size and category ---


def test_false_alarms_belong_to_the_band_of_their_own_height() -> None:
    street = Street(([sign(at(0, 60))], [(at(0, 60), 0.9), (at(3, 20), 0.8), (at(5, 40), 0.4)]))
    bands = {band["height"]: band for band in figures_of(street)["by_height"]}
    assert {key: band["false_alarms_per_image"] for key, band in bands.items()} == {
        "<16": 0,
        "16–24": 1,
        "24–32": 0,
        "32–48": 0,  # below the threshold
        "48–96": 0,
        ">=96": 0,
    }
    assert (bands["48–96"]["ap50"], bands["16–24"]["ap50"]) == (1.0, None)


def test_small_signs_are_judged_by_themselves() -> None:
    """A large sign and what lies on it do not count there, a large false alarm does not either."""
    street = Street(
        (
            [sign(at(0, 31)), sign(at(1, 20)), sign(at(2, 32))],
            [(at(2, 32), 0.9), (at(7, 90), 0.8), (at(0, 31), 0.7), (at(5, 10), 0.6)],
        )
    )
    small = figures_of(street)["small"]
    assert (small["n_boxes"], small["recall"]) == (2, 0.5)
    assert small["ap50"] == pytest.approx(51 / 101)  # precision 1 up to a recall of a half
    assert "small" not in figures_of(Street(([sign(at(0, 32))], [])))


def test_recall_is_told_by_gtsdbs_categories() -> None:
    """38 is mandatory, 1 prohibitory; 17, no entry, is one of the others there."""
    street = Street(([sign(at(0), 38), sign(at(1), 1), sign(at(2), 17)], [(at(0), 0.9)]))
    assert figures_of(street)["by_category"] == [
        {"category": "prohibitory", "n": 1, "recall": 0.0},
        {"category": "mandatory", "n": 1, "recall": 1.0},
        {"category": "other", "n": 1, "recall": 0.0},
    ]


# --- what only a person has marked ---


def marked(*boxes: Box, foreign: bool = True) -> Places:
    return Places(np.array(boxes, np.float64).reshape(-1, 4), np.full(len(boxes), foreign))


def test_an_answer_on_a_hand_marked_place_does_not_count() -> None:
    street = Street(([sign(at(0))], [(at(3), 0.9), (at(0), 0.8), (at(5), 0.7)]))
    figures = figures_of(street, {"00000": marked(at(3))})
    assert figures["ap50"] == pytest.approx(0.5)  # the official one is what it was
    honest = figures["ignoring_foreign"]
    assert (honest["ap50"], honest["ap50_95"], honest["precision"]) == (1.0, 1.0, 0.5)
    assert (figures["false_alarms_per_image"], honest["false_alarms_per_image"]) == (2.0, 1.0)
    assert honest["n_places"] == 1
    assert honest["intervals"].keys() >= {"ap50", "f1"}


@pytest.mark.parametrize(("wide", "excused"), [(20, True), (10, True), (9, False)])
def test_half_of_an_answer_must_lie_in_the_place(wide: float, excused: bool) -> None:
    place = Box(300, 0, 300 + wide, 20)
    street = Street(([sign(at(0))], [(at(0), 0.9), (at(3), 0.8)]))
    honest = figures_of(street, {"00000": marked(place)})["ignoring_foreign"]
    assert honest["false_alarms_per_image"] == (0.0 if excused else 1.0)


def test_a_marked_sign_within_a_hand_marked_place_is_found_all_the_same() -> None:
    """And an answer that finds it at an IoU of 0.5 only does not count at 0.75, right or wrong."""
    street = Street(([sign(at(0))], [(half_of(at(0)), 0.9)]))
    figures = figures_of(street, {"00000": marked(Box(0, 0, 90, 90))})
    assert figures["ignoring_foreign"]["ap50"] == figures["ap50"] == 1.0
    assert figures["ignoring_foreign"]["recall"] == 1.0


def test_without_a_person_having_looked_at_all_pictures_there_is_no_such_figure() -> None:
    for places in (None, {}, {"00000": NONE}):
        figures = figures_of(STREET, places)
        assert not {"ignoring_foreign", "sign_free"} & figures.keys()


def test_pictures_without_any_sign_are_told_apart() -> None:
    """The second has a foreign sign, the third nothing at all, the fourth nothing but an answer."""
    street = Street(([sign(at(0))], []), ([], []), ([], []), ([], [(at(0), 0.9), (at(1), 0.4)]))
    places = {"00000": NONE, "00001": marked(at(2)), "00002": NONE, "00003": NONE}
    free = figures_of(street, places)["sign_free"]
    assert (free["n_images"], free["false_alarms_per_image"]) == (2, 0.5)
    none = figures_of(Street(([sign(at(0))], [])), {"00000": NONE})["sign_free"]
    assert none == {"n_images": 0}
