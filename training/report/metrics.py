"""Figures of merit of a classifier as pure functions of arrays; no models, data sets or files.

Throughout, `truth` and `answer` are output indices (n,) and `logits` is (n, outputs).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BINS = 15  # Guo et al. 2017, "On Calibration of Modern Neural Networks"
LEAST_PROBABILITY = 1e-7  # keeps one certain mistake from making the log likelihood infinite
TEMPERATURES = np.exp(np.linspace(np.log(0.1), np.log(10), 231))  # steps of 2 %
NORMAL_95 = 1.96  # standard deviations on either side that hold 95 % of a normal distribution


def probabilities(logits: Array, temperature: float = 1.0) -> Array:
    """Softmax of the logits divided by the temperature: rows that sum to 1."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def confusion(truth: Array, answer: Array, outputs: int) -> Array:
    """How often each truth (row) got each answer (column): (outputs, outputs) integers."""
    pairs = np.bincount(truth * outputs + answer, minlength=outputs * outputs)
    return pairs.reshape(outputs, outputs)


class ClassFigures(NamedTuple):
    """One class that occurs in the truth. Precision is 0 where the class was never the answer."""

    label: int
    support: int
    precision: float
    recall: float
    f1: float


def per_class(matrix: Array) -> list[ClassFigures]:
    """The figures of every class with support, by label; empty for an empty matrix."""
    support, named, right = matrix.sum(axis=1), matrix.sum(axis=0), np.diag(matrix)
    return [
        ClassFigures(
            int(label),
            int(support[label]),
            float(right[label] / max(1, named[label])),
            float(right[label] / support[label]),
            float(2 * right[label] / (support[label] + named[label])),
        )
        for label in np.flatnonzero(support)
    ]


class Means(NamedTuple):
    """Precision, recall and F1 of many classes as one."""

    precision: float
    recall: float
    f1: float


def macro(rows: Sequence[ClassFigures]) -> Means:
    """Every class counts the same; 0 where there is none."""
    return _mean(rows, [1] * len(rows))


def weighted(rows: Sequence[ClassFigures]) -> Means:
    """Every class counts as often as it occurs; 0 where there is none."""
    return _mean(rows, [row.support for row in rows])


def _mean(rows: Sequence[ClassFigures], weights: Sequence[int]) -> Means:
    if not rows:
        return Means(0.0, 0.0, 0.0)
    table = np.array([(row.precision, row.recall, row.f1) for row in rows])
    return Means(*(float(value) for value in np.average(table, axis=0, weights=weights)))


def confused_pairs(matrix: Array) -> list[tuple[int, int, int]]:
    """(truth, answer, how often) of the mistakes, the most frequent first, then by class."""
    wrong = matrix - np.diag(np.diag(matrix))
    rows = [(int(a), int(b), int(wrong[a, b])) for a, b in np.argwhere(wrong)]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


class Band(NamedTuple):
    """The examples whose value lies in low … high, and how many of them were right.

    `value` is their mean value, 0 where there is none.
    """

    low: float
    high: float
    count: int
    right: int
    value: float

    @property
    def accuracy(self) -> float:
        return self.right / max(1, self.count)


def bands(values: Array, right: Array, edges: Sequence[float]) -> list[Band]:
    """One band between each two neighbouring edges, [low, high); the last one takes its high too.

    Examples outside the edges, or with a value of nan, are in none.
    """
    found = []
    for index, (low, high) in enumerate(pairwise(edges)):
        last = index == len(edges) - 2
        inside = (values >= low) & ((values <= high) if last else (values < high))
        count = int(inside.sum())
        value = float(values[inside].mean()) if count else 0.0
        found.append(Band(float(low), float(high), count, int(right[inside].sum()), value))
    return found


def reliability(confidence: Array, right: Array, bins: int = BINS) -> list[Band]:
    """Bands of equal width over the confidence, with the mean confidence as the value."""
    return bands(confidence, right, [float(edge) for edge in np.linspace(0, 1, bins + 1)])


def calibration_error(table: Sequence[Band]) -> float:
    """Expected calibration error of a reliability table: mean |accuracy − confidence|.

    Each band weighs as much as it holds. 0 where nothing is in any.
    """
    total = sum(band.count for band in table)
    gap = sum(band.count * abs(band.accuracy - band.value) for band in table)
    return gap / max(1, total)


def likelihood(table: Array, truth: Array) -> float:
    """Mean negative log likelihood in nats of the truth; `table` holds probabilities."""
    chosen = table[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(chosen, LEAST_PROBABILITY)).mean())


def fit_temperature(logits: Array, truth: Array) -> float:
    """The temperature between 0.1 and 10 with the least negative log likelihood."""
    losses = [likelihood(probabilities(logits, float(t)), truth) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def tempered(logits: Array, truth: Array, groups: Sequence[str]) -> tuple[Array, float]:
    """Probabilities at a fitted temperature, and that of all examples for show.

    Nothing is judged by itself: every second group (a track of one physical sign) takes the
    temperature that the others ask for. With a single group there is nothing to fit: 1.
    """
    _, group = np.unique(np.array(groups), return_inverse=True)
    half = group % 2 == 0
    if half.all():
        return probabilities(logits), 1.0
    table = np.empty(logits.shape, np.float64)
    for mine in (half, ~half):
        table[mine] = probabilities(logits[mine], fit_temperature(logits[~mine], truth[~mine]))
    return table, fit_temperature(logits, truth)


def wilson(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), as if the examples were independent; 0 … 1 of none.

    The frames of one sign are not: on such data the true interval is wider.
    """
    if not count:
        return 0.0, 1.0
    z = NORMAL_95**2 / count
    share = right / count
    middle = (share + z / 2) / (1 + z)
    reach = np.sqrt(z * share * (1 - share) + z * z / 4) / (1 + z)
    return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))
