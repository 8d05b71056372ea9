"""Signs pasted into windows: cut out along their outline, in free places, with boxes that fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_sets import gtsrb_training, store

from training import paste as pasting
from training.paste import LEAST, Stickers, gtsrb_stickers, outline, paste
from training.views import Picture

WHITE = np.full((60, 60, 4), 255, np.uint8)
BLACK = np.dstack([np.zeros((60, 60, 3), np.uint8), np.full((60, 60), 255, np.uint8)])
STICKERS = Stickers([WHITE], [WHITE], [BLACK])


def window(grey: int = 100, *boxes: tuple[int, int, int, int]) -> Picture:
    image = np.full((384, 640, 3), grey, np.uint8)
    return Picture(image, np.array(boxes, np.float32).reshape(-1, 4))


@pytest.mark.parametrize(
    ("label", "inside", "outside"),
    [
        (2, [(50, 50), (50, 4), (4, 50)], [(4, 4), (95, 95)]),  # a limit is round
        (18, [(50, 50), (50, 4), (8, 95)], [(8, 20), (92, 20)]),  # a danger stands on its base
        (13, [(50, 50), (50, 95), (8, 5)], [(8, 80), (92, 80)]),  # give way stands on its tip
        (12, [(50, 50), (50, 4), (4, 50)], [(10, 10), (90, 90)]),  # a priority road on a corner
        (14, [(50, 50), (35, 3), (65, 96)], [(4, 4), (96, 96)]),  # stop has eight
    ],
)
def test_the_outline_is_that_of_the_class(
    label: int, inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> None:
    mask = outline(label, 100, 100)
    assert [mask[y, x] for x, y in inside] == [255] * len(inside)
    assert [mask[y, x] for x, y in outside] == [0] * len(outside)


@pytest.mark.parametrize("seed", range(12))
def test_each_box_lies_on_what_was_pasted_and_lookalikes_have_none(seed: int) -> None:
    before = window()
    after = paste(before, STICKERS, np.random.default_rng(seed))
    assert (before.image == 100).all() and not len(before.boxes)
    bright = after.image[:, :, 1].astype(int) > 110  # white signs are lighter than the ground
    marked = np.zeros_like(bright)
    for x1, y1, x2, y2 in after.boxes.astype(int):
        marked[y1:y2, x1:x2] = True
        rows, columns = np.flatnonzero(bright[y1:y2, x1:x2].any(axis=1)), slice(x1, x2)
        assert len(rows) >= 0.7 * (y2 - y1), "the sign fills its box"
        assert bright[y1:y2, columns].any()
    assert not (bright & ~marked).any()


def test_a_place_that_is_taken_is_left_alone() -> None:
    full = window(100, (0, 0, 640, 384))
    after = paste(full, STICKERS, np.random.default_rng(0))
    assert (after.image == full.image).all()
    assert (after.boxes == full.boxes).all()


def test_a_sticker_as_large_as_the_window_is_left_out() -> None:
    small = Picture(np.full((40, 40, 3), 100, np.uint8), np.zeros((0, 4), np.float32))
    after = paste(small, STICKERS, np.random.default_rng(0), least=80.0)
    assert (after.image == 100).all() and not len(after.boxes)


@pytest.mark.parametrize("least", [9.0, 60.0])
def test_what_is_pasted_has_the_least_size_or_more(least: float) -> None:
    sides = [
        max(x2 - x1, y2 - y1)
        for seed in range(40)
        for x1, y1, x2, y2 in paste(window(), STICKERS, np.random.default_rng(seed), least).boxes
    ]
    assert 0.9 * least <= min(sides) < 2 * least


def shapes(monkeypatch: pytest.MonkeyPatch, aside: float, hanging: float) -> np.ndarray:
    """Width over height of square signs, as they are posed."""
    monkeypatch.setattr(pasting, "ASIDE", aside)
    monkeypatch.setattr(pasting, "HANGING", hanging)
    sizes = (80.0, 90.0)
    posed = [pasting._posed(WHITE, sizes, np.random.default_rng(seed)) for seed in range(60)]
    return np.array([face.shape[1] / face.shape[0] for face in posed])


def test_signs_that_are_seen_from_aside_are_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, aside = shapes(monkeypatch, 0, 0), shapes(monkeypatch, 1, 0)
    assert usual.min() > 0.6
    assert aside.min() < 0.5 and aside.max() < 0.95


def test_signs_that_hang_askew_need_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pasting, "ASIDE", 0)
    found = []
    for hanging in (0, 1):
        monkeypatch.setattr(pasting, "HANGING", hanging)
        dice = map(np.random.default_rng, range(60))
        posed = [pasting._posed(WHITE, (80.0, 81.0), each) for each in dice]
        found.append(max(face.shape[0] for face in posed))
    assert found[1] > found[0] + 10


def test_pasting_is_the_same_for_the_same_dice() -> None:
    one, other = (paste(window(), STICKERS, np.random.default_rng(7)) for _ in range(2))
    assert (one.image == other.image).all() and (one.boxes == other.boxes).all()


def test_two_frames_of_each_track_are_cut_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(gtsrb_training({2: 2, 13: 1}, frames=30), tmp_path / "gtsrb")
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    found = gtsrb_stickers()
    assert len(found) == 6  # three tracks
    for sticker in found:
        assert sticker.shape[2] == 4 and min(sticker.shape[:2]) >= LEAST
        assert sticker[0, 0, 3] < 255 or sticker[-1, 0, 3] < 255  # corners are not of the sign
    assert len(gtsrb_stickers(limit=2)) == 2
