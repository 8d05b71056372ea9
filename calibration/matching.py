"""Answers matched with the signs of their pictures, then pooled: what all figures are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from calibration import metrics
from calibration.metrics import UNMATCHED, Bools, Counts, Floats, Ints

IOU = 0.5  # a sign is found where a box overlaps it by this much
EVERY = (0.0, np.inf)  # px: signs of all heights


class Look(NamedTuple):
    """One picture: how well each answer, best first, overlaps each true sign.

    `operating`: 1 where the app would give this answer, 0 where not, a share where thresholds were
    chosen several times. An `excused` answer that finds no sign is not counted at all. Heights are
    in px of the picture.
    """

    scores: Floats  # (n,)
    operating: Floats  # (n,)
    overlap: Floats  # (n, m)
    excused: Bools  # (n,)
    tall: Floats  # (n,) of the answers
    heights: Floats  # (m,) of the signs

    @property
    def given(self) -> Floats:
        """The overlap of the app's answers alone; 0 for others, which take no sign from them."""
        return self.overlap * (self.operating > 0)[:, None]


class Curve(NamedTuple):
    """The answers that count at one IoU, best first: what average precision is taken of."""

    pictures: Ints  # (N,) the picture of each
    hits: Ints  # which of them find a sign
    scores: Floats  # (N,)


class Answers(NamedTuple):
    """All pictures pooled: a curve for each IoU asked for; the rest is at the first of them."""

    curves: list[Curve]
    truths: Ints  # (P,): how many signs each picture has
    right: Floats  # (P,): how many of the app's answers find one
    wrong: Floats  # (P,): how many do not
    found: Floats  # (M,): of all signs of the looks, whether an answer of the app finds it


def pool(
    looks: Sequence[Look], least_ious: Floats, heights: tuple[float, float] = EVERY
) -> Answers:
    """Match the answers of each picture with its signs, then rank them over all pictures.

    With `heights`, from the first up to below the second, only those signs are asked about: an
    answer on a sign of another height does not count, nor one that finds nothing and is itself of
    another height. What the app would not give takes no sign from what it gives.
    """
    ranking = metrics.rank(
        [look.scores for look in looks], [look.overlap for look in looks], least_ious
    )
    low, high = heights
    sizes = np.concatenate([look.heights for look in looks])
    wanted = (sizes >= low) & (sizes < high)
    pictures = ranking.pictures
    tall, excused, operating, scores = (
        np.concatenate([getattr(look, name) for look in looks])[ranking.order]
        for name in ("tall", "excused", "operating", "scores")
    )
    asked = ~excused & (tall >= low) & (tall < high)
    hits = ranking.found != UNMATCHED  # (T, N)
    counted = np.where(hits, np.append(wanted, False)[ranking.found], asked)
    curves = [
        Curve(pictures[its], np.flatnonzero(hit[its]), scores[its])
        for hit, its in zip(hits, counted, strict=True)
    ]
    given = metrics.rank(
        [look.scores for look in looks],
        [look.given for look in looks],
        least_ious[:1],
    ).found[0]
    hit = given != UNMATCHED
    found = np.zeros(len(sizes))
    found[given[hit]] = operating[hit]

    def a_picture(which: Bools) -> Floats:
        return np.bincount(pictures[which], operating[which], minlength=len(looks))

    owner = np.repeat(np.arange(len(looks)), [len(look.heights) for look in looks])
    truths = np.bincount(owner[wanted], minlength=len(looks))
    right, wrong = hit & np.append(wanted, False)[given], ~hit & asked
    return Answers(curves, truths, a_picture(right), a_picture(wrong), found)


def operating_figures(answers: Answers, counts: Counts) -> dict[str, float]:
    """Precision, recall, F1 and false alarms at the app's own threshold."""
    right, wrong = float(np.dot(counts, answers.right)), float(np.dot(counts, answers.wrong))
    n_truth = int(np.dot(counts, answers.truths))
    return {
        "precision": metrics.ratio(right, right + wrong),
        "recall": metrics.ratio(right, n_truth),
        "f1": metrics.ratio(2 * right, right + wrong + n_truth),
        "false_alarms_per_image": metrics.ratio(wrong, int(counts.sum())),
    }


def average_precisions(answers: Answers, counts: Counts) -> Floats:
    """One for each IoU that the answers were pooled for; nan where there is no sign to find."""
    n_truth = int(np.dot(counts, answers.truths))
    return np.array(
        [
            metrics.average_precisions([curve.hits], n_truth, counts[curve.pictures])[0]
            for curve in answers.curves
        ]
    )
