"""Makes the line that a configuration asks for: the models, and the stages around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from edge.ahead import AheadDetector
from edge.case import DecisionSettings
from edge.classifier import SignClassifier, load_classifier
from edge.config import Config
from edge.core import Classifier, Detector, Line, Watcher
from edge.course import TrackerSettings
from edge.decision import Decision
from edge.detector import YoloDetector, load_detector
from edge.pipeline import Pipeline, Stills
from edge.reader import Reader
from edge.reload import AHEAD_SETTINGS, MODEL_SETTINGS, changed
from edge.road import RoadLine, RoadSettings
from edge.roi import RoiDetector, parse_roi
from edge.sparse import SparseDetector
from edge.threads import MOST, Plan, plan_for
from edge.tracker import SignTracker
from models.errors import UsageError
from models.spec import pair_threshold


class Models(NamedTuple):
    """The two nets of a line; `others` are copies of the detector that take turns with it."""

    detector: YoloDetector
    classifier: SignClassifier
    threads: int
    others: tuple[YoloDetector, ...] = ()

    def words(self) -> str:
        """For the status line."""
        names = f"{self.detector.spec.name} + {self.classifier.spec.name}"
        threads = self.threads * (1 + len(self.others))
        return f"{names} · {threads} thread{'s' if threads > 1 else ''}"


def load_models(config: Config, patient: bool = False) -> Models:
    """Both models of the configuration; ModelError where one is not what it claims to be.

    With a `patient` source, whose frames wait, as many detectors as do most frames a second.
    """
    given = config.threads
    plan = Plan(given, min(given, MOST)) if given else plan_for(config.detector, patient)
    threads, workers = (1, plan.workers) if patient and plan.workers > 1 else (plan.threads, 1)
    detectors = [load_detector(config.detector, threads, config.conf) for _ in range(workers)]
    classifier = load_classifier(config.classifier, threads)
    return Models(detectors[0], classifier, threads, tuple(detectors[1:]))


def look_ahead(models: Models, config: Config, stills: bool) -> AheadDetector | None:
    """What lets all detectors work at once, if there are several."""
    if not models.others:
        return None
    detectors = [shown(detector, config) for detector in (models.detector, *models.others)]
    return AheadDetector(detectors, _every(config, stills))


def shown(detector: Detector, config: Config) -> Detector:
    """The detector with what the configuration lets it see."""
    return RoiDetector(detector, parse_roi(config.roi)) if config.roi else detector


def build(
    models: Models,
    config: Config,
    stills: bool,
    ahead: AheadDetector | None = None,
    numbers: Iterator[int] | None = None,
) -> Line:
    """The line: for a moving picture, or for `stills`, where nothing is tracked.

    `ahead` takes the place of the detector where the source is fed through it; `numbers` are for
    the tracks of a line that takes another's place. `conf` takes the place of every threshold on a
    score: of detections, of still readings, of the start of a track. ModelError where the two
    models were not published as a pair.
    """
    detector = ahead or SparseDetector(shown(models.detector, config), _every(config, stills))
    if stills:
        return Stills(still_reader(models, config, detector))
    line = follow(detector, models.classifier, config, threshold_of(models, config), numbers)
    return RoadLine(line, RoadSettings(config.road_expiry_s))


def _every(config: Config, stills: bool) -> int:
    """Pictures that have nothing to do with each other are all looked at."""
    return 1 if stills else config.detect_every


def threshold_of(models: Models, config: Config) -> float:
    """The least fused score of a sign; ModelError where the models were not published as a pair."""
    threshold = pair_threshold(models.detector.spec, models.classifier.spec)
    return threshold if config.conf is None else config.conf


class Rebuilder:
    """Builds the line, and builds it anew for other settings.

    The models are loaded again only if they changed. Tracks go on being counted: sinks know a sign
    by its track. A change of what several detectors are at work with already is a UsageError.
    `config` and `models` are those of the newest line, for any thread.
    """

    def __init__(
        self,
        models: Models,
        config: Config,
        stills: bool,
        ahead: AheadDetector | None = None,
    ) -> None:
        self.config, self.models = config, models
        self._stills, self._ahead = stills, ahead
        self._numbers = count(1)

    def __call__(self, new: Config) -> Line:
        names, models = changed(self.config, new), self.models
        if self._ahead and (fixed := sorted(names & AHEAD_SETTINGS)):
            raise UsageError(f"while a file is read, only a restart changes {', '.join(fixed)}")
        if names & MODEL_SETTINGS:
            models = load_models(new)
        line = build(models, new, self._stills, self._ahead, self._numbers)
        self.config, self.models = new, models
        return line

    def words(self) -> str:
        """Its models, for the status line."""
        return self.models.words()


def still_reader(models: Models, config: Config, detector: Watcher) -> Reader:
    """Reads single pictures; ModelError where the two models were not published as a pair."""
    return Reader(detector, models.classifier, threshold_of(models, config))


def upload_nets(config: Config) -> tuple[Reader, SignClassifier]:
    """Nets of their own for pictures that are sent to the page, on one thread."""
    models = load_models(replace(config, threads=1))
    return still_reader(models, config, models.detector), models.classifier


def follow(
    detector: Watcher,
    classifier: Classifier,
    config: Config,
    threshold: float,
    numbers: Iterator[int] | None = None,
) -> Pipeline:
    """The line of a moving picture; `threshold` is the least fused score of a sign."""
    tracker = TrackerSettings()
    if config.conf is not None:
        low = min(tracker.low_score, config.conf)
        tracker = replace(tracker, high_score=config.conf, low_score=low)
    decision = Decision(DecisionSettings(fused=threshold))
    return Pipeline(detector, SignTracker(tracker, numbers), classifier, decision, config.max_reads)
