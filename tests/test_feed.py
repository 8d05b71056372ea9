"""Batches: the same for the same seed, with mirrored labels; how crops look."""

from __future__ import annotations

import numpy as np
import pytest

from models.errors import UsageError
from models.imaging import CROP_SIZE
from training.augment import Augmentation
from training.crops import MIRRORED, STORED, Crops
from training.feed import Epoch, Look, Sampling, undisturbed

PLAIN = Look("rgb", "none")


def crops(labels: list[int], seed: int = 0) -> Crops:
    shape = (len(labels), STORED, STORED, 3)
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Crops(images, np.array(labels, np.int64), np.ones(len(labels)))


def sampling(count: int, flips: float = 0.3, samples: int = 64) -> Sampling:
    return Sampling(samples, 16, np.full(count, 1 / count), MIRRORED, flips)


def epoch(data: Crops, seed: tuple[int, ...], look: Look = PLAIN) -> np.ndarray:
    own = sampling(len(data.labels))
    whole = Epoch(data, own, Augmentation("full"), look, seed)
    return np.concatenate([whole[number][0] for number in range(len(whole))])


def labels(data: Crops, own: Sampling) -> list[np.ndarray]:
    """The labels of an epoch's batches."""
    whole = Epoch(data, own, Augmentation("none"), PLAIN, (0,))
    return [whole[number][1] for number in range(len(whole))]


def test_batches_are_the_same_for_the_same_seed() -> None:
    data = crops([0, 1, 33, 14])
    first = epoch(data, (0, 0))
    assert first.shape == (64, CROP_SIZE, CROP_SIZE, 3)
    assert np.array_equal(first, epoch(data, (0, 0)))
    assert not np.array_equal(first, epoch(data, (0, 1)))
    assert not np.array_equal(first, epoch(data, (1, 0)))


@pytest.mark.parametrize("label", [33, 14, 12])
def test_mirrored_pictures_take_the_mirrored_label(label: int) -> None:
    """Of a single class each, only that class and its mirror image come out."""
    drawn = labels(crops([label]), sampling(1))
    assert set(np.concatenate(drawn).tolist()) == {label, MIRRORED.get(label, label)}


def test_nothing_is_mirrored_without_flips() -> None:
    drawn = labels(crops([33]), sampling(1, flips=0.0))
    assert set(np.concatenate(drawn).tolist()) == {33}


def test_a_rest_that_fills_no_batch_is_left() -> None:
    drawn = labels(crops([1]), sampling(1, samples=40))
    assert [len(batch) for batch in drawn] == [16, 16]


def test_a_grey_look_has_equal_channels() -> None:
    images = undisturbed(crops([1, 2]), Look("grey", "none"), 0.1)
    assert images.shape == (2, CROP_SIZE, CROP_SIZE, 3)
    assert (images == images[:, :, :, :1]).all()
    assert undisturbed(crops([1, 2]), PLAIN, 0.0, 32).shape == (2, 32, 32, 3)


@pytest.mark.parametrize("contrast", ["clahe", "local"])
def test_an_evened_look_spreads_a_dull_picture(contrast: str) -> None:
    ramp = np.linspace(100, 130, 48).astype(np.uint8)
    dull = np.repeat(np.tile(ramp, (48, 1))[:, :, None], 3, axis=2)
    dull.flags.writeable = False
    out = Look("rgb", contrast)(dull)
    assert (out.shape, out.dtype) == (dull.shape, np.uint8)
    assert out.std() > dull.std()


def test_a_flat_picture_stays_flat_under_local_contrast() -> None:
    out = Look("rgb", "local")(np.full((48, 48, 3), 77, np.uint8))
    assert (out == 128).all()


@pytest.mark.parametrize(("colour", "contrast"), [("cmyk", "none"), ("rgb", "more")])
def test_an_unknown_look_is_refused(colour: str, contrast: str) -> None:
    with pytest.raises(UsageError, match=r"--co\w+: expected one of"):
        Look(colour, contrast)
