"""How well a classifier names the signs of a set, cut out as the app cuts them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from calibration import metrics
from calibration.metrics import Bools, Counts, Floats, Ints
from calibration.walk import Walk, known
from edge.core import UNKNOWN, Box, Classifier
from models.errors import SourceError
from models.signs import COUNT, sign_class


def measure_classifier(classifier: Classifier, walk: Walk) -> dict[str, Any]:
    """Read every annotated sign, cut out of its picture as the app cuts it.

    `top1`: the likeliest of the 43 is right (forced choice). `top1_accepted`: the app itself says
    the right class, of all signs. `refused`: the app does not name a class. `macro_f1`: of the
    forced choice, over the classes that occur. `ece` and `nll` take the probabilities as the app
    shows them, out of all 45 outputs (43 signs, foreign, background) and not renormalised:
    `ece` compares the probability of the forced choice with how often it is right, refused or
    not, and `reliability` is its bins. `mean_ms` is the time of one sign. Intervals draw tracks
    where the set has them, and pictures where it has none; `n_groups` is how many there are.
    """
    truths: list[int] = []
    named: list[int] = []  # what the app says; UNKNOWN where it refuses
    probabilities: list[Floats] = []
    groups: list[str] = []
    seconds = 0.0
    for example, image in walk:
        annotations = known(example.annotations)
        start = time.perf_counter()
        readings = classifier.classify(image, [Box(*each.box) for each in annotations])
        seconds += time.perf_counter() - start
        for annotation, reading in zip(annotations, readings, strict=True):
            truths.append(annotation.label)
            named.append(reading.label if reading.kind == "sign" else UNKNOWN)
            probabilities.append(reading.probabilities)
            groups.append(example.track or example.name)

    if not truths:
        raise SourceError("none of the pictures that could be read has a sign of a known class")
    truth, shown = np.array(truths), np.array(named)
    table = np.array(probabilities, dtype=np.float64)  # (n, 45)
    forced = metrics.forced(table, truth, COUNT)
    tracks, group = np.unique(groups, return_inverse=True)

    def figures(counts: Counts) -> dict[str, float]:
        return {
            "top1": metrics.mean(forced.right, counts),
            "top1_accepted": metrics.mean(shown == truth, counts),
            "refused": metrics.mean(shown == UNKNOWN, counts),
            "macro_f1": metrics.macro_f1(truth, forced.label, counts, COUNT),
            "ece": metrics.calibration_error(forced.confidence, forced.right, counts),
            "nll": metrics.mean(forced.surprise, counts),
        }

    return {
        **figures(np.ones(len(truth), dtype=np.int64)),
        "n": len(truth),
        "n_groups": len(tracks),
        "mean_ms": 1000 * seconds / len(truth),
        "intervals": metrics.intervals(lambda counts: figures(counts[group]), len(tracks)),
        "reliability": metrics.reliability_rows(forced.confidence, forced.right),
        "per_class": _per_class(truth, forced.right),
        "confusions": [
            {"truth": a, "read": b, "n": n} for a, b, n in metrics.confusions(truth, forced.label)
        ],
    }


def _per_class(truth: Ints, right: Bools) -> list[dict[str, Any]]:
    support = np.bincount(truth, minlength=COUNT)
    hits = np.bincount(truth, right, COUNT)
    return [
        {"id": i, "name": sign_class(i).name, "n": int(n), "accuracy": metrics.ratio(hits[i], n)}
        for i, n in enumerate(support)
        if n
    ]
