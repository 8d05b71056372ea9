"""What a stored crop may look like to the net: moved, dirty, far away, wet, never unreadable."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest

from models.errors import UsageError
from models.imaging import CROP_MARGIN, CROP_SIZE, Image, crop
from training import augment
from training.augment import LEVELS, PARTS, Augmentation
from training.crops import STORED, store


def smooth(width: int, height: int, seed: int = 0) -> Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def dice(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("side", [20.0, 42.6, 90.0])
@pytest.mark.parametrize("margin", [CROP_MARGIN, 0.0])
def test_an_undisturbed_crop_is_seen_as_the_device_cuts_it(side: float, margin: float) -> None:
    image = smooth(320, 320, seed=4)
    box = (150 - side / 2, 160 - side / 2, 150 + side / 2, 160 + side / 2)
    seen = Augmentation("none", margin=margin)(store(image, box), dice())
    direct = crop(image, box, CROP_SIZE, margin)
    assert seen.shape == direct.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert np.abs(seen.astype(int) - direct).mean() < 2


@pytest.mark.parametrize("level", LEVELS[1:])
def test_disturbed_crops_depend_on_their_dice_alone_and_leave_the_stored_ones(level: str) -> None:
    image = smooth(STORED, STORED)
    image.flags.writeable = False
    seen = set()
    for seed in range(40):
        out = Augmentation(level)(image, dice(seed))
        assert (out.shape, out.dtype) == ((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        assert np.array_equal(out, Augmentation(level)(image, dice(seed)))
        seen.add(out.tobytes())
    assert len(seen) == 40


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [16, 32, STORED])
def test_a_net_may_see_crops_of_another_size(level: str, size: int) -> None:
    image = smooth(STORED, STORED)
    for seed in range(40):
        out = Augmentation(level, size=size)(image, dice(seed))
        assert (out.shape, out.dtype) == ((size, size, 3), np.uint8)
    seen = Augmentation("none", margin=0.0, size=size)(image, dice())
    inside = image[11:53, 11:53]  # stored with a margin of a quarter: 42.7 px are the sign
    assert np.abs(cv2.resize(inside, (size, size)).astype(int) - seen).mean() < 3


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(
        UsageError,
        match="--augment: expected one of none, shift, light, full, harsh, clear, found 'x'",
    ):
        Augmentation("x")


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--without: expected some of .*, found mud"):
        Augmentation("full", "cover,mud")


@pytest.mark.parametrize("seed", range(12))
def test_the_sign_stays_in_the_disturbed_crop(seed: int) -> None:
    """A stored sign spans 42 2/3 px; the net sees it up to a quarter larger or smaller."""
    only_moved = Augmentation("full", ",".join(PARTS))
    image = np.zeros((STORED, STORED, 3), np.uint8)
    cv2.circle(image, (STORED // 2, STORED // 2), 21, (255, 255, 255), -1)
    out = only_moved(image, dice(seed))[:, :, 0]
    y, x = np.nonzero(out > 127)
    assert x.mean() == pytest.approx(CROP_SIZE / 2, abs=9)
    assert y.mean() == pytest.approx(CROP_SIZE / 2, abs=9)
    whole = np.pi * (CROP_SIZE / (1 + 2 * CROP_MARGIN) / 2) ** 2
    assert 0.45 * whole < len(x) < 1.7 * whole


@pytest.mark.parametrize("size", [32, 48])
def test_a_shift_is_by_whole_pixels_and_hides_a_square(size: int) -> None:
    image = smooth(STORED, STORED, seed=5)
    still = Augmentation("none", size=size)(image, dice())
    reach = size // 8
    wide = np.pad(still, ((reach, reach), (reach, reach), (0, 0)), "reflect")
    places = set()
    for seed in range(200):
        out = Augmentation("shift", size=size)(image, dice(seed))
        same = {
            (y, x): (wide[y : y + size, x : x + size] == out).all(axis=2)
            for y in range(2 * reach + 1)
            for x in range(2 * reach + 1)
        }
        place = max(same, key=lambda each: same[each].sum())
        rows, columns = np.nonzero(~same[place])
        assert 0 < len(rows) <= (2 * (size // 8)) ** 2
        assert np.ptp(rows) < size // 4
        assert np.ptp(columns) < size // 4
        assert (out[rows, columns] == augment.GREY).all()
        places.add(place)
    assert {y for y, _ in places} == {x for _, x in places} == set(range(2 * reach + 1))


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_left_out(part: str) -> None:
    """Alone it changes some crops of many; with all parts left out these stay as they are moved."""
    image = smooth(STORED, STORED, seed=2)
    alone = Augmentation("full", ",".join(set(PARTS) - {part}))
    none = Augmentation("full", ",".join(PARTS))
    changed = [
        not np.array_equal(alone(image, dice(seed)), none(image, dice(seed))) for seed in range(60)
    ]
    assert any(changed)


@pytest.mark.parametrize("level", ["full", "harsh", "clear"])
def test_no_crop_becomes_black(level: str) -> None:
    """A dark crop made darker still would teach its class to blackness."""
    dark = (smooth(STORED, STORED, seed=3) // 8).astype(np.uint8)
    full = Augmentation(level)
    assert min(full(dark, dice(seed)).std() for seed in range(300)) > 1
    hazy = (110 + smooth(STORED, STORED, seed=3) // 8).astype(np.uint8)
    shown = [full(hazy, dice(seed)).std() for seed in range(300)]
    assert np.mean(np.array(shown) < augment.LEAST_CONTRAST) < 0.01  # moved out of the crop


def test_a_cover_hides_a_part_and_never_writes_into_the_crop() -> None:
    image = np.full((CROP_SIZE, CROP_SIZE, 3), 200, np.uint8)
    image.flags.writeable = False
    hidden = []
    for seed in range(40):
        out = augment._cover(image, dice(seed))
        assert (out.shape, out.dtype) == (image.shape, np.uint8)
        hidden.append((np.abs(out.astype(int) - 200).max(axis=2) > 20).mean())
    assert np.mean(hidden) > 0.02
    assert max(hidden) < 0.8


@pytest.mark.parametrize(
    "disturb",
    [
        augment._rain,
        augment._haze,
        augment._sharpen,
        augment._grain,
        partial(augment._far, augment.FAR_SIZES, 0.3),
        partial(augment._far, augment.CODED_SIZES, 1.0),
    ],
)
def test_other_disturbances_keep_the_crop_recognisable(disturb: object) -> None:
    """Still nearer to itself than to another picture."""
    image, other = smooth(CROP_SIZE, CROP_SIZE, 5), smooth(CROP_SIZE, CROP_SIZE, 6)
    image.flags.writeable = False
    for seed in range(20):
        out = disturb(image, dice(seed))  # type: ignore[operator]
        assert (out.shape, out.dtype) == (image.shape, np.uint8)
        likeness = [np.corrcoef(out.ravel(), a.ravel())[0, 1] for a in (image, other)]
        assert likeness[0] > likeness[1]


def test_fewer_signs_are_far_away_where_they_are_shown_clear() -> None:
    image = smooth(STORED, STORED, 5)
    changed = {}
    for level in ("full", "clear"):
        far = Augmentation(level, ",".join(set(PARTS) - {"resolution"}))
        near = Augmentation(level, ",".join(PARTS))
        shown = [(far(image, dice(seed)), near(image, dice(seed))) for seed in range(400)]
        lost = [np.abs(one.astype(int) - other).mean() for one, other in shown]
        changed[level] = (np.mean(np.array(lost) > 0), np.mean(lost))
    assert 0.24 < changed["full"][0] < 0.36
    assert 0.13 < changed["clear"][0] < 0.25
    assert changed["clear"][1] < changed["full"][1]


def test_glare_is_brightest_in_one_place() -> None:
    image = np.full((CROP_SIZE, CROP_SIZE, 3), 90, np.uint8)
    image.flags.writeable = False
    for seed in range(20):
        out = augment._glare(image, dice(seed))
        y, x = np.unravel_index(out[:, :, 0].argmax(), out.shape[:2])
        assert out[y, x, 0] > out.min()
        assert out.max() <= 250


def test_a_faded_sign_loses_its_red_first() -> None:
    image = np.full((CROP_SIZE, CROP_SIZE, 3), 200, np.uint8)
    image[:16], image[16:32] = (180, 20, 20), (20, 40, 180)
    image.flags.writeable = False
    for seed in range(10):
        out = augment._fade(image, dice(seed)).astype(int)
        reds, blues = (np.ptp(out[row, 10]) for row in (8, 24))
        assert reds < np.ptp(image[8, 10])
        assert blues > reds


def test_dusk_leaves_a_dark_crop_readable() -> None:
    bright, dark = smooth(CROP_SIZE, CROP_SIZE, 5), smooth(CROP_SIZE, CROP_SIZE, 5) // 8
    for image in (bright, dark):
        image.flags.writeable = False
        for seed in range(20):
            out = augment._dusk(image, dice(seed))
            assert (out.shape, out.dtype) == (image.shape, np.uint8)
            assert np.percentile(out, 95) <= max(np.percentile(dark, 95), augment.DUSK[1]) + 6
            assert np.corrcoef(out.ravel(), image.ravel())[0, 1] > 0.8
    assert np.mean([augment._dusk(dark, dice(n)).mean() for n in range(20)]) > dark.mean() - 3


@pytest.mark.parametrize(("level", "least", "most"), [("full", 0.4, 0.7), ("harsh", 0.25, 0.45)])
def test_some_signs_are_seen_from_far_aside(level: str, least: float, most: float) -> None:
    only_moved = Augmentation(level, ",".join(set(PARTS) - {"perspective"}))
    image = np.zeros((STORED, STORED, 3), np.uint8)
    cv2.circle(image, (STORED // 2, STORED // 2), 21, (255, 255, 255), -1)
    narrow = []
    for seed in range(100):
        y, x = np.nonzero(only_moved(image, dice(seed))[:, :, 0] > 127)
        narrow.append(np.ptp(x) / np.ptp(y))
    assert least < min(narrow) < most
    assert 0.9 < np.median(narrow) < 1.1


RED = (200, 30, 40)  # RGB


def test_what_makes_grey_of_it_gets_blue_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def bluish(image: Image, _rng: object, blur: float) -> Image:
        assert 0 < blur < 1
        seen.append(image[0, 0].tolist())
        image[:, :, 0] = 255
        return image

    monkeypatch.setattr(augment, "disturb", bluish)
    without = ",".join(part for part in PARTS if part != "light")
    out = Augmentation("full", without)(np.full((STORED, STORED, 3), RED, np.uint8), dice(1))

    assert seen == [list(RED[::-1])]
    assert out[0, 0].tolist() == [200, 30, 255]


def test_a_codec_gets_blue_first(monkeypatch: pytest.MonkeyPatch) -> None:
    encode, seen = cv2.imencode, []

    def watched(kind: str, image: Image, words: list[int]) -> tuple[bool, Image]:
        seen.append(image.mean((0, 1)).round().tolist())
        return encode(kind, image, words)

    monkeypatch.setattr(cv2, "imencode", watched)
    monkeypatch.setitem(augment.FAR, "clear", 0.0)
    monkeypatch.setitem(augment.CODED, "clear", 1.0)
    without = ",".join(part for part in PARTS if part != "resolution")
    out = Augmentation("clear", without)(np.full((STORED, STORED, 3), RED, np.uint8), dice())

    assert seen == [list(RED[::-1])]
    assert np.abs(out.astype(int) - RED).max() < 12
