"""Batches of disturbed crops, made beside the training; and the watched crops undisturbed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from queue import Queue
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import UsageError
from training.augment import Augmentation
from training.crops import Crops
from training.views import Image

READY = 8  # batches waiting for the training
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


def batches(
    crops: Crops, sampling: Sampling, augmentation: Augmentation, look: Look, seed: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """One epoch of (images (n, S, S, 3), labels (n,)); the same for the same seed.

    A thread of its own prepares them; its first error is raised here.
    """
    rng = np.random.default_rng(seed)
    picks = rng.choice(len(crops.labels), sampling.samples, p=sampling.chance)
    ready: Queue[Any] = Queue(READY)

    def one(number: int) -> tuple[Image, int]:
        image, label = crops.images[number], int(crops.labels[number])
        if label in sampling.mirrored and rng.random() < sampling.flips:
            image, label = image[:, ::-1], sampling.mirrored[label]
        return look(augmentation(np.ascontiguousarray(image), rng)), label

    def produce() -> None:
        try:
            for start in range(0, len(picks) - sampling.batch + 1, sampling.batch):
                pairs = [one(int(n)) for n in picks[start : start + sampling.batch]]
                ready.put((np.stack([p[0] for p in pairs]), np.array([p[1] for p in pairs])))
            ready.put(None)
        except Exception as error:  # carried to the training thread, raised there
            ready.put(error)

    threading.Thread(target=produce, daemon=True).start()
    while (item := ready.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item


def undisturbed(crops: Crops, look: Look, margin: float) -> NDArray[np.uint8]:
    """The crops as the device would see them."""
    cut = Augmentation("none", margin=margin)
    dice = np.random.default_rng(0)  # not thrown by "none"
    return np.stack([look(cut(image, dice)) for image in crops.images])
