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
from training.runs import RECIPE
from training.sheet import LEFT, RIGHT, Sheet, aligned, percent, pipes
from training.watched import FILE, groups, read_answers, read_right, surprise

BETTER, WORSE, UNKNOWN = (43, 138, 62), (201, 42, 42), (173, 181, 189)
TICKS = (0.1, 0.3, 1, 3, 10, 30)  # points, to both sides
LINEAR = 0.1  # points around zero up to which the axis is about linear


class Watched(NamedTuple):
    """The answers of a variant's trainings, one after the other: right (n,), surprise (n,), and of
    each the training's number and the picture's name."""

    right: NDArray[np.float64]
    surprise: NDArray[np.float64]
    run: NDArray[np.int64]
    names: tuple[str, ...]


class Compared(NamedTuple):
    """One variant beside the base. Shares from 0 to 1; `differences` are of each training."""

    name: str
    change: str
    commands: tuple[str, ...]
    wrong: int
    watched: int
    signs: int
    nll: float
    difference: float
    interval: tuple[float, float]
    differences: tuple[float, ...]
    nll_difference: float
    nll_interval: tuple[float, float]

    @property
    def top1(self) -> float:
        return 1 - self.wrong / self.watched

    @property
    def verdict(self) -> str:
        """What the change does to the share read right, as far as the interval tells."""
        low, high = self.interval
        return "helps" if low > 0 else "hurts" if high < 0 else "no difference shown"


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
    each = [read_answers(run / FILE) for run in runs]
    return Watched(
        np.concatenate([read_right(a.logits, a.labels) for a in each]).astype(np.float64),
        np.concatenate([surprise(a.logits, a.labels) for a in each]).astype(np.float64),
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
        round(float((1 - variant.right).sum())),
        len(signs),
        len(set(signs)),
        float(variant.surprise.mean()),
        *paired_difference(variant.right, base.right, signs),
        tuple(float(gain[base.run == run].mean()) for run in np.unique(base.run)),
        *paired_difference(variant.surprise, base.surprise, signs),
    )


NUMBERS = ("wrong", "top1 %", "points", "95 %", "nll", "nll, 95 %")
HEADER = ("variant", "changed", *NUMBERS, "the change")
WORDS = (0, 1, len(HEADER) - 1)


def _points(share: float) -> str:
    """0.0012 as +0.12; no sign before nothing."""
    points = f"{100 * share:+.2f}"
    return "0.00" if float(points) == 0 else points


def _cells(compared: Compared, base: Compared) -> tuple[str, ...]:
    figures = (compared.name, compared.change, str(compared.wrong), percent(compared.top1))
    nll = f"{compared.nll:.4f}"
    if compared is base:
        return (*figures, "–", "–", nll, "–", "–")
    interval = " … ".join(map(_points, compared.interval))
    surprise = " … ".join(f"{end:+.4f}" for end in compared.nll_interval)
    return (*figures, _points(compared.difference), interval, nll, surprise, compared.verdict)


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
        "the interval holds the luck of the signs, not that of the seeds, which --repeats evens "
        f"out; of {changes} changes that do nothing, about {0.05 * changes:.1f} would show a "
        "difference",
    ]


def text(table: Sequence[Compared]) -> str:
    """For a terminal. The first row is the base, here and below."""
    return "\n".join((*aligned(HEADER, _rows(table), WORDS), *_under(table)))


def markdown(title: str, table: Sequence[Compared]) -> str:
    """The same as a page, with the commands."""
    lines = [f"# {title}", "", *pipes(HEADER, _rows(table), WORDS), ""]
    lines += [*(f"- {about}" for about in _under(table)), "", "![](ablation.png)", ""]
    lines += ["## The commands", ""]
    for each in table:
        lines += [f"{each.name}, changed: {each.change}", "```", *each.commands, "```", ""]
    return "\n".join(lines)


def csv_table(table: Sequence[Compared]) -> str:
    """The same in full figures, shares from 0 to 1; and the difference in each training."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ("variant", "change", "wrong", "watched", "signs", "top1", "nll", "verdict")
    numbers = ("difference", "low", "high", "nll_difference", "nll_low", "nll_high")
    writer.writerow((*names, *numbers, "differences", "commands"))
    for each in table:
        figures = (each.difference, *each.interval, each.nll_difference, *each.nll_interval)
        writer.writerow((
            *(each.name, each.change, each.wrong, each.watched, each.signs),
            *(f"{each.top1:.6f}", f"{each.nll:.6f}"),
            "" if each is table[0] else each.verdict,
            *(f"{value:.6f}" for value in figures),
            " ".join(f"{value:.6f}" for value in each.differences),
            "; ".join(each.commands),
        ))  # fmt: skip
    return out.getvalue()


def chart(title: str, table: Sequence[Compared]) -> bytes:
    """A PNG: how many points each change gains or loses, with its interval, around the base."""
    base, *others = table
    note = (
        f"points gained or lost against the base ({percent(base.top1)} % of {base.watched}), "
        "the axis stretched around zero; grey: no difference shown"
    )
    sheet = Sheet(title, note, len(others))
    ends = [100 * end for each in others for end in each.interval]
    low, high = min([-TICKS[0], *ends]), max([TICKS[0], *ends])
    span = _stretched(high) - _stretched(low)

    def place(points: float) -> float:
        return float(LEFT + (_stretched(points) - _stretched(low)) / span * (RIGHT - LEFT))

    for tick in (*(-t for t in TICKS), *TICKS):
        if low <= tick <= high:
            sheet.mark(place(tick), f"{tick:+g}")
    sheet.mark(place(0), "0", (73, 80, 87))
    colours = {"helps": BETTER, "hurts": WORSE}
    for row, each in enumerate(others):
        sheet.name(row, each.change)
        sheet.bar(row, place(0), place(100 * each.difference), colours.get(each.verdict, UNKNOWN))
        sheet.whiskers(row, *(place(100 * end) for end in each.interval))
        sheet.figures(row, _points(each.difference), f"{each.wrong} wrong, base {base.wrong}")
    return sheet.png()


def _stretched(points: float) -> float:
    """Linear near zero, logarithmic further out: from 0.05 to 30 points stand in one picture."""
    return float(np.arcsinh(points / LINEAR))
