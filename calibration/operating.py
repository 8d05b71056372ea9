"""From where on the app believes an answer, chosen on held-out pictures and told without flattery.

Thresholds that were chosen on the pictures they are measured on look better than they are. So the
published ones are chosen on all held-out pictures, and what is quoted of them is cross-fitted: the
pictures are halved, each half is measured with the thresholds that the other half chooses, and
that is done for several halvings, so that no lucky one is quoted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from calibration import metrics
from calibration.finding import look as detector_look
from calibration.matching import IOU, Look, operating_figures, pool
from calibration.metrics import UNMATCHED, Bools, Counts, Floats
from calibration.places import within
from calibration.seen import Seen, reaches
from calibration.sign_free import sign_free
from calibration.system import Thresholds
from calibration.system import look as system_look
from edge.core import UNKNOWN

FALSE_ALARMS = 1.0  # a picture: what the classifier is left to clear up, so that little is missed
HALVINGS = 20
DIGITS = 4  # of a published threshold


def detector_score(seen: Sequence[Seen]) -> float:
    """The lowest score at which false alarms stay within FALSE_ALARMS a picture.

    What lies on a place that a person has marked is no false alarm: it is a sign, or may be one.
    Rounded down, never above the answers that it lets in.
    """
    scores, wrong = [], []
    for each in seen:
        hits = metrics.match(metrics.ious(each.boxes, each.signs), IOU) != UNMATCHED
        scores.append(each.scores)
        wrong.append(~hits & ~within(each.boxes, each.hand_marked.boxes))
    if not scores:
        return 1.0
    least = _lowest(np.concatenate(scores), np.concatenate(wrong), FALSE_ALARMS * len(seen))
    return math.floor(least * 10**DIGITS) / 10**DIGITS


def _lowest(scores: Floats, wrong: Bools, allowed: float) -> float:
    """The lowest of `scores` from which on no more than `allowed` are wrong; 1 if none."""
    order = np.argsort(-scores)
    ranked = scores[order]
    within_limit = (np.cumsum(wrong[order]) <= allowed) & _last_of_ties(ranked)
    return float(ranked[within_limit][-1]) if within_limit.any() else 1.0


def _last_of_ties(ranked: Floats) -> Bools:
    """Where a threshold can cut: answers of one score come or go together (int8 has few scores)."""
    return np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.zeros(0, dtype=bool)


def fused_score(seen: Sequence[Seen], least_detected: float) -> float:
    """The fused score with the best F1 of the 43 classes end to end, box and class right.

    Only answers that reach the detector's score count. A foreign sign that is named is a mistake,
    and so is an unknown sign where nothing stands; a sign of the 43 that GTSDB does not mark is
    none.
    """
    scores: list[Floats] = []
    hits: list[Bools] = []
    signs = 0
    for each in seen:
        known = each.labels != UNKNOWN
        answers = (each.said != UNKNOWN) | _on_nothing(each)
        answers = answers & (each.detected >= least_detected)
        signs += int(known.sum())
        boxes = each.boxes[answers]
        same = each.said[answers, None] == each.labels[known]
        overlap = np.where(same, metrics.ious(boxes, each.signs[known]), 0.0)
        hit = metrics.match(overlap, IOU) != UNMATCHED
        maybe = within(boxes, each.hand_marked.boxes[~each.hand_marked.foreign])
        vague = (metrics.ious(boxes, each.signs[~known]) >= IOU).any(axis=1)
        counted = hit | ~(maybe | vague)
        scores.append(each.scores[answers][counted])
        hits.append(hit[counted])
    if not scores:
        return 1.0
    return round(best_f1(np.concatenate(scores), np.concatenate(hits), signs), DIGITS)


def _on_nothing(seen: Seen) -> Bools:
    """Which answers touch nothing that is marked, where a person has marked all there is. (n,)"""
    if seen.places is None:
        return np.zeros(len(seen.boxes), dtype=bool)
    touched = metrics.ious(seen.boxes, seen.signs).any(axis=1)
    return ~(touched | within(seen.boxes, seen.places.boxes))


def best_f1(scores: Floats, hits: Bools, signs: int) -> float:
    """The score from which on right answers and all answers balance best; 1 without any answer.

    Half way to the next lower score, so that the answer found here is safely inside.
    """
    if not len(scores):
        return 1.0
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    right = np.cumsum(hits[order])
    f1 = 2 * right / (np.arange(1, len(ranked) + 1) + signs) * _last_of_ties(ranked)
    best = int(np.flatnonzero(f1 == f1.max())[-1])
    below = ranked[best + 1] if best + 1 < len(ranked) else ranked[best] * 0.9
    return float((ranked[best] + below) / 2)


def cross_fitted_detector(seen: Sequence[Seen]) -> dict[str, Any]:
    """A detector's figures at thresholds that the judged pictures had no part in choosing."""

    def choose(half: Bools) -> Thresholds:
        least = detector_score(_part(seen, half))
        return Thresholds(least, least)

    return _cross_fitted(seen, choose, detector_look, ("detector",))


