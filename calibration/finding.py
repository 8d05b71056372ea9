"""How well signs are found in whole pictures, by the detector alone and by the whole system."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from calibration import metrics
from calibration.metrics import UNMATCHED, Bools, Counts, Floats, Ints
from calibration.walk import Walk, known
from edge.core import UNKNOWN, Detector
from edge.reader import Reader
from models.errors import SourceError

IOU = 0.5  # a sign is found where a box overlaps it by this much
WHOLE_CURVE = 0.001  # detector score down to which average precision looks, as in COCO's practice
READ_CURVE = 0.01  # the same where every box is also read: what lies below cannot move the figure
HEIGHTS = (16, 24, 32, 48, 96)  # px in the picture: the edges of the bands of recall


class Look(NamedTuple):
    """One picture: how well each answer, best first, overlaps each true sign, and their heights."""

    scores: Floats  # (n,)
    operating: Bools  # (n,): the app would say this one
    overlap: Floats  # (n, m)
    heights: Floats  # (m,) px


class Answers(NamedTuple):
    """All pictures pooled: the answers ranked, and what they come to picture by picture."""

    pictures: Ints  # (N,): the picture of each answer, best first
    hits: list[Ints]  # for each IoU asked for, which of the N answers find a sign
    truths: Ints  # (P,): how many signs each picture has
    right: Ints  # (P,): how many of the app's answers find one, at the first IoU
    wrong: Ints  # (P,): how many do not
    heights: Floats  # (M,) px, of all signs
    found: Bools  # (M,): whether an answer of the app finds it


def pool(looks: Sequence[Look], least_ious: Floats) -> Answers:
    """Match the answers of each picture with its signs, then rank them over all pictures."""
    ranking = metrics.rank(
        [look.scores for look in looks], [look.overlap for look in looks], least_ious
    )
    heights = np.concatenate([look.heights for look in looks])
    if not len(heights):
        raise SourceError("none of the pictures that could be read has an annotated sign in it")
    operating = np.concatenate([look.operating for look in looks])[ranking.order]
    hit = ranking.found[0] != UNMATCHED
    found = np.zeros(len(heights), dtype=bool)
    found[ranking.found[0][hit & operating]] = True
    return Answers(
        ranking.pictures,
        [np.flatnonzero(row != UNMATCHED) for row in ranking.found],
        np.array([len(look.heights) for look in looks]),
        np.bincount(ranking.pictures[hit & operating], minlength=len(looks)),
        np.bincount(ranking.pictures[~hit & operating], minlength=len(looks)),
        heights,
        found,
    )


def operating_figures(answers: Answers, counts: Counts) -> dict[str, float]:
    """Precision, recall, F1 and false alarms at the app's own threshold."""
    right, wrong = int(np.dot(counts, answers.right)), int(np.dot(counts, answers.wrong))
    n_truth = int(np.dot(counts, answers.truths))
    return {
        "precision": metrics.ratio(right, right + wrong),
        "recall": metrics.ratio(right, n_truth),
        "f1": metrics.ratio(2 * right, right + wrong + n_truth),
        "false_alarms_per_image": metrics.ratio(wrong, int(counts.sum())),
    }


def average_precisions(answers: Answers, counts: Counts) -> Floats:
    """One for each IoU that the answers were pooled for."""
    n_truth = int(np.dot(counts, answers.truths))
    return metrics.average_precisions(answers.hits, n_truth, counts[answers.pictures])


def measure_detector(detector: Detector, threshold: float, walk: Walk) -> dict[str, Any]:
    """Find the signs of whole pictures, all classes as one.

    `detector` answers down to `WHOLE_CURVE`, so that average precision is whole; `threshold` is
    the score from which the app believes it, which is where `recall` and
    `false_alarms_per_image` are taken, at an IoU of 0.5. Average precision is COCO's: 101 points,
    for `ap50_95` the mean over the IoUs 0.50:0.05:0.95, no limit on area. The time is that of one
    picture through the detector, decoding of the file not included.
    """
    looks: list[Look] = []
    seconds: list[float] = []
    for example, image in walk:
        start = time.perf_counter()
        detections = detector.detect(image)
        seconds.append(time.perf_counter() - start)
        truth = boxes_of([each.box for each in example.annotations])
        found = boxes_of([detection.box for detection in detections])
        scores = np.array([detection.score for detection in detections], dtype=np.float64)
        heights = truth[:, 3] - truth[:, 1]
        looks.append(Look(scores, scores >= threshold, metrics.ious(found, truth), heights))
    answers = pool(looks, metrics.COCO_IOUS)

    def figures(counts: Counts) -> dict[str, float]:
        precisions = average_precisions(answers, counts)
        return {
            "ap50": float(precisions[0]),
            "ap50_95": float(precisions.mean()),
            **operating_figures(answers, counts),
        }

    return {
        **figures(np.ones(len(looks), dtype=np.int64)),
        "n_images": len(looks),
        "n_boxes": len(answers.heights),
        "threshold": threshold,
        **latency(seconds),
        "intervals": metrics.intervals(figures, len(looks)),
        "recall_by_height": recall_by_height(answers),
    }


