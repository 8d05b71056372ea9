"""Variants of a recipe against its base, picture by picture, clean and corrupted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.errors import SourceError
from models.intervals import paired_difference
from training.classifier import Recipe
from training.runs import RECIPE
from training.watched import (
    CORRUPTED_FILE,
    FILE,
    groups,
    read_answers,
    read_right,
    surprise,
)

NOTHING = "no difference shown"


class Watched(NamedTuple):
    """The answers of a variant's trainings, one after the other: right (n,), surprise (n,), right
    where the picture is corrupted (n,), and of each the training's number and the picture's name.
    """

    right: NDArray[np.float64]
    surprise: NDArray[np.float64]
    corrupted: NDArray[np.float64]
    run: NDArray[np.int64]
    names: tuple[str, ...]


class Gain(NamedTuple):
    """How many a variant reads wrong, and how much more it reads right than the base does.

    `difference` and its 95 % `interval` are shares from 0 to 1.
    """

    wrong: int
    difference: float
    interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """What the change does to the share read right, as far as the interval tells."""
        low, high = self.interval
        return "helps" if low > 0 else "hurts" if high < 0 else NOTHING


class Compared(NamedTuple):
    """One variant beside the base, on `watched` pictures of `signs` signs, as they are (`clean`)
    and corrupted. Shares from 0 to 1; `differences` are of each training, on clean pictures."""

    name: str
    change: str
    commands: tuple[str, ...]
    watched: int
    signs: int
    clean: Gain
    corrupted: Gain
    differences: tuple[float, ...]
    nll: float
    nll_difference: float
    nll_interval: tuple[float, float]

    def top1(self, gain: Gain) -> float:
        """The share read right, clean or corrupted."""
        return 1 - gain.wrong / self.watched


def read_recipe(run: Path) -> dict[str, Any]:
    """The recipe that a finished run wrote down; SourceError where there is none.

    What it does not name was no choice yet, and was as it is by default today.
    """
    path = run / RECIPE
    try:
        return asdict(Recipe()) | dict(json.loads(path.read_text())["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: expected a run's recipe, found {error}") from error


def refuse_other(run: Path, flags: Mapping[str, str]) -> None:
    """SourceError where a finished run differs from today's recipe in more, or less, than its
    flags: one from before defaults changed would stand under a command that never ran."""
    found = read_recipe(run)
    wanted = asdict(Recipe())
    for flag, value in flags.items():
        key = flag[2:]
        if key in found:  # --limit is no part of a recipe
            wanted[key] = type(found[key])(value)
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    if wrong:
        key, own = min(wrong), " ".join(f"{flag} {value}" for flag, value in flags.items())
        raise SourceError(
            f"{run}: expected today's recipe with {own}, found {key} {found.get(key)!r} instead "
            f"of {wanted.get(key)!r}: remove what was trained by another recipe"
        )


def read_watched(runs: Sequence[Path]) -> Watched:
    """The answers of all trainings of one variant; SourceError where some are broken."""
    each = [read_answers(run / FILE) for run in runs]
    worse = [read_answers(run / CORRUPTED_FILE) for run in runs]
    for run, clean, corrupted in zip(runs, each, worse, strict=True):
        if clean.names != corrupted.names:
            raise SourceError(
                f"{run / CORRUPTED_FILE}: expected answers for the "
                f"{len(clean.names)} pictures that the run was watched on, found others"
            )
    return Watched(
        np.concatenate([read_right(a.logits, a.labels) for a in each]).astype(np.float64),
        np.concatenate([surprise(a.logits, a.labels) for a in each]).astype(np.float64),
        np.concatenate([read_right(a.logits, a.labels) for a in worse]).astype(np.float64),
        np.repeat(np.arange(len(each)), [len(a.labels) for a in each]),
        tuple(name for a in each for name in a.names),
    )


def compare(
    about: tuple[str, str, tuple[str, ...]],
    base: Watched,
    variant: Watched,
    tracks: Mapping[str, str],
) -> Compared:
    """`about` is name, change and commands; `tracks` names for each picture the physical sign.

    SourceError where the two were not watched on the same pictures of the data set.
    """
    if variant.names != base.names or not np.array_equal(variant.run, base.run):
        raise SourceError(
            f"{about[0]}: expected the {len(base.names)} pictures that the base was watched on, "
            f"found {len(variant.names)} others"
        )
    signs = groups(base.names, tracks)
    gain = variant.right - base.right
    return Compared(
        *about,
        *(len(signs), len(set(signs))),
        _gain(variant.right, base.right, signs),
        _gain(variant.corrupted, base.corrupted, signs),
        tuple(float(gain[base.run == run].mean()) for run in np.unique(base.run)),
        float(variant.surprise.mean()),
        *paired_difference(variant.surprise, base.surprise, signs),
    )


def _gain(own: NDArray[np.float64], base: NDArray[np.float64], signs: Sequence[str]) -> Gain:
    return Gain(round(float((1 - own).sum())), *paired_difference(own, base, signs))
