"""Measures published models through the edge code: `python -m calibration.evaluate --help`.

`classifier`: every annotated sign, cut out and read; `--corruptions` and `--cameras` add what is
left of its accuracy when the picture is bad or another camera took it, `--kinds` whether it refuses
what is none of the 43 signs. `detector`: signs found in whole pictures, all classes as one.
`system`: signs found and read; a class index of a YOLO set is the GTSRB class.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from calibration import report
from calibration.finding import READ_CURVE, WHOLE_CURVE, measure_detector, measure_system
from calibration.kinds import measure_kinds, negatives_by_picture
from calibration.reading import measure_classifier
from calibration.robustness import PASSES, Sightings, measure_cameras, measure_corruptions
from calibration.walk import Walk, known
from edge.classifier import SignClassifier, load_classifier
from edge.command import CommandParser
from edge.config import Config
from edge.core import Detector
from edge.detector import load_detector
from edge.line import pair_threshold
from edge.reader import Reader
from edge.reports import prove_writable, write_json
from edge.roi import RoiDetector, parse_roi
from edge.runtime import available_threads
from edge.status import StatusLine
from models.errors import SourceError, UsageError, run_command
from models.signs import COUNT
from models.spec import Spec
from training.datasets import Dataset, Example, gtsdb, gtsrb, open_dataset, part
from training.files import stem
from training.split import read_split

TASKS = ("classifier", "detector", "system")
CUT_OUT = ("gtsrb", "folders")  # layouts whose pictures are single signs
SETS = {"gtsrb": gtsrb, "gtsdb": gtsdb}  # found under `data_root()`
MAX_MARGIN = 1.0
GTSDB_TEST = 300  # pictures in GTSDB's official test part

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = _parse(given)
    if flags.json:
        prove_writable(flags.json)
    dataset = SETS[flags.data]() if flags.data in SETS else open_dataset(Path(flags.data))
    examples = choose(dataset, flags.part, flags.limit)
    check_suits(flags.task, dataset, examples)
    if flags.kinds and (dataset.layout != "gtsdb" or is_gtsdb_test(dataset)):
        raise UsageError(f"--kinds: expected GTSDB's training pictures, found {dataset.name}")
    status = StatusLine(len(examples)) if flags.progress else None
    walk = Walk(dataset, examples, status)
    try:
        specs, figures = _measure(flags, walk)
    finally:
        if status:
            status.close()
    trained = {key: trained_on(spec, dataset, examples) for key, spec in specs.items()}
    for key, names in trained.items():
        if names:
            log.warning(
                "%d of %d pictures were trained on by %s: its figures on them say nothing",
                len(names),
                len(examples),
                specs[key].name,
            )
    result: dict[str, Any] = {
        "task": flags.task,
        **figures,
        **{key: _identity(spec) for key, spec in specs.items()},
        "data": {
            "name": dataset.name,
            "layout": dataset.layout,
            "part": flags.part,
            "pictures": len(examples),
            "unreadable": walk.unreadable,
        },
        "trained_on": len(set().union(*trained.values())),
        "command": shlex.join(["python", "-m", "calibration.evaluate", *given]),
    }
    print(report.table(result))
    if flags.json:
        write_json(flags.json, result)
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    default = Config()
    parser = CommandParser("calibration.evaluate", __doc__)
    parser.add_argument("task", choices=TASKS, help="what to measure")
    parser.add_argument(
        "--data",
        required=True,
        help="a folder or a zip; gtsrb and gtsdb are the training sets under SIGN_DATA or data/",
    )
    parser.add_argument("--part", help="only this part of GTSRB or GTSDB: train, choose, judge")
    parser.add_argument("--model", help="the model measured; for system the classifier")
    parser.add_argument("--detector", help="the detector, for detector and system")
    parser.add_argument(
        "--corruptions",
        action="store_true",
        help="for classifier: also 12 corruptions of the crops at 5 severities, 60 more passes",
    )
    parser.add_argument(
        "--cameras",
        action="store_true",
        help="for classifier: also other framings, cameras, light and wear",
    )
    parser.add_argument(
        "--kinds",
        action="store_true",
        help="for classifier on gtsdb: also what is none of the 43, and the detector's own boxes",
    )
    parser.add_argument(
        "--margin",
        type=float,
        help="cut signs out with this share of their longer side around them, not the model's own",
    )
    parser.add_argument(
        "--roi",
        type=parse_roi,
        metavar="EDGES",
        help="for detector and system: only TOP,BOTTOM or L,T,R,B of each picture is looked at",
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--limit", type=int, help="only so many pictures, spread over the set")
    parser.add_argument("--threads", type=int, default=default.threads, help="0: all processors")
    parser.add_argument("--progress", action="store_true", help="show how far it is")
    flags = parser.parse(arguments)
    if flags.limit is not None and flags.limit < 1:
        raise UsageError(f"--limit: expected 1 or more, found {flags.limit}")
    if flags.threads < 0:
        raise UsageError(f"--threads: expected 0 or more, found {flags.threads}")
    if flags.margin is not None and not 0 <= flags.margin <= MAX_MARGIN:
        raise UsageError(f"--margin: expected 0 to {MAX_MARGIN}, found {flags.margin}")
    if flags.margin is not None and flags.task == "detector":
        raise UsageError("--margin: expected for classifier and system only, found detector")
    if flags.task == "classifier" and flags.detector and not flags.kinds:
        raise UsageError(
            "--detector: expected for detector, system and --kinds only, found classifier"
        )
    for name in (*PASSES, "kinds"):
        if getattr(flags, name) and flags.task != "classifier":
            raise UsageError(f"--{name}: expected for classifier only, found {flags.task}")
    if flags.roi and flags.task == "classifier":
        raise UsageError("--roi: expected for detector and system only, found classifier")
    if flags.task == "detector":
        if flags.model and flags.detector:
            raise UsageError("detector: expected --model or --detector, found both")
        flags.detector = flags.detector or flags.model
    flags.detector = flags.detector or default.detector
    flags.model = flags.model or default.classifier
    flags.threads = flags.threads or available_threads()
    return flags


def _measure(flags: argparse.Namespace, walk: Walk) -> tuple[dict[str, Spec], dict[str, Any]]:
    """The models' specs by their key in the report, and the figures."""
    if flags.task == "classifier":
        classifier = _classifier(flags)
        figures = _measure_classifier(flags, classifier, walk)
        if not flags.kinds:
            return {"model": classifier.spec}, figures
        detector = load_detector(flags.detector, flags.threads)
        specs = {"model": classifier.spec, "detector": detector.spec}
        return specs, figures | measure_kinds(classifier, detector, walk, negatives_by_picture())
    if flags.task == "detector":
        detector = load_detector(flags.detector, flags.threads, WHOLE_CURVE)
        threshold = detector.spec.thresholds["score"]
        return {"model": detector.spec}, measure_detector(_shown(flags, detector), threshold, walk)
    classifier = _classifier(flags)
    detector = load_detector(flags.detector, flags.threads, READ_CURVE)
    thresholds = detector.spec.thresholds["score"], pair_threshold(detector.spec, classifier.spec)
    reader = Reader(_shown(flags, detector), classifier, threshold=0.0)
    specs = {"model": classifier.spec, "detector": detector.spec}
    return specs, measure_system(reader, thresholds, walk)


