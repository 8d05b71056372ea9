"""The frame in which a sign was seen best, kept until its events come."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Sequence

from edge.core import Box, Detection, Event, Frame, Scene, Sink, Track

log = logging.getLogger(__name__)

LOOKS = 2  # frames kept of one track: the best one read may be the last but one that grew
TRACKS = 8  # open at once; with both, at most 16 pictures are held, and tracks mostly share them
FORGET_S = 10.0  # after the last detection; a sign that has gone is told of much sooner


class BestFrames:
    """Passes on one scene an event: the frame of the event's best box, with that sign alone.

    `new` and `update` come with the best frame so far, `end` only where a better one was found in
    the meantime. What was held of a track is let go with its end.
    """

    lossless = True

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._looks: OrderedDict[int, deque[tuple[Frame, Box, float]]] = OrderedDict()
        self._passed: OrderedDict[str, tuple[int, int]] = OrderedDict()  # sign → frame and class

    def write(self, scene: Scene) -> None:
        self._keep(scene)
        for event in scene.events:
            self._pass_on(event, scene)

    def finish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._pass_on(event, None)
        self._sink.finish(())

    def close(self) -> None:
        self._looks.clear()
        self._sink.close()

    def _keep(self, scene: Scene) -> None:
        for track in scene.tracks:
            if track.detection is None or track.state == "dropped":
                continue
            looks = self._looks.setdefault(track.id, deque(maxlen=LOOKS))
            worth = track.box.area * track.detection.score
            if not looks or worth > looks[-1][2] or looks[-1][0].segment != scene.frame.segment:
                looks.append((scene.frame, track.box, worth))
                self._looks.move_to_end(track.id)
        while len(self._looks) > TRACKS:
            self._looks.popitem(last=False)
        gone = [
            number
            for number, looks in self._looks.items()
            if not -FORGET_S < scene.frame.time - looks[-1][0].time < FORGET_S
        ]
        for number in gone:
            del self._looks[number]

    def _pass_on(self, event: Event, scene: Scene | None) -> None:
        frame, box = self._best(event, scene)
        state = event.box_frame, event.sign.label
        if frame is None:
            log.debug("the best picture of %s was not kept", event.sign_id)
        elif event.kind != "end" or self._passed.get(event.sign_id) != state:
            detection = Detection(box, event.sign.probability)
            track = Track(event.track, box, detection, event.sign, "confirmed")
            self._sink.write(Scene(frame, (track,), (event,)))
        self._passed[event.sign_id] = state
        if event.kind == "end":
            del self._passed[event.sign_id]
            self._looks.pop(event.track, None)

    def _best(self, event: Event, scene: Scene | None) -> tuple[Frame | None, Box]:
        """The very frame of the event's best box, else the best that was kept of its track.

        At the end only the very frame will do: there is one from before.
        """
        frames = [frame for looks in self._looks.values() for frame, _, _ in looks]
        if scene is not None:
            frames.append(scene.frame)
        for frame in frames:
            if (frame.index, frame.segment) == (event.box_frame, event.segment):
                return frame, event.box
        for frame, box, _ in reversed(self._looks.get(event.track, ())):
            if frame.segment == event.segment and event.kind != "end":
                return frame, box
        return None, event.box
