"""The frame in which a sign was seen best, kept until its events come."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NamedTuple

from edge.core import Box, Detection, Event, Frame, Scene, Sink, Track

log = logging.getLogger(__name__)

LOOKS = 2  # frames kept of one track: the best one read may be the last but one that grew
TRACKS = 8  # open at once, and mostly in the same pictures
HELD_FRAMES = LOOKS * TRACKS
FORGET_S = 10.0  # after the last better look; a sign that has gone is told of sooner


class Look(NamedTuple):
    """One track in one frame. A box that the picture's edge cuts is worth less than any other."""

    frame: Frame
    box: Box
    worth: tuple[bool, float]


class BestFrames:
    """Passes on one scene an event: a frame in which its sign was seen well, with that sign alone.

    It is the very frame of the event's best box where that was kept, else the one with the largest
    well-scored detection of its track. `new` and `update` come with the best so far, `end` only
    where a larger one was found since. What was held of a track is let go with its end.
    """

    lossless = True

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._looks: OrderedDict[int, deque[Look]] = OrderedDict()
        self._passed: dict[str, tuple[int, float]] = {}  # open sign → class and area passed on

    def write(self, scene: Scene) -> None:
        self._keep(scene)
        for event in scene.events:
            self._pass_on(event, scene.frame)
        self._forget(scene.frame)  # after the events: a reconnect tells of signs of long ago

    def finish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._pass_on(event)
        self._sink.finish(())

    def close(self) -> None:
        self._looks.clear()
        self._sink.close()

    def _keep(self, scene: Scene) -> None:
        frame = scene.frame
        for track in scene.tracks:
            if track.detection is None or track.state == "dropped":
                continue
            looks = self._looks.setdefault(track.id, deque(maxlen=LOOKS))
            worth = _whole(track.box, frame), track.box.area * track.detection.score
            if not looks or looks[-1].frame.segment != frame.segment or worth > looks[-1].worth:
                looks.append(Look(frame, track.box, worth))
                self._looks.move_to_end(track.id)

    def _forget(self, frame: Frame) -> None:
        while len(self._looks) > TRACKS:
            self._looks.popitem(last=False)
        for number, looks in tuple(self._looks.items()):
            if abs(frame.time - looks[-1].frame.time) > FORGET_S:
                del self._looks[number]

    def _pass_on(self, event: Event, current: Frame | None = None) -> None:
        frame, box = self._best(event, current)
        label, area = self._passed.get(event.sign_id, (event.sign.label, 0.0))
        if frame is None:
            log.debug("no picture of %s was kept", event.sign_id)
        elif event.kind != "end" or label != event.sign.label or box.area > area:
            detection = Detection(box, event.sign.probability)
            track = Track(event.track, box, detection, event.sign, "confirmed")
            self._sink.write(Scene(frame, (track,), (event,)))
            self._passed[event.sign_id] = event.sign.label, box.area
        if event.kind == "end":
            self._passed.pop(event.sign_id, None)
            self._looks.pop(event.track, None)

    def _best(self, event: Event, current: Frame | None) -> tuple[Frame | None, Box]:
        frames = [look.frame for looks in self._looks.values() for look in looks]
        for frame in (current, *frames):
            if frame and (frame.index, frame.segment) == (event.box_frame, event.segment):
                return frame, event.box
        kept = self._looks.get(event.track, ())
        looks = [look for look in kept if look.frame.segment == event.segment]
        return (looks[-1].frame, looks[-1].box) if looks else (None, event.box)


def _whole(box: Box, frame: Frame) -> bool:
    """Whether all of a box is in the picture, and not at its edge."""
    rows, columns = frame.image.shape[:2]
    return box.x1 > 1 and box.y1 > 1 and box.x2 < columns - 1 and box.y2 < rows - 1
