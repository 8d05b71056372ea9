"""Gives detections an identity over time: road signs seen from a moving car."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from statistics import median

from edge.assignment import assign
from edge.core import Box, Detection, Track
from edge.course import Course, TrackerSettings


class SignTracker:
    """Detections in, signs with an identity out; forgets by seconds.

    Two passes in the spirit of ByteTrack (Zhang et al., ECCV 2022): detections with a high score
    are matched first, those with a low one may only extend tracks that are still without.

    `numbers` gives each new track its id; trackers that share it never give the same one.
    """

    def __init__(
        self, settings: TrackerSettings | None = None, numbers: Iterator[int] | None = None
    ) -> None:
        self._settings = settings or TrackerSettings()
        self._courses: list[Course] = []
        self._segment: int | None = None
        self._looked = 0.0  # the time of the last frame that was looked at
        self._numbers = numbers or count(1)

    def update(
        self,
        detections: Sequence[Detection] | None,
        time: float,
        segment: int = 0,
        size: tuple[int, int] | None = None,
    ) -> list[Track]:
        """All tracks as of this frame, oldest first: seen now, or predicted (`detection` None).

        `detections` is None for a frame at which nobody looked. `size` is the picture's (width,
        height): with it, a track that leaves the picture ends and new ones are expected to drift
        outward. A new `segment` forgets every track; ids are never reused. Time that runs
        backwards within a segment counts as standing still.
        """
        settings = self._settings
        if segment != self._segment:
            self._courses, self._segment = [], segment
        self._courses = [course for course in self._courses if course.coasts(time, self._looked)]
        for course in self._courses:
            course.advance(time)

        if detections is None:
            detections = ()
        else:
            self._looked = time
        high = [d for d in detections if d.score >= settings.high_score]
        low = [d for d in detections if settings.low_score <= d.score < settings.high_score]
        unseen, fresh = self._match(self._courses, high, time, size)
        lost, _ = self._match(unseen, low, time, size)
        self._sway(lost)
        self._courses = [
            course for course in self._courses if course.detection or course.inside(size)
        ]
        self._start(fresh, time, size)
        return [Track(course.id, course.box, course.detection) for course in self._courses]

    def _match(
        self,
        courses: Sequence[Course],
        detections: Sequence[Detection],
        time: float,
        size: tuple[int, int] | None,
    ) -> tuple[list[Course], list[Detection]]:
        """Give each course the detection that is its own; the courses and detections left."""
        boxes = [detection.box for detection in detections]
        costs = [course.costs(boxes) for course in courses]
        taken = set()
        unseen = []
        for course, column in zip(courses, assign(costs), strict=True):
            if column is None:
                unseen.append(course)
            else:
                taken.add(column)
                course.see(detections[column], time, size)
        return unseen, [d for column, d in enumerate(detections) if column not in taken]

    def _sway(self, lost: Sequence[Course]) -> None:
        """Move unseen signs as the seen ones were moved: the camera turned or pitched for all."""
        witnesses = [course.surprise for course in self._courses if course.steady]
        if witnesses:
            shared = [median(values) for values in zip(*witnesses, strict=True)]
            for course in lost:
                course.nudge(*shared)

    def _start(
        self, detections: Sequence[Detection], time: float, size: tuple[int, int] | None
    ) -> None:
        """New tracks, best first, as long as there is room and no seen track covers the place."""
        settings = self._settings
        seen = [course.detection.box for course in self._courses if course.detection]
        for detection in sorted(detections, key=lambda d: -d.score):
            if len(self._courses) >= settings.max_tracks:
                return
            box = detection.box
            if box.area > 0 and all(_overlap(box, s) <= settings.max_overlap for s in seen):
                number = next(self._numbers)
                self._courses.append(Course(number, detection, time, size, settings))
                seen.append(box)


def _overlap(first: Box, second: Box) -> float:
    """Shared area as a share of the smaller box; 0 where either is empty."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    smaller = min(first.area, second.area)
    return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0
