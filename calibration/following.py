"""How well signs were followed: one event a sign, how soon, under how many names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge.core import UNKNOWN, Event, Scene
from edge.demo import MIN_IOU, TrueSign, score

FROM_PX = 16.0  # a sign counts as visible from this height on
POINTS = (50, 95)


def figures(
    scenes: Sequence[Scene], events: Sequence[Event], truth: Sequence[TrueSign], signs_only: bool
) -> dict[str, Any]:
    """Everything that is counted of one run over one clip, as numbers that add up over clips.

    `delays_s` and `heights_px`: for each sign read right, the seconds from the first frame in which
    it is `FROM_PX` high to the event that told it first (less than 0 where that came sooner), and
    how high it was then. `told`: events for signs that have one at all. `between`: the overlap of
    followed boxes with the truth in frames without a detection. `signs_only`: foreign signs are
    not in the truth, so that an event that says *unknown* is neither right nor false.
    """
    if signs_only:
        foreign = {e.sign_id for e in events if e.kind != "end" and e.sign.label == UNKNOWN}
        foreign -= {e.sign_id for e in events if e.kind != "end" and e.sign.label != UNKNOWN}
        events = [event for event in events if event.sign_id not in foreign]
    result = score(events, truth)
    first = _first_told(events, truth)
    right = [(sign, first[sign.id]) for sign in result.right if sign.id in first]
    switches, between = _identities(scenes, truth)
    told = _told(events, truth)
    return {
        "signs": len(result.right) + len(result.wrong) + len(result.missed),
        "right": len(result.right),
        "wrong": len(result.wrong),
        "foreign": len(result.unknown) + len(result.unseen),
        "foreign_told": len(result.unknown),
        "false_events": len(result.false_events),
        "told": list(told.values()),
        "switches": switches,
        "delays_s": [event.time - _visible_from(sign, scenes) for sign, event in right],
        "heights_px": [_height(sign, event.frame) for sign, event in right],
        "between": between,
        "seconds": _seconds(scenes),
    }


def summed(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of several clips as one: counts, shares, rates, percentiles."""
    total: dict[str, Any] = {}
    for run in runs:
        for name, value in run.items():
            total[name] = total[name] + value if name in total else value
    told = total["told"]
    return {
        **{name: total[name] for name in ("signs", "right", "wrong", "foreign", "foreign_told")},
        "events_per_sign": round(sum(told) / len(told), 3) if told else None,
        "false_events": total["false_events"],
        "false_events_per_minute": round(60 * total["false_events"] / total["seconds"], 2),
        "identity_switches": total["switches"],
        "delay_s": _percentiles(total["delays_s"], 3),
        "height_px": _percentiles(total["heights_px"], 1),
        "iou_between": round(float(np.mean(total["between"])), 3) if total["between"] else None,
        "minutes": round(total["seconds"] / 60, 2),
    }


def _percentiles(values: Sequence[float], digits: int) -> dict[str, float] | None:
    if not values:
        return None
    found = np.percentile(values, POINTS)
    pairs = zip(POINTS, found, strict=True)
    return {f"p{point}": round(float(value), digits) for point, value in pairs}


def _told(events: Sequence[Event], truth: Sequence[TrueSign]) -> Counter[int]:
    """True sign → how many signs were told where it is."""
    claims = {event.sign_id: event for event in events if event.kind != "end"}
    counts: Counter[int] = Counter()
    for event in claims.values():
        overlaps = [(sign.iou(event.box, event.box_frame), sign.id) for sign in truth]
        best = max(overlaps, default=(0.0, 0))
        if best[0] >= MIN_IOU:
            counts[best[1]] += 1
    return counts


def _first_told(events: Sequence[Event], truth: Sequence[TrueSign]) -> dict[int, Event]:
    """True sign → the event that first told it rightly."""
    found: dict[int, Event] = {}
    for event in events:
        if event.kind == "end":
            continue
        for sign in truth:
            here = sign.iou(event.box, event.box_frame) >= MIN_IOU
            if here and sign.label == event.sign.label and sign.id not in found:
                found[sign.id] = event
    return found


def _visible_from(sign: TrueSign, scenes: Sequence[Scene]) -> float:
    """The time of the first frame in which it is high enough, else of the first at all."""
    high = [index for index, box in sign.boxes.items() if box.height >= FROM_PX]
    first = min(high or sign.boxes)
    return next(scene.frame.time for scene in scenes if scene.frame.index >= first)


def _height(sign: TrueSign, frame: int) -> float:
    """Its height in that frame, or in the nearest in which it is visible."""
    return sign.boxes[min(sign.boxes, key=lambda index: abs(index - frame))].height


def _identities(scenes: Sequence[Scene], truth: Sequence[TrueSign]) -> tuple[int, list[float]]:
    """How often a sign's track is another than before, and how well unseen tracks lie.

    As in CLEAR MOT (Bernardin and Stiefelhagen, 2008): a pair of before stays one while it
    overlaps, the others pair up by overlap.
    """
    held: dict[int, int] = {}  # true sign → its track
    switches, between = 0, []
    for scene in scenes:
        index = scene.frame.index
        here = {sign.id: sign.boxes[index] for sign in truth if index in sign.boxes}
        pairs = [
            (held.get(sign) == track.id, overlap, sign, track)
            for sign, box in here.items()
            for track in scene.tracks
            if (overlap := box.iou(track.box)) >= MIN_IOU
        ]
        signs, tracks = set(), set()
        for _, overlap, sign, track in sorted(pairs, key=lambda pair: pair[:2], reverse=True):
            if sign in signs or track.id in tracks:
                continue
            signs.add(sign)
            tracks.add(track.id)
            switches += held.get(sign, track.id) != track.id
            held[sign] = track.id
            if track.detection is None:
                between.append(overlap)
    return switches, between


def _seconds(scenes: Sequence[Scene]) -> float:
    """How long it all took on the source's clock: each segment's frames and one frame's time."""
    times: dict[int, list[float]] = {}
    for scene in scenes:
        times.setdefault(scene.frame.segment, []).append(scene.frame.time)
    return sum((each[-1] - each[0]) * len(each) / max(1, len(each) - 1) for each in times.values())
