"""Publishes a detector: int8 with its raw head, its operating point, and the pair's threshold."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from calibration.candidate import Target, command, evaluated, origin, trained, write
from calibration.cost import multiply_adds
from calibration.fidelity import compare, float_detector, refuse_loss, table
from calibration.operating import detector_score, fused_score
from calibration.places import places_by_picture
from calibration.quantize_detector import quantize_detector, raw_head
from calibration.seen import READ_CURVE, WHOLE_CURVE, see_both, see_detector
from calibration.twins import check_twin, held_out, like_twin, stand_in
from calibration.walk import Walk
from edge.classifier import load_classifier
from edge.detector import load_detector
from edge.reshape import reshaped
from models.errors import ModelError
from models.imaging import letterbox
from models.processors import available_threads
from models.spec import Input, Output, Pair, Spec, find_model, load_spec, model_bytes
from training import datasets

NMS_IOU = 0.6
STREETS = 240  # pictures with signs that range the detector's activations, …
RANGED = (1152, 640)  # … as large as this input shows them, whatever size is published
TIMED = 40  # pictures that the time of one is the median of
MEASURED = ("judge", "system")  # what a twin must have figures for
ON_JUDGE = ("--data", "gtsdb", "--part", "judge", "--cross-fit")


def publish_detector(
    run: Path, target: Target, size: tuple[int, int], classifier: str, twin: str | None = None
) -> Path:
    """Quantise a run's float detector with its raw head, measure, publish, pair.

    A net that has learnt from the judged pictures has nothing left to be measured on: `twin`, a
    published model of the same recipe that held them out, lends it its thresholds and figures.
    ModelError where a twin is missing or none is expected, or where int8 lost too much.
    """
    record = trained(run)
    lender = load_spec(find_model(twin)) if twin else None
    if folds := record["recipe"].get("folds", 0):
        raise ModelError(f"not published: expected a net whose folds is 0, found {folds}")
    check_twin(record, _knows_judge(record), lender, "detect", MEASURED)
    if lender and (found := (lender.input.width, lender.input.height)) != size:
        raise ModelError(f"--twin: expected an input of {size}, as the model has, found {found}")
    spec, data, net = draft(run, target, size)
    staged = write(spec, data, run / "staged")
    gtsdb = datasets.gtsdb()
    walk, places = Walk(gtsdb, datasets.part(gtsdb, "judge")), places_by_picture()
    detector = load_detector(str(staged), available_threads(), WHOLE_CURVE)
    int8, _ = see_detector(detector, walk, places)
    whole, _ = see_detector(float_detector(spec, net), walk)
    score = lender.thresholds["score"] if lender else detector_score(int8)
    loss = compare(whole, int8, score)
    print(table(loss))
    refuse_loss(loss)
    spec = dataclasses.replace(
        spec,
        thresholds={"score": score, "iou": NMS_IOU},
        metrics={"thresholds_chosen_on": "judge"},
    )
    if lender:
        spec = like_twin(spec, lender)
    staged = write(spec, data, run / "staged")  # with the threshold at which it is timed
    own = {
        "quantisation": {**_kept(loss), "part": "judge", "command": command()},
        "cost": {**_cost(staged, data, walk), "command": command()},
    }
    spec = dataclasses.replace(spec, metrics={**spec.metrics, **own})
    return pair(spec, data, target.folder, classifier)


def draft(run: Path, target: Target, size: tuple[int, int]) -> tuple[Spec, bytes, Any]:
    """A run's detector as int8, its papers without thresholds and figures, and its float net."""
    record, float_file = trained(run), run / "final.pt"
    net = raw_head(float_file)
    data = _quantised(float_file, size)
    spec = Spec(
        name=target.name,
        version=target.version,
        task="detect",
        file=f"{target.name}.tflite",
        sha256=hashlib.sha256(data).hexdigest(),
        input=Input(*size, "rgb", "letterbox", 0.0),
        output=Output("yolo-raw", net.strides, net.bins),
        labels=["sign"],
        thresholds={"score": 0.0, "iou": NMS_IOU},
        temperature=1.0,
        pair=None,
        metrics={},
        origin=origin(record),
    )
    return spec, data, net


