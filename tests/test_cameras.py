"""What each variation shows of a sign, on pictures whose pixels are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from calibration.cameras import VARIATIONS, Image, around, vary
from edge.core import Box
from models.imaging import crop

CUT = (48, 0.1)
EVERY = pytest.mark.parametrize("name", VARIATIONS)


@pytest.fixture(scope="module")
def street() -> Image:
    """A smooth street, BGR (200, 300, 3), with a red sign of 60 px around (150, 100)."""
    coarse = np.random.default_rng(2).integers(40, 160, (5, 6, 3), np.uint8)
    image = cv2.resize(coarse, (300, 200), interpolation=cv2.INTER_CUBIC)
    cv2.circle(image, (150, 100), 30, (30, 30, 190), -1, cv2.LINE_AA)
    cv2.circle(image, (150, 100), 20, (220, 225, 225), -1, cv2.LINE_AA)
    cv2.rectangle(image, (147, 88), (153, 112), (20, 20, 20), -1)
    return image


SIGN = Box(120, 70, 181, 131)


@EVERY
def test_a_variation_gives_the_nets_crop_and_leaves_the_picture_alone(
    name: str, street: Image
) -> None:
    before = street.copy()
    found = vary(street, SIGN, name, 0, CUT)
    assert (found.dtype, found.shape) == (np.uint8, (48, 48, 3))
    assert np.array_equal(street, before)
    assert np.array_equal(vary(street, SIGN, name, 0, CUT), found)  # the same lots every time


@pytest.mark.parametrize("name", sorted(set(VARIATIONS) - {"as_it_is"}))
def test_every_variation_changes_the_crop(name: str, street: Image) -> None:
    plain = crop(street, SIGN, *CUT).astype(float)
    assert np.abs(vary(street, SIGN, name, 0, CUT) - plain).mean() > 1


@EVERY
@pytest.mark.parametrize(
    "box", [Box(0, 0, 7, 9), Box(290, 190, 300, 200), Box(-5, 50, 10, 60), Box(50, 50, 50, 50)]
)
def test_small_signs_signs_at_the_border_and_empty_boxes_are_shown(
    name: str, box: Box, street: Image
) -> None:
    part, inside = around(street, box)
    assert vary(part, inside, name, 3, CUT).shape == (48, 48, 3)


@EVERY
def test_a_picture_that_ends_at_the_sign_is_enough(name: str, street: Image) -> None:
    tight = street[70:131, 120:181]
    assert vary(tight, Box(0, 0, 61, 61), name, 3, CUT).shape == (48, 48, 3)


@pytest.mark.parametrize("name", ["as_it_is", "no_margin", "wide_margin", "off_centre"])
@pytest.mark.parametrize(
    "box", [SIGN, Box(3, 4, 20.5, 21), Box(20, 10, 190, 180), Box(250, 150, 300, 200)]
)
def test_the_surroundings_kept_are_all_that_a_framing_looks_at(
    name: str, box: Box, street: Image
) -> None:
    part, inside = around(street, box)
    assert np.array_equal(vary(part, inside, name, 1, CUT), vary(street, box, name, 1, CUT))


def test_the_surroundings_are_a_copy_of_the_sign_and_its_size_on_each_side(street: Image) -> None:
    part, inside = around(street, SIGN)
    assert part.shape == (3 * 61, 3 * 61, 3)
    assert inside == Box(61, 61, 122, 122)
    assert np.array_equal(part, street[9:192, 59:242])
    assert not np.shares_memory(part, street)


def test_margins_are_those_that_are_named(street: Image) -> None:
    assert np.array_equal(vary(street, SIGN, "as_it_is", 0, CUT), crop(street, SIGN, 48, 0.1))
    assert np.array_equal(vary(street, SIGN, "no_margin", 0, CUT), crop(street, SIGN, 48, 0.0))
    assert np.array_equal(vary(street, SIGN, "wide_margin", 0, CUT), crop(street, SIGN, 48, 0.3))


def centre_of(red: Image) -> tuple[float, float]:
    """Where the red ring of a crop lies."""
    y, x = ring(red)
    return float(x.mean()), float(y.mean())


def ring(shown: Image) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the red ring's pixels; nothing else in the street is as red."""
    return np.nonzero((shown[:, :, 0] > 165) & (shown[:, :, 1] < 70))


