"""Helpers that prepare batches: the same ones however many there are, and errors that surface."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.train
pytest.importorskip("torch")

from training.augment import Augmentation  # noqa: E402
from training.crops import MIRRORED, STORED, Crops  # noqa: E402
from training.feed import Epoch, Look, Sampling, batches, drawn  # noqa: E402
from training.workers import one_thread_for_opencv  # noqa: E402

PLAIN, FULL = Look("rgb", "none"), Augmentation("full")
IMAGES = np.random.default_rng(0).integers(0, 256, (4, STORED, STORED, 3), np.uint8)
EVEN = Sampling(64, 16, np.full(4, 1 / 4), MIRRORED, flips=0.3)


@pytest.fixture(autouse=True)
def alone() -> None:
    """As in a training, before helpers are forked: other tests may have used more threads."""
    one_thread_for_opencv()


def crops(images: np.ndarray) -> Crops:
    return Crops(images, np.array([0, 1, 33, 14]), np.ones(4))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than processors
def test_helpers_prepare_the_same_batches_however_many(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.workers.helpers", lambda: count)
    alone = Epoch(crops(IMAGES), EVEN, FULL, PLAIN, (0, 0))
    found = list(batches(crops(IMAGES), EVEN, FULL, PLAIN, (0, 0)))

    assert len(found) == len(alone) == 4
    for number, (images, labels) in enumerate(found):
        assert np.array_equal(images, alone[number][0])
        assert np.array_equal(labels, alone[number][1])


def test_an_error_while_preparing_batches_surfaces() -> None:
    with pytest.raises(IndexError):  # labels without a picture
        list(batches(crops(IMAGES[:1]), EVEN, FULL, PLAIN, (0, 0)))


@pytest.mark.parametrize("samples", [3, 10, 25, 1000])
def test_each_crop_is_drawn_as_often_as_its_chance_says(samples: int) -> None:
    chance = np.array([0.4, 0.25, 0.1, 0.1, 0.1, 0.05, 0.0])
    for seed in range(30):
        picks = drawn(chance, samples, np.random.default_rng(seed))
        count = np.bincount(picks, minlength=7)
        assert len(picks) == samples
        assert (np.abs(count - samples * chance) < 1 + 1e-9).all()


def test_crops_are_drawn_in_an_order_of_chance_alone() -> None:
    """Also which of equal ones come where there is no room for all."""
    chance = np.full(8, 1 / 8)
    draws = [tuple(drawn(chance, 4, np.random.default_rng(seed))) for seed in range(200)]
    assert len(set(draws)) > 150
    assert np.bincount(np.ravel(draws), minlength=8).min() > 60
