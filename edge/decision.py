"""Many readings of one track become one sign, once; emits the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import uuid4

from edge.core import (
    UNKNOWN,
    Array,
    Box,
    Detection,
    Event,
    EventKind,
    Frame,
    Reading,
    Sign,
    Track,
    TrackState,
)
from edge.fusion import Evidence, look
from models.signs import BACKGROUND, FOREIGN


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """When a track is a sign. Probabilities 0–1; times in seconds, so any frame rate will do."""

    probability: float = 0.9  # belief in one class from which a sign is decided …
    accept: float = 0.5  # … if an average look believes in it this much …
    min_votes: int = 3  # … this many looks name it …
    min_age_s: float = 0.25  # … over this long …
    unknown_age_s: float = 0.8  # … or this long for a foreign one: far signs look foreign
    leaving_votes: int = 2  # enough looks for a track that is leaving, whatever its age
    overwhelming: float = 0.95  # a single look at a leaving sign that is enough …
    overwhelming_quality: float = 0.6  # … at this quality
    nameless_weight: float = 1.0  # evidence that makes a leaving sign without a class an unknown
    drop_probability: float = 0.9  # belief in background from which a track is no sign
    drop_votes: int = 2
    update_probability: float = 0.99  # belief in another class that changes a decided sign …
    update_ratio: float = 2.0  # … if an average look believes in it so many times as much
    full_px: float = 32.0  # shorter side from which a crop counts fully
    clipped_quality: float = 0.3  # what a crop cut off by the edge of the picture counts
    independent_s: float = 0.2  # looks closer in time than this share their mistakes
    evidence_limit: float = 6.0  # independent looks remembered
    gone_s: float = 1.5  # a sign unseen for this long has ended …
    hold_s: float = 4.0  # … or this long while a new track may turn out to be the same sign
    doubt_s: float = 0.4  # a track back after this long must be read as the same sign again
    again_sizes: float = 1.5  # how near its last place a sign is found again, growing by …
    again_sizes_per_s: float = 1.5
    again_ratio: float = 2.5  # larger to smaller size
    read_every_s: float = 0.4  # a decided or dropped track is not read more often


def new_run() -> str:
    """A fresh prefix that makes the event ids of one run unique for ever."""
    return uuid4().hex


class _Moment(NamedTuple):
    """A frame without its picture."""

    frame: int
    time: float
    wall: float | None
    segment: int


class _Case:
    """Everything known about one physical sign; lives longer than its track."""

    __slots__ = (
        "best",
        "best_box",
        "best_frame",
        "box",
        "claimed",
        "evidence",
        "first_seen",
        "key",
        "kin",
        "last_read",
        "last_seen",
        "leaving",
        "segment",
        "sign",
        "sign_id",
        "state",
        "step",
        "strongest",
        "track",
    )

    def __init__(self, key: int, track: Track, now: _Moment, limit: float) -> None:
        self.key = key
        self.track = track.id
        self.segment = now.segment
        self.first_seen = self.last_seen = now.time
        self.last_read = -math.inf
        self.step = -1  # the update in which it was last detected
        self.box = track.box
        self.leaving = False
        self.evidence = Evidence(limit)
        self.strongest = (0.0, BACKGROUND)  # probability and class of the best good look
        self.best: tuple[bool, float] = (False, -1.0)  # unclipped, then size × score × probability
        self.best_box, self.best_frame = track.box, now.frame
        self.kin: list[_Case] = []  # signs lost near by that this may be, nearest first
        self.claimed = False  # whether it is such a lost sign
        self.sign: Sign | None = None
        self.sign_id = ""
        self.state: TrackState = "tentative"

    @property
    def index(self) -> int:
        """The decided class as an index of the probabilities."""
        assert self.sign is not None
        return FOREIGN if self.sign.label == UNKNOWN else self.sign.label

    @property
    def leading(self) -> int:
        """The class believed in most so far, as an index of the probabilities."""
        return int(self.evidence.posterior.argmax())

    def absorb(self, other: _Case) -> None:
        """Take over what a case of the same physical sign has seen."""
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_read = max(self.last_read, other.last_read)
        self.evidence.merge(other.evidence)
        self.strongest = max(self.strongest, other.strongest)
        if other.last_seen >= self.last_seen:
            self.last_seen, self.box = other.last_seen, other.box
            self.step, self.leaving = other.step, other.leaving
        if other.best > self.best:
            self.best, self.best_box = other.best, other.best_box
            self.best_frame = other.best_frame


class Decision:
    """Settles what each track is, and tells of each physical sign once.

    `run` prefixes the ids of signs and events; one from `new_run` where it is not given.
    """

    def __init__(self, settings: DecisionSettings | None = None, run: str | None = None) -> None:
        self._settings = settings or DecisionSettings()
        self._run = new_run() if run is None else run
        self._cases: dict[int, _Case] = {}  # open, oldest first
        self._of: dict[int, _Case] = {}  # living track → its case
        self._now: _Moment | None = None
        self._step = 0
        self._keys = 0
        self._events = 0
        self._signs = 0

    def due(self, tracks: Sequence[Track], time: float) -> list[Track]:
        """The tracks worth a look in this frame, most wanted first; only detected ones.

        Undecided tracks come first, then the one not read for longest, then the larger. Decided
        and dropped ones appear again after `read_every_s`.
        """
        wanted = []
        for track in tracks:
            if track.detection is None:
                continue
            case = self._of.get(track.id)
            last = case.last_read if case else -math.inf
            settled = case is not None and case.state != "tentative"
            if not settled or time - last >= self._settings.read_every_s:
                wanted.append((settled, last, -track.box.area, track))
        wanted.sort(key=lambda entry: entry[:3])
        return [track for *_, track in wanted]

    def update(
        self, frame: Frame, tracks: Sequence[Track], readings: Mapping[int, Reading]
    ) -> tuple[tuple[Track, ...], tuple[Event, ...]]:
        """The tracks with what they have been decided to be, and what happened in this frame.

        `readings` are this frame's looks by track id. Of two tracks that are one physical sign only
        the detected, or else the older, one is returned. A new segment ends every open sign.
        """
        settings = self._settings
        events: list[Event] = []
        if self._now is not None and frame.segment != self._now.segment:
            events += self._close()
        now = self._now = _Moment(frame.index, frame.time, frame.wall, frame.segment)
        self._step += 1
        self._follow(frame, tracks, now)
        for track in tracks:
            if track.detection and track.id in readings:
                self._read(frame, self._of[track.id], track.detection, readings[track.id])

        living = {case.key for case in self._of.values()}
        for case in list(self._cases.values()):
            if case.key in living and case.key in self._cases:
                events += self._settle(case, now, case.leaving)
        held = {lost.key for case in self._cases.values() if _undecided(case) for lost in case.kin}
        for case in list(self._cases.values()):
            if case.key in living or case.key not in self._cases:
                continue
            if case.key not in held:
                events += self._settle(case, now, leaving=not case.claimed)
            wait = settings.hold_s if case.key in held else settings.gone_s
            if now.time - case.last_seen >= wait:
                events += self._end(case, now)
        return self._decided(tracks), tuple(events)

    def finish(self) -> tuple[Event, ...]:
        """End what is open, at the last frame's time; nothing is left for a second call."""
        return tuple(self._close())

    def _follow(self, frame: Frame, tracks: Sequence[Track], now: _Moment) -> None:
        """Bring every track's case to this frame; open one for each new track."""
        before = self._of
        self._of = {track.id: before[track.id] for track in tracks if track.id in before}
        for track in sorted(tracks, key=lambda track: track.id not in before):  # known ones first
            case = self._of.get(track.id)
            if case is None or (
                track.detection and now.time - case.last_seen >= self._settings.doubt_s
            ):
                case = self._open(track, now)
            if track.detection:
                case.step, case.last_seen, case.box = self._step, now.time, track.box
                case.leaving = _clipped(track.box, frame)
            elif case.step != self._step:
                case.box = track.box

    def _open(self, track: Track, now: _Moment) -> _Case:
        """A case for a track that is new, or back after so long that it may be another sign."""
        self._keys += 1
        case = _Case(self._keys, track, now, self._settings.evidence_limit)
        case.kin = self._lost_near(track, now)
        for lost in case.kin:
            lost.claimed = True
        self._of[track.id] = self._cases[case.key] = case
        return case

    def _lost_near(self, track: Track, now: _Moment) -> list[_Case]:
        """Open cases, unseen in this frame, which this new track may be; nearest first."""
        settings = self._settings
        size = math.sqrt(track.box.area)
        cx, cy = track.box.centre
        found = []
        for case in self._cases.values():
            old = math.sqrt(case.box.area)
            if case.step == self._step or case.state == "dropped" or min(size, old) <= 0:
                continue
            gap = now.time - case.last_seen
            x, y = case.box.centre
            distance = math.hypot(cx - x, cy - y) / max(size, old)
            near = settings.again_sizes + settings.again_sizes_per_s * gap
            if distance <= near and max(size / old, old / size) <= settings.again_ratio:
                found.append((distance, case))
        return [case for _, case in sorted(found, key=lambda entry: entry[0])]

    def _read(self, frame: Frame, case: _Case, detection: Detection, reading: Reading) -> None:
        """Weigh one look into its case."""
        settings = self._settings
        box = detection.box
        clipped = _clipped(box, frame)
        size = min(box.width, box.height)
        quality = min(1.0, max(0.0, size / settings.full_px)) ** 2 * detection.score
        quality *= settings.clipped_quality if clipped else 1.0
        gap = max(0.0, frame.time - case.last_read)
        probabilities = look(detection, reading)  # (45,)
        case.evidence.add(probabilities, quality * min(1.0, gap / settings.independent_s))
        case.last_read = frame.time
        index = int(probabilities.argmax())
        if quality >= settings.overwhelming_quality:
            case.strongest = max(case.strongest, (float(probabilities[index]), index))
        likeliest = float(probabilities[:BACKGROUND].max())
        rank = (not clipped, size * detection.score * likeliest)
        if rank > case.best and (case.sign is None or index == case.index):
            case.best, case.best_box, case.best_frame = rank, box, frame.index

    def _settle(self, case: _Case, now: _Moment, leaving: bool) -> Iterable[Event]:
        """Decide, or decide anew, what a case is; yields `new` or `update`, seldom."""
        if case.sign is not None:
            return self._reconsider(case, now)
        for lost in case.kin:
            if lost.sign is None and self._same(case, lost, case.leading):
                self._join(case, lost)
        sign = self._verdict(case, leaving)
        if sign is None:
            background = float(case.evidence.posterior[BACKGROUND])
            dropped = (
                background >= self._settings.drop_probability
                and case.evidence.votes[BACKGROUND] >= self._settings.drop_votes
            )
            case.state = "dropped" if dropped else "tentative"
            return ()
        index = FOREIGN if sign.label == UNKNOWN else sign.label
        for lost in case.kin:
            if self._same(case, lost, index):
                if lost.sign is not None:
                    self._join(lost, case)
                    return ()
                self._join(case, lost)
        case.kin = []
        case.sign, case.state = sign, "confirmed"
        self._signs += 1
        case.sign_id = f"{self._run}-s{self._signs}"
        return (self._event("new", case, now),)

    def _verdict(self, case: _Case, leaving: bool) -> Sign | None:
        """The sign that an undecided case is, if that is clear enough by now."""
        settings, evidence = self._settings, case.evidence
        posterior: Array = evidence.posterior
        best = int(posterior.argmax())
        if best == BACKGROUND or not evidence.looks:
            return None
        probability, votes = float(posterior[best]), evidence.votes[best]
        patience = settings.unknown_age_s if best == FOREIGN else settings.min_age_s
        enough = votes >= settings.min_votes and case.last_seen - case.first_seen >= patience
        enough = enough or (leaving and votes >= settings.leaving_votes)
        average = evidence.average(best)
        if enough and probability >= settings.probability and average >= settings.accept:
            return Sign(_label(best), probability, votes)
        if leaving and case.strongest[1] == best and case.strongest[0] >= settings.overwhelming:
            return Sign(_label(best), max(probability, case.strongest[0]), votes)
        background = evidence.average(BACKGROUND)
        nameless = average < settings.accept and 1 - background >= settings.probability
        heavy = evidence.weight >= settings.nameless_weight
        if leaving and heavy and nameless and evidence.looks >= settings.min_votes:
            return Sign(UNKNOWN, 1 - background, evidence.looks)
        return None

    def _reconsider(self, case: _Case, now: _Moment) -> Iterable[Event]:
        """Refresh a decided sign; change its class only for clearly stronger evidence."""
        settings, evidence, old = self._settings, case.evidence, case.index
        best = int(evidence.posterior.argmax())
        sign = Sign(_label(best), float(evidence.posterior[best]), evidence.votes[best])
        if best == old:
            case.sign = sign
            return ()
        average = evidence.average(best)
        if (
            best == BACKGROUND
            or sign.probability < settings.update_probability
            or sign.votes < settings.min_votes
            or average < max(settings.accept, settings.update_ratio * evidence.average(old))
        ):
            return ()
        case.sign = sign
        return (self._event("update", case, now),)

    def _same(self, case: _Case, lost: _Case, index: int) -> bool:
        """Whether a lost case is this one: same class, and not seen since this one appeared."""
        if self._cases.get(lost.key) is not lost or lost.last_seen >= case.first_seen:
            return False
        if lost.sign is not None:
            return lost.index == index
        return lost.leading == index != BACKGROUND

    def _join(self, kept: _Case, other: _Case) -> None:
        """Make two cases one; the tracks of both belong to it from now on."""
        kept.absorb(other)
        del self._cases[other.key]
        self._of = {key: kept if case is other else case for key, case in self._of.items()}

    def _decided(self, tracks: Sequence[Track]) -> tuple[Track, ...]:
        chosen: dict[int, Track] = {}
        for track in tracks:
            key = self._of[track.id].key
            if key not in chosen or (track.detection and not chosen[key].detection):
                chosen[key] = track
        shown = []
        for track in chosen.values():
            case = self._of[track.id]
            shown.append(replace(track, sign=case.sign, state=case.state))
        return tuple(shown)

    def _end(self, case: _Case, now: _Moment) -> Iterable[Event]:
        if case.sign is None:  # a last glimpse of a sign found again belongs to that sign
            for lost in case.kin:
                if self._same(case, lost, case.leading):
                    self._join(lost, case)
                    return ()
        del self._cases[case.key]
        return (self._event("end", case, now),) if case.sign else ()

    def _close(self) -> list[Event]:
        """Settle and end everything at the last known moment, the newest first."""
        events: list[Event] = []
        now = self._now
        if now is None:
            return events
        for case in reversed(list(self._cases.values())):
            if case.key in self._cases:
                events += self._settle(case, now, leaving=not case.claimed)
        ends: list[Event] = []
        for case in reversed(list(self._cases.values())):
            if case.key in self._cases:
                ends += self._end(case, now)
        events += reversed(ends)
        self._of = {}
        return events

    def _event(self, kind: EventKind, case: _Case, now: _Moment) -> Event:
        assert case.sign is not None
        self._events += 1
        return Event(
            id=f"{self._run}-{self._events}",
            sign_id=case.sign_id,
            kind=kind,
            time=now.time,
            wall=now.wall,
            frame=now.frame,
            segment=case.segment,
            track=case.track,
            sign=case.sign,
            box=case.best_box,
            box_frame=case.best_frame,
            first_seen=case.first_seen,
            last_seen=case.last_seen,
        )


def _label(index: int) -> int:
    return UNKNOWN if index == FOREIGN else index


def _undecided(case: _Case) -> bool:
    return case.sign is None and case.state != "dropped"


def _clipped(box: Box, frame: Frame) -> bool:
    """Whether a box is cut off by the edge of the picture (within a pixel)."""
    rows, columns = frame.image.shape[:2]
    return min(box.x1, box.y1) <= 1 or box.x2 >= columns - 1 or box.y2 >= rows - 1
