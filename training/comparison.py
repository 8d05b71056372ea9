"""Variants of a recipe against its base, picture by picture: a table, files and a chart."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import SourceError
from models.intervals import paired_difference
from training.classifier import Recipe
from training.corruptions import CORRUPTIONS, SEVERITY
from training.runs import RECIPE
from training.sheet import LEFT, RIGHT, Sheet, aligned, percent, pipes
from training.watched import (
    WATCHED,
    answers_file,
    groups,
    read_answers,
    read_right,
    surprise,
)

BETTER, WORSE, UNKNOWN = (43, 138, 62), (201, 42, 42), (173, 181, 189)
TICKS = (0.1, 0.3, 1, 3, 10, 30)  # points, to both sides
NOTHING = "no difference shown"
LINEAR = 0.1  # points around zero up to which the axis is about linear


class Watched(NamedTuple):
    """The answers of a variant's trainings, one after the other: right (n,), surprise (n,), right
    where the picture is corrupted (n,), and of each the training's number and the picture's name.
    """

    right: NDArray[np.float64]
    surprise: NDArray[np.float64]
    corrupted: NDArray[np.float64]
    run: NDArray[np.int64]
    names: tuple[str, ...]


class Gain(NamedTuple):
    """How many a variant reads wrong, and how much more it reads right than the base does.

    `difference` and its 95 % `interval` are shares from 0 to 1.
    """

    wrong: int
    difference: float
    interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """What the change does to the share read right, as far as the interval tells."""
        low, high = self.interval
        return "helps" if low > 0 else "hurts" if high < 0 else NOTHING


class Compared(NamedTuple):
    """One variant beside the base, on `watched` pictures of `signs` signs, as they are (`clean`)
    and corrupted. Shares from 0 to 1; `differences` are of each training, on clean pictures."""

    name: str
    change: str
    commands: tuple[str, ...]
    watched: int
    signs: int
    clean: Gain
    corrupted: Gain
    differences: tuple[float, ...]
    nll: float
    nll_difference: float
    nll_interval: tuple[float, float]

    def top1(self, gain: Gain) -> float:
        """The share read right, clean or corrupted."""
        return 1 - gain.wrong / self.watched


def read_recipe(run: Path) -> dict[str, Any]:
    """The recipe that a finished run wrote down; SourceError where there is none.

    What it does not name was no choice yet, and was as it is by default today.
    """
    path = run / RECIPE
    try:
        return asdict(Recipe()) | dict(json.loads(path.read_text())["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: expected a run's recipe, found {error}") from error


def refuse_other(run: Path, flags: Mapping[str, str], base: Mapping[str, Any]) -> None:
    """SourceError where a finished run differs from the base in more, or less, than its flags.

    A run that was trained before the recipe's defaults changed would pass for a variant otherwise.
    """
    found = read_recipe(run)
    wanted = dict(base)
    for flag, value in flags.items():
        key = flag[2:]
        if key in found:  # --limit is no part of a recipe
            wanted[key] = type(found[key])(value)
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    if wrong:
        key, own = min(wrong), " ".join(f"{flag} {value}" for flag, value in flags.items())
        raise SourceError(
            f"{run}: expected the base's recipe with {own}, found {key} {found.get(key)!r} instead "
            f"of {wanted.get(key)!r}: remove what was trained by another recipe"
        )


def read_watched(runs: Sequence[Path]) -> Watched:
    """The answers of all trainings of one variant; SourceError where some are broken."""
    each = [read_answers(run / answers_file(WATCHED)) for run in runs]
    worse = [read_answers(run / answers_file(WATCHED, corrupted=True)) for run in runs]
    for run, clean, corrupted in zip(runs, each, worse, strict=True):
        if clean.names != corrupted.names:
            raise SourceError(
                f"{run / answers_file(WATCHED, corrupted=True)}: expected answers for the "
                f"{len(clean.names)} pictures that the run was watched on, found others"
            )
    return Watched(
        np.concatenate([read_right(a.logits, a.labels) for a in each]).astype(np.float64),
        np.concatenate([surprise(a.logits, a.labels) for a in each]).astype(np.float64),
        np.concatenate([read_right(a.logits, a.labels) for a in worse]).astype(np.float64),
        np.repeat(np.arange(len(each)), [len(a.labels) for a in each]),
        tuple(name for a in each for name in a.names),
    )


def compare(
    about: tuple[str, str, tuple[str, ...]],
    base: Watched,
    variant: Watched,
    tracks: Mapping[str, str],
) -> Compared:
    """`about` is name, change and commands; `tracks` names for each picture the physical sign.

    SourceError where the two were not watched on the same pictures of the data set.
    """
    if variant.names != base.names or not np.array_equal(variant.run, base.run):
        raise SourceError(
            f"{about[0]}: expected the {len(base.names)} pictures that the base was watched on, "
            f"found {len(variant.names)} others"
        )
    signs = groups(base.names, tracks)
    gain = variant.right - base.right
    return Compared(
        *about,
        *(len(signs), len(set(signs))),
        _gain(variant.right, base.right, signs),
        _gain(variant.corrupted, base.corrupted, signs),
        tuple(float(gain[base.run == run].mean()) for run in np.unique(base.run)),
        float(variant.surprise.mean()),
        *paired_difference(variant.surprise, base.surprise, signs),
    )


def _gain(own: NDArray[np.float64], base: NDArray[np.float64], signs: Sequence[str]) -> Gain:
    return Gain(round(float((1 - own).sum())), *paired_difference(own, base, signs))


NUMBERS = ("wrong", "top1 %", "points", "95 %", "nll", "nll, 95 %")
CORRUPTED = ("corrupted, top1 %", "points", "95 %")
HEADER = ("variant", "changed", *NUMBERS, *CORRUPTED, "the change")
WORDS = (0, 1, len(HEADER) - 1)


def _points(share: float) -> str:
    """0.0012 as +0.12; no sign before nothing."""
    points = f"{100 * share:+.2f}"
    return "0.00" if float(points) == 0 else points


def _cells(compared: Compared, base: Compared) -> tuple[str, ...]:
    clean, corrupted = compared.clean, compared.corrupted
    points: list[tuple[str, ...]] = [("–", "–"), ("–", "–"), ("–",), ("–",)]
    if compared is not base:
        points = [
            *((_points(g.difference), " … ".join(map(_points, g.interval)))
              for g in (clean, corrupted)),
            (" … ".join(f"{end:+.4f}" for end in compared.nll_interval),),
            (_words(compared),),
        ]  # fmt: skip
    return (
        *(compared.name, compared.change, str(clean.wrong), percent(compared.top1(clean))),
        *(*points[0], f"{compared.nll:.4f}", *points[2]),
        *(percent(compared.top1(corrupted)), *points[1], *points[3]),
    )


def _words(compared: Compared) -> str:
    """Both verdicts, where both say something."""
    clean, corrupted = compared.clean.verdict, compared.corrupted.verdict
    if corrupted == NOTHING:
        return clean
    return f"corrupted, {corrupted}" if clean == NOTHING else f"{clean}; corrupted, {corrupted}"


def _rows(table: Sequence[Compared]) -> list[tuple[str, ...]]:
    return [_cells(each, table[0]) for each in table]


def _under(table: Sequence[Compared]) -> list[str]:
    base, changes = table[0], len(table) - 1
    return [
        f"wrong: of {base.watched} answers for pictures of {base.signs} signs, each by a net that "
        f"never saw the sign, {len(base.commands)} trainings a variant",
        "points: top1 less the base's, with its 95 % interval by paired bootstrap over signs; the "
        "change helps or hurts where that is on one side of zero",
        "nll: negative log-likelihood without a temperature (smoothing and teachers change it by "
        "themselves), and the interval of what it is more than the base's: less is better",
        f"corrupted: the same pictures, each spoilt by one of {len(CORRUPTIONS)} corruptions at "
        f"severity {SEVERITY}, which take turns",
        "the interval holds the luck of the signs, not that of the seeds, which --repeats evens "
        f"out; of {changes} changes that do nothing, about {0.05 * changes:.1f} would show a "
        "difference in each of the two",
    ]


def text(table: Sequence[Compared]) -> str:
    """For a terminal. The first row is the base, here and below."""
    return "\n".join((*aligned(HEADER, _rows(table), WORDS), *_under(table)))


def markdown(title: str, table: Sequence[Compared], pictures: Sequence[str]) -> str:
    """The same as a page, with the names of its pictures and the commands."""
    lines = [f"# {title}", "", *pipes(HEADER, _rows(table), WORDS), ""]
    lines += [*(f"- {about}" for about in _under(table)), ""]
    lines += [line for name in pictures for line in (f"![]({name})", "")]
    lines += ["## The commands", ""]
    for each in table:
        lines += [f"{each.name}, changed: {each.change}", "```", *each.commands, "```", ""]
    return "\n".join(lines)


def csv_table(table: Sequence[Compared]) -> str:
    """The same in full figures, shares from 0 to 1; and the difference in each training."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    gain = ("wrong", "top1", "difference", "low", "high", "verdict")
    nll = ("nll", "nll_difference", "nll_low", "nll_high")
    corrupted = (f"corrupted_{name}" for name in gain)
    about = ("variant", "change", "watched", "signs")
    writer.writerow((*about, *gain, *corrupted, *nll, "differences", "commands"))
    for each in table:
        gains = [
            (
                *(found.wrong, f"{each.top1(found):.6f}"),
                *(f"{value:.6f}" for value in (found.difference, *found.interval)),
                "" if each is table[0] else found.verdict,
            )
            for found in (each.clean, each.corrupted)
        ]
        figures = (each.nll, each.nll_difference, *each.nll_interval)
        writer.writerow((
            *(each.name, each.change, each.watched, each.signs),
            *(*gains[0], *gains[1]),
            *(f"{value:.6f}" for value in figures),
            " ".join(f"{value:.6f}" for value in each.differences),
            "; ".join(each.commands),
        ))  # fmt: skip
    return out.getvalue()