def cross_fitted_system(read: Sequence[Seen], found: Sequence[Seen]) -> dict[str, Any]:
    """The figures of both models at thresholds that the judged pictures had no part in choosing.

    Both thresholds are chosen: the detector's by what it alone has `found` in the same pictures.
    """

    def choose(half: Bools) -> Thresholds:
        least = detector_score(_part(found, half))
        return Thresholds(least, fused_score(_part(read, half), least))

    return _cross_fitted(read, choose, system_look, ("detector", "fused"))


def _part(seen: Sequence[Seen], which: Bools) -> list[Seen]:
    return [each for each, its in zip(seen, which, strict=True) if its]


def _cross_fitted(
    seen: Sequence[Seen],
    choose: Callable[[Bools], Thresholds],
    look: Callable[[Seen, Floats, bool], Look],
    chosen: tuple[str, ...],
) -> dict[str, Any]:
    """Precision, recall, F1 and false alarms, official and `ignoring_foreign`; what was chosen.

    `thresholds` holds the lowest and highest of each that a half has chosen. `false_readings` on
    `sign_free` pictures as for the figures that are not cross-fitted.
    """
    given = [np.zeros(len(each.scores)) for each in seen]  # how often the app gives each answer
    found: list[Thresholds] = []
    for first in halvings([each.example.name for each in seen]):
        for judged in (first, ~first):
            its = choose(~judged)
            found.append(its)
            for index in np.flatnonzero(judged):
                given[index] += reaches(seen[index], *its)
    operating = [times / HALVINGS for times in given]

    def figures_of(ignoring: bool) -> dict[str, Any]:
        looks = [look(s, o, ignoring) for s, o in zip(seen, operating, strict=True)]
        answers = pool(looks, np.array([IOU]))

        def figures(counts: Counts) -> dict[str, float]:
            return operating_figures(answers, counts)

        once = np.ones(len(seen), dtype=np.int64)
        return {**figures(once), "intervals": metrics.intervals(figures, len(seen))}

    result = {
        **figures_of(False),
        "thresholds": {
            key: [float(min(values)), float(max(values))]
            for key, values in zip(chosen, zip(*found, strict=True), strict=False)
        },
        "halvings": HALVINGS,
    }
    if all(each.places is not None for each in seen):
        result["ignoring_foreign"] = figures_of(True)
        result["sign_free"] = sign_free(seen, {"false_readings_per_image": operating})
    return result


def halvings(names: Sequence[str]) -> list[Bools]:
    """HALVINGS ways to halve the pictures; the lot depends on nothing but their names. (n,) each"""
    result = []
    for turn in range(HALVINGS):
        lots = [hashlib.sha256(f"{turn} {name}".encode()).hexdigest() for name in names]
        first = np.zeros(len(names), dtype=bool)
        first[np.argsort(lots)[: len(names) // 2]] = True
        result.append(first)
    return result
