"""Accuracy against time: which detectors are worth having, as a table and a plot.

    python -m calibration.front detector-fast detector runs/slim@800x448 --plot front.png

Each is a published detector by name, or a training run with an input size, which is quantised for
this alone. All are measured on the same pictures (GTSDB's judge part, or --data) by the same
threads, taking turns. On the front are those that no other beats in both.

    python -m calibration.front runs/slim-{fold}@960x544 runs/direct-{fold}@960x544 --folds 3

With --folds every picture of GTSDB is judged by the one of so many trainings (`training.detector
--folds 3 --fold N`) that has not learnt from it: {fold} in a run's name stands for their numbers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, NamedTuple

import numpy as np

from calibration.candidate import Target, trained, write
from calibration.cost import multiply_adds
from calibration.finding import detector_figures
from calibration.pictures import check_suits, choose, warn_of_trained_on
from calibration.plots import new_figure, prove_plot, save
from calibration.publish_detector import draft
from calibration.seen import WHOLE_CURVE, Seen, see_detector
from calibration.walk import Walk
from edge.core import Image
from edge.detector import YoloDetector, load_detector
from edge.machine import machine
from edge.reports import write_json
from edge.sinks.files import prove_place
from models.command import CommandParser
from models.errors import ModelError, UsageError, run_command
from models.processors import available_threads
from models.spec import find_model, load_spec, model_bytes
from training.datasets import Dataset, Example, open_set
from training.split import divide

FOLD = "{fold}"
ROUNDS = 25  # pictures that each is timed on
WARM_UP = 3
SCORE = 0.05  # from which all are timed: a run has no threshold, and would suppress for long


class Candidate(NamedTuple):
    """A detector to compare: what it is called, and the JSON of each fold's net (one without)."""

    name: str
    paths: Sequence[Path]

    @property
    def data(self) -> bytes:
        """The first one's file, whose time and work stand for all."""
        path = self.paths[0]
        return model_bytes(load_spec(path), path)


Parts = Sequence[Sequence[Example]]  # the pictures that each fold's net is asked about


def candidate(text: str, folder: Path, folds: int = 0) -> Candidate:
    """A published detector by name, or RUN@WIDTHxHEIGHT quantised into `folder`, of each fold.

    ModelError for a run that did not hold its fold out.
    """
    run, at, size = text.rpartition("@")
    if folds and FOLD not in run:
        raise UsageError(f"{text}: expected RUN@WIDTHxHEIGHT with {FOLD} in it beside --folds")
    if not at:
        return Candidate(text, [find_model(text)])
    sides = size.split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise UsageError(f"{text}: expected RUN@WIDTHxHEIGHT or a published detector's name")
    runs = [Path(run.replace(FOLD, str(fold))) for fold in range(folds)] or [Path(run)]
    for fold, each in enumerate(runs if folds else ()):
        recipe = trained(each)["recipe"]
        if (found := (recipe.get("folds", 0), recipe.get("fold", 0))) != (folds, fold):
            raise ModelError(
                f"{each}: expected a training without fold {fold} of {folds}, "
                f"found fold {found[1]} of {found[0]}"
            )
    paths = []
    for each in runs:
        own = Path(mkdtemp(dir=folder))  # runs may be called the same
        spec, data, _ = draft(each, Target("draft", "0", own), (int(sides[0]), int(sides[1])))
        paths.append(write(spec, data, own))
    return Candidate(f"{Path(run).name}-{size}", paths)


def compare(candidates: Sequence[Candidate], data: Dataset, parts: Parts) -> list[dict[str, Any]]:
    """Figures of each: AP on these pictures with intervals, ms a picture, bytes, work."""
    pictures = [data.read(example) for example in parts[0][: ROUNDS + WARM_UP]]
    first = [str(each.paths[0]) for each in candidates]
    times = {
        threads: _times([load_detector(path, threads, SCORE) for path in first], pictures)
        for threads in sorted({1, available_threads()})
    }
    rows = []
    for number, each in enumerate(candidates):
        seen: list[Seen] = []
        for path, examples in zip(each.paths, parts, strict=True):
            detector = load_detector(str(path), available_threads(), WHOLE_CURVE)
            seen += see_detector(detector, Walk(data, examples))[0]
        figures = detector_figures(seen, detector.spec.thresholds["score"])
        size, file = detector.spec.input, each.data
        rows.append(
            {
                "name": each.name,
                "input": f"{size.width}x{size.height}",
                "bytes": len(file),
                "multiply_adds": multiply_adds(file),
                **{key: figures[key] for key in ("ap50", "ap50_95", "intervals")},
                "ms": {str(threads): found[number] for threads, found in times.items()},
            }
        )
    most = str(max(times))
    found = [(row["ms"][most], row["ap50_95"]) for row in rows]
    return [{**row, "on_front": best} for row, best in zip(rows, on_front(found), strict=True)]


