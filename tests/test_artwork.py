"""The drawn signs: documented shapes, clear differences, the same picture every time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.errors import OutputError
from models.signs import COUNT
from training import artwork
from training.artwork import (
    FOREIGN,
    LOOKALIKES,
    Art,
    contact_sheet,
    foreign_art,
    lookalike_art,
    sign_art,
)
from training.glyphs import text
from training.plates import GERMAN
from training.vector import Pen, circle, halved, rectangle, render

LABELS = range(COUNT)
DIFFERENT = 3.0  # grey levels between any two signs at 48 px, on average over the square


def on_grey(art: Art) -> np.ndarray:
    alpha = art[..., 3:].astype(np.float64) / 255
    return np.asarray(art[..., :3] * alpha + 128 * (1 - alpha))


def touches(art: Art) -> tuple[bool, bool]:
    """Whether it reaches left and right, whether it reaches top and bottom."""
    alpha = art[..., 3] > 0
    return (
        bool(alpha[:, 0].any() and alpha[:, -1].any()),
        bool(alpha[0].any() and alpha[-1].any()),
    )


@pytest.mark.parametrize("label", LABELS)
def test_every_sign_is_bgra_with_a_solid_middle_and_clear_corners(label: int) -> None:
    art = sign_art(label, 96)
    assert art.shape == (96, 96, 4)
    assert art.dtype == np.uint8
    assert art[48, 48, 3] == 255
    assert not art[[0, 0, -1, -1], [0, -1, 0, -1], 3].any()
    assert 0.4 < (art[..., 3] == 255).mean() < 0.9


@pytest.mark.parametrize("size", [16, 48, 100, 512])
@pytest.mark.parametrize("label", LABELS)
def test_the_longer_side_of_every_sign_fills_the_square(label: int, size: int) -> None:
    art = sign_art(label, size)
    assert art.shape == (size, size, 4)
    assert any(touches(art))


@pytest.mark.parametrize("name", FOREIGN)
def test_every_foreign_sign_fills_the_square(name: str) -> None:
    art = foreign_art(name, 64)
    assert art.shape == (64, 64, 4)
    assert art.dtype == np.uint8
    assert any(touches(art))
    assert art[32, 32, 3] == 255


@pytest.mark.parametrize("name", LOOKALIKES)
def test_every_lookalike_fills_the_square(name: str) -> None:
    art = lookalike_art(name, 64)
    assert art.shape == (64, 64, 4)
    assert art.dtype == np.uint8
    assert any(touches(art))


def test_there_are_enough_distractors_and_no_name_is_used_twice() -> None:
    assert len(FOREIGN) >= 16
    assert len(LOOKALIKES) >= 12
    assert len({*FOREIGN, *LOOKALIKES}) == len(FOREIGN) + len(LOOKALIKES)


def test_all_signs_are_clearly_different_at_the_size_the_classifier_sees() -> None:
    signs = {f"sign {label}": on_grey(sign_art(label, 48)) for label in LABELS}
    signs |= {name: on_grey(foreign_art(name, 48)) for name in FOREIGN}
    close = {
        (a, b): round(float(np.abs(signs[a] - signs[b]).mean()), 2)
        for a, b in combinations(signs, 2)
        if np.abs(signs[a] - signs[b]).mean() < DIFFERENT
    }
    assert not close


@pytest.mark.parametrize("label", [5, 14, 31, 42])
def test_drawing_again_gives_the_same_picture(label: int) -> None:
    np.testing.assert_array_equal(
        render(partial(artwork.SIGNS[label], style=GERMAN)), sign_art(label, 512)
    )


def test_what_a_caller_does_to_a_picture_stays_with_the_caller() -> None:
    before = sign_art(13, 512)
    sign_art(13, 512)[:] = 0
    np.testing.assert_array_equal(sign_art(13, 512), before)


def test_a_sign_is_drawn_once_and_then_scaled() -> None:
    sign_art(0, 16)
    drawn = artwork._masters.cache_info().misses
    sign_art(0, 300)
    sign_art(0, 41)
    assert artwork._masters.cache_info().misses == drawn


@pytest.mark.parametrize(("left", "right"), [(20, 19), (34, 33), (37, 36), (39, 38)])
def test_left_signs_mirror_right_signs(left: int, right: int) -> None:
    mirrored = np.asarray(sign_art(right, 128)[:, ::-1]).astype(int)
    assert np.abs(mirrored - sign_art(left, 128)).mean() < 1


@pytest.mark.parametrize(
    ("label", "bgr"),
    [(14, (0, 0, 255)), (17, (0, 0, 255)), (12, (0, 165, 255)), (35, (255, 128, 0))],
    ids=["stop red", "no entry red", "priority yellow", "ahead blue"],
)
def test_the_ground_has_the_hue_of_its_category(label: int, bgr: tuple[int, int, int]) -> None:
    at = {14: (50, 15), 17: (20, 50), 12: (50, 50), 35: (50, 15)}[label]
    art = sign_art(label, 100)[..., :3]
    found = int(cv2.cvtColor(art, cv2.COLOR_BGR2HSV)[at][0])
    wanted = int(cv2.cvtColor(np.array([[bgr]], np.uint8), cv2.COLOR_BGR2HSV)[0, 0, 0])
    assert min(abs(found - wanted), 180 - abs(found - wanted)) <= 12


def test_no_colour_from_outside_bleeds_into_the_edge() -> None:
    art = sign_art(14, 48)
    edge = (art[..., 3] > 0) & (art[..., 3] < 128)
    assert edge.any()
    assert art[edge][:, :3].min() > 200


@pytest.mark.parametrize("label", [-1, COUNT, 999])
def test_an_unknown_class_is_refused(label: int) -> None:
    with pytest.raises(IndexError, match=str(label)):
        sign_art(label, 48)


@pytest.mark.parametrize("size", [0, -3, 513])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="expected 1"):
        sign_art(0, size)


@pytest.mark.parametrize("art", [foreign_art, lookalike_art])
def test_an_unknown_name_is_refused(art: Callable[[str, int], Art]) -> None:
    with pytest.raises(KeyError):
        art("no such thing", 48)


def test_a_filled_square_covers_exactly_its_share() -> None:
    def paint(pen: Pen) -> None:
        pen.plate((0, 0, 0), rectangle(0, 0, 1, 1))
        pen.fill((255, 255, 255), rectangle(0.25, 0.25, 0.75, 0.75))

    assert render(paint)[..., 0].mean() / 255 == pytest.approx(0.25, abs=0.002)


def test_a_ring_leaves_its_middle_alone() -> None:
    def paint(pen: Pen) -> None:
        pen.plate((0, 0, 0), rectangle(0, 0, 1, 1))
        pen.fill((255, 255, 255), circle((0.5, 0.5), 0.4), circle((0.5, 0.5), 0.3))

    picture = render(paint)
    assert picture[256, 256, 0] == 0
    assert picture[256, 80, 0] == 255
    assert picture[..., 0].mean() / 255 == pytest.approx(np.pi * 0.07, abs=0.002)


def test_a_line_with_flat_ends_ends_where_it_should() -> None:
    def paint(pen: Pen) -> None:
        pen.plate((0, 0, 0), rectangle(0, 0, 1, 1))
        pen.stroke((255, 255, 255), [(0.25, 0.5), (0.25, 0.5), (0.5, 0.5), (0.75, 0.5)], 0.1)

    assert render(paint)[..., 0].mean() / 255 == pytest.approx(0.05, abs=0.001)


def test_a_turned_and_mirrored_pen_lands_where_it_should() -> None:
    def paint(pen: Pen) -> None:
        pen.plate((0, 0, 0), rectangle(0, 0, 1, 1))
        pen.at(0.5, 0.5, turn=90).disc((255, 0, 0), 0.25, 0, 0.05)
        pen.at(0.5, 0.5, mirror=True).disc((0, 255, 0), 0.25, 0, 0.05)

    picture = render(paint)
    assert tuple(picture[384, 256, :3]) == (255, 0, 0)
    assert tuple(picture[256, 128, :3]) == (0, 255, 0)


def test_halving_takes_the_rounded_mean_of_four() -> None:
    image = np.array([[0, 1, 255, 255], [1, 0, 255, 254]], np.uint8)
    np.testing.assert_array_equal(halved(image), [[1, 255]])


@pytest.mark.parametrize("letter", list("0123456789ADEFHIKLMNOPRSTUZmt,"))
def test_every_glyph_leaves_ink(letter: str) -> None:
    def paint(pen: Pen) -> None:
        pen.plate((0, 0, 0), rectangle(0, 0, 1, 1))
        text(pen, (255, 255, 255), letter, (0.5, 0.5), 0.5)

    ink = render(paint)[..., 0] > 128
    assert 0.001 < ink.mean() < 0.13
    rows = np.flatnonzero(ink.any(axis=1))
    assert rows[0] >= 0.22 * len(ink)
    assert rows[-1] <= 0.80 * len(ink)


def test_the_command_writes_a_sheet_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "sheet.png"
    monkeypatch.setattr("sys.argv", ["artwork", "--output", str(target), "--size", "32"])
    artwork.main()
    sheet = cv2.imread(str(target))
    np.testing.assert_array_equal(sheet, contact_sheet(32))


def test_an_unwritable_sheet_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "missing" / "sheet.png"
    monkeypatch.setattr("sys.argv", ["artwork", "--output", str(target), "--size", "16"])
    with pytest.raises(OutputError, match=r"sheet\.png"):
        artwork.main()
