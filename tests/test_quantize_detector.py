"""Giving a model an int8 input, on small graphs; quantising itself is in test_train_*."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import classifier_bytes, classifier_spec, save

from calibration.quantize_detector import _note, _with_extremes, int8_input
from edge.core import Array
from edge.runtime import LiteRtRuntime, open_interpreter
from models.errors import ModelError


def answer(data: bytes, image: Array, folder: Path) -> Array:
    spec = classifier_spec(data)
    (logits,) = LiteRtRuntime(spec, save(spec, data, folder), threads=1)(image)
    return logits.real()


@pytest.mark.parametrize("first", ["INT8", "UINT8", "FLOAT32"])
def test_a_model_that_takes_bytes_answers_as_before(first: str, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    expected = answer(classifier_bytes(), image, tmp_path)
    data = int8_input(classifier_bytes(first=first))
    (taken,) = open_interpreter(data, "small", 1).get_input_details()
    assert (taken["name"], taken["dtype"]) == ("image", np.int8)
    found = answer(data, image, tmp_path)
    assert np.array_equal(found, expected)
    assert len(np.unique(found)) > 20  # a picture's worth of different answers


def test_an_input_of_another_scale_is_refused() -> None:
    with pytest.raises(ModelError, match=r"expected an int8 input of scale 1, zero -128; found"):
        int8_input(classifier_bytes(first="INT8", grey_level=0.5))


def test_black_and_white_are_marked_in_a_copy() -> None:
    image = np.full((4, 5, 3), 90, np.uint8)
    (marked,) = _with_extremes([image])
    assert (marked.min(), marked.max()) == (0, 255)
    assert (marked != 90).any(axis=2).sum() == 2
    assert (image == 90).all()


def test_of_many_pictures_the_extremes_and_the_mean_extremes_are_kept() -> None:
    noted = {"min": np.array(-1.0), "max": np.array(4.0)}  # the first picture is not passed on
    for low, high in ((-4.0, 1.0), (-1.0, 7.0)):
        noted = _note(noted, {"min": np.array(low), "max": np.array(high)})
    assert noted == {"count": 3, "min": -4.0, "max": 7.0, "mean_min": -2.0, "mean_max": 4.0}
