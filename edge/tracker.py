"""Gives detections an identity over time: road signs seen from a moving car."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from edge.core import Box, Detection, Track

FORBIDDEN = 1e6  # cost of a pair that must not be made


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How far and how long a sign may be guessed at.

    A "size" is the square root of a box's area. Times are seconds, speeds per second, so that the
    same settings hold at every frame rate.
    """

    high_score: float = 0.25  # detections from here on start tracks and are matched first
    low_score: float = 0.1  # detections from here on may still extend a track
    max_coast_s: float = 1.0  # a track unseen for longer ends …
    first_coast_s: float = 0.5  # … sooner where it was seen only briefly (this + its age)
    min_iou: float = 0.15  # overlap with the predicted box that makes a pair
    max_jump: float = 1.5  # sizes a sign may lie off its predicted place where nothing overlaps …
    jump_px: float = 8.0  # … and pixels on top, for the smallest
    max_ratio: float = 2.0  # larger to smaller size, predicted to detected
    min_visible: float = 0.5  # share of a predicted box inside the picture, below which it has left
    max_overlap: float = 0.6  # of the smaller box: a second box on a tracked sign starts no track
    max_tracks: int = 32
    noise: float = 0.08  # standard deviation of a detected edge, in sizes (at least one pixel)
    speed: float = 3.0  # how unknown a new track's motion is: sizes/s …
    speed_px: float = 40.0  # … plus px/s
    jolt: float = 3.0  # unmodelled change of motion (steering, pitching): sizes/s² …
    jolt_px: float = 120.0  # … plus px/s²
    steady_s: float = 0.5  # tracks seen over this long tell how the camera turned
    closing: float = 0.3  # 1/s, growth expected of a new track: 1 / seconds until it is passed
    closing_spread: float = 0.5  # how unknown that is …
    closing_jolt: float = 0.2  # … and how fast it changes beyond what the model says, 1/s²
    max_closing: float = 3.0


