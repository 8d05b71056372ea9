"""What must not be read as one of the 43 signs, by place in GTSDB's training pictures.

    python -m training.negatives

Two lists of numbers, no pictures. `splits/gtsdb_foreign.csv` was labelled by hand: GTSDB marks only
the 43 classes, so every other road sign stands in its pictures unmarked. Its kinds are

    foreign   no_stopping, parking, crossing, bus_stop, path (for feet and cycles), one_way,
              guide (directions, places, road numbers, street names), plate (below another sign),
              marker (chevrons, beacons, countdown boards), information (all other squares)
    missed    one of the 43 that GTSDB does not mark
    unclear   something sign-like of which nobody can tell what it is

The last two are neither foreign nor background: nothing is to be learnt or measured there.
`splits/gtsdb_background.csv` is written by `python -m calibration.mine`: `background` is where the
detector sees a sign and none is, `misframed` is a sign of the 43 in a frame that fits badly. The
labelling looked for what a detector might take for a sign; it is not complete, street names and
beacons least of all.

Who learns from a picture does not measure on it: `judge` is as in the split of GTSDB, its other
pictures are divided again into `train` and `choose`.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from models.errors import SourceError, run_command
from training.split import SPLITS, read_split

FOREIGN_FILE = SPLITS / "gtsdb_foreign.csv"
BACKGROUND_FILE = SPLITS / "gtsdb_background.csv"
COLUMNS = ("picture", "x1", "y1", "x2", "y2", "kind")
SCORED = (*COLUMNS, "score")

FOREIGN_KINDS = (
    *("no_stopping", "parking", "crossing", "bus_stop", "path", "one_way"),
    *("guide", "plate", "marker", "information"),
)
MISSED_KINDS = ("missed", "unclear")
BACKGROUND_KINDS = ("background", "misframed")

PARTS = ("train", "choose", "judge")
CHOOSE = 0.2  # share of the pictures that are not judged on
SIZE = (1360, 800)  # of every GTSDB picture


class Negative(NamedTuple):
    """A place in a GTSDB picture that is not, or not quite, one of the 43 signs.

    `picture` is the file's stem; `box` is x1, y1, x2, y2 in pixels, x2 and y2 exclusive; `kind` is
    a word of the lists above. `score` is what the detector gave it, 0 where it was not asked.
    """

    picture: str
    box: tuple[int, int, int, int]
    kind: str
    score: float = 0.0


@cache
def parts() -> dict[str, str]:
    """GTSDB picture stem → train, choose or judge. The lot depends on nothing but the name."""
    split = read_split("gtsdb")
    rest = sorted((name for name, part in split.items() if part == "train"), key=_lot)
    chosen = set(rest[: round(CHOOSE * len(rest))])
    return {name: "choose" if name in chosen else part for name, part in split.items()}


def _lot(picture: str) -> str:
    return hashlib.sha256(f"negatives {picture}".encode()).hexdigest()


def foreign(part: str) -> tuple[Negative, ...]:
    """Road signs outside the 43 in the pictures of one part; `kind` says what sort of sign."""
    return _of_part(read_negatives(FOREIGN_FILE), part, FOREIGN_KINDS)


def missed(part: str) -> tuple[Negative, ...]:
    """Places to leave alone: signs of the 43 that GTSDB does not mark, and what is unclear."""
    return _of_part(read_negatives(FOREIGN_FILE), part, MISSED_KINDS)


def of_picture(picture: str) -> tuple[Negative, ...]:
    """What was labelled by hand in one picture, named by its file's stem; empty if nothing."""
    return _by_picture().get(picture, ())


@cache
def _by_picture() -> dict[str, tuple[Negative, ...]]:
    found: dict[str, tuple[Negative, ...]] = {}
    for each in read_negatives(FOREIGN_FILE):
        found[each.picture] = (*found.get(each.picture, ()), each)
    return found


