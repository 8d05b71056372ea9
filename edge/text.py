"""Text in any script as sprites, word by word, so that a changing number costs one new word."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from edge.sprite import Colour, Sprite, stencil

# Looked for by name in the system's font folders; the first one that has every glyph of a word
# draws it. DejaVu comes with nearly every Linux; the others are what Windows, macOS and East Asian
# systems bring.
FACES = {
    False: ("DejaVuSans.ttf", "segoeui.ttf", "arial.ttf", "Helvetica.ttc"),
    True: ("DejaVuSans-Bold.ttf", "segoeuib.ttf", "arialbd.ttf", "Helvetica.ttc"),
}
MORE_SCRIPTS = (
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "msgothic.ttc",
    "PingFang.ttc",
    "NotoSans-Regular.ttf",
)
NO_GLYPH = "\uffff"  # no font has one: it is drawn as the font's "missing" box
ELLIPSIS = "…"
KEPT_WORDS = 256
KEPT_CHARACTERS = 4096

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class Style(NamedTuple):
    """How text looks; `size` is the font's in pixels."""

    size: int
    colour: Colour
    bold: bool = False


def line_height(style: Style) -> int:
    """Pixels from one line of text to the next."""
    return math.ceil(style.size * 1.3)


def text_width(text: str, style: Style) -> int:
    """Pixels that `text_sprite` will take."""
    words = _words(text)
    gaps = _space(style) * max(0, len(words) - 1)
    return sum(_word(word, style).width for word in words) + gaps


def text_sprite(text: str, style: Style) -> Sprite:
    """One line of text. White space becomes one space, what cannot be printed is left out."""
    words = [_word(word, style) for word in _words(text)]
    gap = _space(style)
    width = sum(word.width for word in words) + gap * max(0, len(words) - 1)
    shape = (line_height(style), width, 3)
    line = Sprite(np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8))
    x = 0
    for word in words:
        line.colour[:, x : x + word.width] = word.colour
        line.keep[:, x : x + word.width] = word.keep
        x += word.width + gap
    return line


def shorten(text: str, style: Style, width: int) -> str:
    """The text, cut with an ellipsis where it is wider than that; empty if nothing fits."""
    text = " ".join(_words(text))
    if text_width(text, style) <= width:
        return text
    for length in range(len(text) - 1, 0, -1):
        shorter = text[:length].rstrip() + ELLIPSIS
        if text_width(shorter, style) <= width:
            return shorter
    return ""


def _words(text: str) -> list[str]:
    if not text.isprintable():  # a lone surrogate is not, so whatever is left is real text
        text = "".join(c if c.isprintable() else " " for c in text)
    return text.split()


@lru_cache(KEPT_WORDS)
def _word(word: str, style: Style) -> Sprite:
    font = _font_for(word, style)
    if isinstance(font, ImageFont.ImageFont):  # Pillow without FreeType: Latin-1, one size
        word = word.encode("latin-1", "replace").decode("latin-1")
    left, _, right, _ = font.getbbox(word)
    width = math.ceil(max(font.getlength(word), right)) - math.floor(min(left, 0))
    mask = Pillow.new("L", (max(1, width), line_height(style)))
    origin = (-math.floor(min(left, 0)), round(style.size * 1.02))
    draw = ImageDraw.Draw(mask)
    if isinstance(font, ImageFont.ImageFont):
        draw.text((0, 0), word, 255, font)
    else:
        draw.text(origin, word, 255, font, anchor="ls")
    return stencil(np.asarray(mask), style.colour)


@lru_cache(64)
def _space(style: Style) -> int:
    return max(1, round(_font_for("x", style).getlength(" ")))


def _font_for(word: str, style: Style) -> Font:
    """The first font that has all of the word; the plain one where none has."""
    for font in _fonts(style.size, style.bold):
        if all(_has_glyph(font, character) for character in word):
            return font
    return next(_fonts(style.size, style.bold))


def _fonts(size: int, bold: bool) -> Iterator[Font]:
    found = False
    for name in FACES[bold] + MORE_SCRIPTS:
        font = _load(name, size)
        if font is not None:
            found = True
            yield font
    if not found:
        yield ImageFont.load_default(size)


@lru_cache(64)
def _load(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)
    except (OSError, ImportError):  # not installed here, or Pillow without FreeType
        return None


@lru_cache(KEPT_CHARACTERS)
def _has_glyph(font: Font, character: str) -> bool:
    if isinstance(font, ImageFont.ImageFont):
        return ord(character) < 256
    return bytes(font.getmask(character)) != bytes(font.getmask(NO_GLYPH))
