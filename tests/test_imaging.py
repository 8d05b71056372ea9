"""The shared pixel code against pictures worked out by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.imaging import GREY, Image, Letterbox, crop, letterbox


def noise(width: int, height: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def ramp(width: int = 256, height: int = 200) -> Image:
    """Each pixel's value is its column."""
    return np.broadcast_to(np.arange(width, dtype=np.uint8)[None, :, None], (height, width, 3))


def painted(width: int, height: int, box: tuple[int, int, int, int]) -> Image:
    """Black with a white rectangle."""
    image = np.zeros((height, width, 3), np.uint8)
    image[box[1] : box[3], box[0] : box[2]] = 255
    return image


# --- letterbox ---


def test_a_picture_of_the_right_size_only_turns_to_rgb() -> None:
    image = noise(32, 16)
    out, place = letterbox(image, 32, 16)
    assert np.array_equal(out, image[:, :, ::-1])
    assert place == Letterbox(1.0, 0, 0)


@pytest.mark.parametrize(
    ("size", "into", "place", "inner"),
    [
        ((4, 2), (8, 8), Letterbox(2.0, 0, 2), (0, 2, 8, 6)),  # bars above and below
        ((2, 4), (8, 8), Letterbox(2.0, 2, 0), (2, 0, 6, 8)),  # bars left and right
        ((5, 5), (8, 5), Letterbox(1.0, 1, 0), (1, 0, 6, 5)),  # 3 over: one left, two right
        ((1360, 800), (800, 448), Letterbox(0.56, 19, 0), (19, 0, 781, 448)),
        ((1000, 1), (100, 100), Letterbox(0.1, 0, 49), (0, 49, 100, 50)),  # never thinner than 1
    ],
)
def test_a_picture_is_fitted_centred_and_padded_with_grey(
    size: tuple[int, int],
    into: tuple[int, int],
    place: Letterbox,
    inner: tuple[int, int, int, int],
) -> None:
    image = np.full((size[1], size[0], 3), (10, 20, 30), np.uint8)

    out, found = letterbox(image, *into)

    assert found == pytest.approx(place)
    expected = np.full((into[1], into[0], 3), GREY, np.uint8)
    expected[inner[1] : inner[3], inner[0] : inner[2]] = (30, 20, 10)
    assert np.array_equal(out, expected)


def test_enlarging_is_bilinear_between_pixel_centres() -> None:
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 1] = 100
    out, _ = letterbox(image, 4, 2)
    assert out[:, :, 0].tolist() == [[0, 25, 75, 100]] * 2


def test_another_resize_is_within_a_level_of_opencvs_and_stays_in_the_letterbox() -> None:
    image = noise(1280, 720)
    ours, _ = letterbox(image, 1138, 640)
    after = cv2.resize(image, (1138, 640))[:, :, ::-1]
    assert np.abs(ours.astype(int) - after).max() <= 1
    cv2.ipp.setUseIPP_NotExact(False)
    assert np.array_equal(cv2.resize(image, (1138, 640))[:, :, ::-1], after)


