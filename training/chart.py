"""A data set in one picture: how often each class is in it, and how large its signs are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.errors import OutputError
from models.signs import COUNT, sign_table
from training.census import Census, label_name

WIDTH, MARGIN, ROW = 1600, 40, 24
NAMES, BARS = 330, 520  # pixels for the names, and for the longest bar
TOP = 130
INK, FAINT, PAPER = (33, 37, 41), (173, 181, 189), (255, 255, 255)
SIZE_COLOUR = (73, 80, 87)
COLOURS = {
    "prohibitory": (214, 48, 49),
    "danger": (232, 145, 20),
    "mandatory": (25, 113, 194),
    "priority": (242, 190, 34),
    "end": (134, 142, 150),
    "unknown": (112, 72, 232),
}
BINS_AN_OCTAVE = 4


def draw_chart(title: str, census: Census, path: Path) -> None:
    """Write the chart as a PNG; `OutputError` if it cannot be written."""
    several = len(census.signs) > 1
    table = range(len(census.classes) or COUNT)
    labels = sorted({*table, *census.signs}) if several else list(census.signs)
    height = TOP + max(ROW * len(labels), 420) + 2 * MARGIN
    image = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN, MARGIN - 8), title, INK, _font(26))
    if not census.classes:
        _legend(draw, (MARGIN, MARGIN + 40), labels)
    _classes(draw, labels, census)
    left = MARGIN + NAMES + BARS + 140
    what = "pictures" if census.classes else "signs"
    _sizes(draw, what, census.all_sizes, (left, TOP, WIDTH - MARGIN, height - 2 * MARGIN))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        image.save(part, format="PNG")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _category(label: int) -> str:
    return sign_table()[label].category if 0 <= label < COUNT else "unknown"


def _legend(draw: ImageDraw.ImageDraw, place: tuple[int, int], labels: Sequence[int]) -> None:
    x, y = place
    shown = {_category(label) for label in labels}
    for category in (each for each in COLOURS if each in shown):
        colour = COLOURS[category]
        draw.rectangle((x, y + 3, x + 12, y + 15), colour)
        draw.text((x + 18, y), category, INK, _font(15))
        x += 42 + int(draw.textlength(category, _font(15)))


def _classes(draw: ImageDraw.ImageDraw, labels: Sequence[int], census: Census) -> None:
    most = max(census.signs.values(), default=1)
    zero = MARGIN + NAMES
    for row, label in enumerate(labels):
        y = TOP + row * ROW
        signs = census.signs.get(label, 0)
        colour = COLOURS["mandatory" if census.classes else _category(label)]
        draw.text((MARGIN + 28, y + 2), str(label), FAINT, _font(15), anchor="ra")
        draw.text((MARGIN + 40, y + 2), label_name(label, census.classes), INK, _font(15))
        end = zero + round(BARS * signs / most)
        draw.rectangle((zero, y + 2, end, y + ROW - 6), colour)
        tracks = f"  ({census.tracks[label]} tracks)" if label in census.tracks else ""
        draw.text((end + 8, y + 2), f"{signs}{tracks}", INK if signs else FAINT, _font(14))


def _sizes(
    draw: ImageDraw.ImageDraw,
    what: str,
    sizes: Sequence[float],
    area: tuple[int, int, int, int],
) -> None:
    """Histogram over a logarithmic axis: each doubling of the size takes the same width."""
    left, top, right, bottom = area
    positive = np.array([size for size in sizes if size > 0])
    if not positive.size:
        draw.text((left, top - 4), f"no {what}", FAINT, _font(17))
        return
    median = float(np.median(positive))
    heading = f"longer side of the {what}, px: "
    draw.text((left, top - 4), heading, INK, _font(17))
    after = left + draw.textlength(heading, _font(17))
    draw.text((after, top - 4), f"median {median:.0f}", COLOURS["mandatory"], _font(17))
    first, last = np.floor(np.log2(positive.min())), np.ceil(np.log2(positive.max()) + 1e-9)
    last = max(last, first + 1)
    counts, edges = np.histogram(
        np.log2(positive), bins=int(last - first) * BINS_AN_OCTAVE, range=(first, last)
    )
    top, base = top + 60, bottom - 30
    scale = (right - left) / (last - first)
    for number, start, end in zip(counts, edges, edges[1:], strict=False):
        x1, x2 = left + (start - first) * scale, left + (end - first) * scale
        y = base - (base - top) * int(number) / int(counts.max())
        if number:
            draw.rectangle((x1 + 1, y, x2 - 2, base), SIZE_COLOUR)
            draw.text(((x1 + x2) / 2, y - 3), str(number), INK, _font(11), anchor="mb")
    draw.line((left, base + 1, right, base + 1), INK)
    for power in np.arange(first, last + 1):
        x = left + (power - first) * scale
        draw.line((x, base + 1, x, base + 6), INK)
        draw.text((x, base + 9), f"{2.0**power:g}", INK, _font(14), anchor="ma")
    x = left + (np.log2(median) - first) * scale
    draw.polygon(((x, base + 2), (x - 7, base + 14), (x + 7, base + 14)), COLOURS["mandatory"])
