"""How well signs are found and read in whole pictures: right is where box and class are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from calibration import categories, metrics
from calibration.finding import by_height, ignoring, refuse_no_sign
from calibration.matching import IOU, Answers, Look, average_precisions, operating_figures, pool
from calibration.metrics import Counts, Floats, Ints
from calibration.places import within
from calibration.seen import Seen, reaches
from calibration.sign_free import readings
from edge.core import UNKNOWN
from models.signs import COUNT, sign_class

AT_IOU = np.array([IOU])


class Thresholds(NamedTuple):
    """From where on the app believes an answer: the detector's score, and the fused one."""

    detector: float
    fused: float


def system_figures(seen: Sequence[Seen], thresholds: Thresholds) -> dict[str, Any]:
    """The figures of both models together at these thresholds.

    `ap50` is micro-averaged: one ranking by fused score over all 43 classes; so are `precision`,
    `recall` and `f1`, and `macro_f1` is the mean over the classes that occur. What is read as
    foreign is neither a hit nor a false alarm and is counted in `foreign_per_image`; nor is an
    answer that lies on a sign whose true class is not known. `found`: any answer of the app,
    foreign or not, lies on the sign. `read_right_of_found`: of those, the share with the right
    class. `map50` is the mean of `ap50` over GTSDB's three categories, as published figures are:
    there the category must be right, not the class.

    Where a person has looked at all pictures, `ignoring_foreign` and `sign_free` are as for a
    detector; `named_foreign_per_image` is how many foreign signs were named as one of the 43, the
    one thing among the ignored that is a mistake.
    """
    operating = [reaches(each, *thresholds).astype(float) for each in seen]
    looks = [look(each, its) for each, its in zip(seen, operating, strict=True)]
    answers = pool(looks, AT_IOU)
    refuse_no_sign(answers.truths)
    found, unknown = (
        np.array([count(each, its) for each, its in zip(seen, operating, strict=True)])
        for count in (_found, _unknown)
    )
    classes = by_class(seen, operating)
    whole = [category_answers(seen, operating, place) for place in range(len(categories.JUDGED))]

    def figures(counts: Counts) -> dict[str, float]:
        n_truth, n_found = float(np.dot(counts, answers.truths)), float(np.dot(counts, found))
        precisions = [average_precisions(each, counts)[0] for each in whole]
        return {
            "ap50": float(average_precisions(answers, counts)[0]),
            **operating_figures(answers, counts),
            "macro_f1": classes.macro_f1(counts),
            "map50": float(np.mean(precisions)),
            "found": metrics.ratio(n_found, n_truth),
            "read_right_of_found": metrics.ratio(float(np.dot(counts, answers.right)), n_found),
            "foreign_per_image": metrics.mean(unknown, counts),
        }

    once = np.ones(len(seen), dtype=np.int64)
    result = {
        **{key: value for key, value in figures(once).items() if not np.isnan(value)},
        "n_images": len(seen),
        "n_boxes": int(answers.truths.sum()),
        "thresholds": thresholds._asdict(),
        "intervals": metrics.intervals(figures, len(seen)),
        "by_height": by_height(looks),
        "by_category": _by_category(seen, operating, classes),
        "per_class": classes.rows(),
    }
    if all(each.places is not None for each in seen):
        result |= _honest(seen, operating)
    return result


def look(seen: Seen, operating: Floats, ignoring: bool = False, group: Ints | None = None) -> Look:
    """One picture as the system is asked: signs of the 43 with their class.

    `group` (43,) puts classes together: an answer is then right where the group is.
    """
    known, named = seen.labels != UNKNOWN, seen.said != UNKNOWN
    said, labels = seen.said[named], seen.labels[known]
    boxes = seen.boxes[named]
    if group is not None:
        said, labels = group[said], group[labels]
    overlap = metrics.ious(boxes, seen.signs[known])
    vague = (metrics.ious(boxes, seen.signs[~known]) >= IOU).any(axis=1)
    inside = within(boxes, seen.hand_marked.boxes)
    return Look(
        seen.scores[named],
        operating[named],
        np.where(said[:, None] == labels, overlap, 0.0),
        vague | (inside & ignoring),
        boxes[:, 3] - boxes[:, 1],
        seen.heights[known],
    )


def only(seen: Seen, operating: Floats, labels: Ints) -> tuple[Seen, Floats]:
    """The picture with the signs and answers of these classes alone.

    Signs whose class is not known stay, and so do the hand-marked places.
    """
    answers = np.isin(seen.said, labels)
    signs = np.isin(seen.labels, labels) | (seen.labels == UNKNOWN)
    return (
        seen._replace(
            signs=seen.signs[signs],
            labels=seen.labels[signs],
            boxes=seen.boxes[answers],
            said=seen.said[answers],
            scores=seen.scores[answers],
            detected=seen.detected[answers],
        ),
        operating[answers],
    )


