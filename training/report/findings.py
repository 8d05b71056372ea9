"""What a run's answers say once they are counted: everything in the report that is a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.signs import COUNT, label_names
from training.report import metrics
from training.report.metrics import Band, ClassFigures, Means
from training.report.pictures import Pictures
from training.report.record import Record
from training.watched import Answers, read_right, share_and_interval

Array = NDArray[Any]

SIZE_EDGES = (0, 16, 24, 32, 48, 64, 96, 128, float("inf"))  # px
LIGHT_EDGES = tuple(tenth / 10 for tenth in range(11))
MISTAKES = 12
MISTAKES_A_GROUP = 3  # more frames of one sign teach nothing new


@dataclass(frozen=True)
class Findings:
    """The watched part as one net answered it; `truth` and `answer` are (n,) output indices."""

    truth: Array
    answer: Array
    table: Array  # probabilities as trained (n, outputs)
    matrix: Array
    classes: list[ClassFigures]
    macro: Means
    weighted: Means
    interval: tuple[float, float]
    likelihood: float
    reliability: list[Band]
    temperature: float
    tempered: list[Band]
    tempered_likelihood: float

    @property
    def right(self) -> Array:
        return np.asarray(self.truth == self.answer)

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def confidence(self) -> Array:
        return np.asarray(self.table.max(axis=1))


def find(watched: Answers, groups: tuple[str, ...]) -> Findings:
    """All figures of one net's answers; `groups` names the physical sign of each."""
    logits, truth = watched.logits, watched.labels
    answer = logits.argmax(axis=1)
    right = truth == answer
    table = metrics.probabilities(logits)
    cooled, temperature = metrics.tempered(logits, truth, groups)
    matrix = metrics.confusion(truth, answer, logits.shape[1])
    classes = metrics.per_class(matrix)
    return Findings(
        truth=truth,
        answer=answer,
        table=table,
        matrix=matrix,
        classes=classes,
        macro=metrics.macro(classes),
        weighted=metrics.weighted(classes),
        interval=share_and_interval(right, groups)[1],
        likelihood=metrics.likelihood(table, truth),
        reliability=metrics.reliability(table.max(axis=1), right),
        temperature=temperature,
        tempered=metrics.reliability(cooled.max(axis=1), right),
        tempered_likelihood=metrics.likelihood(cooled, truth),
    )


def forced_choice(record: Record) -> float | None:
    """Share of the signs whose likeliest of the 43 is right, as `calibration.evaluate` counts.

    None where the outputs are not those of the sign table, or the part holds no sign.
    """
    signs = record.watched.labels < COUNT
    if record.classes != label_names() or not signs.any():
        return None
    return float(read_right(record.watched.logits[signs], record.watched.labels[signs]).mean())


def filled_bands(values: Array, right: Array, edges: tuple[float, ...]) -> list[Band]:
    """The bands that hold something."""
    return [band for band in metrics.bands(values, right, edges) if band.count]


def worst_mistakes(found: Findings, pictures: Pictures) -> list[int]:
    """The mistakes made with the highest probability, a few of one sign at most."""
    taken: dict[str, int] = {}
    worst: list[int] = []
    for index in np.argsort(-found.confidence, kind="stable"):
        group = pictures.groups[index]
        seen = taken.get(group, 0)
        if not found.right[index] and pictures.found[index] and seen < MISTAKES_A_GROUP:
            taken[group] = seen + 1
            worst.append(int(index))
    return worst[:MISTAKES]


def typical_examples(found: Findings, pictures: Pictures, count: int) -> list[int]:
    """Right answers of median probability, one a class, the classes evenly spread."""
    good = found.right & pictures.found
    classes = np.unique(found.truth[good])
    chosen = classes[np.linspace(0, len(classes) - 1, min(count, len(classes))).round().astype(int)]
    examples = []
    for label in chosen:
        its = np.flatnonzero(good & (found.truth == label))
        order = its[np.argsort(found.confidence[its], kind="stable")]
        examples.append(int(order[len(order) // 2]))
    return examples


class Quality(NamedTuple):
    """How good one net's answers are."""

    accuracy: float
    likelihood: float
    error: float  # of the calibration, as trained


class Quantised(NamedTuple):
    """Float against int8 on the `count` pictures that both have answered.

    `margins`: the truth's lead in logits, (count,) each.
    """

    count: int
    net: Quality
    int8: Quality
    agreement: float
    lost: int  # right in float, wrong in int8
    gained: int
    margins: tuple[Array, Array]


def compare(record: Record) -> Quantised | None:
    """None until the net has been quantised."""
    if record.int8 is None:
        return None
    place = {name: index for index, name in enumerate(record.watched.names)}
    its = [index for index, name in enumerate(record.int8.names) if name in place]
    mine = [place[record.int8.names[index]] for index in its]
    truth = record.watched.labels[mine]
    net, int8 = record.watched.logits[mine], record.int8.logits[its]
    net_answer, answer = net.argmax(axis=1), int8.argmax(axis=1)
    return Quantised(
        count=len(its),
        net=_quality(net, truth),
        int8=_quality(int8, truth),
        agreement=float((answer == net_answer).mean()),
        lost=int(((net_answer == truth) & (answer != truth)).sum()),
        gained=int(((net_answer != truth) & (answer == truth)).sum()),
        margins=(margins(net, truth), margins(int8, truth)),
    )


def _quality(logits: Array, truth: Array) -> Quality:
    table = metrics.probabilities(logits)
    right = logits.argmax(axis=1) == truth
    error = metrics.calibration_error(metrics.reliability(table.max(axis=1), right))
    return Quality(float(right.mean()), metrics.likelihood(table, truth), error)


def margins(logits: Array, truth: Array) -> Array:
    """The truth's logit less the best other one: (n,), negative for a mistake."""
    rows = np.arange(len(truth))
    others = logits.copy()
    others[rows, truth] = -np.inf
    return np.asarray(logits[rows, truth] - others.max(axis=1))
