"""Whether another way to combine the two models' scores reads signs better than the shipped one.

    python -m calibration.combine

The shipped way is `edge.fusion.fuse`, the mean of the bounded log-odds. Every way ranks the same
answers of held-out pictures, and what a way has to fit, and the threshold, are always chosen on the
other half of the pictures, over several halvings. A way is better if the interval of its paired
difference lies above 0; the simplest that is not worse is the one to ship.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from calibration import metrics
from calibration.matching import IOU, Answers, average_precisions, operating_figures, pool
from calibration.metrics import Bools, Counts, Floats
from calibration.operating import HALVINGS, fused_score, halvings
from calibration.pictures import warn_of_trained_on
from calibration.places import places_by_picture, within
from calibration.seen import READ_CURVE, Seen, boxes_of, seen_of
from calibration.seen import Answers as Said
from calibration.system import AT_IOU, look
from calibration.twins import held_out
from calibration.walk import Walk
from edge.classifier import load_classifier
from edge.core import Classifier, Detection, Detector, Reading
from edge.detector import load_detector
from edge.fusion import TRUST, fuse
from edge.reports import write_json
from edge.sinks.files import prove_place
from edge.status import StatusLine
from models.command import CommandParser
from models.errors import UsageError, run_command
from models.processors import available_threads
from models.signs import BACKGROUND
from training import datasets

SHIPPED = "mean of log-odds"
WEIGHTS = np.linspace(0, 1, 21)  # of the detector
RIDGE = 1.0  # what holds the logistic's weights back: one answer's worth
NEWTON = 25  # steps, after which nothing moves


class Evidence(NamedTuple):
    """What there is to combine for the answers of one picture, in the order of `seen`."""

    seen: Seen
    detector: Floats  # (n,) its score
    sign: Floats  # (n,) the classifier's 1 − P(background)
    on_sign: Bools  # (n,) whether a sign stands there, marked by GTSDB or by hand


Way = Callable[[Evidence], Floats]
Fit = Callable[[Sequence[Evidence]], Way]  # to the half that is not judged


def look_at(detector: Detector, classifier: Classifier, walk: Walk) -> list[Evidence]:
    """Every answer that is not read as background, with both models' scores."""
    places, found = places_by_picture(), []
    for example, image in walk:
        detections = detector.detect(image)
        readings = classifier.classify(image, [each.box for each in detections])
        kept = [p for p in zip(detections, readings, strict=True) if p[1].kind != "background"]
        answers = Said(
            boxes_of([detection.box for detection, _ in kept]),
            np.array([reading.label for _, reading in kept], dtype=np.int64),
            np.array([fuse(*pair) for pair in kept], dtype=np.float64),
            np.array([detection.score for detection, _ in kept], dtype=np.float64),
        )
        found.append(evidence(seen_of(example, places, answers), kept))
    return found


def evidence(seen: Seen, kept: Sequence[tuple[Detection, Reading]]) -> Evidence:
    """The scores of one picture's answers, and which of them lie on a sign."""
    on_sign = (metrics.ious(seen.boxes, seen.signs) >= IOU).any(axis=1)
    return Evidence(
        seen,
        seen.detected,
        np.array([1 - float(reading.probabilities[BACKGROUND]) for _, reading in kept]),
        on_sign | within(seen.boxes, seen.hand_marked.boxes),
    )


def log_odds(scores: Floats) -> Floats:
    """Within the bounds that `edge.fusion` sets."""
    bounded = np.clip(scores, 1 - TRUST, TRUST)
    return np.asarray(np.log(bounded / (1 - bounded)))


def sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-values)))


def weighted(weight: float) -> Way:
    """A weighted mean of the log-odds."""
    return lambda e: sigmoid(weight * log_odds(e.detector) + (1 - weight) * log_odds(e.sign))


def best_weight(half: Sequence[Evidence]) -> Way:
    """The weighted mean with the best average precision; of equals the one nearest to a half."""
    once = np.ones(len(half), dtype=np.int64)

    def worth(weight: float) -> tuple[float, float]:
        way = weighted(weight)
        precision = average_precisions(_pooled([_ranked(e.seen, way(e)) for e in half]), once)[0]
        return float(precision), -abs(weight - 0.5)

    return weighted(max(WEIGHTS.tolist(), key=worth))


def features(e: Evidence) -> Floats:
    """(n, 4): a one, both log-odds, and the logarithm of the height."""
    heights = np.maximum(e.seen.boxes[:, 3] - e.seen.boxes[:, 1], 1)
    ones = np.ones(len(heights))
    return np.stack([ones, log_odds(e.detector), log_odds(e.sign), np.log(heights)], axis=1)


def logistic(half: Sequence[Evidence]) -> Way:
    """A logistic regression on both log-odds and size, by Newton's method with a ridge."""
    table = np.concatenate([features(e) for e in half])
    truth = np.concatenate([e.on_sign for e in half]).astype(float)
    ridge = RIDGE * np.diag([0.0, 1.0, 1.0, 1.0])
    weights = np.zeros(table.shape[1])
    for _ in range(NEWTON):
        expected = sigmoid(table @ weights)
        slope = table.T @ (truth - expected) - ridge @ weights
        curvature = (table * (expected * (1 - expected))[:, None]).T @ table + ridge
        weights = weights + np.linalg.lstsq(curvature, slope, rcond=None)[0]
    return lambda e: sigmoid(features(e) @ weights)