@pytest.mark.parametrize("size", [(1360, 800), (1280, 720), (640, 960), (300, 200)])
def test_a_box_lies_where_the_letterbox_says(size: tuple[int, int]) -> None:
    width, height = size
    box = (width // 4, height // 3, width // 2, height // 2)
    out, place = letterbox(painted(width, height, box), 640, 384)

    expected = np.array(box) * place.scale + [place.left, place.top] * 2
    inside = out[:, :, 0] > 180  # above both black and padding
    found = [
        *(np.flatnonzero(inside.any(axis=axis))[0] for axis in (0, 1)),
        *(np.flatnonzero(inside.any(axis=axis))[-1] + 1 for axis in (0, 1)),
    ]
    assert found == pytest.approx(expected, abs=1)


# --- crop ---


def test_a_box_of_the_crops_size_is_cut_out_to_the_pixel() -> None:
    image = noise(20, 20)
    out = crop(image, (4, 6, 12, 14), 8, 0.0)
    assert np.array_equal(out, image[6:14, 4:12, ::-1])


def test_the_margin_is_a_share_of_the_longer_side_on_every_side() -> None:
    image = noise(20, 20)
    out = crop(image, (4, 6, 12, 14), 12, 0.25)
    assert np.array_equal(out, image[4:16, 2:14, ::-1])


@pytest.mark.parametrize("box", [(4, 6, 12, 10), (6, 4, 10, 12)])
def test_a_box_that_is_no_square_is_widened_around_its_centre(
    box: tuple[float, float, float, float],
) -> None:
    image = noise(20, 20)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    expected = image[int(y) - 4 : int(y) + 4, int(x) - 4 : int(x) + 4, ::-1]
    assert np.array_equal(crop(image, box, 8, 0.0), expected)


def test_half_a_pixel_aside_gives_the_mean_of_two() -> None:
    image = np.ascontiguousarray(ramp() // 2 * 2)  # even steps: 0, 0, 2, 2, 4, 4 …
    out = crop(image, (40.5, 50, 44.5, 54), 4, 0.0)
    assert out[:, :, 0].tolist() == [[40, 41, 42, 43]] * 4


@pytest.mark.parametrize(
    "box",
    [
        (60, 60, 70, 70),  # enlarged
        (60.3, 60.7, 108.2, 108.6),  # about the same size
        (10.4, 20.9, 93.1, 103.6),  # not yet averaged
        (20, 10, 125.7, 115.7),  # averaged in twos
        (41.3, 5.5, 227.9, 192.1),  # in threes
        (8, 5, 248, 245),  # in fives
    ],
)
def test_every_scale_looks_at_the_same_place(box: tuple[float, float, float, float]) -> None:
    """On a ramp each value tells its own column."""
    out = crop(ramp(), box, 48, 0.0)
    step = (box[2] - box[0]) / 48
    expected = box[0] + (np.arange(48) + 0.5) * step - 0.5
    assert out[:, :, 0] == pytest.approx(np.broadcast_to(expected, (48, 48)), abs=1)


def test_a_large_box_is_averaged_not_sampled() -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    image[:, ::4] = 200  # every fourth column: samples in between would be black
    out = crop(image, (40, 40, 136, 136), 24, 0.0)
    assert np.all(out == 50)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((0, 0, 4, 4), slice(0, 8), slice(0, 8)),
        ((16, 16, 20, 20), slice(16, 24), slice(16, 24)),
        ((16, 0, 20, 4), slice(0, 8), slice(16, 24)),
    ],
)
def test_at_the_border_the_last_pixels_repeat(
    box: tuple[float, float, float, float], rows: slice, columns: slice
) -> None:
    image = noise(20, 20)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), "edge")
    assert np.array_equal(crop(image, box, 8, 0.5), padded[rows, columns, ::-1])


@pytest.mark.parametrize("side", [10, 200], ids=["sampled", "averaged"])
def test_a_large_box_reaching_far_out_shows_only_border_colours(side: int) -> None:
    image = noise(20, 20)
    out = crop(image, (100, 100, 100 + side, 100 + side), 8, 0.1)
    assert np.array_equal(out, np.broadcast_to(image[19, 19, ::-1], (8, 8, 3)))


@pytest.mark.parametrize(
    "box",
    [(5.5, 5.5, 5.5, 5.5), (5.25, 5.5, 5.75, 5.5), (6, 6, 5, 5)],
    ids=["a point", "a line", "inside out"],
)
def test_a_box_without_area_gives_one_pixel_enlarged(
    box: tuple[float, float, float, float],
) -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[4:7, 4:7] = 90
    out = crop(image, box, 4, 0.0)
    assert np.array_equal(out, np.full((4, 4, 3), 90))


def test_a_picture_of_one_pixel_can_be_cut() -> None:
    image = np.full((1, 1, 3), (1, 2, 3), np.uint8)
    out = crop(image, (0, 0, 1, 1), 4, 0.1)
    assert np.array_equal(out, np.broadcast_to([3, 2, 1], (4, 4, 3)))


@pytest.mark.parametrize("box", [(4, 6, 12, 14), (0, 0, 64, 64), (-9, -9, 3, 3)])
def test_the_input_is_never_written_to(box: tuple[float, float, float, float]) -> None:
    image = noise(64, 64)
    before = image.copy()
    image.flags.writeable = False
    cut = crop(image, box, 8, 0.1)
    boxed, _ = letterbox(image, 64, 64)
    for out in (cut, boxed):
        assert not np.shares_memory(out, image)
        out[:] = 0
    assert np.array_equal(image, before)


def test_a_view_into_a_larger_picture_serves_as_well() -> None:
    image = noise(64, 64)
    view = image[8:40, 8:40]
    assert np.array_equal(
        crop(view, (4, 4, 20, 20), 8, 0.1), crop(view.copy(), (4, 4, 20, 20), 8, 0.1)
    )
    assert np.array_equal(letterbox(view, 48, 24)[0], letterbox(view.copy(), 48, 24)[0])
