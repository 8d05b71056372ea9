"""What the classifier is trained on: crops, drawn signs, background, and their labels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.errors import UsageError
from models.imaging import Image
from models.signs import BACKGROUND, COUNT, FOREIGN
from training import crops
from training.artwork import sign_art
from training.crops import (
    MIRRORED,
    STORED,
    STORED_MARGIN,
    Crops,
    background_crops,
    chances,
    overlap,
    pasted,
    stack,
    store,
    stored_side,
    with_shares,
)
from training.feed import Look, undisturbed

Place = tuple[float, float, float, float]


def smooth(width: int, height: int, seed: int = 0) -> Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_nothing_stacked_is_empty_but_shaped() -> None:
    empty = stack([], [])
    assert empty.images.shape == (0, STORED, STORED, 3)
    assert empty.labels.shape == (0,)


def test_stacked_crops_keep_their_labels() -> None:
    images = [np.full((STORED, STORED, 3), v, np.uint8) for v in (1, 2)]
    found = stack(images, [14, BACKGROUND])
    assert found.images[:, 0, 0, 0].tolist() == [1, 2]
    assert found.labels.tolist() == [14, BACKGROUND]


def test_a_stored_crop_is_the_box_with_its_wide_margin_in_rgb() -> None:
    image = smooth(160, 160)
    side = STORED / (1 + 2 * STORED_MARGIN)  # 42 2/3 px: stored without any scaling
    box = (80 - side / 2, 80 - side / 2, 80 + side / 2, 80 + side / 2)
    assert np.array_equal(store(image, box), image[48:112, 48:112, ::-1])


def test_small_pictures_that_are_all_equally_large_are_kept_pixel_by_pixel() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    whole = (0.0, 0.0, 32.0, 32.0)
    assert stored_side([whole, whole]) == 48
    kept = stack([store(each, whole, 48) for each in pictures], [0, 1])
    seen = undisturbed(kept, Look("rgb", "none"), margin=0.0, size=32)
    assert np.array_equal(seen, pictures[..., ::-1])


@pytest.mark.parametrize(
    "sides", [[(32, 32), (28, 28)], [(64, 64)], [(43, 43)], [(31, 31)], []], ids=str
)
def test_other_pictures_are_kept_at_the_usual_size(sides: list[tuple[int, int]]) -> None:
    assert stored_side((0.0, 0.0, width, height) for width, height in sides) == STORED


# --- background ---


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """Where background was cut out, in place of the pictures."""
    found: list[Place] = []

    def keep(image: Image, box: Place) -> Image:
        found.append(tuple(float(v) for v in box))
        return store(image, box)

    monkeypatch.setattr(crops, "store", keep)
    return found


SIGNS: list[Place] = [(300, 200, 340, 240), (345, 200, 385, 240), (700, 100, 800, 190)]


@pytest.mark.parametrize("seed", range(6))
def test_background_never_shows_a_whole_sign(seed: int, places: list[Place]) -> None:
    found = background_crops(smooth(1360, 800), SIGNS, 12, np.random.default_rng(seed))
    assert len(found) == len(places) == 12
    assert all(image.shape == (STORED, STORED, 3) for image in found)
    for place in places:
        assert max(overlap(place, sign) for sign in SIGNS) < 0.25


def test_some_background_lies_beside_the_signs(places: list[Place]) -> None:
    for seed in range(10):
        background_crops(smooth(1360, 800), SIGNS, 12, np.random.default_rng(seed))
    beside = [p for p in places if max(overlap(p, sign) for sign in SIGNS) > 0]
    assert len(beside) >= 5


def test_background_without_signs_lies_inside_the_picture(places: list[Place]) -> None:
    found = background_crops(smooth(1360, 800), [], 20, np.random.default_rng(1))
    assert len(found) == 20
    for x1, y1, x2, y2 in places:
        assert x1 >= 0
        assert y1 >= 0
        assert x2 <= 1360
        assert y2 <= 800 * 0.85 + 1e-6


def test_background_depends_on_its_seed_alone() -> None:
    image = smooth(1360, 800)
    first, again, other = (
        np.stack(background_crops(image, SIGNS, 6, np.random.default_rng(seed)))
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 100, 100), (40, 40, 50, 50), 1.0),  # a large crop with a whole sign in it
        ((40, 40, 50, 50), (0, 0, 100, 100), 0.01),  # a detail of a large sign
    ],
)
def test_overlap_by_hand(a: Place, b: Place, expected: float) -> None:
    assert overlap(a, b) == pytest.approx(expected)


# --- drawn signs ---


def test_a_drawn_sign_lies_in_the_middle_of_its_ground() -> None:
    art = np.zeros((128, 128, 4), np.uint8)
    art[:] = (200, 0, 0, 255)  # blue, and it fills its square
    red = np.zeros((30, 50, 3), np.uint8)
    red[:, :, 2] = 180
    for seed in range(10):
        out = pasted(art, red, np.random.default_rng(seed))
        assert (out.shape, out.dtype) == ((STORED, STORED, 3), np.uint8)
        assert np.array_equal(out[2, 2], [180, 0, 0])  # RGB: the ground
        centre = out[STORED // 2, STORED // 2]
        assert centre[0] == centre[1] == 0  # RGB: the sign
        rows = np.flatnonzero(out[:, STORED // 2, 2])
        inner = STORED / (1 + 2 * STORED_MARGIN)
        assert len(rows) == pytest.approx(inner, abs=3)
        assert rows.mean() == pytest.approx((STORED - 1) / 2, abs=2)


def test_what_is_transparent_shows_the_ground() -> None:
    art = np.zeros((128, 128, 4), np.uint8)
    art[:, :, :3] = 255
    ground = smooth(64, 64)
    out = pasted(art, ground, np.random.default_rng(0))
    assert np.array_equal(out, ground[:, :, ::-1])


def test_drawing_leaves_artwork_and_ground_as_they_were() -> None:
    art, ground = sign_art(14, 128), smooth(64, 64)
    art.flags.writeable = ground.flags.writeable = False
    first = pasted(art, ground, np.random.default_rng(5))
    assert np.array_equal(first, pasted(art, ground, np.random.default_rng(5)))


# --- labels and chances ---


def test_mirroring_twice_is_not_mirroring() -> None:
    assert all(MIRRORED[MIRRORED[label]] == label for label in MIRRORED)
    assert {FOREIGN, BACKGROUND} <= MIRRORED.keys()


@pytest.mark.parametrize("label", [label for label in MIRRORED if label < COUNT])
def test_the_mirror_image_of_a_sign_looks_like_what_it_is_called(label: int) -> None:
    """Nearer to the class it is said to be than to any other."""
    turned = _flat(sign_art(label, 48))[:, ::-1]
    distance = [np.abs(turned - _flat(sign_art(other, 48))).mean() for other in range(COUNT)]
    assert int(np.argmin(distance)) == MIRRORED[label]


@pytest.mark.parametrize("label", [label for label in range(COUNT) if label not in MIRRORED])
def test_a_sign_without_a_mirror_image_differs_from_its_own(label: int) -> None:
    art = _flat(sign_art(label, 48))
    assert np.abs(art[:, ::-1] - art).max() > 60


def _flat(art: np.ndarray) -> np.ndarray:
    """A drawn sign on grey."""
    alpha = art[:, :, 3:] / 255
    return np.asarray(art[:, :, :3] * alpha + 128 * (1 - alpha))


def no_pictures(labels: object, weights: object = None) -> Crops:
    own = np.array(labels)
    given = np.ones(len(own)) if weights is None else np.array(weights, float)
    return Crops(np.zeros((len(own), 0, 0, 3), np.uint8), own, given)


def test_weights_count_within_their_class_only() -> None:
    found = chances(no_pictures([0, 0, 1, 1], [3, 1, 8, 8]), 2, "equal")
    assert found == pytest.approx([0.375, 0.125, 0.25, 0.25])


def test_balance_by_hand() -> None:
    """Nine crops of one class, one of another: as they are, by square root, evened out."""
    labels = np.array([0] * 9 + [1])
    for balance, share in (("none", 0.9), ("sqrt", 0.75), ("equal", 0.5)):
        found = chances(no_pictures(labels), 3, balance)
        assert found[:9] == pytest.approx([share / 9] * 9)
        assert found[9] == pytest.approx(1 - share)


def test_an_unknown_balance_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--balance: expected one of none, sqrt, equal"):
        chances(no_pictures([0]), 1, "half")


def test_fixed_shares_by_hand() -> None:
    labels = np.array([0] * 4 + [1] * 1 + [FOREIGN] * 2 + [BACKGROUND] * 5)
    found = with_shares(chances(no_pictures(labels), COUNT + 2, "sqrt"), labels, SHARES)
    assert found.sum() == pytest.approx(1)
    # Square roots 2 : 1 share 0.7 between the two classes.
    assert found[:4] == pytest.approx([0.7 * 2 / 3 / 4] * 4)
    assert found[4] == pytest.approx(0.7 / 3)
    assert found[5:7] == pytest.approx([0.05] * 2)
    assert found[7:] == pytest.approx([0.04] * 5)


SHARES = {FOREIGN: 0.1, BACKGROUND: 0.2}


@pytest.mark.parametrize(
    "labels",
    [[3], [3, 3, 7], [FOREIGN], [BACKGROUND, 1], [FOREIGN, BACKGROUND], list(range(45)) * 3],
)
def test_chances_always_sum_to_one(labels: list[int]) -> None:
    own = np.array(labels)
    found = with_shares(chances(no_pictures(own), COUNT + 2, "sqrt"), own, SHARES)
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()
