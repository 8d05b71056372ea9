"""What comparing variants with their base has shown: as lines, a page, a file and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from training.comparison import NOTHING, Compared, Gain
from training.corruptions import CORRUPTIONS, SEVERITY
from training.sheet import LEFT, RIGHT, Sheet, aligned, percent, pipes

BETTER, WORSE, UNKNOWN = (43, 138, 62), (201, 42, 42), (173, 181, 189)
TICKS = (0.1, 0.3, 1, 3, 10, 30)  # points, to both sides
LINEAR = 0.1  # points around zero up to which the axis is about linear

NUMBERS = ("wrong", "top1 %", "points", "95 %", "nll", "nll, 95 %")
CORRUPTED = ("corrupted, top1 %", "corrupted, points", "corrupted, 95 %")
HEADER = ("variant", "changed", *NUMBERS, *CORRUPTED, "the change")
WORDS = (0, 1, len(HEADER) - 1)


def _points(share: float) -> str:
    """0.0012 as +0.12; no sign before nothing."""
    points = f"{100 * share:+.2f}"
    return "0.00" if float(points) == 0 else points


def _cells(compared: Compared, base: Compared) -> tuple[str, ...]:
    about = (compared.name, compared.change)
    clean = (str(compared.clean.wrong), percent(compared.top1(compared.clean)))
    nll = f"{compared.nll:.4f}"
    corrupted = percent(compared.top1(compared.corrupted))
    if compared is base:
        return (*about, *clean, *("–", "–"), nll, "–", corrupted, *("–", "–"), "–")
    surprise = " … ".join(f"{end:+.4f}" for end in compared.nll_interval)
    return (
        *(*about, *clean, *_gained(compared.clean), nll, surprise),
        *(corrupted, *_gained(compared.corrupted), _words(compared)),
    )


def _gained(gain: Gain) -> tuple[str, str]:
    """Points, and their interval."""
    return _points(gain.difference), " … ".join(map(_points, gain.interval))


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
        "difference on clean pictures, and as many on corrupted ones",
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
