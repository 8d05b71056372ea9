"""Many readings of one track become one sign, once; emits the events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from edge.case import Case, DecisionSettings, Moment, is_clipped, label_of
from edge.core import UNKNOWN, Event, EventKind, Frame, Reading, Sign, Track
from models.signs import BACKGROUND, FOREIGN


def new_run() -> str:
    """A fresh prefix that makes the event ids of one run unique for ever."""
    return uuid4().hex


class Decision:
    """Settles what each track is, and tells of each physical sign once.

    `run` prefixes the ids of signs and events; one from `new_run` where it is not given.
    """

    def __init__(self, settings: DecisionSettings | None = None, run: str | None = None) -> None:
        self._settings = settings or DecisionSettings()
        self._run = new_run() if run is None else run
        self._cases: dict[int, Case] = {}  # open, oldest first
        self._of: dict[int, Case] = {}  # living track → its case
        self._now: Moment | None = None
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
        now = self._now = Moment(frame.index, frame.time, frame.wall, frame.segment)
        self._step += 1
        self._follow(frame, tracks, now)
        for track in tracks:
            if track.detection and track.id in readings:
                case = self._of[track.id]
                case.read(frame, track.detection, readings[track.id], settings)

        living = {case.key for case in self._of.values()}
        for case in list(self._cases.values()):
            if case.key in living and case.key in self._cases:
                events += self._settle(case, now, case.leaving)
        held = {lost.key for case in self._cases.values() if case.undecided for lost in case.kin}
        for case in list(self._cases.values()):
            if case.key in living or case.key not in self._cases:
                continue
            if case.key not in held:
                events += self._settle(case, now, leaving=True)
            wait = settings.hold_s if case.key in held else settings.gone_s
            if now.time - case.last_seen >= wait:
                events += self._end(case, now)
        return self._decided(tracks), tuple(events)

    def finish(self) -> tuple[Event, ...]:
        """End what is open, at the last frame's time; nothing is left for a second call."""
        return tuple(self._close())

    def _follow(self, frame: Frame, tracks: Sequence[Track], now: Moment) -> None:
        """Bring every track's case to this frame; open one for each new track."""
        before = self._of
        self._of = {track.id: before[track.id] for track in tracks if track.id in before}
        for track in sorted(tracks, key=lambda track: track.id not in before):  # known ones first
            case = self._of.get(track.id)
            if case is None or (track.detection and case.doubtful(now.time, self._settings)):
                case = self._open(track, now)
            if track.detection:
                case.detected(track, self._step, now.time, is_clipped(track.box, frame))
            elif case.step != self._step:
                case.box = track.box

    def _open(self, track: Track, now: Moment) -> Case:
        """A case for a track that is new, or back after so long that it may be another sign."""
        self._keys += 1
        case = Case(self._keys, track, now, self._settings.evidence_limit)
        case.kin = self._lost_near(track, now)
        self._of[track.id] = self._cases[case.key] = case
        return case

    def _lost_near(self, track: Track, now: Moment) -> list[Case]:
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

    def _settle(self, case: Case, now: Moment, leaving: bool) -> Iterable[Event]:
        """Decide, or decide anew, what a case is; yields `new` or `update`, seldom."""
        if case.sign is not None:
            return self._reconsider(case, now)
        for lost in case.kin:
            if lost.sign is None and self._same(case, lost, case.leading):
                self._join(case, lost)
        sign = case.verdict(leaving, self._settings)
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

    def _reconsider(self, case: Case, now: Moment) -> Iterable[Event]:
        """Refresh a decided sign; change its class only for clearly stronger evidence."""
        settings, evidence, old = self._settings, case.evidence, case.index
        best = int(evidence.posterior.argmax())
        sign = Sign(label_of(best), float(evidence.posterior[best]), evidence.votes[best])
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

    def _same(self, case: Case, lost: Case, index: int) -> bool:
        """Whether a lost case is this one: same class, and not seen since this one appeared."""
        if self._cases.get(lost.key) is not lost or lost.last_seen >= case.first_seen:
            return False
        if lost.sign is not None:
            return lost.index == index
        return lost.leading == index != BACKGROUND

    def _join(self, kept: Case, other: Case) -> None:
        """Make two cases one; the tracks of both belong to it from now on."""
        kept.absorb(other)
        self._forget(other)
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

    def _end(self, case: Case, now: Moment) -> Iterable[Event]:
        if case.sign is None:  # a last glimpse of a sign found again belongs to that sign
            for lost in case.kin:
                if self._same(case, lost, case.leading):
                    self._join(lost, case)
                    return ()
        self._forget(case)
        return (self._event("end", case, now),) if case.sign else ()

    def _forget(self, case: Case) -> None:
        del self._cases[case.key]
        case.kin = []  # else each would keep the one before it, for as long as new ones come

    def _close(self) -> list[Event]:
        """Settle and end everything at the last known moment, the newest first."""
        events: list[Event] = []
        now = self._now
        if now is None:
            return events
        for case in reversed(list(self._cases.values())):
            if case.key in self._cases:
                events += self._settle(case, now, leaving=True)
        ends: list[Event] = []
        for case in reversed(list(self._cases.values())):
            if case.key in self._cases:
                ends += self._end(case, now)
        events += reversed(ends)
        self._of = {}
        return events

    def _event(self, kind: EventKind, case: Case, now: Moment) -> Event:
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
