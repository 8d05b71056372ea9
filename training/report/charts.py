"""The charts of the report: each takes plain numbers and returns a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatter, MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from training.report.metrics import Band, wilson
from training.report.style import AMBER, BLUE, INK, MUTED, PALE, PAPER, RED, WIDTH, drawing

Array = NDArray[Any]
PART_COLOURS = (BLUE, PALE, AMBER)
TELLING = 30  # pictures in a band from which its whiskers must fit on the chart
FLAT = 7  # bands whose names still fit side by side
ROW_IN = 0.2  # height of one class in the bar chart, inches
SIZE_BINS_AN_OCTAVE = 4


def loss_curve(log: Sequence[Mapping[str, float]]) -> bytes:
    """Training loss, and the negative log likelihood of the watched part where it was logged."""
    with drawing() as drawn:
        axes = drawn.figure.subplots()
        _curve(axes, log, "loss", BLUE, "loss on the training part")
        _curve(axes, log, "choose_nll", AMBER, "−log likelihood on the watched part")
        axes.set_title("Loss")
        axes.set_ylabel("nats")
        axes.set_ylim(bottom=0)
        _epochs(axes, log)
        axes.legend()
    return drawn.png


class PlainLog(LogFormatter):
    """Labels the ticks that `LogFormatter` would, as 0.5 or 30: no powers."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def error_curve(log: Sequence[Mapping[str, float]], watched: int, among: str = "") -> bytes:
    """Share of `watched` pictures read wrong. No mistake at all is drawn as half of one.

    `among` says which answers counted, where not all did.
    """
    with drawing() as drawn:
        axes = drawn.figure.subplots()
        epochs = [n for n, entry in enumerate(log, 1) if "choose" in entry]
        errors = [max(1 - log[n - 1]["choose"], 0.5 / watched) * 100 for n in epochs]
        axes.plot(epochs, errors, color=BLUE, marker=_marker(log))
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(PlainLog())
        axes.yaxis.set_minor_formatter(PlainLog())
        axes.set_title(f"Mistakes on the watched part{among}")
        axes.set_ylabel("%, log scale")
        _epochs(axes, log)
        if epochs:
            best = int(np.argmin(errors))
            axes.plot(epochs[best], errors[best], "o", color=RED)
            text = f"least: {errors[best]:.2f} % at epoch {epochs[best]}"
            place = {"transform": axes.transAxes, "ha": "right", "va": "top"}
            axes.text(0.98, 0.98, text, color=RED, **place)
    return drawn.png


def rate_curve(log: Sequence[Mapping[str, float]]) -> bytes:
    """The learning rate at the end of each epoch."""
    with drawing() as drawn:
        axes = drawn.figure.subplots()
        _curve(axes, log, "rate", BLUE, "")
        axes.set_title("Learning rate")
        axes.set_ylabel("a step")
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        _epochs(axes, log)
    return drawn.png


def _curve(
    axes: Axes, log: Sequence[Mapping[str, float]], key: str, colour: str, label: str
) -> None:
    epochs = [n for n, entry in enumerate(log, 1) if key in entry]
    if epochs:
        values = [log[n - 1][key] for n in epochs]
        axes.plot(epochs, values, color=colour, label=label, marker=_marker(log))


def _marker(log: Sequence[Any]) -> str:
    return "o" if len(log) < 3 else ""  # a line of one point would be invisible


def _epochs(axes: Axes, log: Sequence[Any]) -> None:
    if len(log) == 1:
        axes.set_xlim(0, 2)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def reliability_chart(raw: Sequence[Band], tempered: Sequence[Band]) -> bytes:
    """How often the net is right where it says it is this sure, before and after a temperature."""
    with drawing(WIDTH, 4.8) as drawn:
        axes, below = drawn.figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        axes.plot((0, 1), (0, 1), color=MUTED, linestyle=":", label="perfect")
        for table, colour, label in (
            (raw, AMBER, "as trained"),
            (tempered, BLUE, "with a temperature"),
        ):
            filled = [band for band in table if band.count]
            x, y = [band.value for band in filled], [band.accuracy for band in filled]
            ranges = [wilson(band.right, band.count) for band in filled]
            low = [max(0.0, a - low) for a, (low, _) in zip(y, ranges, strict=True)]
            high = [max(0.0, high - a) for a, (_, high) in zip(y, ranges, strict=True)]
            axes.errorbar(
                x, y, (low, high), fmt="o", color=colour, elinewidth=1, capsize=3, label=label
            )
            edges = [band.low for band in table]
            width = table[0].high - table[0].low
            below.bar(
                edges,
                [band.count for band in table],
                width,
                align="edge",
                fill=False,
                edgecolor=colour,
            )
        axes.set_title("Reliability")
        axes.set_ylabel("share that is right")
        drawn.figure.legend(loc="outside lower center", ncols=3)
        below.set_yscale("symlog", linthresh=1)
        below.set_yticks([1, 100, 10_000])
        below.set_ylabel("pictures\n(log scale)")
        below.set_xlabel("probability of the answer")
    return drawn.png


