"""Helpers that prepare batches: the same ones however many there are, and errors that surface."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.train
pytest.importorskip("torch")

from training.augment import Augmentation  # noqa: E402
from training.crops import MIRRORED, STORED, Crops  # noqa: E402
from training.feed import Epoch, Look, Sampling, batches  # noqa: E402

PLAIN, FULL = Look("rgb", "none"), Augmentation("full")
IMAGES = np.random.default_rng(0).integers(0, 256, (4, STORED, STORED, 3), np.uint8)
EVEN = Sampling(64, 16, np.full(4, 1 / 4), MIRRORED, flips=0.3)


def crops(images: np.ndarray) -> Crops:
    return Crops(images, np.array([0, 1, 33, 14]), np.ones(4))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more than processors
def test_helpers_prepare_the_same_batches_however_many(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.feed.helpers", lambda: count)
    alone = Epoch(crops(IMAGES), EVEN, FULL, PLAIN, (0, 0))
    found = list(batches(crops(IMAGES), EVEN, FULL, PLAIN, (0, 0)))

    assert len(found) == len(alone) == 4
    for number, (images, labels) in enumerate(found):
        assert np.array_equal(images, alone[number][0])
        assert np.array_equal(labels, alone[number][1])


def test_an_error_while_preparing_batches_surfaces() -> None:
    with pytest.raises(IndexError):  # labels without a picture
        list(batches(crops(IMAGES[:1]), EVEN, FULL, PLAIN, (0, 0)))
