"""Where the detector sees signs that are none: `python -m calibration.mine`.

Writes `training/splits/gtsdb_background.csv`, what the classifier learns to refuse: boxes of the
detector at a very low threshold that touch no sign, be it marked by GTSDB or by hand, and frames
that fit a marked sign badly, both found and made. The same detector gives the same file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from calibration.walk import Walk
from edge.core import Box, Detection, Detector
from edge.detector import load_detector
from edge.sinks.files import prove_place, write_whole
from edge.status import StatusLine
from models.command import CommandParser
from models.errors import SourceError, UsageError, run_command
from models.processors import available_threads
from training.datasets import gtsdb
from training.files import stem
from training.negatives import (
    BACKGROUND_FILE,
    FOREIGN_FILE,
    SCORED,
    SIZE,
    Negative,
    parts,
    read_negatives,
)

LEAST_SCORE = 0.003  # nearly every picture then has some boxes, most of them background
LEAST_SIDE = 10  # px of the longer side: the app reads nothing smaller
BACKGROUNDS = 8  # a picture, the best: 600 pictures make no more than 4800 rows
MISFRAMED_FOUND = 2  # a sign
BADLY = (0.1, 0.4)  # IoU with the sign, the upper end exclusive: from there on it counts as framed

# Frames made of a sign's own: shift by shares of its sides, then scale. The IoU of each is within
# BADLY for every sign: a shift by s along one side has (1 - s) / (1 + s), a scale of k about the
# same centre 1 / k² or k². One a sign, in turn.
MADE = (
    *((0.55, 0.0, 1.0), (-0.55, 0.0, 1.0), (0.0, 0.55, 1.0), (0.0, -0.55, 1.0)),
    *((0.4, 0.4, 1.0), (-0.4, 0.4, 1.0), (0.4, -0.4, 1.0), (-0.4, -0.4, 1.0)),
    *((0.0, 0.0, 1.8), (0.0, 0.0, 2.4), (0.3, 0.2, 1.8), (-0.2, -0.3, 1.8)),
    *((0.0, 0.0, 0.55), (0.2, 0.2, 0.55), (-0.2, 0.2, 0.55), (0.0, -0.2, 0.5)),
)


class Street(NamedTuple):
    """What is known of one picture: the marked signs, and what else must not be touched."""

    picture: str
    signs: Sequence[Box]
    others: Sequence[Box]


def whole(box: Box) -> Box:
    """The box on whole pixels, cut at the picture's edge."""
    width, height = SIZE
    x1, y1, x2, y2 = (round(value) for value in box)
    return Box(max(0, x1), max(0, y1), min(width, x2), min(height, y2))


def backgrounds(street: Street, detections: Sequence[Detection]) -> Iterator[Negative]:
    """The best boxes that touch no sign at all."""
    known = (*street.signs, *street.others)
    boxes = ((whole(found.box), found.score) for found in detections)
    free = (
        (box, score)
        for box, score in boxes
        if max(box.width, box.height) >= LEAST_SIDE and not any(box.iou(sign) for sign in known)
    )
    for box, score in itertools.islice(free, BACKGROUNDS):
        yield _negative(street, box, "background", score)


def misframed(
    street: Street, detections: Sequence[Detection], turn: Iterator[tuple[float, float, float]]
) -> Iterator[Negative]:
    """Bad frames of each marked sign: the detector's best, and one that is made.

    A frame that shows another sign well, or touches a foreign one, is left out. `turn` goes on by
    one for each sign.
    """
    for sign in street.signs:
        frames = [(whole(found.box), found.score) for found in detections]
        bad = [(box, score) for box, score in frames if _is_bad(box, sign, street)]
        made = whole(reframe(sign, *next(turn)))
        if _is_bad(made, sign, street):
            bad = [*bad[:MISFRAMED_FOUND], (made, 0.0)]
        else:
            bad = bad[:MISFRAMED_FOUND]
        for box, score in bad:
            yield _negative(street, box, "misframed", score)


def reframe(sign: Box, across: float, down: float, scale: float) -> Box:
    """The sign's box, moved by shares of its sides and scaled about its new centre."""
    x, y = sign.centre
    x, y = x + across * sign.width, y + down * sign.height
    half_x, half_y = scale * sign.width / 2, scale * sign.height / 2
    return Box(x - half_x, y - half_y, x + half_x, y + half_y)


def _is_bad(box: Box, sign: Box, street: Street) -> bool:
    """Whether this shows the sign badly, and no sign better than this one."""
    low, high = BADLY
    best = max(box.iou(each) for each in street.signs)
    touched = any(box.iou(each) for each in street.others)
    side = max(box.width, box.height)
    return low <= box.iou(sign) == best < high and not touched and side >= LEAST_SIDE


def _negative(street: Street, box: Box, kind: str, score: float) -> Negative:
    x1, y1, x2, y2 = (int(value) for value in box)
    return Negative(street.picture, (x1, y1, x2, y2), kind, round(score, 3))


def mine(detector: Detector, walk: Walk, labelled: Sequence[Negative]) -> list[Negative]:
    """Background and misframed boxes of all pictures, in the order of the file.

    `labelled` are the places that a person has looked at. SourceError for a picture that GTSDB's
    training part does not have.
    """
    rows: list[Negative] = []
    turn = itertools.cycle(MADE)
    for example, image in walk:
        name = stem(example.name)
        if name not in parts():
            raise SourceError(f"{example.name}: expected a picture of GTSDB's training part")
        street = Street(
            name,
            [Box(*each.box) for each in example.annotations],
            [Box(*each.box) for each in labelled if each.picture == name],
        )
        detections = detector.detect(image)
        rows += backgrounds(street, detections)
        rows += misframed(street, detections, turn)
    return sorted(set(rows), key=lambda row: (row.picture, row.kind, -row.score, row.box))


def write(path: Path, rows: Sequence[Negative]) -> None:
    """All of it or nothing. Raises OutputError."""
    lines = [",".join(SCORED)]
    for row in rows:
        corners = ",".join(str(corner) for corner in row.box)
        lines.append(f"{row.picture},{corners},{row.kind},{row.score:.3f}")
    write_whole(path, "\n".join((*lines, "")).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.mine", __doc__)
    parser.add_argument("--detector", default="detector", help="its name or JSON (%(default)s)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=BACKGROUND_FILE,
        metavar="CSV",
        help="(%(default)s)",
    )
    parser.add_argument("--threads", type=int, default=available_threads(), help="(%(default)s)")
    flags = parser.parse(arguments)
    if flags.threads < 1:
        raise UsageError(f"--threads: expected 1 or more, found {flags.threads}")
    prove_place(flags.output)
    detector = load_detector(flags.detector, flags.threads, LEAST_SCORE)
    street = gtsdb()
    status = StatusLine(len(street.examples))
    try:
        walk = Walk(street, street.examples, status)
        rows = mine(detector, walk, read_negatives(FOREIGN_FILE))
    finally:
        status.close()
    write(flags.output, rows)
    made = sum(row.kind == "misframed" for row in rows)
    print(f"{flags.output}: {len(rows) - made} background, {made} misframed")


if __name__ == "__main__":
    run_command(main)