def band_chart(table: Sequence[Band], title: str, label: str, names: Sequence[str]) -> bytes:
    """Accuracy in each band that holds something, with its interval, over how many it holds."""
    with drawing() as drawn:
        axes, below = drawn.figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        places = np.arange(len(table))
        y = np.array([100 * band.accuracy for band in table])
        ranges = 100 * np.array([wilson(band.right, band.count) for band in table])
        reach = np.clip(np.abs(ranges.T - y), 0, None)
        axes.errorbar(places, y, reach, color=BLUE, marker="o", linestyle="none", capsize=4)
        axes.axhline(100, color=MUTED, linewidth=0.8, linestyle=":")
        telling = [
            low for (low, _), band in zip(ranges, table, strict=True) if band.count >= TELLING
        ]
        bottom = min([*y, *telling])
        axes.set_ylim(bottom - 0.1 * (100 - bottom) - 0.01, 100 + 0.1 * (100 - bottom) + 0.01)
        axes.set_title(title)
        axes.set_ylabel("accuracy, %")
        counts = [band.count for band in table]
        bars = below.bar(places, counts, color=PALE)
        below.bar_label(bars, [f"{count:,}" for count in counts], fontsize=8, color=INK, padding=1)
        below.margins(y=0.35)
        below.set_yticks([])
        below.grid(False)
        below.spines["left"].set_visible(False)
        below.set_ylabel("pictures")
        below.set_xlabel(label)
        below.set_xticks(places, names, fontsize=9)
        if len(table) > FLAT:
            below.tick_params(axis="x", rotation=40)
    return drawn.png


def class_counts(counts: Mapping[str, Array], names: Sequence[str]) -> bytes:
    """Pictures of each class that occurs, one colour a part."""
    total = np.sum(list(counts.values()), axis=0)
    shown = np.flatnonzero(total)
    with drawing(6.5, 1.3 + ROW_IN * len(shown)) as drawn:
        axes = drawn.figure.subplots()
        start = np.zeros(len(shown))
        for (part, its), colour in zip(counts.items(), PART_COLOURS, strict=False):
            axes.barh(range(len(shown)), its[shown], left=start, color=colour, label=part)
            start += its[shown]
        for row, label in enumerate(shown):
            axes.text(start[row], row, f" {total[label]:,}", va="center", fontsize=8, color=MUTED)
        axes.set_yticks(range(len(shown)), [names[label] for label in shown], fontsize=8.5)
        axes.invert_yaxis()
        axes.margins(x=0.08, y=0.01)
        axes.grid(axis="y", visible=False)
        axes.set_title("Pictures of each class")
        axes.set_xlabel("pictures")
        drawn.figure.legend(loc="outside lower center", ncols=len(counts))
    return drawn.png


def size_histogram(sizes: Mapping[str, Array]) -> bytes:
    """The longer side of the boxes over a logarithmic axis, one colour a part."""
    every = np.concatenate(list(sizes.values()))
    with drawing() as drawn:
        axes = drawn.figure.subplots()
        low, high = np.floor(np.log2(every.min())), np.ceil(np.log2(every.max() + 1))
        edges = 2 ** np.linspace(low, high, round(high - low) * SIZE_BINS_AN_OCTAVE + 1)
        colours = PART_COLOURS[: len(sizes)]
        axes.hist(
            list(sizes.values()),
            list(edges),
            stacked=True,
            color=colours,
            edgecolor=PAPER,
            label=list(sizes),
        )
        axes.set_xscale("log", base=2)
        axes.set_xticks(2 ** np.arange(low, high + 1))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        median = float(np.median(every))
        axes.axvline(median, color=RED, linewidth=1.2, label=f"median {median:.0f} px")
        axes.set_title("Size in the pictures")
        axes.set_xlabel("longer side of the box, px")
        axes.set_ylabel("pictures")
        axes.legend()
    return drawn.png


def margin_chart(net: Array, int8: Array) -> bytes:
    """The truth's logit above the best other one, float against int8; below 0 is a mistake."""
    with drawing(WIDTH, 4.2) as drawn:
        axes = drawn.figure.subplots()
        either = (net < 0) | (int8 < 0)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        low, high = float(min(net.min(), int8.min())), float(max(net.max(), int8.max()))
        axes.plot((low, high), (low, high), color=MUTED, linestyle=":", label="the same")
        axes.plot(net[~either], int8[~either], ".", color=BLUE, alpha=0.25, label="both right")
        axes.plot(net[either], int8[either], "o", color=RED, markersize=5, label="a mistake")
        axes.set_title("The truth's lead over the best other answer")
        axes.set_xlabel("float net, logits")
        axes.set_ylabel("int8 file, logits")
        axes.legend(loc="lower right")
    return drawn.png
