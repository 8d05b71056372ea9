"""The only writer of `models/*.tflite` and `models/*.json`: quantise, measure, refuse or publish.

    python -m calibration.publish classifier --run runs/classifier
    python -m calibration.publish detector --run runs/detector
    python -m calibration.publish pair

`classifier` and `detector` take the float model of a training run; `pair` finds the threshold of
the fused score again for the models that are published. Run the classifier first.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from calibration import evaluate, thresholds
from calibration.crops import degraded, representative_crops, sign_crops
from calibration.finding import WHOLE_CURVE, measure_detector
from calibration.kinds import measure_kinds, negatives_by_picture, part_of_negatives
from calibration.quantize import draft, int8_logits, top1
from calibration.quantize_classifier import float_logits, load_net, quantize_classifier
from calibration.quantize_detector import quantize_detector, raw_head
from calibration.walk import Walk
from edge.classifier import load_classifier
from edge.command import CommandParser
from edge.core import Array, Image
from edge.detector import YoloDetector, load_detector
from edge.reader import Reader
from edge.runtime import available_threads
from models.errors import ModelError, OutputError, SourceError, UsageError, run_command
from models.imaging import letterbox
from models.spec import FOLDER, Input, Origin, Output, Pair, Spec
from training import datasets

LICENCE = "AGPL-3.0-or-later"
STRIDES = [8, 16, 32]
BINS = 16  # of YOLO's distance distributions (reg_max)
NMS_IOU = 0.6
STREETS = 40  # pictures with signs that range the detector's activations
MAX_TOP1_LOSS = 0.0005  # int8 against float, as fractions
MAX_AP50_LOSS = 0.015  # two of the 137 judged signs: less is within chance
MAX_AP50_95_LOSS = 0.02
KEPT = (  # of a report's figures, in a model's JSON
    *("top1", "top1_accepted", "refused", "macro_f1", "ece", "nll", "n", "n_groups"),
    *("ap50", "ap50_95", "precision", "recall", "f1", "false_alarms_per_image", "found"),
    *("read_right_of_found", "foreign_per_image", "n_images", "n_boxes", "threshold"),
    *("thresholds", "intervals"),
)


class Target(NamedTuple):
    """Where a model goes: its name and version, and the folder, `models/` but for tests.

    `seed` picks the crops that range the classifier's activations; nothing else is random.
    """

    name: str
    version: str
    folder: Path
    seed: int = 0


class FloatRuntime:
    """The float net behind the edge code's Runtime protocol, to compare like with like."""

    def __init__(self, net: Any) -> None:
        self._net = net

    def __call__(self, image: Image) -> tuple[Array, ...]:
        import torch  # noqa: PLC0415 – only where a detector is published

        with torch.inference_mode():
            outputs = self._net(torch.from_numpy(image[None].astype(np.float32)))
        return tuple(output.numpy() for output in outputs)


def publish_classifier(run: Path, target: Target) -> Path:
    """Quantise a run's float classifier, set temperature and threshold, measure, publish."""
    trained = _trained(run)
    gtsrb, float_file = datasets.gtsrb(), run / "final.keras"
    data = quantize_classifier(float_file, representative_crops(target.seed))
    labels, crops = sign_crops(gtsrb, datasets.part(gtsrb, "choose"))
    logits, whole = int8_logits(data, crops), float_logits(load_net(float_file), crops)
    accuracy = {"int8": top1(logits, labels), "float": top1(whole, labels)}
    _refuse_loss("top1", accuracy, MAX_TOP1_LOSS)
    worn = int8_logits(data, degraded(crops, thresholds.SEVERITY))
    kinds = [
        thresholds.Looks(logits, labels, thresholds.CLEAN_ECE),
        thresholds.Looks(worn, labels, thresholds.WORN_ECE),
    ]
    temperature = round(thresholds.balanced_temperature(kinds), 4)
    accept = math.floor(thresholds.accept(logits, temperature) * 10_000) / 10_000
    spec = dataclasses.replace(
        draft(data, target.name, target.version),
        origin=_origin(trained),
        temperature=temperature,
        thresholds={"accept": accept},
    )
    staged = write(spec, data, run / "staged")
    price = _price(staged)
    judged = _evaluate(["classifier", "--data", "gtsrb", "--part", "judge"], staged, target.name)
    quantisation = {"top1": accuracy, "part": "choose", "command": _command()}
    metrics = {
        "judge": judged,
        "quantisation": quantisation,
        "accept": {**price, "part": "choose", "command": _command()},
        "thresholds_chosen_on": "choose",
    }
    spec = dataclasses.replace(spec, metrics=metrics)
    return write(spec, data, target.folder)


def publish_detector(run: Path, target: Target, size: tuple[int, int], classifier: str) -> Path:
    """Quantise a run's float detector with its raw head, measure, publish, pair."""
    trained = _trained(run)
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
        origin=_origin(trained),
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
    judged = _evaluate(["detector", "--data", "gtsdb", "--part", "judge"], staged, target.name)
    quantisation: dict[str, Any] = {"part": "judge", "command": _command()}
    for key, limit in (("ap50", MAX_AP50_LOSS), ("ap50_95", MAX_AP50_95_LOSS)):
        quantisation[key] = {"float": figures[key], "int8": judged[key]}
        _refuse_loss(key, quantisation[key], limit)
    metrics = {"judge": judged, "quantisation": quantisation, "thresholds_chosen_on": "judge"}
    spec = dataclasses.replace(spec, metrics=metrics)
    return pair(spec, data, target.folder, classifier)


