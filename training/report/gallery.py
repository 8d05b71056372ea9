"""Pictures made of crops: strips, heat maps laid over them, feature maps, a sheet of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from matplotlib.gridspec import GridSpec
from numpy.typing import NDArray

from training.report.pictures import LUMA
from training.report.style import HEAT, INK, MUTED, bare, drawing

Image = NDArray[np.uint8]  # RGB

TILE = 144  # px, the side of a crop in a strip
GAP = 6
STRENGTH = 0.75  # opacity of a heat map where it is strongest
CHANNELS = 8  # feature maps shown of one layer
CELL_IN = 0.8


def strip(crops: Sequence[Image]) -> bytes:
    """Crops side by side, enlarged, as a PNG."""
    tiles: list[Any] = []
    for crop in crops:
        if tiles:
            tiles.append(np.full((TILE, GAP, 3), 255, np.uint8))
        tiles.append(cv2.resize(crop, (TILE, TILE), interpolation=cv2.INTER_CUBIC))
    return _png(np.hstack(tiles))


def overlay(crop: Image, heat: NDArray[np.float64]) -> Image:
    """A heat map of 0–1 (size, size) laid over a crop: the more heat, the less crop."""
    colour = HEAT(heat)[:, :, :3] * 255  # (size, size, 3)
    grey = crop @ LUMA  # the colours belong to the heat
    opacity = STRENGTH * heat[:, :, None]
    blend = grey[:, :, None] * (1 - opacity) + colour * opacity
    return np.asarray(np.clip(blend, 0, 255), np.uint8)


def _png(image: Image) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert done
    return bytes(data)


class Layer(NamedTuple):
    """One layer's maps of one picture: (rows, columns, channels)."""

    title: str
    maps: NDArray[np.float32]


def feature_chart(crop: Image, caption: str, layers: Sequence[Layer]) -> bytes:
    """A crop, and of each layer the channels that answer it most, each on a scale of its own."""
    rows = len(layers)
    with drawing((CHANNELS + 2) * CELL_IN, rows * (CELL_IN + 0.25) + 0.1) as drawn:
        grid = GridSpec(rows, CHANNELS + 2, figure=drawn.figure)
        drawn.figure.get_layout_engine().set(
            hspace=0.3, rect=(0, 0, 1, 0.95)
        )  # room for the layers' titles
        axes = drawn.figure.add_subplot(grid[:, :2])
        bare(axes)
        axes.imshow(crop)
        axes.set_title(caption, fontsize=9, color=INK)
        for row, layer in enumerate(layers):
            strongest = np.argsort(-layer.maps.mean(axis=(0, 1)), kind="stable")[:CHANNELS]
            for place, channel in enumerate(strongest):
                axes = drawn.figure.add_subplot(grid[row, 2 + place])
                bare(axes)
                axes.imshow(layer.maps[:, :, channel], HEAT, interpolation="nearest")
                if not place:
                    style = {"fontsize": 8, "color": MUTED, "va": "bottom"}
                    title = axes.text(0, 1.06, layer.title, transform=axes.transAxes, **style)
                    title.set_in_layout(False)  # it is wider than its column
    return drawn.png


def class_sheet(crops: Sequence[Image], names: Sequence[str], columns: int = 6) -> bytes:
    """One crop of each class with its name."""
    rows = -(-len(crops) // columns)
    with drawing(columns * 1.3, rows * 1.5) as drawn:
        grid = drawn.figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            bare(axes)
        for axes, crop, name in zip(grid.flat, crops, names, strict=False):
            axes.imshow(crop, interpolation="bicubic")
            axes.set_title(_broken(name), fontsize=7, weight="normal", loc="center", pad=3)
    return drawn.png


def _broken(name: str, width: int = 20) -> str:
    """A name on two lines where it is long, cut where even those are too short."""
    lines = [""]
    for word in name.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines[:2]) + (" …" if len(lines) > 2 else "")
