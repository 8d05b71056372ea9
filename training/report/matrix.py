"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from numpy.typing import NDArray

from training.report.style import GRID, INK, MUTED, PAPER, RIGHT, WRONG, bare, drawing

FEW = 15  # classes whose names still fit under the columns
CELL_IN, FEW_CELL_IN = 0.2, 0.45
DARK = 0.6  # share from which a number is written in white


def confusion_chart(matrix: NDArray[Any], names: Sequence[str]) -> bytes:
    """Rows are the truth, columns the answer; the shade is the share of the row.

    Right answers are blue, mistakes red on a scale of their own that lifts the rare ones, with
    their number in the cell. Only classes that occur are shown.
    """
    rows = np.flatnonzero(matrix.sum(axis=1))
    columns = np.flatnonzero(matrix.sum(axis=1) + matrix.sum(axis=0))
    counts = matrix[np.ix_(rows, columns)]
    share = counts / counts.sum(axis=1, keepdims=True)
    right = rows[:, None] == columns[None, :]
    few = len(columns) <= FEW
    cell = FEW_CELL_IN if few else CELL_IN
    with drawing(3.2 + cell * len(columns), 1.9 + cell * len(rows)) as drawn:
        axes = drawn.figure.subplots()
        wrong_share = np.where(right | (counts == 0), np.nan, share)
        axes.imshow(np.where(right, share, np.nan), RIGHT, vmin=0, vmax=1)
        axes.imshow(wrong_share, WRONG, PowerNorm(0.35, -0.02, 0.5))
        bare(axes)
        axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
        axes.set_yticks(np.arange(-0.5, len(rows)), minor=True)
        axes.grid(True, which="minor", color=GRID, linewidth=0.6)
        axes.tick_params(which="both", length=0)
        axes.set_yticks(range(len(rows)), [_row(label, names, few) for label in rows])
        shown = [_column(label, names, few or label not in rows) for label in columns]
        axes.set_xticks(range(len(columns)), shown)
        axes.tick_params(labelsize=10 if few else 7.5, labeltop=True, labelbottom=False)
        for text, label in zip(axes.get_xticklabels(), columns, strict=True):
            if few:
                text.set(rotation=45, ha="left", rotation_mode="anchor")
            elif label not in rows:
                text.set(rotation=90)
        for row, column in np.argwhere((counts > 0) & (~right | few)):
            strong = share[row, column] > (DARK if right[row, column] else DARK / 3)
            axes.text(
                column,
                row,
                f"{counts[row, column]}",
                ha="center",
                va="center",
                fontsize=9 if few else 6,
                color=PAPER if strong else INK,
            )
        axes.set_ylabel("truth")
        axes.set_xlabel("answer", labelpad=8)
        axes.xaxis.set_label_position("top")
        axes.xaxis.label.set_color(MUTED)
        axes.yaxis.label.set_color(MUTED)
    return drawn.png


def _row(label: int, names: Sequence[str], few: bool) -> str:
    return names[label] if few else f"{names[label]}  {label}"


def _column(label: int, names: Sequence[str], named: bool) -> str:
    """The name where no row has it, or where there is room for all."""
    return names[label] if named else str(label)
