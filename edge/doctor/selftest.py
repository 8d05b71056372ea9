"""Both nets on the golden pictures, in a process that may crash: a line of JSON on stdout.

python -m edge.doctor.selftest DETECTOR CLASSIFIER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from edge.classifier import SignClassifier, load_classifier
from edge.core import Image
from edge.detector import YoloDetector, load_detector
from edge.doctor.golden import FOLDER, Golden, differences, load_golden
from edge.runtime import LiteRtRuntime
from edge.sources.pictures import read_picture
from models.errors import run_command
from models.spec import find_model

MAX_PIXELS = 1280 * 720
REPEATS = 5
THREADS = 1


class Report(NamedTuple):
    """`known`: whether these models' golden outputs are known. Times are medians, in ms."""

    known: bool
    differences: list[str]
    detect_ms: float
    classify_ms: float


def examine(
    detector: YoloDetector, classifier: SignClassifier, golden: Golden, folder: Path = FOLDER
) -> Report:
    """Read every golden picture. Models of one's own are only run, their outputs are not known."""
    known = (golden.detector, golden.classifier) == (detector.spec.sha256, classifier.spec.sha256)
    found: list[str] = []
    detect_ms, classify_ms = [], []
    for picture in golden.pictures:
        image = read_picture(folder / picture.file, MAX_PIXELS)
        detections, ms = _timed(detector.detect, image)
        detect_ms += ms
        boxes = [detection.box for detection in detections]
        readings = classifier.classify(image, boxes)
        _, ms = _timed(classifier.classify_crop, image)
        classify_ms += ms
        if known:
            found += differences(picture, detections, readings)
    return Report(known, found, _median(detect_ms), _median(classify_ms))


def _timed(work: Callable[[Image], Any], image: Image) -> tuple[Any, list[float]]:
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        result = work(image)
        times.append(1000 * (perf_counter() - start))
    return result, times


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    name, classifier = sys.argv[1:]
    detector = load_detector(name, THREADS)
    report = examine(detector, load_classifier(classifier, THREADS), load_golden())
    runtime = LiteRtRuntime(detector.spec, find_model(name), THREADS)
    print(json.dumps({**report._asdict(), "delegated": runtime.delegated}))


if __name__ == "__main__":
    run_command(main)
