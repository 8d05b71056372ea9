"""What the viewer sees: boxes, labels with pictograms, the road and a status line on a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from edge.core import Array, Box, Image, Road, Scene, Sign, Track
from edge.panel import road_panel
from edge.pictograms import COLOURS, pictogram
from edge.placement import Rectangle, Room, place
from edge.sprite import Colour, Sprite, paste, rounded, stack
from edge.text import Style, line_height, shorten, text_sprite
from models.signs import Category, sign_class

PLATE: Colour = (17, 19, 24)
PLATE_OPACITY = 0.84
LABEL: Colour = (248, 249, 250)
DETAIL: Colour = (176, 184, 196)  # the probability and the status line
HALO: Colour = (17, 19, 24)  # around every line, so that it shows on sky as well as on trees
TENTATIVE: Colour = (205, 209, 214)

ROAD_SIGN = 3.2  # side of a sign on the road panel, in heights of the text

KEPT_PLATES = 64
KEPT_STATUS = 4  # it changes all the time, but not from frame to frame
SUBPIXELS = 4  # bits: boxes glide with the sign instead of stepping from pixel to pixel


class Sizes(NamedTuple):
    """Every measure of the drawing, in pixels."""

    text: int
    status: int
    line: int
    halo: int
    gap: int
    pad: int

    @classmethod
    def of(cls, width: int, height: int) -> Sizes:
        """Those that suit a picture; they grow with it, down to what can still be read."""
        scale = math.sqrt(width * height / (1280 * 720))
        return cls(
            text=max(10, round(17 * scale)),
            status=max(9, round(14 * scale)),
            line=max(1, round(2 * scale)),
            halo=max(1, round(1.2 * scale)),
            gap=max(2, round(5 * scale)),
            pad=max(3, round(6 * scale)),
        )


class Overlay:
    """Draws scenes. `name_of` says what to call a class; any script will do.

    It remembers where it put each plate in the last scene, so that plates keep their place; use
    one overlay for one source, and from one thread at a time.
    """

    def __init__(self, name_of: Callable[[int], str] = lambda label: sign_class(label).name):
        self._name_of = name_of
        self._slots: dict[int, int] = {}

    def draw(self, scene: Scene, status: str = "") -> Image:
        """A new picture: the frame with its signs, the status line at the bottom left, and what
        is in force on the road at the bottom right.

        Undecided tracks get a thin dashed box without a label; what was read as no sign gets
        nothing. Labels that do not fit are shortened, and left out where even that does not help.
        """
        picture: Image = scene.frame.image.copy()
        height, width = picture.shape[:2]
        sizes = Sizes.of(width, height)
        signs: list[tuple[Track, Sign, Rectangle]] = []
        for track in sorted(scene.tracks, key=lambda track: track.id):
            around = _around(track.box, width, height, sizes)
            if around is None or track.state == "dropped":
                continue
            if track.state == "confirmed" and track.sign is not None:
                _draw_box(picture, track, _colour(track.sign), sizes)
                signs.append((track, track.sign, around))
            else:
                _draw_dashes(picture, around, sizes)
        plates = _draw_status(picture, status, sizes)
        plates += _draw_road(picture, scene.road, sizes, plates)
        self._draw_plates(picture, signs, plates, sizes)
        return picture

    def _draw_plates(
        self,
        picture: Image,
        signs: list[tuple[Track, Sign, Rectangle]],
        taken: list[Rectangle],
        sizes: Sizes,
    ) -> None:
        height, width = picture.shape[:2]
        margin = sizes.gap if min(width, height) > 20 * sizes.gap else 0
        within = Rectangle(margin, margin, width - margin, height - margin)
        room = Room(within, taken, [around for _, _, around in signs])
        placed: list[tuple[Sprite, Rectangle]] = []
        slots = {}
        for track, sign, around in signs:
            plate = _fitting_plate(self._name_of(sign.label), sign, sizes, within)
            if plate is None:
                continue
            size, last = (plate.width, plate.height), self._slots.get(track.id)
            where, slots[track.id] = place(around, size, room, last)
            _draw_leader(picture, where, around, _colour(sign), sizes)
            taken.append(where)
            placed.append((plate, where))
        for plate, where in placed:  # after the leaders, so that no line crosses a plate
            paste(picture, plate, where.x1, where.y1)
        self._slots = slots


def _colour(sign: Sign) -> Colour:
    return COLOURS[sign_class(sign.label).category]


def _around(box: Box, width: int, height: int, sizes: Sizes) -> Rectangle | None:
    """The part of the picture that a drawn box takes; None where it lies outside."""
    reach = sizes.line + 2 * sizes.halo + 3
    around = Rectangle(
        max(0, math.floor(box.x1) - reach),
        max(0, math.floor(box.y1) - reach),
        min(width, math.ceil(box.x2) + reach),
        min(height, math.ceil(box.y2) + reach),
    )
    inside = box.x2 > 0 and box.y2 > 0 and box.x1 < width and box.y1 < height
    return around if inside else None


def _draw_box(picture: Image, track: Track, colour: Colour, sizes: Sizes) -> None:
    """A rounded frame just outside the box; a thin one where the box is only predicted."""
    height, width = picture.shape[:2]
    box, inset = track.box, sizes.line / 2
    # OpenCV counts from the middle of the first pixel, and smooths a pixel and a half beyond.
    reach = inset + sizes.halo + 1.5
    box = Box(box.x1 - 0.5, box.y1 - 0.5, box.x2 - 0.5, box.y2 - 0.5)
    x1, x2 = max(box.x1 - reach, inset), min(box.x2 + reach, width - 1 - inset)
    y1, y2 = max(box.y1 - reach, inset), min(box.y2 + reach, height - 1 - inset)
    radius = max(0.0, min(3.0 * sizes.line, (x2 - x1) / 4, (y2 - y1) / 4))
    outline = (_round_corners() * radius + _corner_centres(x1, y1, x2, y2, radius)).reshape(-1, 2)
    points = [np.rint(outline * (1 << SUBPIXELS)).astype(np.int32)]
    if track.detection is None:
        lines = [(colour, max(1, sizes.line // 2))]
    else:
        lines = [(HALO, sizes.line + 2 * sizes.halo), (colour, sizes.line)]
    for shade, thickness in lines:
        cv2.polylines(picture, points, True, shade[::-1], thickness, cv2.LINE_AA, SUBPIXELS)


@lru_cache(1)
def _round_corners() -> Array:
    """Quarter circles of radius 1 around four corners, clockwise from the top left, (4, 5, 2)."""
    angles = np.pi + np.arange(4)[:, None] * np.pi / 2 + np.linspace(0, np.pi / 2, 5)
    return np.stack([np.cos(angles), np.sin(angles)], axis=2)


def _corner_centres(x1: float, y1: float, x2: float, y2: float, radius: float) -> Array:
    left, top, right, bottom = x1 + radius, y1 + radius, x2 - radius, y2 - radius
    return np.array([[[left, top]], [[right, top]], [[right, bottom]], [[left, bottom]]])


def _draw_dashes(picture: Image, around: Rectangle, sizes: Sizes) -> None:
    """A thin box of light dashes on a dark line."""
    x1, y1, x2, y2 = around
    line, dash = max(1, sizes.line // 2), 3 * sizes.line
    for side in (
        picture[y1 : y1 + line, x1:x2],
        picture[y2 - line : y2, x1:x2],
        picture[y1:y2, x1 : x1 + line].transpose(1, 0, 2),
        picture[y1:y2, x2 - line : x2].transpose(1, 0, 2),
    ):
        side[:] = HALO[::-1]
        for start in range(0, side.shape[1], 2 * dash):
            side[:, start : start + dash] = TENTATIVE[::-1]


def _draw_leader(
    picture: Image, plate: Rectangle, box: Rectangle, colour: Colour, sizes: Sizes
) -> None:
    """A line from the plate to its box, where the two do not touch."""
    apart_x = max(plate.x1 - box.x2, box.x1 - plate.x2)
    apart_y = max(plate.y1 - box.y2, box.y1 - plate.y2)
    if max(apart_x, apart_y) <= sizes.gap:
        return
    start = _nearest_point(plate, ((box.x1 + box.x2) // 2, (box.y1 + box.y2) // 2))
    end = _nearest_point(box, start)
    cv2.line(picture, start, end, HALO[::-1], sizes.line + 2 * sizes.halo, cv2.LINE_AA)
    cv2.line(picture, start, end, colour[::-1], sizes.line, cv2.LINE_AA)


def _nearest_point(rectangle: Rectangle, point: tuple[int, int]) -> tuple[int, int]:
    x = max(rectangle.x1, min(point[0], rectangle.x2 - 1))
    y = max(rectangle.y1, min(point[1], rectangle.y2 - 1))
    return x, y


def _fitting_plate(name: str, sign: Sign, sizes: Sizes, within: Rectangle) -> Sprite | None:
    """The plate of a sign, its name shortened to the room there is; None if nothing fits."""
    category = sign_class(sign.label).category
    # Rounded down: only what is certain says 100 %.
    percent = f"{math.floor(min(max(sign.probability, 0.0), 1.0) * 100)}%"
    bare = _plate("", percent, category, sizes)
    width, height = within.x2 - within.x1, within.y2 - within.y1
    if bare.width > width or bare.height > height:
        return None
    name = shorten(name, _label_style(sizes), width - bare.width - sizes.gap)
    return _plate(name, percent, category, sizes) if name else bare


@lru_cache(KEPT_PLATES)
def _plate(name: str, percent: str, category: Category, sizes: Sizes) -> Sprite:
    label = text_sprite(name, _label_style(sizes))
    detail = text_sprite(percent, Style(sizes.text, DETAIL))
    badge = pictogram(category, round(1.15 * sizes.text))
    parts = [badge, label, detail] if name else [badge, detail]
    height = line_height(Style(sizes.text, LABEL)) + sizes.pad
    width = sum(part.width for part in parts) + sizes.gap * (len(parts) - 1) + 2 * sizes.pad
    plate = rounded(width, height, height * 0.3, PLATE, PLATE_OPACITY)
    x = sizes.pad
    for part in parts:
        plate = stack(plate, part, x, (height - part.height) // 2)
        x += part.width + sizes.gap
    return plate


def _label_style(sizes: Sizes) -> Style:
    return Style(sizes.text, LABEL, bold=True)


def _draw_status(picture: Image, status: str, sizes: Sizes) -> list[Rectangle]:
    """The status line; what it takes of the picture, nothing where it is empty or has no room."""
    height, width = picture.shape[:2]
    plate = _status_plate(status, sizes, width - 2 * sizes.gap)
    x, y = sizes.gap, height - sizes.gap - plate.height
    if plate.width == 0 or y < sizes.gap:
        return []
    paste(picture, plate, x, y)
    return [Rectangle(x, y, x + plate.width, y + plate.height)]


def _draw_road(picture: Image, road: Road, sizes: Sizes, taken: list[Rectangle]) -> list[Rectangle]:
    """The road panel, above the status line where the two would meet; what it takes."""
    height, width = picture.shape[:2]
    panel = road_panel(road, round(ROAD_SIGN * sizes.text), PLATE, PLATE_OPACITY)
    if panel is None:
        return []
    x, y = width - sizes.gap - panel.width, height - sizes.gap - panel.height
    where = Rectangle(x, y, x + panel.width, y + panel.height)
    if where.shared(taken):
        up = where.y2 - min(other.y1 for other in taken) + sizes.gap
        where = where._replace(y1=where.y1 - up, y2=where.y2 - up)
    if where.x1 < sizes.gap or where.y1 < sizes.gap:
        return []
    paste(picture, panel, where.x1, where.y1)
    return [where]


@lru_cache(KEPT_STATUS)
def _status_plate(status: str, sizes: Sizes, width: int) -> Sprite:
    """The status on its plate, at most that wide; of width 0 where nothing fits."""
    style = Style(sizes.status, DETAIL)
    text = text_sprite(shorten(status, style, width - 2 * sizes.pad), style)
    if text.width == 0:
        return text
    back = _status_back(text.width + 2 * sizes.pad, text.height + sizes.pad)
    return stack(back, text, sizes.pad, sizes.pad // 2)


@lru_cache(KEPT_PLATES)
def _status_back(width: int, height: int) -> Sprite:
    return rounded(width, height, height * 0.3, PLATE, PLATE_OPACITY)
