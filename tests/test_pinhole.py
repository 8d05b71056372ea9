"""The pin-hole camera and the road it drives on, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.pinhole import Camera, alongside, road_of, upright

STRAIGHT = road_of(np.zeros(400))


def camera(**changes: float) -> Camera:
    return Camera((0.0, 1.0, 0.0), 0.0, 0.0, 0.0, 100.0, (200, 100))._replace(**changes)


def test_a_point_straight_ahead_is_in_the_middle() -> None:
    pixel, depth = camera().project(np.array([0.0, 1.0, 10.0]))
    assert pixel.tolist() == [100.0, 50.0]
    assert depth == 10.0


@pytest.mark.parametrize(
    ("point", "expected"),
    [((1.0, 1.0, 10.0), (110.0, 50.0)), ((0.0, 2.0, 10.0), (100.0, 40.0))],
)
def test_right_is_right_and_up_is_up(
    point: tuple[float, ...], expected: tuple[float, float]
) -> None:
    pixel, _ = camera().project(np.array(point))
    assert pixel.tolist() == pytest.approx(expected)


def test_looking_up_lowers_the_horizon() -> None:
    far = np.array([0.0, 1.0, 1e6])
    pixel, _ = camera(pitch=0.1).project(far)
    assert pixel[1] == pytest.approx(50 + 100 * np.tan(0.1), abs=1e-3)


def test_turning_right_moves_the_world_left() -> None:
    pixel, _ = camera(yaw=0.1).project(np.array([0.0, 1.0, 10.0]))
    assert pixel[0] == pytest.approx(100 - 100 * np.tan(0.1))


def test_leaning_left_drops_the_horizon_on_the_right() -> None:
    pixels, _ = camera(roll=0.1).project(np.array([[-5.0, 1.0, 10.0], [5.0, 1.0, 10.0]]))
    assert pixels[1, 1] > pixels[0, 1]


def test_what_is_behind_has_no_positive_depth() -> None:
    _, depth = camera().project(np.array([0.0, 1.0, -3.0]))
    assert depth < 0


def test_a_right_hand_bend_turns_to_the_right() -> None:
    road = road_of(np.full(200, 1 / 50))  # 100 m of a circle of 50 m radius
    assert road.direction(50.0) == pytest.approx(1.0, abs=0.02)
    assert road.x[-1] > 0
    assert np.hypot(road.x[-1] - 50, road.z[-1]) == pytest.approx(50, abs=0.5)


def test_places_to_the_right_of_the_road_are_to_the_right() -> None:
    assert STRAIGHT.place(20.0, 3.0, 2.0) == pytest.approx([3.0, 2.0, 20.5])


def test_a_board_has_its_size_and_faces_the_traffic() -> None:
    corners = upright(STRAIGHT, (20.0, 4.0), (2.0, 1.0), 3.0)
    assert corners[0] == pytest.approx([3.0, 4.0, 20.5])
    assert corners[2] == pytest.approx([5.0, 3.0, 20.5])


@pytest.mark.parametrize("d", [-5.0, 5.0])
def test_a_wall_runs_from_left_to_right_as_seen_from_the_road(d: float) -> None:
    corners = alongside(STRAIGHT, 10.0, 14.0, d, (0.0, 2.0))
    pixels, _ = camera().project(corners)
    assert pixels[0, 0] < pixels[1, 0]
    assert pixels[0, 1] < pixels[3, 1]
