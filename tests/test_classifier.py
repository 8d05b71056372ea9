"""What a reading says; the real runtime is the matter of test_runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from small_models import classifier_spec

from edge.classifier import SignClassifier, decide, softmax
from edge.core import UNKNOWN, Array, Box, Image, Tensor
from models.imaging import crop
from models.signs import BACKGROUND, FOREIGN
from models.spec import Input


class FakeRuntime:
    """Says these logits to every crop, and keeps the crops."""

    def __init__(self, logits: Array) -> None:
        self._logits = logits
        self.shown: list[Image] = []

    def __call__(self, image: Image) -> tuple[Tensor, ...]:
        self.shown.append(image)
        return (Tensor(self._logits[None]),)


def shares(given: Mapping[int, float]) -> Array:
    out = np.zeros(45)
    for index, share in given.items():
        out[index] = share
    assert out.sum() == pytest.approx(1)
    return out


@pytest.mark.parametrize(
    ("given", "accept", "kind", "label", "score"),
    [
        ({14: 0.9, 1: 0.04, FOREIGN: 0.03, BACKGROUND: 0.03}, 0.5, "sign", 14, 0.9),
        ({14: 0.5, FOREIGN: 0.25, BACKGROUND: 0.25}, 0.5, "sign", 14, 0.5),  # just accepted
        # Below `accept`: a sign that is not named. 1 − background − the best guess.
        ({14: 0.49, 1: 0.31, FOREIGN: 0.1, BACKGROUND: 0.1}, 0.5, "foreign", UNKNOWN, 0.41),
        ({14: 0.4, 1: 0.1, FOREIGN: 0.45, BACKGROUND: 0.05}, 0.5, "foreign", UNKNOWN, 0.55),
        # Foreign is the likeliest kind although no accept stands in the way.
        ({14: 0.4, FOREIGN: 0.55, BACKGROUND: 0.05}, 0.0, "foreign", UNKNOWN, 0.55),
        ({14: 0.4, FOREIGN: 0.4, BACKGROUND: 0.2}, 0.3, "sign", 14, 0.4),  # a tie is a sign
        ({14: 0.2, FOREIGN: 0.2, BACKGROUND: 0.6}, 0.1, "background", UNKNOWN, 0.6),
        ({14: 0.5, BACKGROUND: 0.5}, 0.1, "background", UNKNOWN, 0.5),  # a tie is no sign
        ({FOREIGN: 0.5, BACKGROUND: 0.5}, 0.1, "background", UNKNOWN, 0.5),
        # The 43 together outweigh a background that is likelier than any one of them.
        ({1: 0.2, 2: 0.2, 3: 0.2, BACKGROUND: 0.4}, 0.5, "foreign", UNKNOWN, 0.4),
        ({1: 0.2, 2: 0.25, 3: 0.15, BACKGROUND: 0.4}, 0.25, "sign", 2, 0.25),
    ],
)
def test_a_look_is_a_sign_foreign_or_background(
    given: dict[int, float], accept: float, kind: str, label: int, score: float
) -> None:
    probabilities = shares(given)
    reading = decide(probabilities, accept)
    assert (reading.kind, reading.label) == (kind, label)
    assert reading.score == pytest.approx(score)
    assert reading.probabilities is probabilities


@pytest.mark.parametrize("label", [0, 21, 42])
def test_every_class_can_be_read(label: int) -> None:
    assert decide(shares({label: 1.0}), 1.0)[:3] == ("sign", label, 1.0)


def test_softmax_by_hand() -> None:
    found = softmax(np.log(np.array([1.0, 2.0, 5.0])))
    assert found == pytest.approx([0.125, 0.25, 0.625])


@pytest.mark.parametrize("shift", [-1000.0, 0.0, 1000.0])
def test_softmax_of_huge_logits_neither_overflows_nor_moves(shift: float) -> None:
    assert softmax(np.array([shift, shift])) == pytest.approx([0.5, 0.5])
    assert softmax(np.array([shift, shift + 2000])) == pytest.approx([0, 1])


def made(margin: float = 0.25, **changes: object) -> tuple[SignClassifier, FakeRuntime]:
    """Logits 4 for class 14, 2 for class 1, else 0; crops of 12×12."""
    logits = np.zeros(45, np.float32)
    logits[14], logits[1] = 4.0, 2.0
    runtime = FakeRuntime(logits)
    spec = classifier_spec(input=Input(12, 12, "rgb", "crop", margin), **changes)
    return SignClassifier(spec, runtime), runtime


@pytest.fixture
def image() -> Image:
    return np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_logits_are_divided_by_the_temperature(temperature: float, image: Image) -> None:
    classifier, _ = made(temperature=temperature, thresholds={"accept": 0.0})
    (reading,) = classifier.classify(image, [Box(4, 6, 12, 14)])
    powers = np.exp(4 / temperature), np.exp(2 / temperature)
    assert reading.probabilities[14] == pytest.approx(powers[0] / (sum(powers) + 43), abs=1e-6)
    assert reading.probabilities[1] == pytest.approx(powers[1] / (sum(powers) + 43), abs=1e-6)
    assert reading.probabilities.sum() == pytest.approx(1)


def test_the_models_own_accept_decides(image: Image) -> None:
    probability = np.exp(4) / (np.exp(4) + np.exp(2) + 43)  # 0.52
    for accept, kind in ((probability - 0.01, "sign"), (probability + 0.01, "foreign")):
        classifier, _ = made(thresholds={"accept": accept})
        assert classifier.accept == accept
        assert classifier.classify(image, [Box(4, 6, 12, 14)])[0].kind == kind


def test_every_box_gets_its_reading_in_order_from_its_own_crop(image: Image) -> None:
    classifier, runtime = made()
    boxes = [Box(4, 6, 12, 14), Box(30, 10, 50, 30), Box(0, 0, 5, 5)]
    readings = classifier.classify(image, boxes)
    assert len(readings) == 3
    for box, shown in zip(boxes, runtime.shown, strict=True):
        assert np.array_equal(shown, crop(image, box, 12, 0.25))
    assert np.array_equal(runtime.shown[0], image[4:16, 2:14, ::-1])  # 8 px and 2 px of margin


def test_another_margin_shows_other_surroundings_and_leaves_the_classifier(image: Image) -> None:
    classifier, runtime = made()
    box = Box(4, 6, 12, 14)
    other = classifier.with_margin(0.5)
    other.classify(image, [box])
    assert np.array_equal(runtime.shown[-1], crop(image, box, 12, 0.5))
    assert (other.spec.input.margin, classifier.spec.input.margin) == (0.5, 0.25)


def test_what_the_net_sees_can_be_shown_to_it_directly(image: Image) -> None:
    classifier, runtime = made(temperature=2.0)
    box = Box(4, 6, 12, 14)
    (reading,) = classifier.classify(image, [box])
    shown = crop(image, box, 12, 0.25)
    assert np.array_equal(classifier.probabilities(shown), reading.probabilities)
    assert runtime.shown[-1] is shown


def test_no_boxes_no_readings(image: Image) -> None:
    classifier, runtime = made()
    assert classifier.classify(image, []) == []
    assert runtime.shown == []


def test_a_picture_that_is_a_crop_already_gets_no_margin(image: Image) -> None:
    classifier, runtime = made()
    reading = classifier.classify_crop(image[4:16, 2:14])
    assert np.array_equal(runtime.shown[0], image[4:16, 2:14, ::-1])
    assert (reading.kind, reading.label) == ("sign", 14)
