"""Reliability diagrams of a published classifier: is it right as often as it says?

    python -m calibration.diagram
    python -m calibration.diagram classifier-twin --plot docs/calibration.png

On clean crops, on corrupted ones of severity 3 and on the detector's own crops, by the int8 file
at the temperature it is published with. No picture is needed: a model's JSON holds the bins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from calibration.classifier_card import share
from calibration.plots import new_figure, prove_plot, save
from edge.config import Config
from models.command import CommandParser
from models.errors import ModelError, run_command
from models.spec import find_model, load_spec
from training.corruptions import SEVERITY

Rows = Sequence[Mapping[str, float]]  # bins that hold anything: see calibration.metrics
TABLE = ("says", "crops", "says, mean", "is right")


def diagrams(metrics: Mapping[str, Any]) -> dict[str, tuple[float, Rows]]:
    """What was looked at → the calibration error there, and the bins; KeyError without a figure."""
    judge = metrics["judge"]
    looked = {
        "clean crops": judge,
        f"corrupted, severity {SEVERITY}": judge["severity"][SEVERITY - 1],
        "the detector's crops": metrics["street"]["detected"],
    }
    return {name: (found["ece"], found["reliability"]) for name, found in looked.items()}


def tables(found: Mapping[str, tuple[float, Rows]]) -> Iterator[str]:
    """Each diagram in words, line by line."""
    for name, (error, rows) in found.items():
        yield f"{name}: calibration error {share(error)}"
        yield "  {:>13}{:>8}{:>13}{:>11}".format(*TABLE)
        for row in rows:
            span = f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %"
            said, right = share(row["confidence"]), share(row["accuracy"])
            yield f"  {span:>13}{row['n']:>8}{said:>13}{right:>11}"


def plot(found: Mapping[str, tuple[float, Rows]], path: Path) -> None:
    """Side by side; a dot's area grows with the share of the crops that its bin holds."""
    figure = new_figure(10, 3.8)
    every = figure.subplots(1, len(found), sharey=True)
    for axes, (name, (error, rows)) in zip(every, found.items(), strict=True):
        whole = sum(row["n"] for row in rows)
        axes.plot((0, 1), (0, 1), ":", color="tab:gray")
        axes.scatter(
            [row["confidence"] for row in rows],
            [row["accuracy"] for row in rows],
            [12 + 400 * row["n"] / whole for row in rows],
            alpha=0.7,
        )
        axes.set_title(f"{name} ({whole})", fontsize=10)
        axes.set_xlabel("probability of the answer")
        axes.text(0.97, 0.05, f"error {share(error)}", transform=axes.transAxes, ha="right")
        axes.set_xlim(0, 1.05)
        axes.set_ylim(0, 1.05)
        axes.set_aspect("equal")
        axes.grid(alpha=0.3)
    every[0].set_ylabel("share that is right")
    save(figure, path)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.diagram", __doc__)
    parser.add_argument("model", nargs="?", default=Config().classifier, help="(%(default)s)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw them there")
    flags = parser.parse(arguments)
    if flags.plot:
        prove_plot(flags.plot)
    spec = load_spec(find_model(flags.model))
    try:
        found = diagrams(spec.metrics)
    except (KeyError, TypeError, IndexError) as error:
        raise ModelError(
            f"{spec.name}: expected a classifier published with its reliability, found none "
            f"called {error}"
        ) from error
    print("\n".join(tables(found)))
    if flags.plot:
        plot(found, flags.plot)


if __name__ == "__main__":
    run_command(main)
