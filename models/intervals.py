"""Bootstrap intervals around figures of merit, the same wherever accuracy is quoted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

BOOTSTRAP_DRAWS = 1000
BOOTSTRAP_SEED = 2013
INTERVAL = (2.5, 97.5)  # percentiles


def intervals(
    measure: Callable[[Counts], Mapping[str, float]],
    groups: int,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = BOOTSTRAP_SEED,
) -> dict[str, tuple[float, float]]:
    """95 % percentile bootstrap intervals of every figure that `measure` gives.

    Whole groups (pictures, or tracks of one physical sign) are drawn with replacement; `measure`
    gets (groups,), how often each was drawn. A draw in which a figure is nan is left out of that
    figure's interval, and a figure that is always nan has none. Where the sample holds no mistake,
    the interval is a point: the bootstrap cannot know what it has not seen.
    """
    random = np.random.default_rng(seed)
    drawn = [
        measure(np.bincount(random.integers(0, groups, groups), minlength=groups))
        for _ in range(draws)
    ]
    result: dict[str, tuple[float, float]] = {}
    for key in drawn[0]:
        values = np.array([figures[key] for figures in drawn])
        values = values[~np.isnan(values)]
        if len(values):
            low, high = np.percentile(values, INTERVAL)
            result[key] = float(low), float(high)
    return result


def mean_and_interval(
    values: NDArray[np.float64], groups: Sequence[str]
) -> tuple[float, tuple[float, float]]:
    """The mean of values (n,) and its 95 % interval; `groups` (n,) names what each belongs to.

    Whole groups (tracks of one physical sign) are drawn. `values` may not be empty.
    """
    _, group = np.unique(np.array(groups), return_inverse=True)
    sizes, sums = np.bincount(group), np.bincount(group, values)
    found = intervals(lambda counts: {"": float(counts @ sums / (counts @ sizes))}, len(sizes))
    return float(values.mean()), found[""]


def paired_difference(
    values: NDArray[np.float64], others: NDArray[np.float64], groups: Sequence[str]
) -> tuple[float, tuple[float, float]]:
    """How far the mean of `values` (n,) lies above that of `others` (n,), with its 95 % interval.

    Both are of the same n things, and every draw takes the same groups of both: what is hard for
    both alike does not widen the interval.
    """
    return mean_and_interval(values - others, groups)
