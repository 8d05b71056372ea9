"""One look for every chart: palette, fonts, and a figure that becomes a PNG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#1f2933", "#66727f", "#e4e8ec", "#ffffff"
BLUE, PALE, RED, AMBER = "#1c6e8c", "#a9cbd8", "#c8452f", "#e0a030"
RIGHT = LinearSegmentedColormap.from_list("right", (PAPER, PALE, BLUE))
WRONG = LinearSegmentedColormap.from_list("wrong", (PAPER, "#f3c0a9", RED))
HEAT = LinearSegmentedColormap.from_list("heat", ("#2b1055", RED, AMBER, "#fff3b8"))

WIDTH, HEIGHT = 5.2, 3.3  # inches: still to be read on a phone
DPI = 144
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.facecolor": PAPER,
}


class Drawing:
    """A figure being drawn; `png` holds it once it is done."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.png = b""


@contextmanager
def drawing(width: float = WIDTH, height: float = HEIGHT) -> Iterator[Drawing]:
    """An empty figure of that many inches, in the style; drawn when the block ends."""
    with mpl.rc_context(STYLE):
        drawn = Drawing(Figure((width, height), dpi=DPI, layout="constrained"))
        yield drawn
        buffer = BytesIO()
        drawn.figure.savefig(buffer, format="png", metadata={"Software": None})
        drawn.png = buffer.getvalue()


def bare(axes: Axes) -> None:
    """No ticks, no frame, no grid: for pictures."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
