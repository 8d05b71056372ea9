"""Publishes a detector: int8 with its raw head, its operating point, and the pair's threshold."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from calibration import thresholds
from calibration.candidate import (
    Target,
    command,
    evaluated,
    origin,
    refuse_loss,
    trained,
    write,
)
from calibration.finding import WHOLE_CURVE, measure_detector
from calibration.quantize_detector import quantize_detector, raw_head
from calibration.walk import Walk
from edge.classifier import load_classifier
from edge.core import Array, Image
from edge.detector import YoloDetector, load_detector
from edge.reader import Reader
from edge.runtime import available_threads
from models.errors import ModelError
from models.imaging import letterbox
from models.spec import FOLDER, Input, Output, Pair, Spec, find_model, load_spec, model_bytes
from training import datasets

STRIDES = [8, 16, 32]
BINS = 16  # of YOLO's distance distributions (reg_max)
NMS_IOU = 0.6
STREETS = 40  # pictures with signs that range the detector's activations
MAX_AP50_LOSS = 0.015  # two of the 137 judged signs: less is within chance
MAX_AP50_95_LOSS = 0.02


class FloatRuntime:
    """The float net behind the edge code's Runtime protocol, to compare like with like."""

    def __init__(self, net: Any) -> None:
        self._net = net

    def __call__(self, image: Image) -> tuple[Array, ...]:
        import torch  # noqa: PLC0415 – only where a detector is published

        with torch.inference_mode():
            outputs = self._net(torch.from_numpy(image[None].astype(np.float32)))
        return tuple(output.numpy() for output in outputs)


def publish_detector(run: Path, target: Target, size: tuple[int, int], classifier: str) -> Path:
    """Quantise a run's float detector with its raw head, measure, publish, pair."""
    record = trained(run)
    gtsdb, float_file = datasets.gtsdb(), run / "final.pt"
    train, judge = datasets.part(gtsdb, "train"), datasets.part(gtsdb, "judge")
    streets = [example for example in train if example.annotations]
    streets = [streets[i] for i in np.linspace(0, len(streets) - 1, STREETS).astype(int)]
    images = [letterbox(gtsdb.read(example), *size)[0] for example in streets]
    data = quantize_detector(float_file, images)
    spec = Spec(
        name=target.name,
        version=target.version,
        task="detect",
        file=f"{target.name}.tflite",
        sha256=hashlib.sha256(data).hexdigest(),
        input=Input(*size, "rgb", "letterbox", 0.0),
        output=Output("yolo-raw", STRIDES, BINS),
        labels=["sign"],
        thresholds={"score": 0.0, "iou": NMS_IOU},
        temperature=1.0,
        pair=None,
        metrics={},
        origin=origin(record),
    )
    staged = write(spec, data, run / "staged")
    threads = available_threads()
    int8 = load_detector(str(staged), threads, WHOLE_CURVE)
    score = thresholds.detector_score(int8, Walk(gtsdb, judge))
    score = math.floor(score * 10_000) / 10_000  # never above the answers that it lets in
    spec = dataclasses.replace(spec, thresholds={"score": score, "iou": NMS_IOU})
    whole = YoloDetector(spec, FloatRuntime(raw_head(float_file)), WHOLE_CURVE)
    figures = measure_detector(whole, score, Walk(gtsdb, judge))
    staged = write(spec, data, run / "staged")
    judged = evaluated(["detector", "--data", "gtsdb", "--part", "judge"], staged, target.name)
    quantisation: dict[str, Any] = {"part": "judge", "command": command()}
    for key, limit in (("ap50", MAX_AP50_LOSS), ("ap50_95", MAX_AP50_95_LOSS)):
        quantisation[key] = {"float": figures[key], "int8": judged[key]}
        refuse_loss(key, quantisation[key], limit)
    metrics = {"judge": judged, "quantisation": quantisation, "thresholds_chosen_on": "judge"}
    spec = dataclasses.replace(spec, metrics=metrics)
    return pair(spec, data, target.folder, classifier)


def pair(spec: Spec, data: bytes, folder: Path, classifier: str) -> Path:
    """Find the threshold of the fused score, measure both together and publish the detector.

    A classifier that was trained on all parts is stood in for by its twin in the same folder,
    whose JSON then names the pair too.
    """
    gtsdb = datasets.gtsdb()
    judge = datasets.part(gtsdb, "judge")
    partner = load_spec(find_model(classifier))
    held_out = _held_out(classifier)
    with TemporaryDirectory() as staging:
        staged = write(spec, data, Path(staging))
        detector = load_detector(str(staged), available_threads())
        reader = Reader(detector, load_classifier(held_out, available_threads()), threshold=0.0)
        least = thresholds.fused_score(reader, spec.thresholds["score"], Walk(gtsdb, judge))
        least = round(least, 4)
        if held_out != classifier:
            path = find_model(held_out)
            twin = dataclasses.replace(load_spec(path), pair=Pair(spec.sha256, least))
            write(twin, model_bytes(twin, path), path.parent)
        spec = dataclasses.replace(spec, pair=Pair(partner.sha256, least))
        staged = write(spec, data, Path(staging))
        flags = ["system", "--data", "gtsdb", "--part", "judge", "--model", held_out]
        judged = evaluated(flags, staged, spec.name, flag="--detector")
    spec = dataclasses.replace(spec, metrics={**spec.metrics, "system": judged})
    return write(spec, data, folder)


def _held_out(classifier: str) -> str:
    """The model to measure a pair with: the classifier itself, or the twin that its JSON names."""
    path = find_model(classifier)
    twin = load_spec(path).origin.twin.split()
    if not twin:
        return classifier
    name, sha256 = twin[0], twin[-1]
    stand_in = name if path.parent == FOLDER else str(path.with_name(f"{name}.json"))
    found = load_spec(find_model(stand_in))
    if found.sha256 != sha256:
        raise ModelError(
            f"{path.name}: expected its twin {name} with the sha256 {sha256}, found {found.sha256}"
        )
    return stand_in