def _classifier(flags: argparse.Namespace) -> SignClassifier:
    classifier = load_classifier(flags.model, flags.threads)
    return classifier if flags.margin is None else classifier.with_margin(flags.margin)


def _shown(flags: argparse.Namespace, detector: Detector) -> Detector:
    return RoiDetector(detector, flags.roi) if flags.roi else detector


def _measure_classifier(
    flags: argparse.Namespace, classifier: SignClassifier, walk: Walk
) -> dict[str, Any]:
    measures = {"corruptions": measure_corruptions, "cameras": measure_cameras}
    wanted = [name for name in PASSES if getattr(flags, name)]
    if not wanted:
        return measure_classifier(classifier, walk)
    sightings = Sightings(walk)
    figures = measure_classifier(classifier, sightings)
    signs = sightings.kept
    for name in wanted:
        line = StatusLine(PASSES[name] * len(signs)) if flags.progress else None
        with closing(line) if line else nullcontext():
            figures |= measures[name](classifier, signs, line)
    return figures


def _identity(spec: Spec) -> dict[str, str]:
    return {"name": spec.name, "version": spec.version, "sha256": spec.sha256}


def choose(dataset: Dataset, name: str | None, limit: int | None) -> tuple[Example, ...]:
    """The pictures of a part of the set, or all; with a limit, that many, spread evenly."""
    examples = part(dataset, name) if name else dataset.examples
    if not examples:
        raise SourceError(f"{dataset.name}: expected pictures, found none")
    if limit is None or limit >= len(examples):
        return tuple(examples)
    return tuple(examples[i] for i in np.linspace(0, len(examples) - 1, limit).round().astype(int))


def check_suits(task: str, dataset: Dataset, examples: Sequence[Example]) -> None:
    """Raise UsageError where these pictures cannot answer the question."""
    if task != "classifier" and dataset.layout in CUT_OUT:
        raise UsageError(
            f"{task}: expected whole pictures (GTSDB or YOLO layout), found {dataset.name}, which "
            f"holds single signs ({dataset.layout} layout)"
        )
    if dataset.classes:
        raise UsageError(
            f"{task}: expected signs of the {COUNT} classes, found {dataset.name} with "
            f"{len(dataset.classes)} classes of its own ({dataset.classes[0]} …)"
        )
    annotations = [each for example in examples for each in example.annotations]
    if not annotations:
        raise UsageError(f"{task}: expected annotated signs, found none in {dataset.name}")
    if task == "detector":
        return
    if not known(annotations):
        raise UsageError(
            f"{task}: expected signs of the {COUNT} classes, found only signs without a class in "
            f"{dataset.name}"
        )
    strange = {each.label for each in known(annotations) if not 0 <= each.label < COUNT}
    if strange:
        raise UsageError(
            f"{task}: expected the classes 0 to {COUNT - 1}, found {min(strange)} in {dataset.name}"
        )


def trained_on(spec: Spec, dataset: Dataset, examples: Sequence[Example]) -> set[str]:
    """The names of those pictures that the model's origin says it was trained on.

    Pictures are told apart as the written-down splits do it: GTSRB by track, GTSDB by number.
    """
    parts = {
        name
        for origin in spec.origin.data
        if origin.get("data") == dataset.layout
        for name in origin.get("parts", ())
    }
    if not parts or is_gtsdb_test(dataset):
        return set()
    split = read_split(dataset.layout)
    return {each.name for each in examples if split.get(each.track or stem(each.name)) in parts}


def is_gtsdb_test(dataset: Dataset) -> bool:
    """Whether this is GTSDB's test part by itself, whose pictures are numbered from 0 again."""
    numbers = sorted(stem(example.name) for example in dataset.examples)
    return dataset.layout == "gtsdb" and numbers == [f"{i:05d}" for i in range(GTSDB_TEST)]


if __name__ == "__main__":
    run_command(main)
