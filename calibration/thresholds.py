"""What is chosen for a classifier after quantisation: its temperature, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calibration import metrics
from calibration.metrics import Floats, Ints
from edge.core import Array
from models.signs import BACKGROUND, COUNT, FOREIGN

KEEP_SIGNS = 0.995  # of real signs named: half of what may be lost, as other pictures lose more
CLEAN_ECE = 0.01  # expected calibration error allowed on crops as they are …
WORN_ECE = 0.03  # … and where each is corrupted
TEMPERATURES = np.geomspace(0.2, 4.0, 200)


class Looks(NamedTuple):
    """What the int8 file says of the crops of one kind of picture.

    `limit` is the expected calibration error that is allowed there.
    """

    logits: Array  # (n, 45)
    labels: Ints  # (n,)
    limit: float


def balanced_temperature(kinds: Sequence[Looks]) -> float:
    """The temperature at which the worst calibration error, in units of its limit, is smallest.

    One number divides all logits (Guo et al., 2017, arXiv:1706.04599), found on a grid of steps of
    1.5 %. Likelihood on clean crops alone, as there, makes a net that was trained with smoothed
    labels sharp, for it is nearly always right on those, and then far too sure of bad pictures;
    likelihood on both makes it too modest on clean ones. Of equal temperatures the likelier.
    """

    def worst(candidate: float) -> tuple[float, float]:
        found = [metrics.forced(probabilities(k.logits, candidate), k.labels, COUNT) for k in kinds]
        errors = [
            metrics.calibration_error(f.confidence, f.right, np.ones(len(f.right), np.int64))
            for f in found
        ]
        excess = [error / k.limit for error, k in zip(errors, kinds, strict=True)]
        return max(excess), sum(float(f.surprise.mean()) for f in found)

    return float(min(TEMPERATURES, key=worst))


def probabilities(logits: Array, temperature: float) -> Floats:
    """`edge.classifier.softmax` of every row, (n, 45)."""
    scaled = np.asarray(logits, np.float64) / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def naming_score(table: Floats) -> Floats:
    """The `accept` up to which `edge.classifier.decide` names one of the 43 signs, (n,).

    0 where foreign or background is likelier than all signs together: no threshold names those.
    """
    signs, foreign, background = np.split(table, [FOREIGN, BACKGROUND], axis=1)
    mass = signs.sum(axis=1)
    sign_likeliest = (mass > background[:, 0]) & (mass >= foreign[:, 0])
    return np.where(sign_likeliest, signs.max(axis=1), 0.0)


def accept(logits: Array, temperature: float) -> float:
    """The probability that KEEP_SIGNS of these real signs reach, read right or wrong.

    0 where there are none: nothing is known then, and all is named.
    """
    if not len(logits):
        return 0.0
    ranked = np.sort(naming_score(probabilities(logits, temperature)))
    return float(ranked[int((1 - KEEP_SIGNS) * len(ranked))])
