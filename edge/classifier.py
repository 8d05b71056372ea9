"""Boxes in a full-resolution frame in, calibrated readings out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from edge.core import UNKNOWN, Array, Box, Image, Reading, Runtime
from edge.runtime import LiteRtRuntime
from models.errors import ModelError
from models.imaging import crop
from models.signs import BACKGROUND, COUNT, FOREIGN
from models.spec import Spec, find_model, load_spec


class SignClassifier:
    """A net with 45 outputs: the 43 signs, foreign, background."""

    def __init__(self, spec: Spec, runtime: Runtime) -> None:
        self.spec = spec
        self.accept = spec.thresholds["accept"]
        self.runtime = runtime

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:
        """One reading for each box, in their order."""
        return [self._read(image, box, self.spec.input.margin) for box in boxes]

    def with_margin(self, margin: float) -> SignClassifier:
        """The same net shown other surroundings: `margin` is a share of a box's longer side."""
        seen = dataclasses.replace(self.spec.input, margin=margin)
        return SignClassifier(dataclasses.replace(self.spec, input=seen), self.runtime)

    def classify_crop(self, image: Image) -> Reading:
        """Read a picture that is itself a cropped sign: no margin is added around it."""
        rows, columns = image.shape[:2]
        return self._read(image, Box(0, 0, columns, rows), 0.0)

    def probabilities(self, crop_rgb: Image) -> Array:
        """Probabilities (45,) of what the net itself sees: RGB, of the size its spec names."""
        (logits,) = self.runtime(crop_rgb)
        return softmax(logits.real()[0] / self.spec.temperature)

    def _read(self, image: Image, box: Box, margin: float) -> Reading:
        shown = crop(image, box, self.spec.input.width, margin)
        return decide(self.probabilities(shown), self.accept)


def softmax(logits: Array) -> Array:
    """Probabilities (n,) of logits (n,)."""
    raised: Array = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())


def decide(probabilities: Array, accept: float) -> Reading:
    """What one look says.

    Background where that is the likeliest of the three kinds (the 43 signs together, foreign,
    background); foreign where that is, or where no single sign reaches `accept`: a road sign that
    the net cannot name is shown as unknown, never forced into a class.
    """
    signs = probabilities[:COUNT]
    sign, foreign, background = (
        float(signs.sum()),
        *(float(probabilities[i]) for i in (FOREIGN, BACKGROUND)),
    )
    label = int(signs.argmax())
    if background >= max(sign, foreign):
        return Reading("background", UNKNOWN, background, probabilities)
    if sign >= foreign and signs[label] >= accept:
        return Reading("sign", label, float(signs[label]), probabilities)
    return Reading(
        "foreign", UNKNOWN, max(foreign, 1 - background - float(signs[label])), probabilities
    )


def load_classifier(name: str, threads: int) -> SignClassifier:
    """A published classifier by name, or any by the path of its JSON. Raises ModelError."""
    path = find_model(name)
    spec = load_spec(path)
    if spec.task != "classify":
        raise ModelError(f"{path}: expected a classifier, found a model to {spec.task}")
    runtime = LiteRtRuntime(spec, path, threads)
    expected = ((1, len(spec.labels)),)
    if runtime.shapes != expected:
        raise ModelError(f"{spec.file}: expected the outputs {expected}, found {runtime.shapes}")
    return SignClassifier(spec, runtime)
