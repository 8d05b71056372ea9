"""Plates stay in the picture and off each other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.placement import Rectangle, Room, place

PICTURE = Rectangle(0, 0, 400, 300)
SIZE = (100, 20)


def room(plates: list[Rectangle] | None = None, signs: list[Rectangle] | None = None) -> Room:
    return Room(PICTURE, plates or [], signs or [])


def test_a_plate_stands_above_its_box() -> None:
    box = Rectangle(200, 100, 240, 140)

    assert place(box, SIZE, room(signs=[box])).rectangle == Rectangle(200, 80, 300, 100)


def test_at_the_top_of_the_picture_it_stands_below() -> None:
    box = Rectangle(200, 5, 240, 45)

    assert place(box, SIZE, room(signs=[box])).rectangle == Rectangle(200, 45, 300, 65)


def test_at_the_right_border_it_moves_left() -> None:
    box = Rectangle(380, 100, 400, 140)

    assert place(box, SIZE, room(signs=[box])).rectangle == Rectangle(300, 80, 400, 100)


def test_the_lower_of_two_signs_on_a_post_has_its_plate_below() -> None:
    upper, lower = Rectangle(200, 100, 240, 140), Rectangle(200, 140, 240, 180)

    assert place(lower, SIZE, room(signs=[upper, lower])).rectangle == Rectangle(200, 180, 300, 200)


def test_the_middle_one_of_three_has_its_plate_beside_the_widest() -> None:
    signs = [Rectangle(190, 80, 250, 120), Rectangle(200, 120, 240, 160)]
    signs.append(Rectangle(200, 160, 240, 200))

    assert place(signs[1], SIZE, room(signs=signs)).rectangle == Rectangle(250, 130, 350, 150)


def test_a_plate_keeps_its_slot_while_that_is_free() -> None:
    box = Rectangle(200, 100, 240, 140)
    below = place(box, SIZE, room([Rectangle(0, 60, 400, 100)], [box]))

    assert below.rectangle.y1 == 140
    assert place(box, SIZE, room(signs=[box]), below.slot) == below


def test_a_plate_that_had_to_stand_off_comes_back_to_its_box() -> None:
    box = Rectangle(200, 100, 240, 140)
    off = place(box, SIZE, room([Rectangle(0, 80, 400, 160)], [box]))

    assert off.rectangle == Rectangle(200, 60, 300, 80)
    assert place(box, SIZE, room(signs=[box]), off.slot).rectangle == Rectangle(200, 80, 300, 100)


def test_with_every_slot_taken_it_goes_to_the_nearest_free_place() -> None:
    box = Rectangle(180, 130, 220, 170)
    wall = Rectangle(20, 20, 400, 300)  # leaves 20 px at the top and at the left

    found = place(box, SIZE, room([wall], [box])).rectangle

    assert found.shared([wall]) == 0
    assert found == Rectangle(180, 0, 280, 20)


def test_with_no_free_place_at_all_it_still_stays_in_the_picture() -> None:
    box = Rectangle(180, 130, 220, 170)
    found = place(box, SIZE, room([PICTURE], [box])).rectangle

    assert found.shared([PICTURE]) == SIZE[0] * SIZE[1]


def test_of_many_free_places_the_nearest_is_taken() -> None:
    box = Rectangle(180, 130, 220, 170)
    tiles = [
        Rectangle(x, y, x + 100, y + 20) for x in range(0, 400, 100) for y in range(0, 300, 20)
    ]
    gap, far = Rectangle(100, 180, 200, 200), Rectangle(0, 0, 100, 20)
    taken = [tile for tile in tiles if tile not in (gap, far)]

    assert place(box, SIZE, room(taken, [box])).rectangle == gap


boxes = st.builds(
    lambda x, y, w, h: Rectangle(x, y, min(400, x + w), min(300, y + h)),
    st.integers(0, 399),
    st.integers(0, 299),
    st.integers(1, 120),
    st.integers(1, 120),
)


@settings(max_examples=50, deadline=None)  # it looks at every place there is
@given(st.lists(boxes, min_size=1, max_size=8), st.integers(10, 200), st.integers(8, 40))
def test_plates_never_leave_the_picture_and_cover_another_only_without_a_free_place(
    signs: list[Rectangle], width: int, height: int
) -> None:
    placed: list[Rectangle] = []
    for box in signs:
        found = place(box, (width, height), room(placed, signs)).rectangle
        assert (found.x2 - found.x1, found.y2 - found.y1) == (width, height)
        assert found.shared([PICTURE]) == width * height
        if found.shared(placed):
            everywhere = (
                Rectangle(x, y, x + width, y + height)
                for x in range(401 - width)
                for y in range(301 - height)
            )
            assert all(spot.shared(placed) for spot in everywhere)
        placed.append(found)
