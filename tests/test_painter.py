"""Panels painted in perspective: where signs end up, what hides them, how light reaches them."""

from __future__ import annotations

import numpy as np
import pytest

from training.artwork import sign_art
from training.painter import Light, Panel, line_kernel, outline_box, paint, texture_of
from training.pinhole import Array, Camera

CAMERA = Camera((0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 400.0, (320, 240))
STOP = 14


def board(x: float, z: float, size: float, turn: float = 0.0) -> Array:
    """Corners of a square board with its middle at (x, 0, z), turned by so many radians."""
    right = np.array([np.cos(turn), 0.0, np.sin(turn)]) * size / 2
    up = np.array([0.0, size / 2, 0.0])
    middle = np.array([x, 0.0, z])
    return np.stack(
        [middle - right + up, middle + right + up, middle + right - up, middle - right - up]
    )


def solid(value: int) -> Array:
    return np.full((32, 32, 4), (value, value, value, 255), np.uint8)


def canvas(value: float = 0.2) -> Array:
    return np.full((240, 320, 3), value, np.float32)


@pytest.mark.parametrize("label", [1, 13, STOP, 12, 25, 40])
@pytest.mark.parametrize(("z", "turn"), [(3.0, 0.0), (7.0, 0.5), (20.0, -0.3)])
def test_the_box_bounds_what_the_sign_changes(label: int, z: float, turn: float) -> None:
    panel = Panel(texture_of(sign_art(label, 192)), board(0.31, z, 0.75, turn), sign=0)
    before, after = canvas(), canvas()
    (face,) = paint(after, [panel], (CAMERA, CAMERA), Light())
    changed = np.abs(after - before).max(axis=2) > 0.02
    rows, columns = np.nonzero(changed.any(axis=1))[0], np.nonzero(changed.any(axis=0))[0]
    found = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert face.box == pytest.approx(found, abs=1.5)
    assert face.visible == 1.0


def test_a_triangle_is_bounded_by_its_points_not_by_its_square() -> None:
    panel = Panel(texture_of(sign_art(25, 192)), board(0.0, 4.0, 1.0), sign=0)
    x1, y1, x2, y2 = outline_box(CAMERA, panel)
    assert x2 - x1 == pytest.approx(100, abs=1.5)
    assert y2 - y1 < 93


def test_what_stands_nearer_hides_the_sign() -> None:
    sign = Panel(texture_of(sign_art(STOP, 128)), board(0.0, 6.0, 1.0), sign=0)
    wall = Panel(texture_of(solid(90)), board(1.0, 4.0, 2.0))
    (face,) = paint(canvas(), [wall, sign], (CAMERA, CAMERA), Light())
    assert face.visible == pytest.approx(0.5, abs=0.03)


def test_what_stands_behind_hides_nothing() -> None:
    sign = Panel(texture_of(sign_art(STOP, 128)), board(0.0, 6.0, 1.0), sign=0)
    wall = Panel(texture_of(solid(90)), board(0.0, 9.0, 4.0))
    (face,) = paint(canvas(), [sign, wall], (CAMERA, CAMERA), Light())
    assert face.visible == 1.0


def test_light_and_haze_work_in_linear_light() -> None:
    image = canvas()
    light = Light(gain=(0.5, 0.5, 0.5), haze=(1.0, 1.0, 1.0), density=0.1)
    paint(image, [Panel(texture_of(solid(255)), board(0.0, 5.0, 3.0))], (CAMERA, CAMERA), light)
    clear = np.exp(-0.5)
    assert image[120, 160] == pytest.approx([0.5 * clear + 1 - clear] * 3, abs=1e-4)


def test_what_moves_is_smeared_along_its_motion() -> None:
    panel = Panel(texture_of(solid(255)), board(0.0, 5.0, 0.5), velocity=(25.0, 0.0, 0.0))
    still, moved = canvas(0.0), canvas(0.0)
    paint(still, [panel], (CAMERA, CAMERA), Light())
    paint(moved, [panel], (CAMERA, CAMERA), Light(), exposure_s=0.01)  # 0.25 m, 20 pixels
    assert int((moved[120, :, 0] > 0.02).sum()) == pytest.approx(40 + 19, abs=3)
    assert moved.sum() == pytest.approx(still.sum(), rel=0.01)
    assert (moved[:, 160, 0] > 0.02).sum() == pytest.approx((still[:, 160, 0] > 0.02).sum(), abs=1)


def test_nothing_to_paint_leaves_the_canvas_alone() -> None:
    image = canvas()
    assert paint(image, [], (CAMERA, CAMERA), Light()) == ()
    behind = Panel(texture_of(solid(255)), board(0.0, -5.0, 1.0), sign=0)
    assert paint(image, [behind], (CAMERA, CAMERA), Light()) == ()
    assert np.array_equal(image, canvas())


@pytest.mark.parametrize("motion", [(0.0, 0.0), (5.0, 0.0), (-3.0, 8.0)])
def test_a_smear_keeps_the_light_and_the_place(motion: tuple[float, float]) -> None:
    kernel = line_kernel(*motion)
    steps = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1.0, abs=1e-5)
    assert (kernel.sum(axis=0) * steps).sum() == pytest.approx(0.0, abs=1e-4)
    assert (kernel.sum(axis=1) * steps).sum() == pytest.approx(0.0, abs=1e-4)


def test_a_picture_without_anything_solid_has_no_outline() -> None:
    assert texture_of(np.zeros((16, 16, 4), np.uint8)).outline.shape == (0, 2)
