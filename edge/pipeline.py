"""Frame in, Scene out: the order of the stages, timed; nothing else knows it."""

from __future__ import annotations

from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING

from edge.core import Classifier, Event, Frame, Scene, Sign, Track, Tracker, Watcher
from edge.decision import Decision, new_run

if TYPE_CHECKING:
    from edge.reader import Reader


class Pipeline:
    """Reads a moving picture. At most `max_reads` signs are classified in one frame."""

    def __init__(
        self,
        detector: Watcher,
        tracker: Tracker,
        classifier: Classifier,
        decision: Decision,
        max_reads: int,
    ) -> None:
        self._detector = detector
        self._tracker = tracker
        self._classifier = classifier
        self._decision = decision
        self._max_reads = max_reads

    def __call__(self, frame: Frame) -> Scene:
        """What is in this frame; timings for detect, track, classify, decide and total.

        Tracks that were read as no sign at all are left out.
        """
        start = perf_counter()
        detections = self._detector.detect(frame.image)
        detected = perf_counter()
        rows, columns = frame.image.shape[:2]
        tracks = self._tracker.update(detections, frame.time, frame.segment, (columns, rows))
        tracked = perf_counter()
        due = self._decision.due(tracks, frame.time)[: self._max_reads]
        looks = self._classifier.classify(frame.image, [track.box for track in due]) if due else []
        readings = {track.id: reading for track, reading in zip(due, looks, strict=True)}
        classified = perf_counter()
        decided, events = self._decision.update(frame, tracks, readings)
        shown = tuple(track for track in decided if track.state != "dropped")
        end = perf_counter()
        timings = {
            "detect": detected - start,
            "track": tracked - detected,
            "classify": classified - tracked,
            "decide": end - classified,
            "total": end - start,
        }
        return Scene(frame, shown, events, timings)

    def finish(self) -> tuple[Event, ...]:
        """End what is open: its `end` events, each after its `new` if that came only now."""
        return self._decision.finish()


class Stills:
    """Reads unrelated pictures: no track bridges two of them.

    `run` prefixes the ids of signs and events; a fresh one where it is not given.
    """

    def __init__(self, reader: Reader, run: str | None = None) -> None:
        self._reader = reader
        self._run = new_run() if run is None else run
        self._tracks = count(1)
        self._events = count(1)

    def __call__(self, frame: Frame) -> Scene:
        """The signs of one picture, each with its `new` and its `end` at once; timing: total."""
        start = perf_counter()
        tracks: list[Track] = []
        events: list[Event] = []
        for read in self._reader.read(frame.image):
            sign = Sign(read.reading.label, read.reading.score, votes=1)
            box = read.detection.box
            track = Track(next(self._tracks), box, read.detection, sign, "confirmed")
            tracks.append(track)
            events += [
                Event(
                    id=f"{self._run}-{next(self._events)}",
                    sign_id=f"{self._run}-s{track.id}",
                    kind=kind,
                    time=frame.time,
                    wall=frame.wall,
                    frame=frame.index,
                    segment=frame.segment,
                    track=track.id,
                    sign=sign,
                    box=box,
                    box_frame=frame.index,
                    first_seen=frame.time,
                    last_seen=frame.time,
                )
                for kind in ("new", "end")
            ]
        return Scene(frame, tuple(tracks), tuple(events), {"total": perf_counter() - start})

    def finish(self) -> tuple[Event, ...]:
        """Nothing is ever open."""
        return ()