def measure_system(reader: Reader, thresholds: tuple[float, float], walk: Walk) -> dict[str, Any]:
    """Find and read the signs of whole pictures: an answer is right where box and class are.

    `reader` answers down to `READ_CURVE`; `thresholds` are the detector's score and the fused
    score from which the app believes an answer. `ap50` is micro-averaged: one ranking by fused
    score over all 43 classes. What is read as foreign is neither a hit nor a false alarm and is
    counted in `foreign_per_image`; nor is an answer that lies on a sign whose true class is not
    known. `found`: any answer of the app, foreign or not, lies on the sign.
    `read_right_of_found`: of those, the share with the right class.
    """
    least_score, least_fused = thresholds
    looks: list[Look] = []
    found_any: list[Ints] = []  # per picture: signs found, foreign answers
    for example, image in walk:
        reads = reader.read(image)
        boxes = boxes_of([read.detection.box for read in reads])
        labels = np.array([read.reading.label for read in reads], dtype=np.int64)
        scores = np.array([read.score for read in reads], dtype=np.float64)
        operating = scores >= least_fused
        operating &= np.array([read.detection.score for read in reads]) >= least_score

        annotations = known(example.annotations)
        truth = boxes_of([each.box for each in annotations])
        overlap = metrics.ious(boxes, truth)
        on_sign = (overlap[operating] >= IOU).any(axis=0)
        foreign = labels == UNKNOWN
        found_any.append(np.array([on_sign.sum(), (operating & foreign).sum()]))

        same = labels[:, None] == np.array([each.label for each in annotations], dtype=np.int64)
        overlap = np.where(same, overlap, 0.0)
        vague = boxes_of([each.box for each in example.annotations if each.label == UNKNOWN])
        excused = (metrics.ious(boxes, vague) >= IOU).any(axis=1)
        kept = ~foreign & ~(excused & (metrics.match(overlap, IOU) == UNMATCHED))
        heights = truth[:, 3] - truth[:, 1]
        looks.append(Look(scores[kept], operating[kept], overlap[kept], heights))
    answers = pool(looks, np.array([IOU]))
    found, foreign_answers = np.array(found_any).T

    def figures(counts: Counts) -> dict[str, float]:
        n_truth, n_found = int(np.dot(counts, answers.truths)), int(np.dot(counts, found))
        return {
            "ap50": float(average_precisions(answers, counts)[0]),
            **operating_figures(answers, counts),
            "found": metrics.ratio(n_found, n_truth),
            "read_right_of_found": metrics.ratio(int(np.dot(counts, answers.right)), n_found),
            "foreign_per_image": metrics.mean(foreign_answers, counts),
        }

    return {
        **figures(np.ones(len(looks), dtype=np.int64)),
        "n_images": len(looks),
        "n_boxes": len(answers.heights),
        "thresholds": {"detector": least_score, "fused": least_fused},
        "intervals": metrics.intervals(figures, len(looks)),
        "recall_by_height": recall_by_height(answers),
    }


def boxes_of(boxes: Sequence[tuple[float, float, float, float]]) -> Floats:
    """Boxes as an array (n, 4), also where there are none."""
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def latency(seconds: Sequence[float]) -> dict[str, float]:
    """Mean, median and 95th percentile of the time a picture took, in milliseconds."""
    median, high = np.percentile(seconds, [50, 95])
    return {
        "mean_ms": 1000 * float(np.mean(seconds)),
        "p50_ms": 1000 * float(median),
        "p95_ms": 1000 * float(high),
    }


def recall_by_height(answers: Answers) -> list[dict[str, Any]]:
    """Recall at the operating threshold for each band of the signs' height in the picture."""
    band = np.digitize(answers.heights, HEIGHTS)  # 16 px belongs to 16–24
    names = [
        f"<{HEIGHTS[0]}",
        *(f"{low}–{high}" for low, high in pairwise(HEIGHTS)),
        f">={HEIGHTS[-1]}",
    ]
    return [
        {
            "height": name,
            "n": int((band == index).sum()),
            "recall": metrics.ratio(answers.found[band == index].sum(), (band == index).sum()),
        }
        for index, name in enumerate(names)
    ]
