"""int8 against float on pictures whose differences can be worked out by hand."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from streets import Street, at, half_of, sign

from calibration import metrics
from calibration.fidelity import compare, refuse_loss, table
from calibration.seen import Seen, see_detector
from models.errors import ModelError


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from a few draws: what they are worth is the matter of test_metrics."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=20))


def seen(*pictures: tuple[Any, Any]) -> list[Seen]:
    street = Street(*pictures)
    return see_detector(street, street)[0]


SIGNS = [sign(at(0)), sign(at(1, 60))]
WHOLE = seen((SIGNS, [(at(0), 0.9), (at(1, 60), 0.8)]), ([], []))


def test_the_same_answers_differ_in_nothing() -> None:
    found = compare(WHOLE, WHOLE, 0.5)
    assert found["ap50"] == {"float": 1.0, "int8": 1.0}
    assert found["boxes"] == {
        "both": 2,
        "only_float": 0,
        "only_int8": 0,
        "iou_mean": 1.0,
        "iou_p5": 1.0,
        "threshold": 0.5,
    }
    assert (found["n_images"], found["n_boxes"], found["differing"]) == (2, 2, [])
    assert found["difference"]["ap50"] == (0.0, 0.0)
    refuse_loss(found)


def test_every_picture_is_compared_by_its_boxes() -> None:
    """One box shrinks, one is lost; in the second picture int8 has one of its own."""
    int8 = seen((SIGNS, [(half_of(at(0)), 0.9), (at(1, 60), 0.4)]), ([], [(at(3), 0.7)]))
    found = compare(WHOLE, int8, 0.5)
    boxes = found["boxes"]
    assert (boxes["both"], boxes["only_float"], boxes["only_int8"]) == (1, 1, 1)
    assert boxes["iou_mean"] == pytest.approx(0.62)
    assert found["differing"] == [
        {"picture": "00000.png", "only_float": 1, "only_int8": 0},
        {"picture": "00001.png", "only_float": 0, "only_int8": 1},
    ]
    assert found["ap50_95"]["int8"] < found["ap50_95"]["float"]
    assert "00001.png: 0 of float alone, 1 of int8 alone" in table(found)


def test_small_signs_are_compared_by_themselves() -> None:
    """The sign of 20 px is lost, the one of 60 px is not."""
    int8 = seen((SIGNS, [(at(1, 60), 0.8)]), ([], []))
    small = compare(WHOLE, int8, 0.5)["small"]
    assert small["n_boxes"] == 1
    assert small["ap50"] == {"float": 1.0, "int8": 0.0}
    large = seen(([sign(at(1, 60))], [(at(1, 60), 0.8)]))
    assert "small" not in compare(large, large, 0.5)


def test_where_neither_says_anything_there_is_no_iou() -> None:
    none = seen(([sign(at(0))], []))
    found = compare(none, none, 0.5)
    assert found["boxes"]["iou_mean"] is None
    assert "0 of both" in table(found)


@pytest.mark.parametrize(
    ("where", "key", "loss", "refused"),
    [
        ("", "ap50", 0.0099, False),
        ("", "ap50", 0.0101, True),
        ("", "ap50_95", 0.0199, False),
        ("", "ap50_95", 0.0201, True),
        ("small", "ap50", 0.0101, True),
        ("small", "ap50_95", 0.0199, False),
        ("small", "ap50_95", 0.0201, True),
    ],
)
def test_a_loss_of_more_than_one_point_and_two_is_refused(
    where: str, key: str, loss: float, refused: bool
) -> None:
    good = {"float": 0.9, "int8": 0.9}
    found: dict[str, Any] = {"ap50": good, "ap50_95": good, "small": dict(ap50=good, ap50_95=good)}
    worse = {"float": 0.9, "int8": 0.9 - loss}
    changed = found | {key: worse}
    if where:
        changed = found | {"small": found["small"] | {key: worse}}
    if not refused:
        refuse_loss(changed)
        return
    signs = "small signs' " if where else ""
    with pytest.raises(ModelError, match=f"not published: expected int8 {signs}{key} within"):
        refuse_loss(changed)


def test_int8_may_be_better() -> None:
    better = {"float": 0.8, "int8": np.float64(0.9)}
    refuse_loss({"ap50": better, "ap50_95": better})
