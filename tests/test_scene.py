"""Single training pictures: their boxes, their variety, their seeds."""

from __future__ import annotations

import numpy as np
import pytest

from training import scene
from training.artwork import FOREIGN, UNMARKED
from training.scene import scene_picture

SIZE = (480, 270)


def picture(seed: int, background: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    return scene_picture(np.random.default_rng(seed), *SIZE, background)


@pytest.mark.parametrize("seed", range(8))
def test_a_picture_has_the_size_asked_for_and_boxes_inside_it(seed: int) -> None:
    image, signs = picture(seed)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.dtype == np.uint8
    for (x1, y1, x2, y2), label in signs:
        assert 0 <= x1 < x2 <= SIZE[0]
        assert 0 <= y1 < y2 <= SIZE[1]
        assert y2 - y1 >= 8
        assert -1 <= label < 43


def test_the_same_seed_gives_the_same_picture() -> None:
    first, second = picture(11), picture(11)
    assert np.array_equal(first[0], second[0])
    assert first[1] == second[1]
    assert not np.array_equal(first[0], picture(12)[0])


def test_many_pictures_hold_many_classes_sizes_and_lights() -> None:
    found = [picture(seed) for seed in range(40)]
    signs = [sign for _, signs in found for sign in signs]
    heights = [box[3] - box[1] for box, _ in signs]
    assert len({label for _, label in signs}) >= 15
    assert -1 in {label for _, label in signs}
    assert min(heights) < 16
    assert max(heights) > 80
    assert any(not signs for _, signs in found)
    means = [float(image.mean()) for image, _ in found]
    assert min(means) < 60
    assert max(means) > 120


def test_what_gtsdb_leaves_unmarked_hangs_there_without_a_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert set(UNMARKED) < set(FOREIGN)
    before = [picture(seed) for seed in range(40)]
    monkeypatch.setattr(scene, "UNMARKED", ())
    marked = [picture(seed) for seed in range(40)]

    assert all(np.array_equal(a[0], b[0]) for a, b in zip(before, marked, strict=True))
    assert all(set(a[1]) <= set(b[1]) for a, b in zip(before, marked, strict=True))
    left_out = [sign for a, b in zip(before, marked, strict=True) for sign in {*b[1]} - {*a[1]}]
    assert {label for _, label in left_out} == {-1}
    assert -1 in {label for _, signs in before for _, label in signs}


def test_signs_are_pasted_into_a_given_background_where_the_boxes_say() -> None:
    grey = np.full((600, 900, 3), 120, np.uint8)
    inside, count = [], 0
    for seed in range(12):
        image, signs = picture(seed, grey)
        changed = np.abs(image.astype(int) - np.median(image, axis=(0, 1))).max(axis=2) > 14
        rest = changed.copy()
        for (x1, y1, x2, y2), _ in signs:
            count += 1
            inside.append(changed[round(y1) : round(y2), round(x1) : round(x2)].mean())
            rest[max(0, int(y1) - 4) :, max(0, int(x1) - 4) : int(x2) + 5] = False  # and post
        assert rest.mean() < 0.02
    assert count >= 12
    assert np.median(inside) > 0.5
    assert min(inside) > 0.2


def test_a_background_is_left_as_it_was() -> None:
    given = np.full((300, 400, 3), 90, np.uint8)
    picture(3, given)
    assert (given == 90).all()
