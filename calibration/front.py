"""Accuracy against time: which detectors are worth having, as a table and a plot.

    python -m calibration.front detector-fast detector runs/slim@800x448 --plot front.png

Each is a published detector by name, or a training run with an input size, which is quantised for
this alone. All are measured on the same pictures (GTSDB's judge part, or --data) by the same
threads, taking turns. On the front are those that no other beats in both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from calibration.candidate import Target, write
from calibration.cost import multiply_adds
from calibration.finding import detector_figures
from calibration.pictures import check_suits, choose
from calibration.publish_detector import draft
from calibration.seen import WHOLE_CURVE, see_detector
from calibration.walk import Walk
from edge.bench import machine
from edge.core import Image
from edge.detector import YoloDetector, load_detector
from edge.reports import write_json
from edge.sinks.files import prove_place
from models.command import CommandParser
from models.errors import UsageError, run_command
from models.processors import available_threads
from models.spec import find_model, load_spec
from training.datasets import Dataset, Example, open_set

ROUNDS = 25  # pictures that each is timed on
WARM_UP = 3
SCORE = 0.05  # from which all are timed: a run has no threshold, and would suppress for long


class Candidate(NamedTuple):
    """A detector to compare: what it is called, its JSON, and its file's bytes."""

    name: str
    path: Path
    data: bytes


def candidate(text: str, folder: Path) -> Candidate:
    """A published detector by name, or RUN@WIDTHxHEIGHT quantised into `folder`."""
    run, at, size = text.rpartition("@")
    if not at:
        path = find_model(text)
        return Candidate(text, path, path.with_name(load_spec(path).file).read_bytes())
    sides = size.split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise UsageError(f"{text}: expected RUN@WIDTHxHEIGHT or a published detector's name")
    name = f"{Path(run).name}-{size}"
    target = Target(name, "0", folder)
    spec, data, _ = draft(Path(run), target, (int(sides[0]), int(sides[1])))
    return Candidate(name, write(spec, data, folder), data)


def compare(
    candidates: Sequence[Candidate], data: Dataset, examples: Sequence[Example]
) -> list[dict[str, Any]]:
    """Figures of each: AP on these pictures with intervals, ms a picture, bytes, work."""
    pictures = [data.read(example) for example in examples[: ROUNDS + WARM_UP]]
    times = {
        threads: _times([load_detector(str(c.path), threads, SCORE) for c in candidates], pictures)
        for threads in sorted({1, available_threads()})
    }
    rows = []
    for number, each in enumerate(candidates):
        detector = load_detector(str(each.path), available_threads(), WHOLE_CURVE)
        seen, _ = see_detector(detector, Walk(data, examples))
        figures = detector_figures(seen, detector.spec.thresholds["score"])
        size = detector.spec.input
        rows.append(
            {
                "name": each.name,
                "input": f"{size.width}x{size.height}",
                "bytes": len(each.data),
                "multiply_adds": multiply_adds(each.data),
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
    from matplotlib.figure import Figure  # noqa: PLC0415 – not a package of the edge

    most = list(rows[0]["ms"])[-1]
    figure = Figure(figsize=(8, 5), layout="constrained")
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
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.front", __doc__)
    parser.add_argument("detectors", nargs="+", metavar="NAME|RUN@WxH")
    parser.add_argument("--data", help="all pictures of another set, with boxes")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw it there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    flags = parser.parse(arguments)
    for file in filter(None, (flags.plot, flags.json)):
        prove_place(file)
    data = open_set(flags.data or "gtsdb")
    part = None if flags.data else "judge"
    examples = choose(data, part)
    check_suits("detector", data, examples)
    with TemporaryDirectory() as folder:
        rows = compare([candidate(text, Path(folder)) for text in flags.detectors], data, examples)
    print(table(rows))
    if flags.plot:
        plot(rows, flags.plot)
    if flags.json:
        write_json(flags.json, {"detectors": rows, "data": data.name, "part": part, **machine()})


if __name__ == "__main__":
    run_command(main)