def _quantised(float_file: Path, size: tuple[int, int]) -> bytes:
    """The net as int8 with an input of `size`, ranged where signs are largest if it can be."""
    data = quantize_detector(float_file, _streets(RANGED))
    if size == RANGED:
        return data
    try:
        return reshaped(data, RANGED, size)
    except ModelError:  # attention, for one, is made for one size
        return quantize_detector(float_file, _streets(size))


def _knows_judge(record: dict[str, Any]) -> bool:
    """Whether a run has learnt from the pictures that detectors are judged by."""
    return any(
        source.get("data") == "gtsdb" and "judge" in source.get("parts", ())
        for source in record["data"]
    )


def _streets(size: tuple[int, int]) -> list[Any]:
    """Pictures with signs as the net will see them, spread over the training part."""
    gtsdb = datasets.gtsdb()
    streets = [example for example in datasets.part(gtsdb, "train") if example.annotations]
    streets = [streets[i] for i in np.linspace(0, len(streets) - 1, STREETS).astype(int)]
    return [letterbox(gtsdb.read(example), *size)[0] for example in streets]


def _kept(loss: dict[str, Any]) -> dict[str, Any]:
    """What a model's JSON says of its int8 file: figures, but not their intervals."""
    found = {key: loss[key] for key in ("ap50", "ap50_95", "small", "boxes") if key in loss}
    if "small" in found:
        found["small"] = {k: v for k, v in found["small"].items() if k != "difference"}
    return found


def _cost(staged: Path, data: bytes, walk: Walk) -> dict[str, Any]:
    """Bytes, multiply-adds, and milliseconds a picture from letterbox to NMS (median)."""
    found: dict[str, Any] = {"bytes": len(data), "multiply_adds": multiply_adds(data)}
    for name, threads in (("ms_one_thread", 1), ("ms_two_threads", 2)):
        detector = load_detector(str(staged), threads)
        pictures = (each for _, each in zip(range(TIMED), walk, strict=False))
        _, seconds = see_detector(detector, pictures)
        found[name] = round(1000 * float(np.median(seconds)), 2)
    return found


def pair(spec: Spec, data: bytes, folder: Path, classifier: str) -> Path:
    """Find the threshold of the fused score, measure the detector and both, publish the detector.

    A classifier that was trained on all parts is stood in for by its twin beside it; so is the
    detector, whose twin must then be paired already.
    """
    partner = load_spec(find_model(classifier))
    if spec.origin.twin:
        twin = load_spec(stand_in(spec, folder))
        if not twin.pair or twin.pair.sha256 != partner.sha256:
            raise ModelError(
                f"{spec.name}: expected its twin {twin.name} to be paired with {partner.name} "
                f"first, found {'another pair' if twin.pair else 'no pair'}"
            )
        figures = {key: twin.metrics[key] for key in MEASURED}
        spec = dataclasses.replace(spec, pair=twin.pair, metrics={**spec.metrics, **figures})
        return write(spec, data, folder)
    gtsdb = datasets.gtsdb()
    reading = held_out(classifier)
    with TemporaryDirectory() as staging:
        staged = write(spec, data, Path(staging))
        threads = available_threads()
        read, _ = see_both(
            load_detector(str(staged), threads, READ_CURVE),
            load_classifier(reading, threads),
            Walk(gtsdb, datasets.part(gtsdb, "judge")),
            places_by_picture(),
        )
        least = fused_score(read, spec.thresholds["score"])
        spec = dataclasses.replace(spec, pair=Pair(partner.sha256, least))
        staged = write(spec, data, Path(staging))
        judged = evaluated(["detector", *ON_JUDGE], staged, spec.name)
        flags = ["system", *ON_JUDGE, "--model", reading]
        system = evaluated(flags, staged, spec.name, flag="--detector")
    spec = dataclasses.replace(spec, metrics={**spec.metrics, "judge": judged, "system": system})
    return write(spec, data, folder)


def pair_all(folder: Path, classifier: str, name: str | None) -> list[Path]:
    """Pair every detector of a folder with a classifier again, or one; twins before all others."""
    paths = [folder / f"{name}.json"] if name else sorted(folder.glob("*.json"))
    specs = [(load_spec(find_model(str(path))), path) for path in paths]
    detectors = [(spec, path) for spec, path in specs if spec.task == "detect"]
    if not detectors:
        raise ModelError(f"{folder}: expected a published detector, found none")
    detectors.sort(key=lambda each: bool(each[0].origin.twin))
    return [pair(spec, model_bytes(spec, path), folder, classifier) for spec, path in detectors]
