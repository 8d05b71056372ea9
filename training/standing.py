"""What the finished rungs of a ladder reached, as a table, as files and as a picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.errors import SourceError
from training.sheet import LEFT, RIGHT, Sheet, aligned, percent, pipes
from training.watched import FILE, groups, read_answers, read_right, share_and_interval

COST = "cost.json"
BAR, BEST = (25, 113, 194), (43, 138, 62)
LEAST_ERROR = 1e-4  # where the axis of the picture ends


class Standing(NamedTuple):
    """One finished rung. `top1` is of `watched` pictures of the part `part`."""

    name: str
    idea: str
    command: str
    parameters: int | None
    multiply_adds: int | None
    top1: float
    interval: tuple[float, float]
    watched: int
    part: str
    seconds: float


def read_standing(run: Path, idea: str, command: str, tracks: Mapping[str, str]) -> Standing:
    """From what a run has left in its folder; SourceError where that is broken.

    `tracks` names for each picture the physical sign that it shows.
    """
    answers = read_answers(run / FILE)
    right = read_right(answers.logits, answers.labels)
    top1, interval = share_and_interval(right, groups(answers.names, tracks))
    try:
        epochs = json.loads((run / "log.json").read_text())
        seconds = sum(float(entry["seconds"]) for entry in epochs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{run / 'log.json'}: expected a run's log, found {error}") from error
    parameters, multiply_adds = _cost(run)
    return Standing(
        *(run.name, idea, command, parameters, multiply_adds),
        *(top1, interval, len(right), answers.part, seconds),
    )


def _cost(run: Path) -> tuple[int | None, int | None]:
    """Parameters and multiply-adds a crop; None where they are unknown.

    A classical machine multiplies each weight once; the making of its features is not counted.
    """
    if (run / COST).exists():
        cost = json.loads((run / COST).read_text())
        return int(cost["parameters"]), int(cost["multiply_adds"])
    if (run / "final.keras").exists():
        try:
            import keras  # noqa: PLC0415 – a table of figures needs no framework otherwise

            from training.nets import multiply_adds  # noqa: PLC0415
        except ImportError:
            return None, None
        net = keras.models.load_model(run / "final.keras", compile=False)
        return net.count_params(), multiply_adds(net)
    return None, None


def _short(number: int | None) -> str:
    """9.4 k, 0.27 M, 18 M; a dash where it is unknown."""
    if number is None:
        return "–"
    for scale, unit in ((1e6, " M"), (1e3, " k")):
        if number >= scale / 10:
            value = number / scale
            return f"{value:.2f}{unit}" if value < 1 else f"{value:.3g}{unit}"
    return str(number)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


HEADER = ("idea", "parameters", "multiply-adds", "top1 %", "95 %", "time")


def _cells(standing: Standing) -> tuple[str, ...]:
    low, high = map(percent, standing.interval)
    return (
        standing.idea,
        _short(standing.parameters),
        _short(standing.multiply_adds),
        percent(standing.top1),
        f"{low} – {high}",
        _time(standing.seconds),
    )


def _under(standings: Sequence[Standing]) -> str:
    first = standings[0]
    return (
        f"top1: share read right of {first.watched} pictures of the part {first.part}, with the "
        "95 % bootstrap interval over tracks or, without any, pictures; multiply-adds of one crop, "
        "without the making of hand-made features; time: of the training, without reading the data"
    )


def table(standings: Sequence[Standing]) -> str:
    """For a terminal: a line a rung, and below the table what its columns mean."""
    return "\n".join((*aligned(HEADER, list(map(_cells, standings))), _under(standings)))


def markdown(title: str, standings: Sequence[Standing]) -> str:
    """The same as a page, with the commands."""
    lines = [f"# {title}", "", *pipes(HEADER, list(map(_cells, standings))), ""]
    lines += [f"{_under(standings)}.", "", "![](ladder.png)", "", "## The commands", ""]
    lines += [line for s in standings for line in (f"{s.idea}:", "```", s.command, "```", "")]
    return "\n".join(lines)


def csv_table(standings: Sequence[Standing]) -> str:
    """The same in full figures, shares from 0 to 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("rung", "idea", "parameters", "multiply_adds", "top1", "low", "high")
    writer.writerow((*names, "watched", "part", "seconds", "command"))
    for s in standings:
        cost = ("" if each is None else each for each in (s.parameters, s.multiply_adds))
        shares = (f"{share:.6f}" for share in (s.top1, *s.interval))
        writer.writerow(
            (s.name, s.idea, *cost, *shares, s.watched, s.part, f"{s.seconds:.1f}", s.command)
        )
    return text.getvalue()


def chart(title: str, standings: Sequence[Standing]) -> bytes:
    """A PNG: how much each rung reads wrong, on a logarithmic axis, with its interval."""
    note = f"read wrong of {standings[0].watched} pictures, logarithmic: shorter is better"
    sheet = Sheet(title, note, len(standings))
    floor = min(_floor(1 - s.top1) for s in standings)

    def place(error: float) -> float:
        way = (np.log10(max(error, floor)) - np.log10(floor)) / -np.log10(floor)
        return float(LEFT + way * (RIGHT - LEFT))

    for power in range(round(np.log10(floor)), 1):
        sheet.mark(place(10.0**power), f"{10.0 ** (power + 2):g} %")
    best = max(range(len(standings)), key=lambda row: standings[row].top1)
    for row, standing in enumerate(standings):
        sheet.name(row, standing.idea)
        sheet.bar(row, LEFT, place(1 - standing.top1), BEST if row == best else BAR)
        sheet.whiskers(row, *(place(1 - share) for share in reversed(standing.interval)))
        size = f"{_short(standing.multiply_adds)} multiply-adds"
        sheet.figures(row, f"{percent(standing.top1)} %", size)
    return sheet.png()


def _floor(error: float) -> float:
    """The power of ten at or below an error."""
    return float(10.0 ** np.floor(np.log10(max(error, LEAST_ERROR)) - 1e-9))
