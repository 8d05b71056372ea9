"""Windows into street pictures: what is marked must be found where the boxes say."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from models.imaging import GREY
from training import views
from training.views import Image, Picture, ViewSettings, compose, cut, disturb, finish, strange

SETTINGS = ViewSettings(width=320, height=192)
STRAIGHT = dataclasses.replace(SETTINGS, rotate=0.0, tilted=0.0, close=0.0, strange=0.0)
EDGE = 1.5  # px: how exactly a box follows its sign


def sample(
    pictures: list[Picture],
    weights: np.ndarray,
    settings: ViewSettings,
    rng: np.random.Generator,
    mosaic: bool = True,
) -> Picture:
    """A training picture into which nothing is pasted."""
    return finish(compose(pictures, weights, settings, rng, mosaic), settings, rng)


def street(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (1360, 800)) -> Picture:
    """Dark, with white rectangles as signs."""
    image = np.full((size[1], size[0], 3), 30, np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    return Picture(image, np.array(boxes, np.float32).reshape(-1, 4))


def extent(bright: np.ndarray) -> tuple[int, int, int, int]:
    """The rectangle around all true pixels."""
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


ONE = street((600, 300, 660, 350))


@pytest.mark.parametrize("seed", range(24))
def test_the_box_lies_on_the_sign_in_every_window(seed: int) -> None:
    found = cut(ONE, 320, 192, STRAIGHT, np.random.default_rng(seed))
    bright = found.image[:, :, 0] > 140
    assert found.image.shape == (192, 320, 3)
    if len(found.boxes):
        (box,) = found.boxes
        assert box == pytest.approx(extent(bright), abs=EDGE)
    elif bright.any():  # too little of it is inside, or it has become too small
        x1, y1, x2, y2 = extent(bright)
        cut_off = x1 == 0 or y1 == 0 or x2 == 320 or y2 == 192
        assert cut_off or max(x2 - x1, y2 - y1) < STRAIGHT.min_size + EDGE


@pytest.mark.parametrize("seed", range(12))
def test_the_box_of_a_tilted_sign_is_neither_too_large_nor_too_small(seed: int) -> None:
    """Of a round sign it is a little larger than needed, of a square one a little smaller."""
    settings = dataclasses.replace(STRAIGHT, rotate=15.0, on_sign=1.0, scales=(0.9, 1.1))
    image = np.full((800, 1360, 3), 30, np.uint8)
    cv2.circle(image, (629, 329), 30, (255, 255, 255), -1)
    boxes = np.array([[599, 299, 660, 360]], np.float32)
    found = cut(Picture(image, boxes), 320, 192, settings, np.random.default_rng(seed))
    bright = found.image[:, :, 0] > 140
    if len(found.boxes) and not _touches_border(bright):
        x1, y1, x2, y2 = extent(bright)
        box = found.boxes[0]
        assert (box[0] + box[2]) / 2 == pytest.approx((x1 + x2) / 2, abs=EDGE)
        assert (box[1] + box[3]) / 2 == pytest.approx((y1 + y2) / 2, abs=EDGE)
        grown = (box[2] - box[0]) / (x2 - x1)
        assert 1 - 0.03 <= grown <= (np.cos(np.radians(15)) + np.sin(np.radians(15)) + 1) / 2 + 0.05


def _touches_border(bright: np.ndarray) -> bool:
    return bool(bright[[0, -1]].any() or bright[:, [0, -1]].any())


def test_most_windows_hold_a_sign_where_there_is_one() -> None:
    rng = np.random.default_rng(0)
    held = [len(cut(ONE, 320, 192, SETTINGS, rng).boxes) for _ in range(60)]
    assert np.mean(held) > 0.5


def test_windows_come_at_many_scales() -> None:
    rng = np.random.default_rng(0)
    found = [cut(ONE, 320, 192, STRAIGHT, rng).boxes for _ in range(80)]
    scales = [(b[0][2] - b[0][0]) / 60 for b in found if len(b)]
    assert min(scales) < 0.55
    assert max(scales) > 1.3


def test_from_close_by_signs_are_as_large_as_a_window() -> None:
    settings = dataclasses.replace(STRAIGHT, close=1.0, on_sign=1.0)
    rng = np.random.default_rng(0)
    found = [cut(ONE, 320, 192, settings, rng).boxes for _ in range(80)]
    heights = [(b[0][3] - b[0][1]) for b in found if len(b)]
    assert min(heights) > 50
    assert max(heights) > 180


def test_a_camera_that_hangs_askew_tilts_the_picture() -> None:
    def tilt(settings: ViewSettings, seed: int) -> float:
        line = street((400, 395, 1000, 405))
        found = cut(line, 640, 384, settings, np.random.default_rng(seed)).image[:, :, 0] > 140
        rows, columns = np.nonzero(found)
        return float(abs(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0]))))

    straight = dataclasses.replace(STRAIGHT, scales=(0.9, 1.0), on_sign=1.0, stretch=0.0)
    askew = dataclasses.replace(straight, tilted=1.0)
    assert max(tilt(straight, seed) for seed in range(12)) < 0.3
    tilts = [tilt(askew, seed) for seed in range(12)]
    assert 5 < max(tilts) < askew.askew + 0.5


def test_pictures_of_another_width_are_brought_to_the_reference() -> None:
    settings = dataclasses.replace(STRAIGHT, scales=(0.999, 1.001), on_sign=1.0, stretch=0.0)
    half = street((300, 150, 330, 175), size=(680, 400))
    rng = np.random.default_rng(4)
    boxes = [b for _ in range(10) for b in cut(half, 320, 192, settings, rng).boxes]
    whole = [b for b in boxes if b.min() > 0 and b[2] < 320 and b[3] < 192]
    assert whole
    assert [b[2] - b[0] for b in whole] == pytest.approx([60] * len(whole), abs=0.2)


def test_a_picture_smaller_than_the_window_lies_in_the_middle_on_grey() -> None:
    settings = dataclasses.replace(STRAIGHT, scales=(0.999, 1.001), stretch=0.0)
    tiny = street((40, 30, 60, 50), size=(100, 80))
    settings = dataclasses.replace(settings, reference_width=100)
    found = cut(tiny, 320, 192, settings, np.random.default_rng(1))
    assert found.boxes[0] == pytest.approx((150, 86, 170, 106), abs=EDGE)
    assert (found.image[0] == GREY).all()
    assert (found.image[:, :100] == GREY).all()


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ((10, 10, 30, 30), True),
        ((-7, 10, 13, 30), True),  # 65 % is inside
        ((-9, 10, 11, 30), False),  # 55 %
        ((-30, 10, -10, 30), False),  # outside
        ((310, 180, 330, 200), False),  # a corner
        ((10, 10, 14, 16), True),  # 6 px high
        ((10, 10, 14, 14), False),  # 4 px
    ],
)
def test_a_sign_that_is_hardly_there_has_no_box(box: tuple[int, ...], kept: bool) -> None:
    found = views._clip(np.array([box], np.float32), 320, 192, SETTINGS)
    assert len(found) == kept
    if kept:
        assert found[0].tolist() == [max(0, box[0]), *box[1:]]


def test_without_boxes_there_are_none() -> None:
    empty = street()
    found = cut(empty, 320, 192, SETTINGS, np.random.default_rng(0))
    assert found.boxes.shape == (0, 4)
    assert sample([empty], np.ones(1), SETTINGS, np.random.default_rng(0)).boxes.shape == (0, 4)


# --- samples: mosaics, mirror images, disturbance ---


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "disturb", lambda image, *_, **__: image)


SEVERAL = [
    street((600, 300, 660, 350)),
    street((200, 200, 240, 260), (900, 400, 980, 470)),
    street((30, 500, 70, 540)),
]


@pytest.mark.usefixtures("undisturbed")
@pytest.mark.parametrize("mosaic", [0.0, 1.0], ids=["windows", "mosaics"])
@pytest.mark.parametrize("flip", [0.0, 1.0], ids=["", "mirrored"])
@pytest.mark.parametrize("seed", range(8))
def test_every_box_of_a_sample_is_filled_by_its_sign(mosaic: float, flip: float, seed: int) -> None:
    settings = dataclasses.replace(STRAIGHT, mosaic=mosaic, flip=flip)
    rng = np.random.default_rng(seed)
    found = sample(SEVERAL, np.full(3, 1 / 3), settings, rng)
    bright = found.image[:, :, 0] > 140
    assert found.image.shape == (192, 320, 3)
    covered = np.zeros_like(bright)
    for box in found.boxes:
        x1, y1, x2, y2 = box
        assert 0 <= x1 < x2 <= 320
        assert 0 <= y1 < y2 <= 192
        inner = bright[round(y1 + EDGE) : round(y2 - EDGE), round(x1 + EDGE) : round(x2 - EDGE)]
        assert inner.all()
        outer = [max(0, int(v - EDGE)) for v in (y1, x1)]
        covered[outer[0] : int(y2 + EDGE) + 1, outer[1] : int(x2 + EDGE) + 1] = True
    # What is bright beside the boxes is a sign that was cut off or has become tiny.
    _, _, stats, _ = cv2.connectedComponentsWithStats((bright & ~covered).astype(np.uint8))
    for _, _, width, height, area in stats[1:]:
        assert area <= 0.6 * 80 * 80 * 1.7**2
        assert min(width, height) > 0


@pytest.mark.usefixtures("undisturbed")
def test_a_mirrored_sample_is_the_mirror_image() -> None:
    pictures = [street((600, 300, 660, 350))]
    plain, turned = (
        sample(
            pictures,
            np.ones(1),
            dataclasses.replace(STRAIGHT, mosaic=0.0, flip=flip, on_sign=1.0),
            np.random.default_rng(11),
        )
        for flip in (0.0, 1.0)
    )
    assert len(plain.boxes) == 1
    assert np.array_equal(turned.image, plain.image[:, ::-1])
    x1, y1, x2, y2 = plain.boxes[0]
    assert turned.boxes[0] == pytest.approx((320 - x2, y1, 320 - x1, y2))


@pytest.mark.usefixtures("undisturbed")
@pytest.mark.parametrize("mosaic", [True, False])
def test_mosaics_can_be_left_out(mosaic: bool) -> None:
    """Four pictures of different brightness show in a mosaic, one in a window."""
    pictures = [Picture(np.full((800, 1360, 3), v, np.uint8), ONE.boxes[:0]) for v in range(250)]
    settings = dataclasses.replace(STRAIGHT, mosaic=1.0)
    chances = np.full(250, 1 / 250)
    found = sample(pictures, chances, settings, np.random.default_rng(2), mosaic)
    shades = {int(found.image[y, x, 0]) for y in (2, 189) for x in (2, 317)}
    assert len(shades) == (4 if mosaic else 1)


@pytest.mark.usefixtures("undisturbed")
def test_pictures_come_by_their_chances() -> None:
    pictures = [Picture(np.full((800, 1360, 3), v, np.uint8), ONE.boxes[:0]) for v in (10, 60, 90)]
    settings = dataclasses.replace(STRAIGHT, mosaic=0.0)
    rng = np.random.default_rng(2)
    found = [
        int(sample(pictures, np.array([0, 0.2, 0.8]), settings, rng).image[96, 160, 0])
        for _ in range(100)
    ]
    assert found.count(10) == 0
    assert 5 < found.count(60) < 40


def test_a_sample_depends_on_its_seed_alone() -> None:
    def once(seed: int) -> Picture:
        return sample(SEVERAL, np.full(3, 1 / 3), SETTINGS, np.random.default_rng(seed))

    for seed in range(6):
        first, again = once(seed), once(seed)
        assert np.array_equal(first.image, again.image)
        assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(once(1).image, once(2).image)


def test_pictures_are_left_as_they_were() -> None:
    pictures = [Picture(p.image.copy(), p.boxes.copy()) for p in SEVERAL]
    for picture in pictures:
        picture.image.flags.writeable = picture.boxes.flags.writeable = False
    for seed in range(12):
        found = sample(pictures, np.full(3, 1 / 3), SETTINGS, np.random.default_rng(seed))
        assert not any(np.shares_memory(found.image, p.image) for p in pictures)


def busy(width: int = 64, height: int = 48) -> Image:
    return np.random.default_rng(9).integers(0, 256, (height, width, 3), np.uint8)


def test_disturbing_keeps_the_shape_and_never_writes_into_its_input() -> None:
    image = busy()
    image.flags.writeable = False
    changed = 0
    for seed in range(60):  # every branch many times over
        out = disturb(image, np.random.default_rng(seed))
        assert (out.shape, out.dtype) == (image.shape, np.uint8)
        assert out.flags.c_contiguous
        changed += not np.array_equal(out, image)
    assert changed > 40


def test_disturbing_leaves_a_picture_that_can_still_be_recognised() -> None:
    image = cv2.resize(busy(8, 6), (64, 48), interpolation=cv2.INTER_CUBIC)
    for seed in range(40):
        out = disturb(image, np.random.default_rng(seed))
        likeness = np.corrcoef(out.mean(axis=2).ravel(), image.mean(axis=2).ravel())[0, 1]
        assert likeness > 0.6


def test_strange_light_keeps_the_shape_and_the_order_of_brightness() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    ramp.flags.writeable = False
    shades = []
    for seed in range(60):
        out = strange(ramp, np.random.default_rng(seed))
        assert (out.shape, out.dtype) == (ramp.shape, np.uint8)
        assert (np.diff(out.astype(int), axis=1) >= 0).all()
        shades.append(out[0, 128].astype(int))
    assert np.ptp(shades, axis=0).min() > 80, "dark and light"
    assert max(np.ptp(shade) for shade in shades) > 60, "coloured"