def test_off_centre_moves_the_sign_by_its_share_in_all_directions(street: Image) -> None:
    moves = [
        np.subtract(centre_of(vary(street, SIGN, "off_centre", i, (96, 0.3))), 47.5)
        for i in range(12)
    ]
    scale = 96 / (61 * 1.6)
    assert [np.hypot(*move) for move in moves] == pytest.approx([0.15 * 61 * scale] * 12, abs=0.8)
    for axis in (0, 1):
        assert min(move[axis] for move in moves) < 0 < max(move[axis] for move in moves)


def test_white_balance_moves_red_and_blue_apart(street: Image) -> None:
    means = {
        name: vary(street, SIGN, name, 0, CUT).mean(axis=(0, 1))
        for name in ("as_it_is", "warm", "cool")
    }
    ratio = {name: red / blue for name, (red, _, blue) in means.items()}
    assert ratio["warm"] > 1.3 * ratio["as_it_is"]
    assert ratio["cool"] < ratio["as_it_is"] / 1.3


def test_at_night_the_sign_is_bright_and_the_rest_dark(street: Image) -> None:
    shown = vary(street, SIGN, "night", 0, (48, 0.3)).astype(float)
    plain = crop(street, SIGN, 48, 0.3).astype(float)
    face = np.s_[15:17, 20:28]  # white, above the dark bar
    assert shown[face].mean() > 245
    corners = [shown[y, x].mean() / plain[y, x].mean() for y in (1, 46) for x in (1, 46)]
    assert max(corners) < 0.6


def test_faded_paint_has_lost_colour_and_contrast(street: Image) -> None:
    shown, plain = (vary(street, SIGN, n, 0, CUT).astype(float) for n in ("faded", "as_it_is"))
    assert np.ptp(shown, axis=2).mean() < 0.3 * np.ptp(plain, axis=2).mean()
    assert shown.std() < 0.7 * plain.std()


def test_scratches_stay_on_the_sign(street: Image) -> None:
    part, inside = around(street, SIGN)
    scratched, _ = VARIATIONS["scratched"].show(part, inside, np.random.default_rng(0))
    changed = (scratched != part).any(axis=2)
    y, x = np.nonzero(changed)
    reach = 0.7 * SIGN.width  # the longest scratch and half of the widest flake
    assert x.min() > inside.x1 - reach
    assert y.max() < inside.y2 + reach
    assert 0.02 < changed[61:122, 61:122].mean() < 0.5


def test_a_tilted_sign_is_turned_to_either_side(street: Image) -> None:
    """The dark bar in the middle of the sign gives its angle away."""
    angles = []
    for index in range(8):
        shown = vary(street, SIGN, "tilted", index, (96, 0.1))
        y, x = np.nonzero(shown[16:80, 16:80].max(axis=2) < 90)
        values, vectors = np.linalg.eigh(np.cov(np.stack([x, y])))
        along = vectors[:, values.argmax()]
        angles.append(round(float(np.degrees(np.arctan(along[0] / along[1])))))
    assert {abs(angle) for angle in angles} <= {14, 15, 16}
    assert min(angles) < 0 < max(angles)


def test_a_sign_seen_from_the_side_is_narrower_and_still_in_the_middle(street: Image) -> None:
    shown = vary(street, SIGN, "perspective", 0, (96, 0.1))
    y, x = ring(shown)
    assert np.ptp(x) / np.ptp(y) == pytest.approx(0.7 / 0.95, abs=0.08)
    assert x.mean() == pytest.approx(47.5, abs=3)


def test_h264_and_jpeg_cost_detail_but_not_the_picture(street: Image) -> None:
    part, inside = around(street[:, :237], SIGN)  # 183 px high and wide: no whole blocks
    plain = vary(part, inside, "as_it_is", 0, CUT).astype(float)
    for name in ("jpeg", "h264"):
        error = np.abs(vary(part, inside, name, 0, CUT) - plain)
        assert 1 < error.mean() < 12


def test_sharpening_overshoots_at_edges(street: Image) -> None:
    plain, sharp = (vary(street, SIGN, n, 0, CUT).astype(int) for n in ("as_it_is", "sharp"))
    assert sharp.max() > plain.max()
    assert sharp.std() > plain.std()
