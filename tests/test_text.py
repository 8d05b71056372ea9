"""Text of any script, measured and drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from edge import text
from edge.text import Style, shorten, text_sprite, text_width

STYLE = Style(18, (255, 255, 255))
BOLD = Style(18, (255, 255, 255), bold=True)


def ink(words: str, style: Style = STYLE) -> float:
    """How much of the line is covered, in solid pixels."""
    return float((255 - text_sprite(words, style).keep[..., 0].astype(float)).sum() / 255)


@pytest.mark.parametrize(
    "words", ["Höchstgeschwindigkeit ß", "Přednost v jízdě", "Уступи дорогу", "止まれ"]
)
def test_every_script_draws_something(words: str) -> None:
    assert ink(words) > 10 * len(words)


@pytest.mark.parametrize(("one", "other"), [("ä", "a"), ("ř", "r"), ("Ж", "ж"), ("ß", "B")])
def test_letters_that_differ_look_different(one: str, other: str) -> None:
    assert not np.array_equal(text_sprite(one, STYLE).keep, text_sprite(other, STYLE).keep)


def test_the_letters_stay_within_the_line() -> None:
    sprite = text_sprite("ÄŘgjpqy|", BOLD)

    assert (sprite.keep[0] == 255).all()
    assert (sprite.keep[-1] == 255).all()


def test_bold_has_more_ink() -> None:
    assert ink("Stop", BOLD) > 1.2 * ink("Stop")


def test_text_comes_in_its_colour() -> None:
    sprite = text_sprite("█", Style(18, (10, 200, 90)))
    solid = sprite.keep[..., 0] == 0

    assert (sprite.colour[solid] == (90, 200, 10)).all()


def test_white_space_and_what_cannot_be_printed_become_one_space() -> None:
    plain = text_sprite("end of all", STYLE)
    odd = text_sprite(" end\tof\x00\n\ud800all ", STYLE)

    assert np.array_equal(plain.colour, odd.colour)


def test_a_width_that_is_measured_is_the_width_that_is_drawn() -> None:
    assert text_width("27 FPS · 24.3 ms", STYLE) == text_sprite("27 FPS · 24.3 ms", STYLE).width


def test_digits_do_not_make_a_line_tremble() -> None:
    assert {text_width(f"{number} ms", STYLE) for number in range(10, 100)} == {
        text_width("88 ms", STYLE)
    }


def test_short_enough_text_stays_as_it_is() -> None:
    assert shorten("Give way", STYLE, text_width("Give way", STYLE)) == "Give way"


def test_long_text_is_cut_to_the_room_it_has() -> None:
    room = text_width("No overtaking by", STYLE)
    cut = shorten("No overtaking by trucks", STYLE, room)

    assert cut.startswith("No overtaking")
    assert cut.endswith("…")
    assert text_width(cut, STYLE) <= room


def test_with_no_room_nothing_is_left() -> None:
    assert shorten("Stop", STYLE, 3) == ""


@settings(deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_no_text_at_all_is_too_much(words: str) -> None:
    sprite = text_sprite(words, Style(11, (255, 255, 255)))

    assert sprite.width == text_width(words, Style(11, (255, 255, 255)))


@pytest.fixture
def fresh_caches() -> None:
    for cache in (text._word, text._space, text._load):
        cache.cache_clear()


@pytest.mark.usefixtures("fresh_caches")
def test_a_machine_without_fonts_uses_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ImageFont.truetype

    def none_found(font: object, *rest: Any, **named: Any) -> ImageFont.FreeTypeFont:
        if isinstance(font, str):
            raise OSError("cannot open resource")
        return real(font, *rest, **named)  # type: ignore[arg-type]  # Pillow's own, from memory

    monkeypatch.setattr(ImageFont, "truetype", none_found)
    style = Style(23, (255, 255, 255))  # a size no other test has put into the caches

    assert ink("Vorfahrt gewähren", style) > 100
    assert text_sprite("止まれ", style).width > 0


@pytest.mark.usefixtures("fresh_caches")
def test_pillow_without_freetype_still_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_freetype(*_: object, **__: object) -> ImageFont.FreeTypeFont:
        raise ImportError("The _imagingft C module is not installed")

    bitmap = ImageFont.load_default_imagefont()
    monkeypatch.setattr(ImageFont, "truetype", no_freetype)
    monkeypatch.setattr(ImageFont, "load_default", lambda _size: bitmap)
    style = Style(22, (255, 255, 255))

    assert ink("Stop 97%", style) > 50
    assert text_sprite("止まれ", style).width > 0
