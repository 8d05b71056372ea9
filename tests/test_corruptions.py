"""Corruptions: the same for ever, stronger with every severity, and what each of them does."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from models.errors import UsageError
from training.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    THEIRS,
    Image,
    constants,
    corrupt,
    in_turn,
)

ISSUE = (  # the twelve that were asked for
    *("noise", "blur", "motion_blur", "brightness", "contrast", "fog", "rain", "jpeg"),
    *("pixelate", "occlusion", "low_resolution", "colour_cast"),
)


def drawn(seed: int, size: tuple[int, int] = (48, 48)) -> Image:
    """A sign on a road: smooth background, a red ring, something dark on white in it."""
    random = np.random.default_rng(seed)
    rows, columns = size
    coarse = random.integers(20, 160, (4, 4, 3), np.uint8)
    image = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    middle = columns // 2, rows // 2
    cv2.circle(image, middle, min(size) * 2 // 5, (170, 30, 40), -1, cv2.LINE_AA)
    cv2.circle(image, middle, min(size) * 3 // 10, (210, 210, 205), -1, cv2.LINE_AA)
    cv2.putText(image, str(seed), (middle[0] - 9, middle[1] + 6), 0, 0.6, (25, 25, 30), 2)
    return image


CROPS = [drawn(seed) for seed in range(12)]
EVERY = pytest.mark.parametrize("name", CORRUPTIONS)


def distance(crop: Image, other: Image) -> float:
    return float(np.abs(crop.astype(int) - other.astype(int)).mean())


def test_there_are_the_twelve_with_a_constant_for_each_severity() -> None:
    assert tuple(CORRUPTIONS) == ISSUE
    assert {len(each.strengths) for each in CORRUPTIONS.values()} == {len(SEVERITIES)}


@EVERY
def test_each_severity_changes_more_than_the_one_before(name: str) -> None:
    effect = [
        np.mean([distance(crop, corrupt(crop, name, severity, i)) for i, crop in enumerate(CROPS)])
        for severity in SEVERITIES
    ]
    assert effect[0] > 0.3
    assert all(low < high for low, high in pairwise(effect)), effect


@EVERY
@pytest.mark.parametrize("size", [(48, 48), (40, 56)])
def test_the_result_is_a_new_picture_of_the_same_kind(name: str, size: tuple[int, int]) -> None:
    crop = drawn(3, size)
    before = crop.copy()
    for severity in SEVERITIES:
        found = corrupt(crop, name, severity, 7)
        assert (found.dtype, found.shape) == (np.uint8, crop.shape)
        assert found.flags.c_contiguous
        assert not np.shares_memory(found, crop)
    assert np.array_equal(crop, before)


@EVERY
@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_pictures_come_through(name: str, level: int) -> None:
    flat = np.full((48, 48, 3), level, np.uint8)
    assert corrupt(flat, name, 5, 0).shape == flat.shape


@EVERY
def test_the_same_is_drawn_every_time(name: str) -> None:
    first = corrupt(CROPS[0], name, 3, 5)
    np.random.default_rng().random()
    assert np.array_equal(corrupt(CROPS[0], name, 3, 5), first)


@pytest.mark.parametrize(
    "name", ["noise", "motion_blur", "fog", "rain", "occlusion", "colour_cast"]
)
def test_lots_differ_from_crop_to_crop(name: str) -> None:
    assert not np.array_equal(corrupt(CROPS[0], name, 3, 5), corrupt(CROPS[0], name, 3, 6))


def test_lots_differ_from_severity_to_severity() -> None:
    flat = np.full((48, 48, 3), 128, np.uint8)
    weak, strong = (corrupt(flat, "noise", s, 0).astype(float) - 128 for s in (1, 2))
    assert abs(np.corrcoef(weak.ravel(), strong.ravel())[0, 1]) < 0.1


@pytest.mark.parametrize("severity", [0, 6, -1])
def test_a_severity_that_does_not_exist_is_a_usage_error(severity: int) -> None:
    with pytest.raises(UsageError, match=f"expected 1 to 5, found {severity}"):
        corrupt(CROPS[0], "noise", severity, 0)


def test_an_unknown_name_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"noise, .*colour_cast, found 'snow'"):
        corrupt(CROPS[0], "snow", 1, 0)


# --- what each of them does -----------------------------------------------------------------------


def test_noise_has_the_deviation_of_the_table() -> None:
    flat = np.full((96, 96, 3), 128, np.uint8)
    assert corrupt(flat, "noise", 2, 0).std() / 255 == pytest.approx(0.08, rel=0.03)


def test_brightness_raises_the_value_and_keeps_the_hue() -> None:
    flat = np.full((4, 4, 3), (100, 50, 0), np.uint8)
    bright = corrupt(flat, "brightness", 3, 0)[0, 0]  # 100 + 0.3 · 255 = 176.5
    assert bright.tolist() == [176, 88, 0]
    black = np.zeros((4, 4, 3), np.uint8)
    assert corrupt(black, "brightness", 2, 0)[0, 0].tolist() == [51, 51, 51]


def test_contrast_pulls_each_channel_to_its_mean() -> None:
    halves = np.zeros((2, 2, 3), np.uint8)
    halves[0] = (200, 100, 50)
    found = corrupt(halves, "contrast", 1, 0)  # keeps 0.4 of ± 100, 50, 25
    assert found[0, 0].tolist() == [140, 70, 35]
    assert found[1, 0].tolist() == [60, 30, 15]


def test_fog_leaves_nothing_brighter_than_the_brightest_pixel() -> None:
    for severity in SEVERITIES:
        assert corrupt(CROPS[1], "fog", severity, 1).max() <= CROPS[1].max()


def test_occlusion_covers_the_share_of_the_table_with_one_rectangle() -> None:
    flat = np.full((48, 48, 3), 255, np.uint8)
    for severity, share in zip(SEVERITIES, CORRUPTIONS["occlusion"].strengths, strict=True):
        for index in range(20):
            covered = (corrupt(flat, "occlusion", severity, index) != 255).any(axis=2)
            assert covered.mean() == pytest.approx(share, rel=0.12)
            rows, columns = covered.any(axis=1).sum(), covered.any(axis=0).sum()
            assert rows * columns == covered.sum()
            assert 0.4 < columns / rows < 2.5


def test_motion_blur_spreads_a_point_along_one_line_to_one_side() -> None:
    point = np.zeros((49, 49, 3), np.uint8)
    point[24, 24] = 255
    found = corrupt(point, "motion_blur", 5, 2)[:, :, 0].astype(float)
    y, x = np.nonzero(found > 2)
    weights = found[y, x]
    spread = np.linalg.eigvalsh(np.cov(np.stack([x, y]), aweights=weights))
    assert spread[1] > 8 * spread[0]
    assert np.average(x, weights=weights) < 23.5  # filter2D correlates: it smears to the left
    assert found.sum() == pytest.approx(255, rel=0.1)


def test_low_resolution_leaves_nothing_finer_than_its_pixels() -> None:
    stripes = np.zeros((48, 48, 3), np.uint8)
    stripes[:, ::3] = 255  # one of the three that become one at 16 px across
    assert np.unique(corrupt(stripes, "low_resolution", 3, 0)).tolist() == [85]


def test_pixelate_leaves_so_many_different_columns() -> None:
    ramp = np.repeat(np.arange(48, dtype=np.uint8)[None, :, None] * 5, 48, axis=0)
    found = corrupt(np.repeat(ramp, 3, axis=2), "pixelate", 4, 0)
    assert len(np.unique(found[0, :, 0])) == 28  # int(48 · 0.6)


def test_a_colour_cast_keeps_the_mean_logarithm() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    for index in range(10):
        cast = corrupt(grey, "colour_cast", 3, index)[0, 0].astype(float)
        logs = np.log(cast / 100)
        assert logs.mean() == pytest.approx(0, abs=0.01)
        assert np.linalg.norm(logs) == pytest.approx(0.36, abs=0.02)


def test_rain_is_lit_as_the_scene_is() -> None:
    dark, light = (np.full((48, 48, 3), level, np.uint8) for level in (10, 220))
    assert corrupt(dark, "rain", 5, 0).max() <= 50
    assert corrupt(light, "rain", 5, 0).min() >= 190


def test_the_constants_name_their_meaning_and_their_source() -> None:
    table = constants()
    assert tuple(table) == ISSUE
    assert table["jpeg"] == {
        "strengths": [65, 58, 50, 40, 25],
        "meaning": "quality",
        "source": THEIRS,
    }
    assert all(row["meaning"] and row["source"] for row in table.values())


def test_each_crop_is_corrupted_once_and_all_corruptions_take_turns() -> None:
    rng = np.random.default_rng(0)
    crops = list(rng.integers(0, 256, (len(CORRUPTIONS) + 1, 16, 16, 3), np.uint8))
    names = [*CORRUPTIONS, next(iter(CORRUPTIONS))]
    for index, (name, found) in enumerate(zip(names, in_turn(crops, 3), strict=True)):
        assert np.array_equal(found, corrupt(crops[index], name, 3, index))
