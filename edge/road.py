"""What the signs read so far say about the road: the limit in force, overtaking, priority.

The rules are those of the German road traffic regulations (StVO, annexes 2 and 3), as far as 43
classes of signs can carry them:

- A limit (274) holds until the next limit, its end (278) or the end of all restrictions (282).
  An end sign takes whatever limit there is: where its number is another one, a sign was missed.
- *No overtaking* (276) and *no overtaking by trucks* (277) stand beside each other and beside the
  limit. Each has an end of its own (280, 281), and 282 ends both.
- 282 says nothing of priority. The road then is `free` until the next limit or ban.
- A *priority road* (306) is one until *give way* or *stop* (205, 206); those, and the *right of
  way at the next junction* (301), are about one junction only. After *give way* a driver is on
  another road, of which nothing is known; after 301 a priority road still is one.
- Some ends cannot be seen: of a short danger that a limit was put up for, of a town, of a priority
  road (307), or a turn into another street. Hence what was read long ago expires: a limit
  is then `stale`, a ban, a priority and a `free` road are forgotten.

A sign counts from the moment it is read, a little before it is passed. Where several are in sight
the one read last counts; as they are passed, they are put into the order of their passing, so that
of a 100 and an 80 behind it the 80 stays, whichever was read first. A corrected reading corrects
the road as if it had been right from the start. A new segment (a reconnect, the next file) starts
with nothing, because nobody knows what stood beside the road in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from edge.core import Event, Frame, Line, Road, Scene
from models.signs import sign_class

LIMIT = "274-"  # the StVO number of every limit begins so, its km/h follow
END_OF_LIMIT = "278-"


@dataclass(frozen=True, slots=True)
class RoadSettings:
    """`expiry_s`: how long after its sign was passed something is believed; 0 is for ever."""

    expiry_s: float
    # A sign that rules one junction is done with so long after it was passed. 301 stands up to
    # 250 m before it outside of towns (VwV-StVO), which is driven in 15 s at 60 km/h.
    junction_s: float = 15.0
    trust: float = 0.8  # least probability of a sign that changes anything …
    doubt: float = 0.5  # … and below which one that has changed something is taken back


class _Fact(NamedTuple):
    """Something a sign said: its value, when it was read, and when it was seen for the last time
    (infinitely late while it is in sight)."""

    value: int
    read: float
    seen: float


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything in force, None where nothing is known. `junction` wins over `priority`."""

    limit: _Fact | None = None
    cars: _Fact | None = None
    trucks: _Fact | None = None
    free: _Fact | None = None
    priority: _Fact | None = None
    junction: _Fact | None = None


class RoadState:
    """Follows the events of one source; `update` once a frame."""

    def __init__(self, settings: RoadSettings) -> None:
        self._settings = settings
        self._segment: int | None = None
        self._passed = _Known()
        self._in_sight: dict[str, tuple[int, float]] = {}  # sign id → label, when it was read

    def update(self, frame: Frame, events: Iterable[Event]) -> Road:
        """What is in force as of this frame, in which these events happened."""
        if frame.segment != self._segment:
            self._segment, self._passed = frame.segment, _Known()
            self._in_sight.clear()
        for event in events:
            if event.segment == frame.segment:
                self._take(event)
        known = self._passed
        for label, read in self._in_sight.values():
            known = _after(known, label, read, seen=math.inf)
        return self._as_of(known, frame.time)

    def take_over(self, other: RoadState, events: Iterable[Event]) -> None:
        """Go on from what another state knew, and from the events that ended it."""
        self._segment, self._passed = other._segment, other._passed
        self._in_sight = dict(other._in_sight)
        for event in events:
            if event.segment == self._segment:
                self._take(event)

    def _take(self, event: Event) -> None:
        label, read, least = event.sign.label, event.time, self._settings.trust
        if event.sign_id in self._in_sight:
            read, least = self._in_sight[event.sign_id][1], self._settings.doubt
        trusted = event.sign.probability >= least
        if trusted and event.kind != "end":
            self._in_sight[event.sign_id] = label, read
            return
        self._in_sight.pop(event.sign_id, None)
        if trusted:
            self._passed = _after(self._passed, label, read, event.last_seen)

    def _as_of(self, known: _Known, time: float) -> Road:
        expiry_s = self._settings.expiry_s or math.inf

        def fresh(fact: _Fact | None, lasts_s: float = expiry_s) -> bool:
            return fact is not None and time - fact.seen < lasts_s

        limit, priority = known.limit, None
        if known.junction and fresh(known.junction, self._settings.junction_s):
            priority = bool(known.junction.value)
        elif fresh(known.priority):
            priority = True
        return Road(
            limit=limit.value if limit else None,
            limit_since=limit.read if limit else None,
            stale=limit is not None and not fresh(limit),
            no_overtaking=fresh(known.cars),
            no_overtaking_trucks=fresh(known.trucks),
            priority=priority,
            free=fresh(known.free),
        )


def _after(known: _Known, label: int, read: float, seen: float) -> _Known:  # noqa: PLR0911 - a table
    """What is known once this sign has been read."""
    stvo = sign_class(label).stvo
    yes = _Fact(True, read, seen)
    if stvo.startswith(LIMIT):
        limit = yes._replace(value=int(stvo.removeprefix(LIMIT)))
        return replace(known, limit=limit, free=None)
    if stvo.startswith(END_OF_LIMIT):
        return replace(known, limit=None)
    match stvo:
        case "276":
            return replace(known, cars=yes, free=None)
        case "277":
            return replace(known, trucks=yes, free=None)
        case "280":
            return replace(known, cars=None)
        case "281":
            return replace(known, trucks=None)
        case "282":
            return replace(known, limit=None, cars=None, trucks=None, free=yes)
        case "306":
            return replace(known, priority=yes, junction=None)
        case "301":
            return replace(known, junction=yes)
        case "205" | "206":
            return replace(known, priority=None, junction=yes._replace(value=False))
    return known


class RoadLine:
    """A line whose scenes also say what is in force on the road."""

    def __init__(self, line: Line, settings: RoadSettings) -> None:
        self._line = line
        self._state = RoadState(settings)

    def __call__(self, frame: Frame) -> Scene:
        scene = self._line(frame)
        return replace(scene, road=self._state.update(frame, scene.events))

    def take_over(self, other: RoadLine, events: Iterable[Event]) -> None:
        """Go on on the road of another line, whose last events these are."""
        self._state.take_over(other._state, events)

    def finish(self) -> tuple[Event, ...]:
        return self._line.finish()


def road_words(road: Road) -> str:
    """For people, in a few words; empty where nothing is known."""
    words = []
    if road.limit is not None:
        words.append(f"limit {road.limit} km/h" + (" (read long ago)" if road.stale else ""))
    if road.free:
        words.append("no restrictions")
    if road.no_overtaking:
        words.append("no overtaking")
    if road.no_overtaking_trucks:
        words.append("no overtaking by trucks")
    if road.priority is not None:
        words.append("priority" if road.priority else "give way")
    return ", ".join(words)