def pair(spec: Spec, data: bytes, folder: Path, classifier: str) -> Path:
    """Find the threshold of the fused score, measure both together and publish the detector."""
    gtsdb = datasets.gtsdb()
    judge = datasets.part(gtsdb, "judge")
    with TemporaryDirectory() as staging:
        staged = write(spec, data, Path(staging))
        detector = load_detector(str(staged), available_threads())
        partner = load_classifier(classifier, available_threads())
        reader = Reader(detector, partner, threshold=0.0)
        least = thresholds.fused_score(reader, spec.thresholds["score"], Walk(gtsdb, judge))
        sha256 = partner.spec.sha256
        spec = dataclasses.replace(spec, pair=Pair(sha256, round(least, 4)))
        staged = write(spec, data, Path(staging))
        flags = ["system", "--data", "gtsdb", "--part", "judge", "--model", classifier]
        judged = _evaluate(flags, staged, spec.name, flag="--detector")
    spec = dataclasses.replace(spec, metrics={**spec.metrics, "system": judged})
    return write(spec, data, folder)


def write(spec: Spec, data: bytes, folder: Path) -> Path:
    """Both files, each through a temporary name, the JSON last; returns the JSON's path."""
    files = {spec.file: data, f"{spec.name}.json": spec.to_json().encode()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / f"{name}.part").write_bytes(content)
        for name in files:
            (folder / f"{name}.part").replace(folder / name)
    except OSError as error:
        raise OutputError(f"publishing into {folder}: {error}") from error
    return folder / f"{spec.name}.json"


def _trained(run: Path) -> dict[str, Any]:
    """The run's recipe.json: what it was trained on and by which command."""
    try:
        found: dict[str, Any] = json.loads((run / "recipe.json").read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise SourceError(f"{run}: expected a finished training run, found {error}") from error
    return found


def _origin(trained: dict[str, Any]) -> Origin:
    return Origin(trained["data"], trained["commit"], trained["command"], LICENCE, "")


def _command() -> str:
    return " ".join(["python", "-m", "calibration.publish", *sys.argv[1:]])


def _price(staged: Path) -> dict[str, Any]:
    """What the classifier's threshold keeps and refuses in the streets of the choose part."""
    gtsdb = datasets.gtsdb()
    walk = Walk(gtsdb, part_of_negatives(gtsdb, "choose"))
    classifier = load_classifier(str(staged), available_threads())
    found = measure_kinds(classifier, None, walk, negatives_by_picture())["kinds"]
    kept = {key: found[key] for key in (*found["intervals"], "n")}
    shares = ", ".join(f"{key} {found[key]:.4f}" for key in found["intervals"])
    print(f"accept {classifier.accept}: {shares}")
    return kept


def _refuse_loss(what: str, figures: dict[str, float], limit: float) -> None:
    print(f"{what}: float {figures['float']:.4f}, int8 {figures['int8']:.4f}")
    if figures["int8"] < figures["float"] - limit:
        raise ModelError(
            f"not published: expected int8 {what} within {limit} of float's "
            f"{figures['float']:.4f}, found {figures['int8']:.4f}"
        )


def _evaluate(flags: list[str], staged: Path, name: str, flag: str = "--model") -> dict[str, Any]:
    """What `calibration.evaluate` says of the staged model, with the published one's command."""
    report = staged.with_suffix(".report.json")
    evaluate.main([*flags, flag, str(staged), "--json", str(report), "--progress"])
    measured = json.loads(report.read_text())
    report.unlink()
    kept = {key: measured[key] for key in KEPT if key in measured}
    shown = flags if flag == "--model" and "--model" not in flags else flags[:-2]
    return {**kept, "command": " ".join(["python -m calibration.evaluate", *shown, flag, name])}


def _size(text: str) -> tuple[int, int]:
    """`800x448` → (800, 448); both must be multiples of the coarsest stride."""
    sides = [int(side) if side.isdecimal() else 0 for side in text.split("x")]
    if len(sides) != 2 or not all(sides) or any(side % max(STRIDES) for side in sides):
        raise UsageError(f"--size: expected WIDTHxHEIGHT, multiples of 32, found {text!r}")
    return sides[0], sides[1]


def main() -> None:
    os.environ.setdefault("YOLO_OFFLINE", "true")
    parser = CommandParser("calibration.publish", __doc__)
    parser.add_argument("what", choices=("classifier", "detector", "pair"))
    parser.add_argument("--run", type=Path, help="the training run's folder")
    parser.add_argument("--name", help="the model's name; the command's own word if not given")
    parser.add_argument("--model-version", default="0.1.0", help="the version its JSON names")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    parser.add_argument("--classifier", default="classifier", help="the detector's partner")
    parser.add_argument("--size", default="800x448", help="the detector's input, width x height")
    parser.add_argument("--seed", type=int, default=0, help="of the crops that range activations")
    flags = parser.parse(sys.argv[1:])
    if flags.what != "pair" and not flags.run:
        raise UsageError(f"{flags.what}: expected --run, the folder of a training run")
    target = Target(
        flags.name or flags.what.replace("pair", "detector"),
        flags.model_version,
        flags.folder,
        flags.seed,
    )
    if flags.what == "classifier":
        path = publish_classifier(flags.run, target)
    elif flags.what == "detector":
        path = publish_detector(flags.run, target, _size(flags.size), flags.classifier)
    else:
        detector = load_detector(str(flags.folder / f"{target.name}.json"), 1)
        data = (flags.folder / detector.spec.file).read_bytes()
        path = pair(detector.spec, data, flags.folder, flags.classifier)
    print(f"published {path}")


if __name__ == "__main__":
    run_command(main)
