"""The int8 peak's own model, and how much work a model is."""

from __future__ import annotations

import numpy as np
import pytest

from edge.peak import CHANNELS, SCALE, SIDE, operations, peak_model
from edge.runtime import open_interpreter
from models.spec import find_model, load_spec, model_bytes
from tests.small_models import classifier_bytes, detector_bytes


def test_the_peaks_model_convolves_every_pixel() -> None:
    data, count = peak_model()
    interpreter = open_interpreter(data, "peak", 1)
    pixel = np.zeros((1, SIDE, SIDE, CHANNELS), np.int8)
    pixel[0, 3, 5, 7] = 100
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixel)

    interpreter.invoke()

    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert output.shape == pixel.shape
    # One input of 100 · SCALE times weights of up to 127 · SCALE: up to 5 in its own pixel only.
    assert 4 <= abs(output[0, 3, 5]).max() <= round(100 * SCALE * 127 * SCALE)
    output[0, 3, 5] = 0
    assert not output.any()
    assert count == 2 * 64 * 64 * 256 * 256


def test_the_peaks_model_counts_as_any_other() -> None:
    data, count = peak_model()

    assert operations(data) == count


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (classifier_bytes(8, 8, 45), 2 * 45 * 8 * 8 * 3),
        # Two convolutions of 8×8×3 at 4×2 places, to 64 channels and to one.
        (detector_bytes(32, 16, strides=(8,)), 2 * 4 * 2 * (8 * 8 * 3) * (64 + 1)),
    ],
)
def test_operations_are_two_for_each_use_of_a_weight(data: bytes, expected: int) -> None:
    assert operations(data) == expected


def test_the_published_detector_is_a_few_thousand_million_operations() -> None:
    path = find_model("detector")

    assert 1e9 < operations(model_bytes(load_spec(path), path)) < 20e9
