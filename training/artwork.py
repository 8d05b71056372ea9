"""The 43 signs as pictures of our own, drawn after the shapes that German law publishes.

`python -m training.artwork --output sheet.png` draws all there is, with names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from models.command import CommandParser
from models.errors import OutputError, run_command
from models.signs import COUNT, sign_class
from training import pictograms as pic
from training.foreign import FOREIGN_SIGNS
from training.glyphs import text
from training.lookalikes import LOOKALIKE_THINGS
from training.plates import (
    BLACK,
    GERMAN,
    GREEN,
    GREY,
    WHITE,
    YELLOW,
    Style,
    blue_disc,
    end_disc,
    end_stripes,
    number,
    red_ring,
    red_triangle,
    scaled,
)
from training.vector import MASTER, Colour, Pen, halved, rectangle, regular, render, rounded

Art = NDArray[np.uint8]  # (size, size, 4) BGRA, straight alpha
Painter = Callable[[Pen], None]


class SignPainter(Protocol):
    """Paints one of the 43, as a country draws it."""

    def __call__(self, pen: Pen, style: Style) -> None: ...


FOREIGN: tuple[str, ...] = tuple(FOREIGN_SIGNS)
# Of these, what stands unmarked in GTSDB's pictures too often to be painted over: the detector is
# not taught to find it.
UNMARKED = (
    *("motorway", "dead end", "living street", "town", "direction", "motorway direction"),
    *("distance plate", "arrows plate", "chevrons"),
)
LOOKALIKES: tuple[str, ...] = tuple(LOOKALIKE_THINGS)
TRIANGLE_MIDDLE = (0.5, 0.62)
SMALLEST = 16  # no smaller master is kept; below it the picture is only a hint


def sign_art(label: int, size: int, style: Style = GERMAN) -> Art:
    """The sign of this class, its longer side filling the square: (size, size, 4) BGRA, a copy.

    IndexError for a class outside 0 … 42, ValueError for a size outside 1 … 512.
    """
    if not 0 <= label < COUNT:
        raise IndexError(f"no sign class {label}: expected 0 … {COUNT - 1}")
    return _scaled(_sign_masters(label, style), size)


def foreign_art(name: str, size: int) -> Art:
    """One of `FOREIGN`, a road sign outside the 43; KeyError for another name."""
    return _scaled(_masters(FOREIGN_SIGNS[name]), size)


def lookalike_art(name: str, size: int) -> Art:
    """One of `LOOKALIKES`, a thing that is no road sign; KeyError for another name."""
    return _scaled(_masters(LOOKALIKE_THINGS[name]), size)


@lru_cache(maxsize=128)
def _sign_masters(label: int, style: Style) -> tuple[Art, ...]:
    return _masters(partial(SIGNS[label], style=style))


@lru_cache(maxsize=128)
def _masters(paint: Painter) -> tuple[Art, ...]:
    """The drawing at 512, 256, … 16 pixels."""
    levels = [render(paint)]
    while levels[-1].shape[0] > SMALLEST:
        levels.append(halved(levels[-1]))
    return tuple(levels)


def _scaled(masters: tuple[Art, ...], size: int) -> Art:
    if not 1 <= size <= MASTER:
        raise ValueError(f"size {size}: expected 1 … {MASTER}")
    master = next(level for level in reversed(masters) if level.shape[0] >= size)
    # By less than half: linear sees every pixel, and takes a tenth of the time of area.
    scaled = cv2.resize(master, (size, size), interpolation=cv2.INTER_LINEAR)
    art: Art = scaled.astype(np.uint8, copy=True)
    return art


def _speed_limit(digits: str, pen: Pen, style: Style) -> None:
    red_ring(pen, style)
    number(pen, BLACK, digits, style)


def _end_of_limit(pen: Pen, style: Style) -> None:
    end_disc(pen, style)
    number(pen, GREY, "80", style)
    end_stripes(pen, style)


def _no_overtaking(pen: Pen, style: Style) -> None:
    red_ring(pen, style)
    inner = scaled(pen, style)
    pic.car_rear(inner, style.red, 0.328, 0.51, 0.295)
    pic.car_rear(inner, BLACK, 0.672, 0.51, 0.295)


def _no_overtaking_by_trucks(pen: Pen, style: Style) -> None:
    red_ring(pen, style)
    inner = scaled(pen, style)
    pic.truck_rear(inner, style.red, 0.345, 0.46, 0.255)
    pic.car_rear(inner, BLACK, 0.66, 0.57, 0.28)


def _end_of_no_overtaking(pen: Pen, style: Style) -> None:
    end_disc(pen, style)
    inner = scaled(pen, style)
    pic.car_rear(inner, GREY, 0.315, 0.51, 0.30)
    pic.car_rear(inner, GREY, 0.685, 0.51, 0.30)
    end_stripes(pen, style)


def _end_of_no_overtaking_by_trucks(pen: Pen, style: Style) -> None:
    end_disc(pen, style)
    inner = scaled(pen, style)
    pic.truck_rear(inner, GREY, 0.325, 0.455, 0.28)
    pic.car_rear(inner, GREY, 0.675, 0.57, 0.29)
    end_stripes(pen, style)


def _end_of_all(pen: Pen, style: Style) -> None:
    end_disc(pen, style)
    end_stripes(pen, style)


def _danger(
    pictogram: Callable[[Pen, Colour], None],
    pen: Pen,
    style: Style,
    mirror: bool = False,
    sided: bool = True,
) -> None:
    """A danger; one that is not `sided` means the same when it looks the other way."""
    red_triangle(pen, style)
    inner = scaled(pen, style, TRIANGLE_MIDDLE)
    if mirror or (style.turned and not sided):
        inner = inner.at(1, 0, mirror=True)
    pictogram(inner, BLACK)


def _traffic_signals(pen: Pen, style: Style) -> None:
    red_triangle(pen, style)
    pic.traffic_lights(scaled(pen, style, TRIANGLE_MIDDLE), (style.red, YELLOW, GREEN))


def _mandatory(
    pictogram: Callable[[Pen, Colour], None], pen: Pen, style: Style, mirror: bool = False
) -> None:
    blue_disc(pen, style=style)
    inner = scaled(pen, style)
    pictogram(inner.at(1, 0, mirror=True) if mirror else inner, WHITE)


def _priority_road(pen: Pen, style: Style) -> None:
    for colour, radius, corner in (
        (WHITE, 0.517, 0.04),
        (BLACK, 0.498, 0.035),
        (WHITE, 0.486, 0.03),
        (BLACK, 0.318, 0.01),
        (YELLOW, 0.302, 0.008),
    ):
        contour = rounded(regular(4, radius), corner)
        if radius > 0.5:
            pen.plate(colour, contour)
        elif style.framed or colour != BLACK:
            pen.fill(colour, contour)


def _stop(pen: Pen, style: Style) -> None:
    radius = 0.5 / np.cos(np.radians(22.5))
    pen.plate(WHITE, rounded(regular(8, radius, 22.5), 0.03))
    pen.fill(style.red, rounded(regular(8, radius * 0.915, 22.5), 0.02))
    height, stroke = 0.32 * style.digits, 0.165 * style.weight
    text(pen, WHITE, "STOP", (0.5, 0.5), height, width=0.50, stroke=stroke, gap=0.095)


def _no_entry(pen: Pen, style: Style) -> None:
    blue_disc(pen, style.red, style)
    half = 0.085 * style.weight
    pen.fill(WHITE, rectangle(0.075, 0.5 - half, 0.925, 0.5 + half))


def _no_trucks(pen: Pen, style: Style) -> None:
    red_ring(pen, style)
    inner = scaled(pen, style)
    pic.truck_side(inner.at(1, 0, mirror=True) if style.turned else inner, BLACK, style.ban)


def _no_vehicles(pen: Pen, style: Style) -> None:
    red_ring(pen, style)


def _give_way(pen: Pen, style: Style) -> None:
    red_triangle(pen, style, down=True)


SIGNS: tuple[SignPainter, ...] = (
    *(partial(_speed_limit, digits) for digits in ("20", "30", "50", "60", "70", "80")),
    _end_of_limit,
    partial(_speed_limit, "100"),
    partial(_speed_limit, "120"),
    _no_overtaking,
    _no_overtaking_by_trucks,
    partial(_danger, pic.crossing_priority),
    _priority_road,
    _give_way,
    _stop,
    _no_vehicles,
    _no_trucks,
    _no_entry,
    partial(_danger, pic.exclamation),
    partial(_danger, pic.bend_left),
    partial(_danger, pic.bend_left, mirror=True),
    partial(_danger, pic.double_bend),
    partial(_danger, pic.uneven_road, sided=False),
    partial(_danger, pic.skidding_car),
    partial(_danger, pic.narrow_right),
    partial(_danger, pic.roadworker, sided=False),
    _traffic_signals,
    partial(_danger, pic.pedestrian, sided=False),
    partial(_danger, pic.children, sided=False),
    partial(_danger, pic.bicycle, sided=False),
    partial(_danger, pic.snowflake, sided=False),
    partial(_danger, pic.deer, sided=False),
    _end_of_all,
    partial(_mandatory, pic.turn_right),
    partial(_mandatory, pic.turn_right, mirror=True),
    partial(_mandatory, pic.ahead),
    partial(_mandatory, pic.ahead_or_right),
    partial(_mandatory, pic.ahead_or_right, mirror=True),
    partial(_mandatory, pic.keep_right),
    partial(_mandatory, pic.keep_right, mirror=True),
    partial(_mandatory, pic.roundabout),
    _end_of_no_overtaking,
    _end_of_no_overtaking_by_trucks,
)


def contact_sheet(size: int = 160, columns: int = 10) -> NDArray[np.uint8]:
    """Every sign, foreign sign and look-alike with its name, on grey; BGR."""
    arts = [(f"{label} {sign_class(label).name}", sign_art(label, size)) for label in range(COUNT)]
    arts += [(name, foreign_art(name, size)) for name in FOREIGN]
    arts += [(name, lookalike_art(name, size)) for name in LOOKALIKES]
    margin, caption = 8, 16
    width, height = size + 2 * margin, size + 2 * margin + caption
    rows = -(-len(arts) // columns)
    sheet = np.full((rows * height, columns * width, 3), 150, np.uint8)
    for index, (name, art) in enumerate(arts):
        top, left = index // columns * height + margin, index % columns * width + margin
        place = sheet[top : top + size, left : left + size]
        alpha = art[..., 3:].astype(np.float32) / 255
        place[:] = np.round(art[..., :3] * alpha + place * (1 - alpha)).astype(np.uint8)
        at = (left, top + size + caption)
        cv2.putText(sheet, name, at, cv2.FONT_HERSHEY_SIMPLEX, size / 440, BLACK, 1, cv2.LINE_AA)
    return sheet


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("training.artwork", __doc__)
    parser.add_argument("--output", type=Path, required=True, help="the picture to write (PNG)")
    parser.add_argument("--size", type=int, default=160, help="pixels of one sign (%(default)s)")
    options = parser.parse(arguments)
    encoded = cv2.imencode(".png", contact_sheet(options.size))[1]
    try:
        options.output.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {options.output}: {error.strerror}") from error


if __name__ == "__main__":
    run_command(main)
