"""What is drawn, where, in which colour, and what is left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import Array, Box, Image, Road, Track
from edge.overlay import Overlay, Sizes
from edge.pictograms import COLOURS, pictogram
from edge.sprite import paste
from models.signs import Category, sign_class
from tests.scenes import (
    END_OF_ALL,
    KEEP_RIGHT,
    PEDESTRIANS,
    PRIORITY_ROAD,
    SPEED_50,
    UNKNOWN,
    grey,
    make_scene,
    make_track,
)

BOX = Box(600, 300, 660, 360)
SIZES = [(320, 240), (640, 360), (1280, 720), (720, 1280), (1920, 1080), (3840, 2160)]
LABELS = [SPEED_50, PEDESTRIANS, KEEP_RIGHT, PRIORITY_ROAD, END_OF_ALL, UNKNOWN]


def draw(image: Image, *tracks: Track, status: str = "", name: str | None = None) -> Image:
    overlay = Overlay() if name is None else Overlay(lambda _: name)
    return overlay.draw(make_scene(image, tracks), status)


def changed(before: Image, after: Image) -> Array:
    """Where a picture differs, (H, W) bool."""
    return np.asarray((before != after).any(axis=2))


def extent(mask: Array) -> tuple[int, int, int, int]:
    """x1, y1, x2, y2 of what is true; x2 and y2 exclusive."""
    ys, xs = np.nonzero(mask)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def colour_of(label: int) -> tuple[int, int, int]:
    return COLOURS[sign_class(label).category][::-1]  # BGR


def test_the_frame_is_never_written_to() -> None:
    image = grey(1280, 720)
    image.flags.writeable = False
    drawn = draw(image, make_track(BOX), status="25 FPS")

    assert drawn is not image
    assert (image == 96).all()
    assert changed(image, drawn).any()


def test_an_empty_scene_is_the_frame_again() -> None:
    image = grey(1280, 720)

    assert np.array_equal(draw(image), image)


@pytest.mark.parametrize("label", LABELS)
def test_the_box_has_the_colour_of_its_category_and_goes_around_the_sign(label: int) -> None:
    image = grey(1280, 720)
    drawn = draw(image, make_track(BOX, label))
    line = (drawn == colour_of(label)).all(axis=2)

    for x, y in ((595, 330), (660, 330), (630, 295), (630, 360)):
        assert line[y - 3 : y + 6, x - 3 : x + 6].any()
    inside = changed(image, drawn)[300:360, 600:660]
    assert not inside[4:-4].any()  # only the round corners reach into the box
    assert not inside[:, 4:-4].any()


def test_a_sign_has_a_plate_with_light_text_on_dark() -> None:
    drawn = draw(grey(1280, 720), make_track(BOX)).astype(int)
    plate = drawn[265:295, 600:780]

    assert (plate.max(axis=2) < 40).mean() > 0.3
    assert (plate.min(axis=2) > 230).any()


@pytest.mark.parametrize("label", LABELS)
def test_the_plate_carries_the_pictogram_of_the_category(label: int) -> None:
    image = grey(1280, 720)
    drawn = draw(image, make_track(BOX, label))
    above = (drawn[: 300 - 10] == colour_of(label)).all(axis=2)

    assert above.sum() > 20


def test_different_categories_have_different_pictograms_and_colours() -> None:
    categories: list[Category] = ["prohibitory", "danger", "mandatory", "priority"]
    categories += ["end", "unknown"]
    drawn = {pictogram(category, 20).colour.tobytes() for category in categories}

    assert len(drawn) == len(set(COLOURS.values())) == len(categories)


def test_a_sign_outside_the_43_is_called_unknown() -> None:
    image = grey(1280, 720)
    track = make_track(BOX, UNKNOWN)

    assert np.array_equal(draw(image, track), draw(image, track, name="unknown"))


def test_an_undecided_track_is_a_thin_dashed_grey_box_without_a_label() -> None:
    image = grey(1280, 720)
    track = replace(make_track(BOX), sign=None, state="tentative")
    drawn = draw(image, track)
    left, top, right, bottom = extent(changed(image, drawn))
    edge = drawn[top, left:right]

    assert left > 590 and top > 290 and right < 670 and bottom < 370
    assert len({tuple(pixel) for pixel in edge.tolist()}) == 2
    assert (drawn.max(axis=2).astype(int) - drawn.min(axis=2) < 12).all()


def test_what_was_read_as_no_sign_is_not_drawn() -> None:
    image = grey(1280, 720)

    assert np.array_equal(draw(image, replace(make_track(BOX), state="dropped")), image)


def test_a_sign_that_was_not_seen_in_this_frame_has_a_thinner_box() -> None:
    image = grey(1280, 720)
    seen = draw(image, make_track(BOX))
    predicted = draw(image, replace(make_track(BOX), detection=None))
    beside = np.s_[325:335, 580:600]

    assert 0 < changed(image, predicted)[beside].sum() < changed(image, seen)[beside].sum()


def test_a_track_that_has_left_the_picture_is_not_drawn() -> None:
    image = grey(640, 360)

    assert np.array_equal(draw(image, make_track(Box(700, 100, 760, 160))), image)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_lines_and_text_grow_with_the_picture(width: int, height: int) -> None:
    sizes = Sizes.of(width, height)
    image = grey(width, height)
    box = Box(width * 0.5, height * 0.5, width * 0.55, height * 0.5 + width * 0.05)
    drawn = changed(image, draw(image, make_track(box)))
    row = drawn[int(box.y2 - box.width / 2), : int(box.x1)]

    assert row.sum() == pytest.approx(sizes.line + 2 * sizes.halo + 2, abs=2)
    assert sizes.text >= max(10, 0.015 * min(width, height))
    plate = extent(drawn[: int(box.y1) - 2 * sizes.line - sizes.halo])
    assert plate[3] - plate[1] >= 1.2 * sizes.text


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_plates_are_whole_in_every_corner(width: int, height: int, corner: tuple[int, int]) -> None:
    side = width // 20
    x, y = corner[0] * (width - side), corner[1] * (height - side)
    image = grey(width, height)
    in_corner = draw(image, make_track(Box(x, y, x + side, y + side)))
    middle = draw(
        image, make_track(Box(width / 2, height / 2, width / 2 + side, height / 2 + side))
    )
    white = (250, 249, 248)  # BGR of the label

    assert (in_corner == white).all(axis=2).sum() == (middle == white).all(axis=2).sum() > 0


def test_labels_of_signs_on_one_post_are_all_whole() -> None:
    image = grey(1280, 720)
    post = [
        make_track(Box(600, 300 + 42 * number, 640, 340 + 42 * number), number=number)
        for number in range(3)
    ]
    white = (250, 249, 248)
    one = (draw(image, post[0]) == white).all(axis=2).sum()

    assert (draw(image, *post) == white).all(axis=2).sum() == 3 * one


def test_the_status_line_is_at_the_bottom_and_labels_keep_off_it() -> None:
    image = grey(640, 360)
    status = draw(image, status="27 FPS · 24 ms · detector")
    _, top, right, bottom = extent(changed(image, status))
    assert top > 320 and bottom <= 360 and 100 < right < 400

    tall = make_track(Box(20, 2, 60, top - 6))  # there is only room for its label beside it
    both = draw(image, tall, status="27 FPS · 24 ms · detector")
    assert np.array_equal(both[top + 3 : bottom], status[top + 3 : bottom])
    assert (both[:top] == (250, 249, 248)).all(axis=2).any()


@pytest.mark.parametrize("name", ["Höchstgeschwindigkeit außerorts", "Уступи дорогу", "止まれ", ""])
def test_labels_of_any_script_draw(name: str) -> None:
    image = grey(1280, 720)

    assert changed(image, draw(image, make_track(BOX), name=name))[:290].any()


def test_a_label_wider_than_the_picture_is_shortened() -> None:
    image = grey(200, 200)
    drawn = draw(image, make_track(Box(90, 90, 110, 110)), name="No overtaking by trucks " * 5)

    assert not changed(image, drawn)[:, [0, -1]].any()


def test_a_plate_stays_where_it_was_when_another_leaves() -> None:
    image, overlay = grey(1280, 720), Overlay()
    upper = make_track(Box(600, 300, 640, 340), PEDESTRIANS, number=1)
    lower = make_track(Box(600, 344, 640, 384), SPEED_50, number=2)
    overlay.draw(make_scene(image, [upper, lower]))
    after = overlay.draw(make_scene(image, [lower]))

    assert changed(image, after)[395:420].any()
    assert not changed(image, after)[300:330].any()


def test_drawing_twice_gives_the_same_picture() -> None:
    image, overlay = grey(1280, 720), Overlay()
    scene = make_scene(image, [make_track(BOX), make_track(Box(602, 362, 660, 420), number=2)])

    assert np.array_equal(overlay.draw(scene, "25 FPS"), overlay.draw(scene, "25 FPS"))


def draw_road(image: Image, road: Road, status: str = "") -> Image:
    return Overlay().draw(replace(make_scene(image), road=road), status)


ALL = Road(120, 3.0, no_overtaking=True, no_overtaking_trucks=True, priority=False)


@pytest.mark.parametrize("size", SIZES)
def test_the_road_is_drawn_at_the_bottom_right(size: tuple[int, int]) -> None:
    width, height = size
    x1, y1, x2, y2 = extent(changed(grey(*size), draw_road(grey(*size), ALL)))

    sizes = Sizes.of(*size)
    assert (width - x2, height - y2) == (sizes.gap, sizes.gap)
    assert x1 > width / 4 and y1 > height / 2


def test_nothing_is_drawn_where_nothing_is_known_of_the_road() -> None:
    assert not changed(grey(640, 360), draw_road(grey(640, 360), Road())).any()


@pytest.mark.parametrize(
    "road",
    [
        Road(50),
        Road(30),
        Road(120),
        Road(50, stale=True),
        Road(no_overtaking=True),
        Road(no_overtaking_trucks=True),
        Road(priority=True),
        Road(priority=False),
        Road(free=True),
    ],
)
def test_every_state_of_the_road_has_a_picture_of_its_own(road: Road) -> None:
    others = [Road(60), Road(60, stale=True), ALL, *([Road(50)] if road != Road(50) else [])]
    drawn = draw_road(grey(640, 360), road)

    assert changed(grey(640, 360), drawn).any()
    assert all(changed(drawn, draw_road(grey(640, 360), other)).any() for other in others)


def test_a_limit_s_ring_is_red_and_grey_when_it_is_stale() -> None:
    red = COLOURS["prohibitory"][::-1]
    fresh, stale = (draw_road(grey(640, 360), Road(50, stale=old)) for old in (False, True))

    assert (fresh == red).all(axis=2).any()
    assert not (stale == red).all(axis=2).any()


def test_the_road_makes_way_for_the_status_line() -> None:
    size = (640, 360)
    status = "27 fps · 24 ms · " + "a long name of a model " * 8
    alone = extent(changed(grey(*size), draw(grey(*size), status=status)))
    both = draw_road(grey(*size), ALL, status)

    below = np.s_[alone[1] :, :]
    assert np.array_equal(both[below], draw(grey(*size), status=status)[below])
    assert changed(grey(*size), both)[: alone[1]].any()


def test_a_picture_too_small_for_the_road_goes_without() -> None:
    assert not changed(grey(60, 60), draw_road(grey(60, 60), ALL)).any()


coordinates = st.floats(-500, 900, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 700),
    st.integers(1, 400),
    st.lists(st.tuples(coordinates, coordinates, st.floats(0, 400), st.floats(0, 400)), max_size=5),
)
def test_no_picture_and_no_box_is_too_odd(
    width: int, height: int, boxes: list[tuple[float, float, float, float]]
) -> None:
    tracks = [
        make_track(Box(x, y, x + w, y + h), LABELS[number], number)
        for number, (x, y, w, h) in enumerate(boxes)
    ]
    tracks += [replace(track, id=track.id + 9, sign=None, state="tentative") for track in tracks]
    drawn = draw(grey(width, height), *tracks, status="27 FPS")

    assert drawn.shape == (height, width, 3)


def test_a_sprite_is_cut_off_at_the_picture_border() -> None:
    picture = grey(20, 20)
    sprite = pictogram("unknown", 16)
    for x, y in ((-8, -8), (12, 12), (-30, 3), (3, 40)):
        paste(picture, sprite, x, y)

    assert changed(grey(20, 20), picture)[4, 4]
    assert not changed(grey(20, 20), picture)[4, 12:].any()
