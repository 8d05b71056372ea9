"""Figures of merit as pure functions of arrays; their intervals come from `models.intervals`.

Every figure takes `counts`, how often each example counts: all ones for the figure itself, a
bootstrap draw for its interval. Nothing here knows models, data sets or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.intervals import intervals as intervals  # noqa: PLC0414 – a figure of merit goes with its interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]

CALIBRATION_BINS = 15  # Guo et al. 2017, "On Calibration of Modern Neural Networks"
LEAST_PROBABILITY = 1e-7  # keeps one certain mistake from making the log likelihood infinite
COCO_IOUS = np.arange(50, 100, 5) / 100  # 0.50:0.05:0.95
RECALL_POINTS = 100  # COCO samples the precision at the recalls 0/100, 1/100 … 100/100
UNMATCHED = -1


def ratio(part: float, whole: float) -> float:
    """part / whole, and 0 where there is nothing to divide."""
    return float(part) / float(whole) if whole else 0.0


def mean(values: NDArray[Any], counts: Counts) -> float:
    """Weighted mean; 0 where nothing counts."""
    return ratio(float(np.dot(values, counts)), float(counts.sum()))


def macro_f1(truth: Ints, predicted: Ints, counts: Counts, classes: int) -> float:
    """Mean F1 of the classes that occur in the truth; 0 where none does."""
    support = np.bincount(truth, counts, classes)
    named = np.bincount(predicted, counts, classes)
    right = np.bincount(truth, counts * (truth == predicted), classes)
    present = support > 0
    if not present.any():
        return 0.0
    return float(np.mean(2 * right[present] / (support + named)[present]))


class Forced(NamedTuple):
    """What a classifier answers when it has to name one of the classes, an example a row."""

    label: Ints  # (n,)
    confidence: Floats  # (n,) the probability of that label
    right: Bools  # (n,)
    surprise: Floats  # (n,) negative log likelihood of the truth, in nats


def forced(probabilities: Floats, truth: Ints, classes: int) -> Forced:
    """The likeliest of the first `classes` outputs, of probabilities (n, outputs)."""
    each = np.arange(len(probabilities))
    label = probabilities[:, :classes].argmax(axis=1)
    return Forced(
        label, probabilities[each, label], label == truth, surprise(probabilities[each, truth])
    )


class Reliability(NamedTuple):
    """How right a classifier is where it is how sure, in bins of equal width, (lo, hi]."""

    confidence: Floats  # (bins,) mean of the bin, 0 where it is empty
    accuracy: Floats  # (bins,) likewise
    count: Floats  # (bins,)


def reliability(
    confidence: Floats, correct: Bools, counts: Counts, bins: int = CALIBRATION_BINS
) -> Reliability:
    """The table behind `calibration_error` and behind a reliability diagram."""
    which = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(which, counts, bins)
    held = np.maximum(count, 1)
    return Reliability(
        np.bincount(which, counts * confidence, bins) / held,
        np.bincount(which, counts * correct, bins) / held,
        count,
    )


def calibration_error(
    confidence: Floats, correct: Bools, counts: Counts, bins: int = CALIBRATION_BINS
) -> float:
    """Expected calibration error: mean |accuracy − confidence| over the bins of `reliability`.

    Each bin weighs as much as it holds. 0 where nothing counts.
    """
    table = reliability(confidence, correct, counts, bins)
    gap = np.abs(table.accuracy - table.confidence)
    return ratio(float(np.dot(table.count, gap)), float(counts.sum()))


def reliability_rows(confidence: Floats, correct: Bools) -> list[dict[str, float]]:
    """The bins that hold anything, for the JSON: their limits, and `reliability` of each."""
    table = reliability(confidence, correct, np.ones(len(confidence), dtype=np.int64))
    bins = len(table.count)
    return [
        {
            "low": i / bins,
            "high": (i + 1) / bins,
            "confidence": float(table.confidence[i]),
            "accuracy": float(table.accuracy[i]),
            "n": int(table.count[i]),
        }
        for i in np.flatnonzero(table.count)
    ]


def surprise(probability_of_truth: Floats) -> Floats:
    """Negative log likelihood of each example in nats; never infinite."""
    return -np.log(np.maximum(probability_of_truth, LEAST_PROBABILITY))


def confusions(truth: Ints, predicted: Ints) -> list[tuple[int, int, int]]:
    """(truth, predicted, how often) of the mistakes, the most frequent first, then by class."""
    wrong = truth != predicted
    pairs, how_often = np.unique(
        np.stack([truth[wrong], predicted[wrong]], axis=1), axis=0, return_counts=True
    )
    rows = [(int(a), int(b), int(n)) for (a, b), n in zip(pairs, how_often, strict=True)]
    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


def ious(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of (N, 4) with (M, 4) boxes x1 y1 x2 y2: (N, M); 0 for empty ones."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)  # (N, M)
    sizes = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    other_sizes = np.prod(np.maximum(others[:, 2:] - others[:, :2], 0), axis=1)
    union = sizes[:, None] + other_sizes[None, :] - shared
    union[union == 0] = 1  # two empty boxes share nothing
    result: Floats = shared / union
    return result


def match(overlap: Floats, least_iou: float) -> Ints:
    """Which truth each detection finds: (N,) indices, `UNMATCHED` for none.

    `overlap` is (N, M), detections best first; set it to 0 where a pair may not match. As in COCO:
    the best detection chooses first, takes the truth it overlaps most, and takes it for itself.
    """
    found = np.full(len(overlap), UNMATCHED, dtype=np.int64)
    free = overlap.copy()
    for index in np.flatnonzero((overlap >= least_iou).any(axis=1)):
        best = int(free[index].argmax())
        if free[index, best] >= least_iou:
            found[index] = best
            free[:, best] = 0
    return found


def average_precisions(hits: Sequence[Ints], n_truth: int, counts: Counts) -> Floats:
    """COCO's 101-point interpolated average precision, one for each way of counting hits: (T,).

    The detections of all pictures stand best first, and each of `hits` holds the positions of
    those that find a truth of their own, in rising order. The precision at a recall is the best
    one reached at that recall or a higher one. `counts` (N,) says how often each detection counts,
    and `n_truth` is counted the same way; nan where there is no truth to find.
    """
    if n_truth == 0:
        return np.full(len(hits), np.nan)
    total = np.maximum(np.cumsum(counts), 1)  # (N,)
    needed = -(-np.arange(RECALL_POINTS + 1) * n_truth // RECALL_POINTS)  # hits, rounded up
    result = np.zeros(len(hits))
    for index, at in enumerate(hits):
        right = np.cumsum(counts[at])
        precision = right / total[at]  # it is highest just after a hit
        best = np.maximum.accumulate(precision[::-1])[::-1]
        reached = np.searchsorted(right, needed)
        result[index] = best[reached[reached < len(best)]].sum() / (RECALL_POINTS + 1)
    return result


class Ranking(NamedTuple):
    """The detections of all pictures, best first; equal scores stay in the order of the pictures.

    `found` (T, N) holds for each IoU asked for the index of the truth among all truths, or
    `UNMATCHED`.
    """

    order: Ints  # (N,): where each stood before, picture after picture
    pictures: Ints  # (N,)
    found: Ints  # (T, N)


def rank(scores: list[Floats], overlaps: list[Floats], least_ious: Floats) -> Ranking:
    """Match picture by picture, then pool.

    For each picture its detections' scores (n,), best first, and their overlap (n, m) with the
    picture's truths, as `match` wants it.
    """
    found: list[Ints] = []
    first = 0
    for overlap in overlaps:
        local = np.stack([match(overlap, least) for least in least_ious])  # (T, n)
        found.append(np.where(local == UNMATCHED, UNMATCHED, local + first))
        first += overlap.shape[1]
    pooled = np.concatenate(scores)
    order = np.argsort(-pooled, kind="stable")
    pictures = np.repeat(np.arange(len(scores)), [len(each) for each in scores])
    return Ranking(order, pictures[order], np.concatenate(found, axis=1)[:, order])