def on_front(found: Sequence[tuple[float, float]]) -> list[bool]:
    """Which of these (ms, accuracy) no other beats: no slower, no worse, and better in one."""
    return [
        not any(other[0] <= own[0] and other[1] >= own[1] and other != own for other in found)
        for own in found
    ]


def _times(detectors: Sequence[YoloDetector], pictures: Sequence[Image]) -> list[float]:
    """Median milliseconds from letterbox to NMS; all see one picture before the next one."""
    spent: list[list[float]] = [[] for _ in detectors]
    for picture in pictures:
        for own, detector in zip(spent, detectors, strict=True):
            started = time.perf_counter()
            detector.detect(picture)
            own.append(time.perf_counter() - started)
    return [round(1000 * float(np.median(own[WARM_UP:])), 2) for own in spent]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as Markdown."""
    threads = list(rows[0]["ms"])
    heads = [f"ms, {n} thread{'s' if n != '1' else ''}" for n in threads]
    columns = ["detector", "input", "MB", "M multiply-adds", *heads, "AP50", "AP50-95", "front"]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        found = [row["name"], row["input"], f"{row['bytes'] / 1e6:.2f}"]
        found += [f"{row['multiply_adds'] / 1e6:.0f}", *(f"{row['ms'][n]:.1f}" for n in threads)]
        for key in ("ap50", "ap50_95"):
            low, high = row["intervals"][key]
            found.append(f"{row[key]:.3f} [{low:.3f}, {high:.3f}]")
        lines.append("| " + " | ".join([*found, "yes" if row["on_front"] else ""]) + " |")
    return "\n".join(lines)


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """AP50-95 against milliseconds with all threads; those on the front are joined."""
    most = list(rows[0]["ms"])[-1]
    figure = new_figure(8, 5)
    axes = figure.subplots()
    for row in rows:
        where = row["ms"][most], row["ap50_95"]
        low, high = row["intervals"]["ap50_95"]
        colour = "tab:blue" if row["on_front"] else "tab:gray"
        axes.vlines(where[0], low, high, colour, alpha=0.3)
        axes.plot(*where, "o", color=colour)
        axes.annotate(row["name"], where, xytext=(7, -4), textcoords="offset points")
    front = sorted((row["ms"][most], row["ap50_95"]) for row in rows if row["on_front"])
    axes.plot(*zip(*front, strict=True), "-", color="tab:blue", alpha=0.6)
    axes.set_xlabel(f"ms a picture, letterbox to NMS, {most} threads")
    axes.set_ylabel("AP50-95, with its 95 % interval")
    axes.set_xlim(0, 1.25 * max(row["ms"][most] for row in rows))  # names stand at the right
    axes.grid(alpha=0.3)
    save(figure, path)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.front", __doc__)
    parser.add_argument("detectors", nargs="+", metavar="NAME|RUN@WxH")
    parser.add_argument("--data", help="all pictures of another set, with boxes")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw it there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--folds", type=int, default=0, help="of GTSDB, one left out by each run")
    flags = parser.parse(arguments)
    if flags.folds and (flags.folds < 2 or flags.data):
        raise UsageError("--folds: expected two or more, of GTSDB and no other --data")
    if flags.plot:
        prove_plot(flags.plot)
    if flags.json:
        prove_place(flags.json)
    data = open_set(flags.data or "gtsdb")
    part = None if flags.data or flags.folds else "judge"
    examples = choose(data, part)
    check_suits("detector", data, examples)
    parts = [divide(examples, flags.folds, fold)[1] for fold in range(flags.folds)]
    parts = parts or [list(examples)]
    with TemporaryDirectory() as folder:
        found = [candidate(text, Path(folder), flags.folds) for text in flags.detectors]
        for path in () if flags.folds else (each.paths[0] for each in found):
            warn_of_trained_on(load_spec(path), data, examples)
        rows = compare(found, data, parts)
    print(table(rows))
    if flags.plot:
        plot(rows, flags.plot)
    if flags.json:
        write_json(
            flags.json,
            {"detectors": rows, "data": data.name, "part": part, "folds": flags.folds, **machine()},
        )


if __name__ == "__main__":
    run_command(main)
