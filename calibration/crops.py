"""Crops as the device cuts them: the signs of a set, and those that range int8's activations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calibration.kinds import part_of_negatives
from calibration.metrics import Ints
from calibration.walk import known
from edge.core import Image
from models.imaging import CROP_MARGIN, CROP_SIZE, crop
from models.signs import COUNT
from training import datasets, negatives
from training.files import stem

CROPS_A_CLASS = 6  # from the darkest to the brightest
EVERY = 5  # of the pictures to train on: neighbours in a track look alike
STREETS = 60  # pictures, of which …
NEGATIVES = 60  # foreign signs, and places that the detector takes for a sign
STREET_SIZES = (20, 40, 80)  # … a square of each of these sizes, in px, is cut out anywhere


def sign_crops(
    data: datasets.Dataset, examples: Sequence[datasets.Example]
) -> tuple[Ints, list[Image]]:
    """Labels (n,) and RGB crops of every annotated sign of the 43 classes."""
    labels, crops = [], []
    for example in examples:
        image = data.read(example)
        for annotation in known(example.annotations):
            labels.append(annotation.label)
            crops.append(crop(image, annotation.box, CROP_SIZE, CROP_MARGIN))
    return np.array(labels, np.int64), crops


def representative_crops(seed: int) -> list[Image]:
    """What int8 has to be able to show: every class from dark to bright, and no sign at all.

    CROPS_A_CLASS of each class, STREETS pictures' worth of anything else, foreign signs and what
    the detector takes for signs, all of pictures that are trained on. `seed` draws the places in
    the streets. Street pictures are those that negatives are learnt from.
    """
    gtsrb = datasets.gtsrb()
    labels, crops = sign_crops(gtsrb, datasets.part(gtsrb, "train")[::EVERY])
    brightness = np.array([image.mean() for image in crops])
    chosen = [crops[i] for i in spread(labels, brightness)]
    return chosen + street_crops(seed) + negative_crops()


def spread(labels: Ints, brightness: np.ndarray) -> Ints:
    """The places of CROPS_A_CLASS crops of each class, evenly from its darkest to its brightest."""
    found = []
    for label in range(COUNT):
        own = np.flatnonzero(labels == label)
        if len(own):
            own = own[np.argsort(brightness[own], kind="stable")]
            found.append(own[np.linspace(0, len(own) - 1, CROPS_A_CLASS).round().astype(int)])
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def street_crops(seed: int) -> list[Image]:
    """Squares of STREETS pictures of GTSDB, at places drawn by `seed`."""
    streets = datasets.gtsdb()
    examples = part_of_negatives(streets, "train")
    rng = np.random.default_rng(seed)
    crops = []
    for example in examples[:: max(1, len(examples) // STREETS)]:
        image = streets.read(example)
        rows, columns = image.shape[:2]
        for size in STREET_SIZES:
            x, y = rng.uniform(0, columns - size), rng.uniform(0, rows - size)
            crops.append(crop(image, (x, y, x + size, y + size), CROP_SIZE, CROP_MARGIN))
    return crops


def negative_crops() -> list[Image]:
    """NEGATIVES foreign signs and as many mined places, spread evenly, of GTSDB's `train` part."""
    streets = datasets.gtsdb()
    examples = {stem(example.name): example for example in streets.examples}
    crops = []
    for every in (negatives.foreign("train"), negatives.background("train")):
        there = [each for each in every if each.picture in examples]
        places = np.unique(np.linspace(0, len(there) - 1, NEGATIVES).astype(int)) if there else ()
        for each in (there[place] for place in places):
            image = streets.read(examples[each.picture])
            crops.append(crop(image, each.box, CROP_SIZE, CROP_MARGIN))
    return crops
