"""The demo drive: where it lies, what is true in it, and how well a run has read it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edge.core import UNKNOWN, Box, Event, Sign
from models.errors import SourceError
from models.signs import sign_class

VIDEO = Path(__file__).with_name("drive.mp4")
TRUTH = Path(__file__).with_name("drive.json")

MIN_IOU = 0.3  # far signs are ten pixels high: two pixels off cost them half their overlap
MAX_FRAMES_APART = 5  # a truth box is looked for in the nearest frame this close


class TrueSign(NamedTuple):
    """One sign of the drive; `label` is `UNKNOWN` for a road sign outside the 43.

    `boxes`: frame index → box, for the frames in which it is visible.
    """

    id: int
    label: int
    name: str
    start: float
    end: float
    boxes: Mapping[int, Box]

    def iou(self, box: Box, frame: int) -> float:
        """Overlap with this sign in that frame or in the nearest one close by; else 0."""
        near = min(self.boxes, key=lambda index: abs(index - frame), default=None)
        if near is None or abs(near - frame) > MAX_FRAMES_APART:
            return 0.0
        return self.boxes[near].iou(box)


class Claim(NamedTuple):
    """What a run said in the end about one physical sign."""

    sign: Sign
    box: Box
    frame: int
    time: float


@dataclass(frozen=True, slots=True)
class Score:
    """A run against the truth; every true sign is in exactly one of the first five.

    `right`, `wrong` (only ever read as something else) and `missed` split the signs of the 43
    classes, `unknown` and `unseen` those outside them. `false_events` are the claims that no true
    sign backs: a wrong label, a thing that is no sign, a sign reported twice.
    """

    right: tuple[TrueSign, ...]
    wrong: tuple[TrueSign, ...]
    missed: tuple[TrueSign, ...]
    unknown: tuple[TrueSign, ...]
    unseen: tuple[TrueSign, ...]
    false_events: tuple[Claim, ...]

    @property
    def recall(self) -> float:
        """Share of the signs of the 43 classes that were read right; 1 where there are none."""
        total = len(self.right) + len(self.wrong) + len(self.missed)
        return len(self.right) / total if total else 1.0


def load_truth(path: Path = TRUTH) -> tuple[TrueSign, ...]:
    """The signs of a drive, as `training.drive` writes them; SourceError names a bad file."""
    try:
        return tuple(_true_sign(entry) for entry in json.loads(path.read_bytes())["signs"])
    except OSError as error:
        raise SourceError(
            f"{path}: cannot read the truth of the drive: {error.strerror}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: expected the truth of a drive, found {error!r}") from error


def score(events: Iterable[Event], truth: Sequence[TrueSign]) -> Score:
    """Compare a run's events with the truth.

    One physical sign (a `sign_id`) is one claim: its latest `new` or `update`. A claim is right
    where label and place agree with a true sign; the best overlap goes first and each true sign
    is taken once. `unknown` on one of the 43 classes is a miss, but no false event.
    """
    claims = _claims(events)
    pairs = [
        (overlap, c, t)
        for c, claim in enumerate(claims)
        for t, true in enumerate(truth)
        if (overlap := true.iou(claim.box, claim.frame)) >= MIN_IOU
    ]
    taken: dict[int, int] = {}  # true sign → the claim that reads it right
    backed: set[int] = set()  # claims that are right, or only refused to say
    for _, c, t in sorted(pairs, reverse=True):
        if claims[c].sign.label == truth[t].label and t not in taken and c not in backed:
            taken[t] = c
            backed.add(c)
    misread = set()
    for _, c, t in pairs:
        if c in backed or t in taken:
            continue
        if claims[c].sign.label != UNKNOWN:
            misread.add(t)
        elif truth[t].label != UNKNOWN:
            backed.add(c)

    def outcome(t: int) -> str:
        if truth[t].label == UNKNOWN:
            return "unknown" if t in taken else "unseen"
        if t in taken:
            return "right"
        return "wrong" if t in misread else "missed"

    def those(name: str) -> tuple[TrueSign, ...]:
        return tuple(true for t, true in enumerate(truth) if outcome(t) == name)

    return Score(
        right=those("right"),
        wrong=those("wrong"),
        missed=those("missed"),
        unknown=those("unknown"),
        unseen=those("unseen"),
        false_events=tuple(claim for c, claim in enumerate(claims) if c not in backed),
    )


def report(result: Score) -> str:
    """The score as a short table, with a line for everything that went wrong."""
    known = len(result.right) + len(result.wrong) + len(result.missed)
    foreign = len(result.unknown) + len(result.unseen)
    lines = [
        f"signs read right   {len(result.right):3} of {known} ({result.recall:.0%})",
        f"signs read wrong   {len(result.wrong):3}",
        f"signs missed       {len(result.missed):3}",
        f"other road signs   {len(result.unknown):3} of {foreign} shown as unknown",
        f"false events       {len(result.false_events):3}",
    ]
    lines += [f"  wrong   {_where(true)}" for true in result.wrong]
    lines += [f"  missed  {_where(true)}" for true in result.missed]
    lines += [
        f"  false   {sign_class(claim.sign.label).name} at {claim.time:.1f} s, frame {claim.frame}"
        for claim in result.false_events
    ]
    return "\n".join(lines)


def _where(true: TrueSign) -> str:
    return f"{true.name}, {true.start:.1f} to {true.end:.1f} s"


def _claims(events: Iterable[Event]) -> list[Claim]:
    latest: dict[str, Claim] = {}
    for event in events:
        if event.kind != "end":
            latest[event.sign_id] = Claim(event.sign, event.box, event.box_frame, event.time)
    return list(latest.values())


def _true_sign(entry: Mapping[str, Any]) -> TrueSign:
    boxes = {int(index): Box(*map(float, box)) for index, *box in entry["boxes"]}
    label = int(entry["label"])
    return TrueSign(int(entry["id"]), label, str(entry["name"]), entry["from"], entry["to"], boxes)
