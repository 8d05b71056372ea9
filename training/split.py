"""How the training sets are divided: by physical sign, the same way for ever."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable

from training.examples import Example
from training.files import stem

DEFAULT_SEED = 1
HELD_OUT = 0.1  # share of each class's GTSRB tracks that goes to choose, and the same to judge
JUDGED_PICTURES = 100  # of GTSDB's 600
SWAPS = 20_000  # tries to even out the classes; the last thousands change nothing


def split_gtsrb(examples: Iterable[Example], seed: int) -> dict[str, str]:
    """Track → train, choose or judge: about 80/10/10 in each class, at least one track in each."""
    by_class: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        by_class[example.track.split("/")[0]].add(example.track)
    parts = {}
    for tracks in by_class.values():
        held_out = max(1, round(len(tracks) * HELD_OUT))
        for place, track in enumerate(sorted(tracks, key=lambda track: _lot(seed, track))):
            first = "judge" if place < held_out else "choose"
            parts[track] = first if place < 2 * held_out else "train"
    return dict(sorted(parts.items()))


def split_gtsdb(examples: Iterable[Example], seed: int) -> dict[str, str]:
    """Picture → train or judge, the judge part holding its fair share of each class's boxes.

    Pictures are drawn by lot, then swapped as long as the shares of the classes, and of the
    pictures without a sign, come closer to the share of the pictures.
    """
    counts = {
        stem(e.name): Counter(a.label for a in e.annotations) or Counter(none=1) for e in examples
    }
    order = sorted(counts, key=lambda picture: _lot(seed, picture))
    judge, train = order[:JUDGED_PICTURES], order[JUDGED_PICTURES:]
    share = len(judge) / len(order)
    total = sum(counts.values(), Counter())
    have = sum((counts[picture] for picture in judge), Counter())
    dice = random.Random(seed)

    def distance(label: object, number: int) -> float:
        """Squared distance from the fair share, in units of what chance would do."""
        return (number - share * total[label]) ** 2 / (share * total[label])

    for _ in range(SWAPS):
        i, j = int(dice.random() * len(judge)), int(dice.random() * len(train))
        leave, come = counts[judge[i]], counts[train[j]]
        gain = sum(
            distance(label, have[label]) - distance(label, have[label] + come[label] - leave[label])
            for label in leave | come
        )
        if gain > 0:
            have.update(come)
            have.subtract(leave)
            judge[i], train[j] = train[j], judge[i]
    return {picture: "judge" if picture in judge else "train" for picture in sorted(order)}


def _lot(seed: int, name: str) -> str:
    """A place in the draw that depends on nothing but the seed and the name."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
