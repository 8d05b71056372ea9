"""Figures of the calibration commands, drawn where there is a package to draw with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.sinks.files import prove_place
from models.errors import OutputError, UsageError

DPI = 120


def prove_plot(path: Path) -> None:
    """Before anything is measured: UsageError where nothing can be drawn or the file's name is not
    that of a PNG, OutputError where it cannot be written."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"--plot: expected a file called .png, found {path.name}")
    new_figure(1, 1)
    prove_place(path)


def new_figure(width: float, height: float) -> Any:
    """An empty figure of that many inches; UsageError without Matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 – not a package of the edge
    except ModuleNotFoundError as error:
        raise UsageError(
            "--plot: expected Matplotlib, found none; `pip install '.[train]'` brings it"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Any, path: Path) -> None:
    """As a PNG; OutputError where it cannot be written."""
    try:
        figure.savefig(path, dpi=DPI)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from error
