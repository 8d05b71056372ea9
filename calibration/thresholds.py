"""The numbers that are chosen after quantisation: temperature, refusal, operating points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration import metrics
from calibration.finding import IOU, boxes_of
from calibration.metrics import UNMATCHED, Bools, Floats
from calibration.walk import Walk, known
from edge.classifier import softmax
from edge.core import UNKNOWN, Array, Detector
from edge.reader import Reader
from models.signs import COUNT

FALSE_ALARMS = 0.5  # a picture: what the classifier may be left to clear up behind the detector
KEEP_SIGNS = 0.993  # of real signs that are named, not refused for a low probability
ACCEPT_RANGE = (0.3, 0.9)
TEMPERATURES = np.geomspace(0.25, 4.0, 200)


def fit_temperature(logits: Array, labels: NDArray[np.int64]) -> float:
    """The temperature of least negative log-likelihood, logits (n, 45), labels (n,).

    One number for all classes (Guo et al., 2017, arXiv:1706.04599), found on a grid of steps of
    1.4 %.
    """
    own = np.arange(len(labels))

    def surprise(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(axis=1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(scaled - top).sum(axis=1))
        return float((total - scaled[own, labels]).mean())

    return float(min(TEMPERATURES, key=surprise))


def accept(logits: Array, labels: NDArray[np.int64], temperature: float) -> float:
    """The probability that KEEP_SIGNS of the signs read right reach, within ACCEPT_RANGE."""
    probabilities = np.stack([softmax(row / temperature) for row in logits])
    named = probabilities[:, :COUNT].argmax(axis=1)
    right = probabilities[np.arange(len(labels)), named][named == labels]
    if not len(right):
        return ACCEPT_RANGE[1]
    return float(np.clip(np.quantile(right, 1 - KEEP_SIGNS), *ACCEPT_RANGE))


def detector_score(detector: Detector, walk: Walk) -> float:
    """The lowest score at which false alarms stay within FALSE_ALARMS a picture."""
    scores, hits, pictures = [], [], 0
    for example, image in walk:
        pictures += 1
        found = detector.detect(image)
        overlap = metrics.ious(
            boxes_of([d.box for d in found]), boxes_of([a.box for a in example.annotations])
        )
        scores += [d.score for d in found]
        hits += list(metrics.match(overlap, IOU) != UNMATCHED)
    return _lowest(np.array(scores), ~np.array(hits, bool), FALSE_ALARMS * pictures)


def _lowest(scores: Floats, wrong: Bools, allowed: float) -> float:
    """The lowest of `scores` from which on no more than `allowed` are wrong; 1 if none."""
    order = np.argsort(-scores)
    ranked = scores[order]
    within = (np.cumsum(wrong[order]) <= allowed) & _last_of_ties(ranked)
    return float(ranked[within][-1]) if within.any() else 1.0


def _last_of_ties(ranked: Floats) -> Bools:
    """Where a threshold can cut: answers of one score come or go together (int8 has few scores)."""
    return np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.zeros(0, dtype=bool)


def fused_score(reader: Reader, least_score: float, walk: Walk) -> float:
    """The fused score with the best F1 of the 43 classes end to end, box and class right."""
    scores: list[float] = []
    hits: list[bool] = []
    signs = 0
    for example, image in walk:
        truth = known(example.annotations)
        signs += len(truth)
        reads = [
            r
            for r in reader.read(image)
            if r.reading.label != UNKNOWN and r.detection.score >= least_score
        ]
        overlap = metrics.ious(
            boxes_of([r.detection.box for r in reads]), boxes_of([a.box for a in truth])
        )
        labels = np.array([a.label for a in truth], dtype=np.int64)
        same = np.array([r.reading.label for r in reads], dtype=np.int64)[:, None] == labels
        scores += [r.score for r in reads]
        hits += list(metrics.match(np.where(same, overlap, 0.0), IOU) != UNMATCHED)
    return best_f1(scores, hits, signs)


def best_f1(scores: Sequence[float], hits: Sequence[bool], signs: int) -> float:
    """The score from which on right answers and all answers balance best; 1 without any answer.

    Half way to the next lower score, so that the answer found here is safely inside.
    """
    if not len(scores):
        return 1.0
    order = np.argsort(-np.asarray(scores), kind="stable")
    ranked = np.asarray(scores)[order]
    right = np.cumsum(np.asarray(hits)[order])
    f1 = 2 * right / (np.arange(1, len(ranked) + 1) + signs) * _last_of_ties(ranked)
    best = int(np.flatnonzero(f1 == f1.max())[-1])
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] * 0.9
    return float((ranked[best] + below) / 2)
