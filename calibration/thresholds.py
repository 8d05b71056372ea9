"""The numbers that are chosen after quantisation: temperature, refusal, operating points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calibration import metrics
from calibration.finding import IOU, boxes_of
from calibration.metrics import UNMATCHED, Bools, Floats, Ints
from calibration.walk import Walk, known
from edge.core import UNKNOWN, Array, Detector
from edge.reader import Reader
from models.signs import BACKGROUND, COUNT, FOREIGN

FALSE_ALARMS = 0.5  # a picture: what the classifier may be left to clear up behind the detector
KEEP_SIGNS = 0.995  # of real signs named: half of what may be lost, as other pictures lose more
CLEAN_ECE = 0.01  # expected calibration error allowed on crops as they are …
WORN_ECE = 0.03  # … and where each is corrupted with …
SEVERITY = 3  # … one of the twelve
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
