"""The nouns that travel down the line, and the protocols of the stages they travel through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3), BGR unless a name says otherwise
Array = NDArray[Any]

Kind = Literal["sign", "foreign", "background"]
UNKNOWN = -1  # the class of a road sign that is none of the 43


class Box(NamedTuple):
    """A rectangle in full-frame pixels; x2 and y2 are exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        """Square pixels; 0 for a box that is empty or turned inside out."""
        return max(0.0, self.width) * max(0.0, self.height)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def iou(self, other: Box) -> float:
        """Intersection over union, 0–1; 0 where either box is empty."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    `time` is seconds on the source's own clock: the presentation time for files, the monotonic
    capture time for cameras. A gap in `index` is a dropped frame. `segment` changes at a
    reconnect, a loop or the next file, and no track crosses it. `wall` is UTC seconds, or None
    where it is not known. `name` is the file a still picture came from, else empty.
    """

    image: Image
    index: int
    time: float
    segment: int = 0
    wall: float | None = None
    name: str = ""


class Detection(NamedTuple):
    """A place where a sign stands, as far as the detector can tell, with a score of 0–1."""

    box: Box
    score: float


class Reading(NamedTuple):
    """One look at one crop.

    `label` is the class id for `sign`, `UNKNOWN` otherwise; `score` is the calibrated probability
    of what `kind` and `label` say. `probabilities` holds every class: the signs in the order of
    `models/signs.csv`, then foreign, then background, (45,), summing to 1.
    """

    kind: Kind
    label: int
    score: float
    probabilities: Array


class Sign(NamedTuple):
    """What a track has been decided to be: a class id or `UNKNOWN`, its probability, its votes."""

    label: int
    probability: float
    votes: int


TrackState = Literal["tentative", "confirmed", "dropped"]


@dataclass(frozen=True, slots=True)
class Track:
    """One physical sign over time, as of this frame.

    `detection` is None where the detector did not see it in this frame (the box is then predicted);
    only a track with a detection is cropped and read. `sign` is None until it is decided.
    `tentative`: not decided yet; `confirmed`: decided; `dropped`: read as no sign at all.
    """

    id: int
    box: Box
    detection: Detection | None = None
    sign: Sign | None = None
    state: TrackState = "tentative"


EventKind = Literal["new", "update", "end"]


@dataclass(frozen=True, slots=True)
class Event:
    """The product's output: one physical sign, read once.

    `id` is unique for ever; the `new`, `update` and `end` of one sign share `track` and `sign_id`.
    `time` is when the event was decided, `first_seen` and `last_seen` bound the sign's detections,
    all in seconds on the source's clock; `wall` is the UTC second of `time` where it is known.
    `box` is the best crop so far (the largest well-scored one) and `box_frame` its frame index.
    """

    id: str
    sign_id: str
    kind: EventKind
    time: float
    wall: float | None
    frame: int
    segment: int
    track: int
    sign: Sign
    box: Box
    box_frame: int
    first_seen: float
    last_seen: float


SourceState = Literal["connecting", "online", "stalled", "reconnecting", "failed", "ended"]


@dataclass(frozen=True, slots=True)
class Health:
    """How a source is right now.

    `since` is the monotonic second at which `state` began, `last_frame` that of the newest frame
    (None before the first). `frames` were given since the start, `dropped` of them came while the
    line was busy and were never read, `reconnects` counts the times it was opened again. `detail`
    says in words why it is not online; it holds no credentials.
    """

    state: SourceState
    since: float
    last_frame: float | None = None
    frames: int = 0
    dropped: int = 0
    reconnects: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Road:
    """What the signs read so far say about the road: what is in force now.

    `limit` is in km/h, None where none is known; `limit_since` is the second on the source's clock
    at which it was read. A limit that was read long ago is `stale`: shown, but no longer sure.
    `priority` is True on a priority road, False where a sign has said to give way, None without a
    sign. `free` is True after *end of all restrictions*, until the next restriction.
    """

    limit: int | None = None
    limit_since: float | None = None
    stale: bool = False
    no_overtaking: bool = False
    no_overtaking_trucks: bool = False
    priority: bool | None = None
    free: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What every sink gets: the frame, what is in it, what it decided, and what each stage cost.

    `timings`: stage name → seconds. `road`: what is in force as of this frame.
    """

    frame: Frame
    tracks: tuple[Track, ...] = ()
    events: tuple[Event, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    road: Road = Road()


class Tensor(NamedTuple):
    """An output of a model as the model gives it; `real` says what its values mean.

    Quantised ones mean (value - zero) · scale, with a positive scale; float32 mean themselves.
    """

    values: Array
    scale: float = 1.0
    zero: int = 0

    def real(self, part: Array | None = None) -> Array:
        """What the values mean, or those of a `part` of them, float32."""
        values = self.values if part is None else part
        if values.dtype == np.float32:
            return values
        out = values.astype(np.float32)
        out -= self.zero
        out *= self.scale
        return out

    def at_least(self, bound: float) -> Array:
        """The flat indices of the values that mean `bound` or more.

        Of bytes it is asked which of their 256 values do, so that not all need a float.
        """
        flat = self.values.reshape(-1)
        if flat.dtype.itemsize > 1:
            return np.flatnonzero(self.real().reshape(-1) >= bound)
        levels = np.arange(256, dtype=np.uint8).view(flat.dtype)
        levels.sort()
        enough = levels[self.real(levels) >= bound]
        return np.flatnonzero(flat >= enough[0]) if len(enough) else enough.astype(np.intp)


class Runtime(Protocol):
    """A loaded model: uint8 (H, W, 3) RGB in, its outputs out."""

    def __call__(self, image: Image) -> tuple[Tensor, ...]: ...


class Detector(Protocol):
    def detect(self, image: Image) -> list[Detection]: ...


class Watcher(Protocol):
    """A detector that may pass a frame over: None there, which is not that nothing was found."""

    def detect(self, image: Image) -> list[Detection] | None: ...


class Classifier(Protocol):
    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]: ...


class Tracker(Protocol):
    def update(
        self,
        detections: Sequence[Detection] | None,
        time: float,
        segment: int = 0,
        size: tuple[int, int] | None = None,
    ) -> list[Track]:
        """All tracks as of this frame; None for a frame at which nobody looked.

        `size` is the picture's, so that a track can leave it.
        """
        ...


class Sink(Protocol):
    """One output. A `lossless` sink gets every scene and the line waits for it; others skip."""

    lossless: bool

    def write(self, scene: Scene) -> None: ...

    def finish(self, events: Sequence[Event]) -> None:
        """Take the events that were still open when the source ended."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Idler(Protocol):
    """A sink or line that also wants to be called, about once a second, while no frame comes."""

    def idle(self) -> None: ...


class Line(Protocol):
    """Frame → Scene; `finish` settles and ends what is open."""

    def __call__(self, frame: Frame) -> Scene: ...

    def finish(self) -> tuple[Event, ...]: ...


Source = Iterator[Frame]  # a generator; closing it frees the device
