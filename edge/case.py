"""One physical sign's case: everything seen of it so far, and what that amounts to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from edge.core import UNKNOWN, Array, Box, Detection, Frame, Reading, Sign, Track, TrackState
from edge.fusion import Evidence, look
from models.signs import BACKGROUND, FOREIGN


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """When a track is a sign. Probabilities 0–1; times in seconds, so any frame rate will do."""

    probability: float = 0.9  # belief in one class from which a sign is decided …
    accept: float = 0.5  # … if an average look believes in it this much …
    fused: float = 0.0  # … and this much in any road sign, as a still picture must …
    min_votes: int = 3  # … this many looks name it …
    min_age_s: float = 0.25  # … over this long …
    unknown_age_s: float = 0.8  # … or this long for a foreign one: far signs look foreign
    leaving_votes: int = 2  # enough looks for a track that is leaving, whatever its age
    overwhelming: float = 0.95  # a single look at a leaving sign that is enough …
    overwhelming_quality: float = 0.6  # … at this quality, where background is not likelier still
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
    doubt_s: float = 0.4  # a track back after this long must be read as the same sign again …
    doubt_pauses: float = 2.0  # … and after so many times its shortest time between detections
    again_sizes: float = 1.5  # how near its last place a sign is found again, growing by …
    again_sizes_per_s: float = 1.5
    again_ratio: float = 2.5  # larger to smaller size
    read_every_s: float = 0.4  # a decided or dropped track is not read more often


class Moment(NamedTuple):
    """A frame without its picture."""

    frame: int
    time: float
    wall: float | None
    segment: int


class Case:
    """Everything known about one physical sign; lives longer than its track."""

    __slots__ = (
        "best",
        "best_box",
        "best_frame",
        "box",
        "evidence",
        "first_seen",
        "key",
        "kin",
        "last_read",
        "last_seen",
        "leaving",
        "pause",
        "segment",
        "sign",
        "sign_id",
        "state",
        "step",
        "strongest",
        "track",
    )

    def __init__(self, key: int, track: Track, now: Moment, limit: float) -> None:
        self.key = key
        self.track = track.id
        self.segment = now.segment
        self.first_seen = self.last_seen = now.time
        self.last_read = -math.inf
        self.pause = math.inf  # seconds, the shortest between two detections
        self.step = -1  # the update in which it was last detected
        self.box = track.box
        self.leaving = False
        self.evidence = Evidence(limit)
        self.strongest = (0.0, BACKGROUND)  # probability and class of the best good look
        self.best: tuple[bool, float] = (False, -1.0)  # unclipped, then size × score × probability
        self.best_box, self.best_frame = track.box, now.frame
        self.kin: list[Case] = []  # signs lost near by that this may be, nearest first
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

    def absorb(self, other: Case) -> None:
        """Take over what a case of the same physical sign has seen."""
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_read = max(self.last_read, other.last_read)
        self.pause = min(self.pause, other.pause)
        self.evidence.merge(other.evidence)
        self.strongest = max(self.strongest, other.strongest)
        if other.last_seen >= self.last_seen:
            self.last_seen, self.box = other.last_seen, other.box
            self.step, self.leaving = other.step, other.leaving
        if other.best > self.best:
            self.best, self.best_box = other.best, other.best_box
            self.best_frame = other.best_frame

    def detected(self, track: Track, step: int, time: float, leaving: bool) -> None:
        """It stands where a detection has found it."""
        if time > self.last_seen:
            self.pause = min(self.pause, time - self.last_seen)
        self.step, self.last_seen, self.box, self.leaving = step, time, track.box, leaving

    def doubtful(self, time: float, settings: DecisionSettings) -> bool:
        """Whether what is detected now may be another sign: it was away for long, and for longer
        than whoever looks seldom would have missed it."""
        away = time - self.last_seen
        return away >= max(settings.doubt_s, settings.doubt_pauses * self.pause)

    @property
    def undecided(self) -> bool:
        return self.sign is None and self.state != "dropped"

    def read(
        self, frame: Frame, detection: Detection, reading: Reading, settings: DecisionSettings
    ) -> None:
        """Weigh one look at it."""
        box = detection.box
        clipped = is_clipped(box, frame)
        size = min(box.width, box.height)
        quality = min(1.0, max(0.0, size / settings.full_px)) ** 2 * detection.score
        quality *= settings.clipped_quality if clipped else 1.0
        gap = max(0.0, frame.time - self.last_read)
        probabilities = look(detection, reading)  # (45,)
        self.evidence.add(probabilities, quality * min(1.0, gap / settings.independent_s))
        self.last_read = frame.time
        index = int(probabilities.argmax())
        if quality >= settings.overwhelming_quality:
            self.strongest = max(self.strongest, (float(probabilities[index]), index))
        likeliest = float(probabilities[:BACKGROUND].max())
        rank = (not clipped, size * detection.score * likeliest)
        if rank > self.best and (self.sign is None or index == self.index):
            self.best, self.best_box, self.best_frame = rank, box, frame.index

    def verdict(self, leaving: bool, settings: DecisionSettings) -> Sign | None:
        """The sign that an undecided case is, if that is clear enough by now."""
        evidence = self.evidence
        posterior: Array = evidence.posterior
        best = int(posterior.argmax())
        if best == BACKGROUND or not evidence.looks:
            return None
        probability, votes = float(posterior[best]), evidence.votes[best]
        patience = settings.unknown_age_s if best == FOREIGN else settings.min_age_s
        enough = votes >= settings.min_votes and self.last_seen - self.first_seen >= patience
        enough = enough or (leaving and votes >= settings.leaving_votes)
        average, background = evidence.average(best), evidence.average(BACKGROUND)
        if 1 - background < settings.fused:
            return None
        if enough and probability >= settings.probability and average >= settings.accept:
            return Sign(label_of(best), probability, votes)
        if leaving and self.strongest[1] == best and self.strongest[0] >= settings.overwhelming:
            return Sign(label_of(best), max(probability, self.strongest[0]), votes)
        nameless = average < settings.accept and 1 - background >= settings.probability
        heavy = evidence.weight >= settings.nameless_weight
        if leaving and heavy and nameless and evidence.looks >= settings.min_votes:
            return Sign(UNKNOWN, 1 - background, evidence.looks)
        return None


def label_of(index: int) -> int:
    """The label of an index of the probabilities, a sign's or `FOREIGN`."""
    return UNKNOWN if index == FOREIGN else index


def is_clipped(box: Box, frame: Frame) -> bool:
    """Whether a box is cut off by the edge of the picture (within a pixel)."""
    rows, columns = frame.image.shape[:2]
    return min(box.x1, box.y1) <= 1 or box.x2 >= columns - 1 or box.y2 >= rows - 1