WAYS: dict[str, Fit] = {
    SHIPPED: lambda _: weighted(0.5),
    "detector alone": lambda _: lambda e: e.detector,
    "classifier alone": lambda _: lambda e: e.sign,
    "product": lambda _: lambda e: e.detector * e.sign,
    "geometric mean": lambda _: lambda e: np.sqrt(e.detector * e.sign),
    "weighted log-odds": best_weight,
    "logistic, with size": logistic,
}


def compare(found: Sequence[Evidence], least_detected: float) -> list[dict[str, Any]]:
    """The figures of every way, and its difference to the shipped one, paired over pictures.

    `ap50` ranks each picture's answers by the mean of the scores that the other halves give them.
    """
    judged = {name: _judged(found, fit, least_detected) for name, fit in WAYS.items()}
    once = np.ones(len(found), dtype=np.int64)

    def figures(answers: tuple[Answers, Answers], counts: Counts) -> dict[str, float]:
        ranked, operating = answers
        precision = float(average_precisions(ranked, counts)[0])
        return {"ap50": precision, **operating_figures(operating, counts)}

    rows = []
    for name, answers in judged.items():

        def difference(counts: Counts, its: tuple[Answers, Answers] = answers) -> dict[str, float]:
            shipped = figures(judged[SHIPPED], counts)
            return {key: value - shipped[key] for key, value in figures(its, counts).items()}

        drawn = metrics.intervals(difference, len(found))
        rows.append({"way": name, **figures(answers, once), "difference": drawn})
    return rows


def _judged(found: Sequence[Evidence], fit: Fit, least_detected: float) -> tuple[Answers, Answers]:
    """The answers ranked by scores, and those given at thresholds, of the respective other half."""
    scores = [np.zeros(len(e.detector)) for e in found]
    given = [np.zeros(len(e.detector)) for e in found]
    for first in halvings([e.seen.example.name for e in found]):
        for out in (first, ~first):
            half = [e for e, its in zip(found, out, strict=True) if not its]
            way = fit(half)
            least = fused_score([_ranked(e.seen, way(e)) for e in half], least_detected)
            for index in np.flatnonzero(out):
                its = way(found[index])
                scores[index] += its
                reached = (its >= least) & (found[index].detector >= least_detected)
                given[index] += reached
    scores, given = ([its / HALVINGS for its in each] for each in (scores, given))
    ranked = [_ranked(e.seen, its) for e, its in zip(found, scores, strict=True)]
    orders = [np.argsort(-its, kind="stable") for its in scores]
    looks = [
        look(seen, shares[order]) for seen, shares, order in zip(ranked, given, orders, strict=True)
    ]
    return _pooled(ranked), pool(looks, AT_IOU)


def _ranked(seen: Seen, scores: Floats) -> Seen:
    """The picture with its answers in the order of other scores."""
    order = np.argsort(-scores, kind="stable")
    return seen._replace(
        boxes=seen.boxes[order],
        said=seen.said[order],
        scores=scores[order],
        detected=seen.detected[order],
    )


def _pooled(seen: Sequence[Seen]) -> Answers:
    return pool([look(each, np.zeros(len(each.scores))) for each in seen], AT_IOU)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures, and where the differences lie."""
    keys = ("ap50", "f1", "recall", "false_alarms_per_image")
    lines = [
        f"{'':<22}{'ap50':>8}{'f1':>9}{'recall':>9}{'false/pic':>11}"
        "   difference to the shipped way, 95 %: ap50, f1"
    ]
    for row in rows:
        cells = "".join(f"{row[key]:9.4f}" for key in keys[:3]) + f"{row[keys[3]]:11.4f}"
        spans = "   ".join(
            "{:+.4f} … {:+.4f}".format(*row["difference"][key]) for key in ("ap50", "f1")
        )
        lines.append(f"{row['way']:<21}{cells}   {spans}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = _parse(given)
    if flags.json:
        prove_place(flags.json)
    detector = load_detector(held_out(flags.detector), flags.threads, READ_CURVE)
    classifier = load_classifier(held_out(flags.classifier), flags.threads)
    gtsdb = datasets.gtsdb()
    examples = datasets.part(gtsdb, flags.part)
    for spec in (detector.spec, classifier.spec):
        warn_of_trained_on(spec, gtsdb, examples)
    status = StatusLine(len(examples)) if flags.progress else None
    try:
        found = look_at(detector, classifier, Walk(gtsdb, examples, status))
    finally:
        if status:
            status.close()
    rows = compare(found, detector.spec.thresholds["score"])
    print(table(rows))
    if flags.json:
        command = shlex.join(["python", "-m", "calibration.combine", *given])
        write_json(flags.json, {"ways": rows, "part": flags.part, "command": command})


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = CommandParser("calibration.combine", __doc__)
    parser.add_argument("--detector", default="detector", help="its name or JSON (%(default)s)")
    parser.add_argument("--classifier", default="classifier", help="its name or JSON (%(default)s)")
    parser.add_argument("--part", default="judge", help="of GTSDB (%(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--threads", type=int, default=available_threads(), help="(%(default)s)")
    parser.add_argument("--progress", action="store_true", help="show how far it is")
    flags = parser.parse(arguments)
    if flags.threads < 1:
        raise UsageError(f"--threads: expected 1 or more, found {flags.threads}")
    return flags


if __name__ == "__main__":
    run_command(main)