def background(part: str) -> tuple[Negative, ...]:
    """What the detector takes for a sign: `kind` is background or misframed, best scores first."""
    found = _of_part(read_negatives(BACKGROUND_FILE), part, BACKGROUND_KINDS)
    return tuple(sorted(found, key=lambda each: -each.score))


def _of_part(
    negatives: Sequence[Negative], part: str, kinds: Sequence[str]
) -> tuple[Negative, ...]:
    if part not in PARTS:
        raise SourceError(f"negatives: expected a part of {', '.join(PARTS)}, found {part!r}")
    its = parts()
    return tuple(each for each in negatives if its[each.picture] == part and each.kind in kinds)


def read_negatives(path: Path) -> tuple[Negative, ...]:
    """One of the two lists, checked row by row.

    `SourceError` names the file, the line and what is wrong with it: other columns, a picture that
    GTSDB's training part does not have, a box that is no box of whole pixels inside the picture,
    an unknown kind, a score that is none.
    """
    try:
        return _parse(str(path), path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: expected a list of negatives, found none: {error}") from error


@cache
def _parse(name: str, text: str) -> tuple[Negative, ...]:
    rows = csv.reader(io.StringIO(text))
    columns = tuple(next(rows, ()))
    if columns not in (COLUMNS, SCORED):
        raise SourceError(
            f"{name}: expected the columns {','.join(COLUMNS)} and perhaps score, "
            f"found {','.join(columns) or 'nothing'}"
        )
    kinds = BACKGROUND_KINDS if columns == SCORED else (*FOREIGN_KINDS, *MISSED_KINDS)
    return tuple(
        _negative(f"{name}: line {number}", row, len(columns), kinds)
        for number, row in enumerate(rows, start=2)
    )


def _negative(where: str, row: Sequence[str], columns: int, kinds: Sequence[str]) -> Negative:
    if len(row) != columns:
        raise SourceError(f"{where}: expected {columns} columns, found {len(row)}")
    picture, *corners, kind = row[: len(COLUMNS)]
    if picture not in parts():
        raise SourceError(f"{where}: expected a picture of GTSDB's training part, found {picture}")
    try:
        x1, y1, x2, y2 = (int(corner) for corner in corners)
    except ValueError:
        raise SourceError(f"{where}: expected whole pixels, found {','.join(corners)}") from None
    width, height = SIZE
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise SourceError(
            f"{where}: expected a box inside {width}x{height}, found {','.join(corners)}"
        )
    if kind not in kinds:
        raise SourceError(f"{where}: expected a kind of {', '.join(kinds)}, found {kind!r}")
    score = _score(where, row[len(COLUMNS)]) if columns > len(COLUMNS) else 0.0
    return Negative(picture, (x1, y1, x2, y2), kind, score)


def _score(where: str, text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise SourceError(f"{where}: expected a score of 0 to 1, found {text!r}")
    return score


def table(negatives: Sequence[Negative]) -> str:
    """How many there are of each kind in each part, and in how many pictures."""
    its = parts()
    counts = Counter((each.kind, its[each.picture]) for each in negatives)
    lines = [f"{'':<12}" + "".join(f"{part:>8}" for part in PARTS) + f"{'all':>8}"]
    for kind in sorted({each.kind for each in negatives}):
        numbers = [counts[kind, part] for part in PARTS]
        lines.append(f"{kind:<12}" + "".join(f"{n:>8}" for n in (*numbers, sum(numbers))))
    pictures = [{n.picture for n in negatives if its[n.picture] == part} for part in PARTS]
    sizes = [len(each) for each in pictures]
    lines.append(f"{'pictures':<12}" + "".join(f"{n:>8}" for n in (*sizes, sum(sizes))))
    return "\n".join(lines)


def main() -> None:
    for path in (FOREIGN_FILE, BACKGROUND_FILE):
        print(f"{path.name}\n{table(read_negatives(path))}\n")


if __name__ == "__main__":
    run_command(main)