class SignTracker:
    """Detections in, signs with an identity out; forgets by seconds.

    Two passes in the spirit of ByteTrack (Zhang et al., ECCV 2022): detections with a high score
    are matched first, those with a low one may only extend tracks that are still without.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._paths: list[_Path] = []
        self._segment: int | None = None
        self._next = 1

    def update(
        self,
        detections: Sequence[Detection],
        time: float,
        segment: int = 0,
        size: tuple[int, int] | None = None,
    ) -> list[Track]:
        """All tracks as of this frame, oldest first: seen now, or predicted (`detection` None).

        `size` is the picture's (width, height): with it, a track that leaves the picture ends and
        new ones are expected to drift outward. A new `segment` forgets every track; ids are never
        reused. Time that runs backwards within a segment counts as standing still.
        """
        settings = self._settings
        if segment != self._segment:
            self._paths, self._segment = [], segment
        self._paths = [path for path in self._paths if path.coasts(time)]
        for path in self._paths:
            path.advance(time)

        high = [d for d in detections if d.score >= settings.high_score]
        low = [d for d in detections if settings.low_score <= d.score < settings.high_score]
        unseen, fresh = self._match(self._paths, high, time, size)
        lost, _ = self._match(unseen, low, time, size)
        self._sway(lost)
        self._paths = [path for path in self._paths if path.detection or path.inside(size)]
        self._start(fresh, time, size)
        return [Track(path.id, path.box, path.detection) for path in self._paths]

    def _match(
        self,
        paths: Sequence[_Path],
        detections: Sequence[Detection],
        time: float,
        size: tuple[int, int] | None,
    ) -> tuple[list[_Path], list[Detection]]:
        """Give each path the detection that is its own; return the paths and detections left."""
        costs = [[path.cost(d.box) for d in detections] for path in paths]
        taken = set()
        unseen = []
        for path, column in zip(paths, assign(costs), strict=True):
            if column is None:
                unseen.append(path)
            else:
                taken.add(column)
                path.see(detections[column], time, size)
        return unseen, [d for column, d in enumerate(detections) if column not in taken]

    def _sway(self, lost: Sequence[_Path]) -> None:
        """Move unseen signs as the seen ones were moved: the camera turned or pitched for all."""
        witnesses = [path.surprise for path in self._paths if path.steady]
        if witnesses:
            shared = [median(values) for values in zip(*witnesses, strict=True)]
            for path in lost:
                path.nudge(*shared)

    def _start(
        self, detections: Sequence[Detection], time: float, size: tuple[int, int] | None
    ) -> None:
        """New tracks, best first, as long as there is room and no seen track covers the place."""
        settings = self._settings
        seen = [path.detection.box for path in self._paths if path.detection]
        for detection in sorted(detections, key=lambda d: -d.score):
            if len(self._paths) >= settings.max_tracks:
                return
            box = detection.box
            if box.area > 0 and all(_overlap(box, s) <= settings.max_overlap for s in seen):
                self._paths.append(_Path(self._next, detection, time, size, settings))
                self._next += 1
                seen.append(box)


class _Path:
    """One sign's place, size and motion: a small Kalman filter.

    A still object at the distance Z, approached at a constant speed v, appears at c = f·X/Z with
    the size f·S/Z. With the closing rate r = v/Z, its size and r itself grow by 1 / (1 − r·dt), its
    speed by the square of that: exact for a straight road, and composable frame by frame. Both
    axes share one covariance (px²), as do the two log sizes.
    """

    __slots__ = (
        "_cx",
        "_cy",
        "_first",
        "_growth",
        "_height",
        "_place",
        "_rate",
        "_seen",
        "_settings",
        "_time",
        "_vx",
        "_vy",
        "_width",
        "detection",
        "id",
        "surprise",
    )

    def __init__(
        self,
        number: int,
        detection: Detection,
        time: float,
        size: tuple[int, int] | None,
        settings: TrackerSettings,
    ) -> None:
        self.id = number
        self.surprise = (0.0, 0.0, 0.0, 0.0)  # what the last detection corrected: px, px/s
        self.detection: Detection | None = detection
        self._settings = settings
        self._first = self._seen = self._time = time
        box = detection.box
        self._cx, self._cy = box.centre
        self._width, self._height = box.width, box.height
        self._rate = settings.closing
        # signs drift away from the middle of the picture as they come closer
        self._vx = (self._cx - size[0] / 2) * settings.closing if size else 0.0
        self._vy = (self._cy - size[1] / 2) * settings.closing if size else 0.0
        spread = settings.speed * self._size + settings.speed_px
        self._place = (self._blur**2, 0.0, spread**2)
        self._growth = ((self._blur / self._size) ** 2, 0.0, settings.closing_spread**2)

    @property
    def _size(self) -> float:
        return math.sqrt(self._width * self._height)

    @property
    def _blur(self) -> float:
        """Standard deviation of a detected centre, px."""
        return max(1.0, self._settings.noise * self._size)

    @property
    def box(self) -> Box:
        """The detected box where there is one in this frame, else the predicted one."""
        if self.detection:
            return self.detection.box
        width, height = self._width / 2, self._height / 2
        return Box(self._cx - width, self._cy - height, self._cx + width, self._cy + height)

    @property
    def steady(self) -> bool:
        """Seen in this frame about where it was expected, after a while: it tells of the camera."""
        if not self.detection or self._seen - self._first < self._settings.steady_s:
            return False
        return math.hypot(*self.surprise[:2]) < 3 * self._blur  # three sigma

    def coasts(self, time: float) -> bool:
        """Whether it may still be alive at this time."""
        settings = self._settings
        known = self._seen - self._first
        return time - self._seen <= min(settings.max_coast_s, settings.first_coast_s + known)

    def inside(self, size: tuple[int, int] | None) -> bool:
        """Whether enough of it is in the picture; True where the picture's size is not known."""
        if size is None:
            return True
        x1, y1, x2, y2 = self.box
        width = min(x2, size[0]) - max(x1, 0.0)
        height = min(y2, size[1]) - max(y1, 0.0)
        visible = max(0.0, width) * max(0.0, height)
        return visible >= self._settings.min_visible * self.box.area

    def advance(self, time: float) -> None:
        """Move to where it should be by now."""
        settings = self._settings
        dt = max(0.0, time - self._time)
        self._time = max(self._time, time)
        self.detection = None
        zoom = 1 / (1 - min(max(self._rate * dt, -0.5), 0.5))
        self._cx += self._vx * dt * zoom
        self._cy += self._vy * dt * zoom
        self._vx *= zoom * zoom
        self._vy *= zoom * zoom
        self._width *= zoom
        self._height *= zoom
        self._rate = min(self._rate * zoom, settings.max_closing)
        jolt = settings.jolt * self._size + settings.jolt_px
        self._place = _spread(self._place, dt, jolt**2)
        self._growth = _spread(self._growth, dt, settings.closing_jolt**2)

    def cost(self, box: Box) -> float:
        """How badly a detection fits the prediction: below 1 by overlap, below 2 by distance."""
        settings = self._settings
        size, (cx, cy) = self._size, box.centre
        dx, dy = cx - self._cx, cy - self._cy
        limit = settings.max_jump * size + settings.jump_px
        if abs(dx) > limit or abs(dy) > limit or box.area <= 0:
            return FORBIDDEN
        ratio = math.sqrt(box.area) / size
        if not 1 / settings.max_ratio <= ratio <= settings.max_ratio:
            return FORBIDDEN
        width, height = self._width / 2, self._height / 2
        predicted = Box(self._cx - width, self._cy - height, self._cx + width, self._cy + height)
        iou = predicted.iou(box)
        if iou >= settings.min_iou:
            return 1 - iou
        reach = min(limit, 3 * math.sqrt(self._place[0] + self._blur**2))  # three sigma
        distance = math.hypot(dx, dy) / reach
        return 1 + distance if distance < 1 else FORBIDDEN

    def nudge(self, dx: float, dy: float, vx: float, vy: float) -> None:
        """Move by pixels and change speed by px/s."""
        self._cx += dx
        self._cy += dy
        self._vx += vx
        self._vy += vy

    def see(self, detection: Detection, time: float, size: tuple[int, int] | None) -> None:
        """Correct place, size and motion by a detection."""
        self.detection = detection
        self._seen = time
        box = detection.box
        blur = self._blur
        if size and (min(box.x1, box.y1) <= 1 or box.x2 >= size[0] - 1 or box.y2 >= size[1] - 1):
            blur *= 3  # cut off by the edge: its middle and size are not the sign's
        gain, turn, self._place = _correct(self._place, blur**2)
        cx, cy = box.centre
        dx, dy = cx - self._cx, cy - self._cy
        self.surprise = (gain * dx, gain * dy, turn * dx, turn * dy)
        self.nudge(*self.surprise)
        gain, turn, self._growth = _correct(self._growth, (blur / self._size) ** 2)
        wider = math.log(box.width / self._width)
        taller = math.log(box.height / self._height)
        self._width *= math.exp(gain * wider)
        self._height *= math.exp(gain * taller)
        limit = self._settings.max_closing
        self._rate = min(max(self._rate + turn * (wider + taller) / 2, -limit), limit)


