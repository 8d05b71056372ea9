"""A row a training: as lines of text, as a page, and as a picture of bars with their intervals."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from models.errors import OutputError

WIDTH, MARGIN, ROW = 1500, 40, 46
NAMES, FIGURES = 390, 330  # pixels for the names, and for the figures behind the bars
TOP = 130
LEFT, RIGHT = MARGIN + NAMES, WIDTH - MARGIN - FIGURES  # the ends of the axis
INK, FAINT, PAPER, RULE = (33, 37, 41), (134, 142, 150), (255, 255, 255), (222, 226, 230)

Row = tuple[str, ...]


def aligned(header: Row, rows: Sequence[Row], words: Sequence[int] = (0,)) -> list[str]:
    """Lines with aligned columns under a ruled header; `words` are the columns of words."""
    whole = [header, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in whole
    ]
    return [lines[0], "─" * max(map(len, lines)), *lines[1:]]


def pipes(header: Row, rows: Sequence[Row], words: Sequence[int] = (0,)) -> list[str]:
    """The same in Markdown."""
    rule = tuple("---" if column in words else "---:" for column in range(len(header)))
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def percent(share: float) -> str:
    """0.9951 as 99.51."""
    return f"{100 * share:.2f}"


class Sheet:
    """A picture with `rows` rows: a name, room for a bar from LEFT to RIGHT, and figures."""

    def __init__(self, title: str, note: str, rows: int) -> None:
        self.base = TOP + ROW * rows
        self.image = Image.new("RGB", (WIDTH, self.base + 2 * MARGIN), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.draw.text((MARGIN, MARGIN - 8), title, INK, _font(28))
        self.draw.text((MARGIN, MARGIN + 32), note, FAINT, _font(17))

    def mark(self, x: float, text: str, colour: tuple[int, int, int] = RULE) -> None:
        """A line of the axis."""
        self.draw.line((x, TOP - 6, x, self.base), colour)
        self.draw.text((x, self.base + 6), text, FAINT, _font(15), anchor="ma")

    def name(self, row: int, text: str) -> None:
        self.draw.text((LEFT - 14, _middle(row)), text, INK, _font(18), anchor="rm")

    def bar(self, row: int, start: float, end: float, colour: tuple[int, int, int]) -> None:
        """From one x to the other, whichever is further left."""
        y = TOP + row * ROW
        self.draw.rectangle((min(start, end), y + 6, max(start, end), y + ROW - 14), colour)

    def whiskers(self, row: int, low: float, high: float) -> None:
        """An interval, over the row's bar."""
        middle = _middle(row)
        self.draw.line((low, middle, high, middle), INK, 2)
        for x in (low, high):
            self.draw.line((x, middle - 5, x, middle + 5), INK, 2)

    def figures(self, row: int, first: str, second: str) -> None:
        middle = _middle(row)
        self.draw.text((RIGHT + 20, middle), first, INK, _font(19), anchor="lm")
        self.draw.text((RIGHT + 120, middle), second, FAINT, _font(15), anchor="lm")

    def png(self) -> bytes:
        data = io.BytesIO()
        self.image.save(data, format="PNG")
        return data.getvalue()


def _middle(row: int) -> int:
    return TOP + row * ROW + ROW // 2 - 4


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def write(path: Path, data: bytes) -> None:
    """Through a temporary file; OutputError where it cannot be written."""
    try:
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
