"""What a model's outputs mean, and which of them reach a bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import Tensor

INT8 = np.arange(-128, 128).astype(np.int8)
SCALES = st.floats(2**-12, 8, width=32)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([-128, -21, 0, 127], np.int8), [-8.025, 0.0, 1.575, 11.1]),
        (np.array([0, 21, 255], np.uint8), [1.575, 3.15, 20.7]),
        (np.array([1000], np.int32), [76.575]),
    ],
    ids=["int8", "uint8", "int32"],
)
def test_quantised_values_mean_their_distance_from_zero_in_steps(
    values: np.ndarray, expected: list[float]
) -> None:
    found = Tensor(values, 0.075, -21).real()
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-5)


def test_floats_mean_themselves() -> None:
    values = np.array([[-1.5, 2.0], [2.5, np.nan]], np.float32)
    assert Tensor(values).real() is values
    assert Tensor(values).at_least(2.0).tolist() == [1, 2]


@given(SCALES, st.integers(-128, 127), st.floats(-2000, 2000), st.sampled_from(["int8", "uint8"]))
def test_as_many_bytes_reach_a_bound_as_their_floats_do(
    scale: float, zero: int, bound: float, kind: str
) -> None:
    values = np.random.default_rng(0).permutation(INT8).view(kind).reshape(4, 64)
    tensor = Tensor(values, scale, zero)
    wanted = np.flatnonzero(tensor.real().reshape(-1) >= bound)
    assert np.array_equal(tensor.at_least(bound), wanted)


def test_the_bound_itself_is_reached() -> None:
    tensor = Tensor(INT8, 0.25, 3)
    assert tensor.at_least(1.0).tolist() == list(range(128 + 7, 256))
    assert tensor.at_least(1e9).tolist() == []
    assert tensor.at_least(-1e9).tolist() == list(range(256))


def test_wider_integers_are_asked_one_by_one() -> None:
    assert Tensor(np.array([300, -5, 40], np.int16), 0.5, 0).at_least(20.0).tolist() == [0, 2]
