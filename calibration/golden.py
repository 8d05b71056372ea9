"""Golden pictures for `python -m edge.doctor`, cut out of the demo drive and read on this machine.

  python -m calibration.golden          after new models were published

Fails where what was written down is not read again within the tolerances of `edge.doctor.golden`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.classifier import SignClassifier, load_classifier
from edge.core import Image
from edge.demo import VIDEO
from edge.detector import YoloDetector, load_detector
from edge.doctor.golden import FOLDER, RECORD, load_golden
from edge.doctor.selftest import examine
from edge.sources import open_source
from models.command import CommandParser
from models.errors import ModelError, run_command

log = logging.getLogger(__name__)

# Frames of the drive and the corners of the windows cut out of them: near signs by day.
WINDOWS = ((345, 700, 130), (585, 500, 150))
SIZE = (480, 270)  # 16:9, as the detector sees the world

# What is surely found and read is written down; near a threshold processors may differ.
SURE_SCORE = 0.75
SURE_PROBABILITY = 0.95


def main(arguments: Sequence[str] | None = None) -> None:
    """Cut, read, write, and read again what was written."""
    parser = CommandParser("calibration.golden", __doc__)
    parser.add_argument("--output", type=Path, metavar="FOLDER", default=FOLDER, help="where to")
    folder = parser.parse(arguments).output
    detector, classifier = load_detector("detector", 1), load_classifier("classifier", 1)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, detector, classifier)
    report = examine(detector, classifier, load_golden(folder), folder)
    if report.differences:
        raise ModelError("; ".join(report.differences))
    log.info("%s: %d pictures", folder, len(WINDOWS))


def write(folder: Path, detector: YoloDetector, classifier: SignClassifier) -> None:
    """The pictures, and what these models say about them."""
    record = {
        "command": "python -m calibration.golden",
        "detector": detector.spec.sha256,
        "classifier": classifier.spec.sha256,
        "pictures": [],
    }
    pictures: list[object] = []
    for number, image in cut_windows().items():
        file = f"drive-{number:03}.png"
        cv2.imwrite(str(folder / file), image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        pictures.append({"file": file, **read(image, detector, classifier)})
    record["pictures"] = pictures
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (folder / RECORD).write_text(text, encoding="utf-8")


def cut_windows() -> dict[int, Image]:
    """Frame number → its window."""
    wanted = {number: (x, y) for number, x, y in WINDOWS}
    width, height = SIZE
    _, source = open_source(str(VIDEO))
    found: dict[int, Image] = {}
    try:
        for frame in source:
            if frame.index in wanted:
                x, y = wanted[frame.index]
                found[frame.index] = frame.image[y : y + height, x : x + width].copy()
            if len(found) == len(wanted):
                break
    finally:
        source.close()
    return found


def read(
    image: Image, detector: YoloDetector, classifier: SignClassifier
) -> dict[str, list[object]]:
    """The signs that are surely found and read, and the boxes of all else that is found."""
    detections = detector.detect(image)
    readings = classifier.classify(image, [detection.box for detection in detections])
    signs: list[object] = []
    others: list[object] = []
    for detection, reading in zip(detections, readings, strict=True):
        box = [round(edge, 1) for edge in detection.box]
        sure = detection.score >= SURE_SCORE and reading.score >= SURE_PROBABILITY
        if reading.kind != "sign" or not sure:
            others.append(box)
            continue
        score, probability = round(detection.score, 3), round(reading.score, 3)
        sign = {"box": box, "label": reading.label, "score": score, "probability": probability}
        signs.append(sign)
    return {"signs": signs, "others": others}


if __name__ == "__main__":
    run_command(main)