def chart(title: str, table: Sequence[Compared], corrupted: bool = False) -> bytes:
    """A PNG: how many points each change gains or loses, with its interval, around the base."""
    gains = [each.corrupted if corrupted else each.clean for each in table]
    top1 = percent(table[0].top1(gains[0]))
    note = (
        f"points gained or lost against the base ({top1} % of {table[0].watched}"
        f"{' corrupted pictures' * corrupted}), the axis stretched around zero; grey: {NOTHING}"
    )
    sheet = Sheet(title, note, len(table) - 1)
    ends = [100 * end for gain in gains[1:] for end in gain.interval]
    low, high = min([-TICKS[0], *ends]), max([TICKS[0], *ends])
    span = _stretched(high) - _stretched(low)

    def place(points: float) -> float:
        return float(LEFT + (_stretched(points) - _stretched(low)) / span * (RIGHT - LEFT))

    for tick in (*(-t for t in TICKS), *TICKS):
        if low <= tick <= high:
            sheet.mark(place(tick), f"{tick:+g}")
    sheet.mark(place(0), "0", (73, 80, 87))
    colours = {"helps": BETTER, "hurts": WORSE}
    for row, (each, gain) in enumerate(zip(table[1:], gains[1:], strict=True)):
        sheet.name(row, each.change)
        sheet.bar(row, place(0), place(100 * gain.difference), colours.get(gain.verdict, UNKNOWN))
        sheet.whiskers(row, *(place(100 * end) for end in gain.interval))
        sheet.figures(row, _points(gain.difference), f"{gain.wrong} wrong, base {gains[0].wrong}")
    return sheet.png()


def _stretched(points: float) -> float:
    """Linear near zero, logarithmic further out: from 0.05 to 30 points stand in one picture."""
    return float(np.arcsinh(points / LINEAR))
