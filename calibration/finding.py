"""How well signs are found in whole pictures, all classes as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from calibration import categories, metrics
from calibration.matching import (
    IOU,
    Answers,
    Look,
    average_precisions,
    operating_figures,
    pool,
)
from calibration.metrics import Counts, Floats
from calibration.places import RULE, within
from calibration.seen import Seen, reaches
from calibration.sign_free import sign_free
from models.errors import SourceError

HEIGHTS = (16, 24, 32, 48, 96)  # px in the picture: the edges of the bands of height
SMALL = (0.0, 32.0)  # px, likewise: small signs, as in COCO, but by height


def detector_figures(
    seen: Sequence[Seen], threshold: float, heights: Sequence[int] = HEIGHTS
) -> dict[str, Any]:
    """The figures of a detector that answers from `threshold` on.

    `recall` and `false_alarms_per_image` are taken there, at an IoU of 0.5. Average precision is
    COCO's: 101 points, for `ap50_95` the mean over the IoUs 0.50:0.05:0.95. `small` is the same
    for signs below 32 px of height. Where a person has looked at all pictures, `ignoring_foreign`
    has the figures without answers on what only that person has marked (`rule`), and `sign_free`
    those of the pictures in which nobody has marked anything.
    """
    operating = [reaches(each, threshold, threshold).astype(float) for each in seen]
    looks = [look(each, its) for each, its in zip(seen, operating, strict=True)]
    answers, small = (pool(looks, metrics.COCO_IOUS, heights) for heights in ((0, np.inf), SMALL))
    refuse_no_sign(answers.truths)

    def figures(counts: Counts) -> dict[str, float]:
        return {**precision_figures(answers, counts), **operating_figures(answers, counts)}

    once = np.ones(len(seen), dtype=np.int64)
    result = {
        **figures(once),
        "n_images": len(seen),
        "n_boxes": int(answers.truths.sum()),
        "threshold": threshold,
        "intervals": metrics.intervals(figures, len(seen)),
        "by_height": by_height(looks, heights),
        "by_category": _by_category(seen, answers.found),
    }
    if small.truths.any():
        result["small"] = _small(small)
    if all(each.places is not None for each in seen):
        honest = [look(each, its, ignoring=True) for each, its in zip(seen, operating, strict=True)]
        result["ignoring_foreign"] = ignoring(pool(honest, metrics.COCO_IOUS), seen)
        result["sign_free"] = sign_free(seen, {"false_alarms_per_image": operating})
    return result


def look(seen: Seen, operating: Floats, ignoring: bool = False) -> Look:
    """One picture as the detector is asked: any sign. `ignoring` what only a person has marked."""
    inside = within(seen.boxes, seen.hand_marked.boxes)
    return Look(
        seen.scores,
        operating,
        metrics.ious(seen.boxes, seen.signs),
        inside & ignoring,
        seen.boxes[:, 3] - seen.boxes[:, 1],
        seen.heights,
    )


def precision_figures(answers: Answers, counts: Counts) -> dict[str, float]:
    """`ap50` and, if they were pooled for all of COCO's IoUs, `ap50_95`."""
    found = average_precisions(answers, counts)
    result = {"ap50": float(found[0])}
    return result if len(found) == 1 else result | {"ap50_95": float(found.mean())}


def ignoring(answers: Answers, seen: Sequence[Seen]) -> dict[str, Any]:
    """The figures of answers that were pooled with the hand-marked places excused."""

    def figures(counts: Counts) -> dict[str, float]:
        return {**precision_figures(answers, counts), **operating_figures(answers, counts)}

    return {
        **figures(np.ones(len(seen), dtype=np.int64)),
        "n_places": sum(len(each.hand_marked.boxes) for each in seen),
        "rule": RULE,
        "intervals": metrics.intervals(figures, len(seen)),
    }


def refuse_no_sign(truths: metrics.Ints) -> None:
    if not truths.any():
        raise SourceError("none of the pictures that could be read has an annotated sign in it")


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Mean, median and 95th percentile of the time a picture took, in milliseconds."""
    median, high = np.percentile(seconds, [50, 95])
    return {
        "mean_ms": 1000 * float(np.mean(seconds)),
        "p50_ms": 1000 * float(median),
        "p95_ms": 1000 * float(high),
    }


def by_height(looks: Sequence[Look], heights: Sequence[int] = HEIGHTS) -> list[dict[str, Any]]:
    """The figures of each band of the signs' height in the picture, 16 px belonging to 16–24.

    `heights` are the bands' edges in px, ascending. A false alarm belongs to the band of its own
    height. `ap50` is None where there is no sign.
    """
    edges = (0, *heights, np.inf)
    names = [f"<{heights[0]}", *(f"{a}–{b}" for a, b in pairwise(heights)), f">={heights[-1]}"]
    once = np.ones(len(looks), dtype=np.int64)
    rows = []
    for name, band in zip(names, pairwise(edges), strict=True):
        answers = pool(looks, np.array([IOU]), band)
        n = int(answers.truths.sum())
        its = operating_figures(answers, once)
        rows.append(
            {
                "height": name,
                "n": n,
                "recall": its["recall"],
                "false_alarms_per_image": its["false_alarms_per_image"],
                "ap50": float(average_precisions(answers, once)[0]) if n else None,
            }
        )
    return rows


def _by_category(seen: Sequence[Seen], found: Floats) -> list[dict[str, Any]]:
    """Recall of each of GTSDB's categories; a detector of one class has no more to say of them."""
    its = categories.numbers(np.concatenate([each.labels for each in seen]))
    return [
        {
            "category": name,
            "n": int((its == place).sum()),
            "recall": metrics.ratio(float(found[its == place].sum()), int((its == place).sum())),
        }
        for place, name in enumerate(categories.CATEGORIES)
        if (its == place).any()
    ]


def _small(answers: Answers) -> dict[str, Any]:
    def figures(counts: Counts) -> dict[str, float]:
        recall = operating_figures(answers, counts)["recall"]
        return {**precision_figures(answers, counts), "recall": recall}

    pictures = len(answers.truths)
    return {
        **figures(np.ones(pictures, dtype=np.int64)),
        "n_boxes": int(answers.truths.sum()),
        "intervals": metrics.intervals(figures, pictures),
    }