class Classes(NamedTuple):
    """What the answers of each class come to picture by picture, each (43, pictures)."""

    truths: Ints
    right: Floats
    wrong: Floats

    def macro_f1(self, counts: Counts) -> float:
        """Mean F1 of the classes that occur among the signs; 0 where none does."""
        truths, right, wrong = (table @ counts for table in self)
        there = truths > 0
        if not there.any():
            return 0.0
        return float(np.mean(2 * right[there] / (truths + right + wrong)[there]))

    def rows(self) -> list[dict[str, Any]]:
        """Support, precision, recall and F1 of each class that occurs or was named."""
        rows = []
        for label, (n, right, wrong) in enumerate(
            zip(*(table.sum(axis=1) for table in self), strict=True)
        ):
            if n or right + wrong:
                rows.append(
                    {
                        "id": label,
                        "name": sign_class(label).name,
                        "n": int(n),
                        "named": int(right + wrong),
                        "precision": metrics.ratio(right, right + wrong),
                        "recall": metrics.ratio(right, n),
                        "f1": metrics.ratio(2 * right, n + right + wrong),
                    }
                )
        return rows


def by_class(seen: Sequence[Seen], operating: Sequence[Floats], ignoring: bool = False) -> Classes:
    """Every class by itself: as boxes of two classes never match, nothing else changes."""
    tables = []
    for label in range(COUNT):
        own = [only(s, o, np.array([label])) for s, o in zip(seen, operating, strict=True)]
        tables.append(pool([look(s, o, ignoring) for s, o in own], AT_IOU))
    return Classes(
        np.array([each.truths for each in tables]),
        np.array([each.right for each in tables]),
        np.array([each.wrong for each in tables]),
    )


def category_answers(seen: Sequence[Seen], operating: Sequence[Floats], place: int) -> Answers:
    """The answers of one of CATEGORIES, right where the category is."""
    group = categories.numbers(np.arange(COUNT))
    labels = np.flatnonzero(group == place)
    own = [only(s, o, labels) for s, o in zip(seen, operating, strict=True)]
    return pool([look(s, o, group=group) for s, o in own], AT_IOU)


def _by_category(
    seen: Sequence[Seen], operating: Sequence[Floats], classes: Classes
) -> list[dict[str, Any]]:
    """Class right: precision, recall and false alarms; category right: `ap50`."""
    once = np.ones(len(seen), dtype=np.int64)
    group = categories.numbers(np.arange(COUNT))
    rows = []
    for place, name in enumerate(categories.CATEGORIES):
        n, right, wrong = (float(table[group == place].sum()) for table in classes)
        if not n:
            continue
        answers = category_answers(seen, operating, place)
        rows.append(
            {
                "category": name,
                "n": int(n),
                "precision": metrics.ratio(right, right + wrong),
                "recall": metrics.ratio(right, n),
                "false_alarms_per_image": wrong / len(seen),
                "ap50": float(average_precisions(answers, once)[0]),
            }
        )
    return rows


def _honest(seen: Sequence[Seen], operating: Sequence[Floats]) -> dict[str, Any]:
    pairs = list(zip(seen, operating, strict=True))
    answers = pool([look(s, o, ignoring=True) for s, o in pairs], AT_IOU)
    once = np.ones(len(seen), dtype=np.int64)
    on_foreign = [
        float(
            (
                o
                * (s.said != UNKNOWN)
                * within(s.boxes, s.hand_marked.boxes[s.hand_marked.foreign])
            ).sum()
        )
        for s, o in pairs
    ]
    return {
        "ignoring_foreign": {
            **ignoring(answers, seen),
            "macro_f1": by_class(seen, operating, ignoring=True).macro_f1(once),
            "named_foreign_per_image": float(np.mean(on_foreign)),
        },
        "sign_free": readings(seen, operating),
    }


def _found(seen: Seen, operating: Floats) -> float:
    """How many signs of the 43 any answer of the app lies on."""
    signs = seen.signs[seen.labels != UNKNOWN]
    reached = np.where(metrics.ious(seen.boxes, signs) >= IOU, operating[:, None], 0.0)
    return float(reached.max(axis=0, initial=0.0).sum())


def _unknown(seen: Seen, operating: Floats) -> float:
    return float(operating[seen.said == UNKNOWN].sum())