_Covariance = tuple[float, float, float]  # of (value, speed): value², value·speed, speed²


def _spread(covariance: _Covariance, dt: float, jolt: float) -> _Covariance:
    """The covariance after `dt` seconds at constant speed with white acceleration noise."""
    value, mixed, speed = covariance
    return (
        value + dt * (2 * mixed + dt * speed) + jolt * dt**3 / 3,
        mixed + dt * speed + jolt * dt**2 / 2,
        speed + jolt * dt,
    )


def _correct(covariance: _Covariance, noise: float) -> tuple[float, float, _Covariance]:
    """The Kalman gains of value and speed, and the covariance after a measurement of the value."""
    value, mixed, speed = covariance
    gain, turn = value / (value + noise), mixed / (value + noise)
    return gain, turn, ((1 - gain) * value, (1 - gain) * mixed, speed - turn * mixed)


def _overlap(first: Box, second: Box) -> float:
    """Shared area as a share of the smaller box; 0 where either is empty."""
    width = min(first.x2, second.x2) - max(first.x1, second.x1)
    height = min(first.y2, second.y2) - max(first.y1, second.y1)
    smaller = min(first.area, second.area)
    return width * height / smaller if width > 0 and height > 0 and smaller > 0 else 0.0


def assign(costs: Sequence[Sequence[float]], miss: float = 2.0) -> list[int | None]:
    """The exact cheapest assignment of rows to columns: for each row its column, or None.

    Every column serves one row at most; a row left without one costs `miss`, and none takes a
    column that costs as much. The rows of `costs` have equal lengths.
    """
    result: list[int | None] = [None] * len(costs)
    options = [[column for column, cost in enumerate(row) if cost < miss] for row in costs]
    suitors = Counter(column for row in options for column in row)
    disputed = []
    for row, columns in enumerate(options):
        if len(columns) == 1 and suitors[columns[0]] == 1:
            result[row] = columns[0]
        elif columns:
            disputed.append(row)
    wanted = sorted({column for row in disputed for column in options[row]})
    table = [[*(costs[row][c] for c in wanted), *([miss] * len(disputed))] for row in disputed]
    for place, index in enumerate(_cheapest(table)):
        if index < len(wanted) and table[place][index] < miss:
            result[disputed[place]] = wanted[index]
    return result


def _cheapest(table: Sequence[Sequence[float]]) -> list[int]:
    """A column for every row at the lowest total cost; no more rows than columns.

    Successive shortest paths: each row in turn gets a column by the cheapest chain of moves of
    the rows before it.
    """
    owner: list[int | None] = [None] * (len(table[0]) if table else 0)
    for start, row in enumerate(table):
        reach = list(row)  # what it costs to free each column for this row …
        before: list[int | None] = [None] * len(owner)  # … and the column its owner came from
        changed = True
        while changed:
            changed = False
            for column, held in enumerate(owner):
                if held is None:
                    continue
                spared = reach[column] - table[held][column]
                for other, cost in enumerate(table[held]):
                    if spared + cost < reach[other] - 1e-9:
                        reach[other], before[other], changed = spared + cost, column, True
        free = [column for column, held in enumerate(owner) if held is None]
        end: int | None = min(free, key=reach.__getitem__)
        while end is not None:
            previous = before[end]
            owner[end] = start if previous is None else owner[previous]
            end = previous
    columns = [0] * len(table)
    for column, held in enumerate(owner):
        if held is not None:
            columns[held] = column
    return columns
