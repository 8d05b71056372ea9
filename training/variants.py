"""The variants of the shipped recipe: what each changes, and the flags that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from training.augment import PARTS
from training.rungs import CLASSIFIER, QUICK

FOLDS = 2  # of train and choose: each picture is watched once by a net that never saw its sign
BASE = "base"
TEACHER = "teacher"
TAUGHT = (TEACHER, f"{TEACHER}-mobilenet")


class Variant(NamedTuple):
    """The base with one thing changed: its name, what is changed, flag → value."""

    name: str
    change: str
    flags: Mapping[str, str]


def _flags(words: Sequence[str]) -> dict[str, str]:
    return dict(zip(words[::2], words[1::2], strict=True))


def _variant(name: str, change: str, flags: str = "") -> Variant:
    return Variant(name, change, _flags(flags.split()))


# The recipe's short form.
SHORT = {"--epochs": "10", "--samples": "30000"}

VARIANTS = (
    _variant(BASE, "nothing"),
    _variant("augment-none", "no augmentation", "--augment none"),
    _variant("augment-light", "light augmentation", "--augment light"),
    _variant("augment-harsh", "more from the side, bleached, dark", "--augment harsh"),
    _variant("augment-clear", "fewer from far away, more from a codec", "--augment clear"),
    *(_variant(f"without-{part}", f"augmentation without {part}", f"--without {part}")
      for part in PARTS),
    _variant("flips-0.3", "mirrored signs that mean something", "--flips 0.3"),
    _variant("balance-sqrt", "classes drawn by the root of their frequency", "--balance sqrt"),
    _variant("balance-equal", "classes equally frequent", "--balance equal"),
    _variant("drawn-0", "no drawn signs", "--drawn 0"),
    _variant("signs-only", "no foreign signs, background, drawn signs",
             "--drawn 0 --foreign 0 --background 0"),
    _variant("smoothing-0", "no label smoothing", "--smoothing 0"),
    _variant("smoothing-0.1", "label smoothing 0.1", "--smoothing 0.1"),
    _variant("average-0.998", "weights averaged", "--average 0.998"),
    _variant("dropout-0", "no dropout", "--dropout 0"),
    _variant("contrast-clahe", "contrast evened by CLAHE", "--contrast clahe"),
    _variant("contrast-local", "local contrast normalised", "--contrast local"),
    _variant("grey", "grey pictures", "--colour grey"),
    _variant("plain16", "plain16: full resolution first", "--architecture plain16"),
    _variant("branched", "1x1 convolutions beside, merged after", "--architecture branched"),
    _variant("mobilenet", "MobileNet: depthwise convolutions", "--architecture mobilenet"),
    _variant("width-0.75", "three quarters as wide", "--width 0.75"),
    _variant("width-1.25", "a quarter wider, over the budget", "--width 1.25"),
    _variant("epochs-20", "twice the epochs", "--epochs 20"),
)  # fmt: skip


def taught(teacher: str, seen: bool) -> tuple[Variant, ...]:
    """The variants that imitate `teacher`, a run, several joined by ",", or with "{fold}" in it.

    `seen`: the teacher was trained on signs that they are watched on.
    """
    change = "imitates a teacher" + (", which saw what is watched" if seen else "")
    flags = {"--teachers": teacher}
    return (
        Variant(TAUGHT[0], change, flags),
        Variant(TAUGHT[1], f"MobileNet {change}", {**flags, "--architecture": "mobilenet"}),
    )


def fold(seed: int) -> int:
    """Which fold a seed watches: each fold has seeds of its own."""
    return seed % FOLDS


def in_fold(words: str, seed: int) -> str:
    """The words with the fold of a seed for {fold}."""
    return words.replace("{fold}", str(fold(seed)))


def flags(variant: Variant, seed: int, quick: bool = False) -> dict[str, str]:
    """All flags of one training of a variant but its folder."""
    own = {"--folds": str(FOLDS), "--fold": str(fold(seed)), "--seed": str(seed)}
    own |= SHORT | {flag: in_fold(value, seed) for flag, value in variant.flags.items()}
    return own | (_flags(QUICK[CLASSIFIER]) if quick else {})
