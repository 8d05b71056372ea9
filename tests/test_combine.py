"""Ways to combine two scores, on answers for which the better way is known."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from fakes import make_reading
from streets import Street, at, sign

from calibration import metrics
from calibration.combine import (
    SHIPPED,
    Evidence,
    best_weight,
    compare,
    evidence,
    logistic,
    table,
    weighted,
)
from calibration.metrics import Floats
from calibration.seen import see_system
from edge.core import Detection
from edge.fusion import fuse
from models.signs import BACKGROUND


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from a few draws: what they are worth is the matter of test_metrics."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=20))


def streets(count: int, seed: int = 0) -> list[Evidence]:
    """A sign and a look-alike in each: the detector guesses, the classifier nearly knows."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        guesses = rng.uniform(0.2, 0.9, 2)
        pictures.append(([sign(at(0), 1)], [(at(0), guesses[0], 0.9), (at(3), guesses[1], 0.2)]))
    street = Street(
        *(([*signs], [(box, 1, d, d) for box, d, _ in rows]) for signs, rows in pictures)
    )
    found = []
    for seen, (_, rows) in zip(see_system(street, street), pictures, strict=True):
        readings = [make_reading(1, sure, BACKGROUND) for _, _, sure in rows]
        kept = [
            (Detection(box, score), reading)
            for (box, score, _), reading in zip(rows, readings, strict=True)
        ]
        found.append(evidence(seen, kept))
    return found


def test_evidence_says_which_answers_lie_on_a_sign() -> None:
    (first,) = streets(1)
    assert first.on_sign.tolist() == [True, False]
    assert first.sign.tolist() == pytest.approx([0.9, 0.2], abs=0.02)
    assert first.detector.tolist() == first.seen.detected.tolist()


def test_equal_weights_are_what_the_device_does() -> None:
    (first,) = streets(1)
    readings = [make_reading(1, sure, BACKGROUND) for sure in (0.9, 0.2)]
    boxes = [at(0), at(3)]
    expected = [
        fuse(Detection(box, score), reading)
        for box, score, reading in zip(boxes, first.detector, readings, strict=True)
    ]
    np.testing.assert_allclose(weighted(0.5)(first), expected, atol=1e-9)


@pytest.mark.parametrize("fit", [best_weight, logistic])
def test_what_is_fitted_learns_whom_to_believe(fit: object) -> None:
    way = fit(streets(20))  # type: ignore[operator]
    scores: list[Floats] = [way(each) for each in streets(20, seed=1)]
    assert all(sign > other for sign, other in scores)


def test_ways_are_measured_against_the_shipped_one(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["way"]: row for row in compare(streets(12), 0.1)}
    assert rows[SHIPPED]["difference"]["ap50"] == (0.0, 0.0)
    assert rows["classifier alone"]["ap50"] == rows["classifier alone"]["f1"] == 1.0
    assert rows["detector alone"]["ap50"] < rows[SHIPPED]["ap50"]
    assert rows["detector alone"]["difference"]["ap50"][1] < 0
    print(table(list(rows.values())))
    assert "classifier alone" in capsys.readouterr().out
