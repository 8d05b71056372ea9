"""Batches of disturbed crops, made beside the training; and the watched crops undisturbed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError
from models.imaging import CROP_SIZE
from training.augment import Augmentation
from training.crops import Crops
from training.views import Image
from training.workers import loader

READY = 4  # batches that each helper has waiting for the training
COLOURS = ("rgb", "grey")
CONTRASTS = ("none", "clahe", "local")
CLAHE_LIMIT, CLAHE_TILES = 2.0, (4, 4)
LOCAL_SPREAD = 6.0  # px, standard deviation of the neighbourhood that local contrast looks at


class Sampling(NamedTuple):
    """How an epoch is drawn: `mirrored` says what a mirrored crop of a class is, where it is any;
    `flips` is how often that is done; `chance` (n,) is each crop's, summing to 1."""

    samples: int
    batch: int
    chance: NDArray[np.float64]
    mirrored: Mapping[int, int]
    flips: float


class Look:
    """What is done to every crop, in training and afterwards: grey, and evened contrast.

    `clahe` is contrast-limited histogram equalisation of the brightness (Zuiderveld, 1994),
    `local` subtracts the neighbourhood's mean and divides by its deviation (LeCun's and Sermanet's
    local contrast normalisation, 2011).
    """

    def __init__(self, colour: str, contrast: str) -> None:
        for flag, value, known in (
            ("--colour", colour, COLOURS),
            ("--contrast", contrast, CONTRASTS),
        ):
            if value not in known:
                raise UsageError(f"{flag}: expected one of {', '.join(known)}, found {value!r}")
        self.colour, self.contrast = colour, contrast

    def __call__(self, image: Image) -> Image:
        """RGB (H, W, 3) to RGB (H, W, 3)."""
        if self.colour == "grey":
            image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
        if self.contrast == "clahe":
            lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
            even = cv2.createCLAHE(CLAHE_LIMIT, CLAHE_TILES).apply(lab[:, :, 0])
            lab = np.dstack([even, lab[:, :, 1:]])
            image = np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)
        if self.contrast == "local":
            image = _local(image)
        return image


def _local(image: Image) -> Image:
    wide = image.astype(np.float32)
    centred = wide - cv2.GaussianBlur(wide, (0, 0), LOCAL_SPREAD)
    power = cv2.GaussianBlur((centred**2).mean(axis=2), (0, 0), LOCAL_SPREAD)
    spread = np.sqrt(power)
    even = centred / np.maximum(spread, max(float(spread.mean()), 1.0))[:, :, None]
    return np.asarray(np.clip(np.rint(128 + 42 * even), 0, 255), np.uint8)


Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]  # images (n, S, S, 3), labels (n,)


class Epoch:
    """The batches of one epoch; each has dice of its own, so that any helper may make it."""

    def __init__(
        self,
        crops: Crops,
        sampling: Sampling,
        augmentation: Augmentation,
        look: Look,
        seed: tuple[int, ...],
    ) -> None:
        self.crops, self.sampling = crops, sampling
        self.augmentation, self.look, self.seed = augmentation, look, seed
        rng = np.random.default_rng(seed)
        self.picks = drawn(sampling.chance, sampling.samples, rng)

    def __len__(self) -> int:
        return len(self.picks) // self.sampling.batch

    def __getitem__(self, number: int) -> Batch:
        rng = np.random.default_rng((*self.seed, number))
        own = self.picks[number * self.sampling.batch :][: self.sampling.batch]
        images, labels = zip(*(self._one(int(pick), rng) for pick in own), strict=True)
        return np.stack(images), np.array(labels, np.int64)

    def _one(self, pick: int, rng: np.random.Generator) -> tuple[Image, int]:
        image, label = self.crops.images[pick], int(self.crops.labels[pick])
        mirrored = self.sampling.mirrored
        if label in mirrored and rng.random() < self.sampling.flips:
            image, label = image[:, ::-1], mirrored[label]
        return self.look(self.augmentation(np.ascontiguousarray(image), rng)), label


def drawn(chance: NDArray[np.float64], samples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which crops an epoch has, (samples,), in any order.

    Each `samples` times its chance often, rounded up or down (systematic sampling): with equal
    chances none comes twice before every other has come.
    """
    order = rng.permutation(len(chance))
    ends = np.cumsum(chance[order])
    places = (np.arange(samples) + rng.random()) * (ends[-1] / samples)
    found = np.searchsorted(ends, places, side="right")
    picks = order[np.minimum(found, len(order) - 1)]  # rounding may reach beyond the last end
    return np.asarray(rng.permutation(picks), np.int64)


def batches(
    crops: Crops, sampling: Sampling, augmentation: Augmentation, look: Look, seed: tuple[int, ...]
) -> Iterable[Batch]:
    """One epoch; the same for the same seed, however many helpers prepare it.

    An error in one of them is raised here.
    """
    epoch = Epoch(crops, sampling, augmentation, look, seed)
    found: Iterable[Batch] = loader(epoch, _as_it_is, batch_size=None, prefetch_factor=READY)
    return found


def _as_it_is(batch: Batch) -> Batch:
    """Arrays, where a DataLoader would make tensors of them."""
    return batch


def undisturbed(
    crops: Crops, look: Look, margin: float, size: int = CROP_SIZE
) -> NDArray[np.uint8]:
    """The crops as the device would see them, `size` px across."""
    cut = Augmentation("none", margin=margin, size=size)
    dice = np.random.default_rng(0)  # not thrown by "none"
    return np.stack([look(cut(image, dice)) for image in crops.images])
