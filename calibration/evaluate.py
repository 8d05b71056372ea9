"""Measures published models through the edge code: `python -m calibration.evaluate --help`.

`classifier`: every annotated sign, cut out and read; `--corruptions` and `--cameras` add what is
left of its accuracy when the picture is bad or another camera took it, `--kinds` whether it refuses
what is none of the 43 signs. `detector`: signs found in whole pictures, all classes as one.
`system`: signs found and read; a class index of a YOLO set is the GTSRB class. For both of these,
`--cross-fit` adds the figures at thresholds that each half of the pictures chooses for the other,
and `--gallery` writes a page of what was missed and what is a false alarm, with the curves.
`sign-free`: what is read in pictures without any sign; `--names` says which those are, where the
set itself does not mark every kind of sign.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

from calibration import report
from calibration.finding import HEIGHTS, detector_figures, latency
from calibration.gallery import gallery_file, write_gallery
from calibration.kinds import measure_kinds, negatives_by_picture
from calibration.operating import cross_fitted_detector, cross_fitted_system
from calibration.pictures import check_suits, choose, spread, warn_of_trained_on
from calibration.places import is_gtsdb_test, known_places
from calibration.reading import measure_classifier
from calibration.robustness import PASSES, Sightings, measure_cameras, measure_corruptions
from calibration.seen import (
    READ_CURVE,
    WHOLE_CURVE,
    ByPicture,
    Seen,
    see_both,
    see_detector,
    see_system,
)
from calibration.sign_free import (
    SIGN_FREE,
    nothing_there,
    read_names,
    sign_free_figures,
    without_a_sign,
)
from calibration.system import Thresholds, system_figures
from calibration.twins import pair_score
from calibration.walk import Walk
from edge.classifier import SignClassifier, load_classifier
from edge.config import Config
from edge.core import Detector
from edge.detector import load_detector
from edge.reader import Reader
from edge.reports import write_json
from edge.roi import RoiDetector, parse_roi
from edge.sinks.files import prove_place
from edge.status import StatusLine
from models.command import CommandParser
from models.errors import UsageError, run_command
from models.processors import available_threads
from models.spec import Spec
from training.datasets import Dataset, Example, open_set

TASKS = ("classifier", "detector", "system", SIGN_FREE)
SUITS = {  # the tasks that a flag is for
    **dict.fromkeys((*PASSES, "kinds"), ("classifier",)),
    **dict.fromkeys(("cross_fit", "gallery"), ("detector", "system")),
    **dict.fromkeys(("heights", "score"), ("detector",)),
    "margin": ("classifier", "system", SIGN_FREE),
    "roi": ("detector", "system", SIGN_FREE),
    "names": (SIGN_FREE,),
}
MAX_MARGIN = 1.0

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = _parse(given)
    page = gallery_file(flags.gallery) if flags.gallery else None
    for target in (flags.json, page):
        if target:
            prove_place(target)
    dataset = open_set(flags.data)
    examples = _examples(flags, dataset)
    if flags.kinds and (dataset.layout != "gtsdb" or is_gtsdb_test(dataset)):
        raise UsageError(f"--kinds: expected GTSDB's training pictures, found {dataset.name}")
    status = StatusLine(len(examples)) if flags.progress else None
    walk = Walk(dataset, examples, status)
    try:
        seen: list[Seen] = []
        if flags.task == "classifier":
            specs, figures = _measure_classifier(flags, walk)
        elif flags.task == SIGN_FREE:
            specs, figures = _measure_sign_free(flags, walk, nothing_there(examples))
        else:
            measure = _measure_detector if flags.task == "detector" else _measure_system
            specs, figures, seen = measure(flags, walk, known_places(dataset, examples))
    finally:
        if status:
            status.close()
    trained = [warn_of_trained_on(spec, dataset, examples) for spec in specs.values()]
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
        "trained_on": len(set().union(*trained)),
        "command": shlex.join(["python", "-m", "calibration.evaluate", *given]),
    }
    print(report.table(result))
    if flags.json:
        write_json(flags.json, result)
    if page:
        write_gallery(page, dataset, seen, result)
        print(f"gallery: {page}")
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
    parser.add_argument(
        "--model", help="the model measured; for system and sign-free the classifier"
    )
    parser.add_argument("--detector", help="the detector, for all but crops")
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
        "--cross-fit",
        action="store_true",
        help="for detector and system: also at thresholds chosen on the other half of the pictures",
    )
    parser.add_argument(
        "--names",
        type=Path,
        metavar="FILE",
        help="for sign-free: only these pictures, one name a line without folder and ending, in "
        "which no sign stands; not given: those in which none is marked",
    )
    parser.add_argument(
        "--gallery",
        type=Path,
        metavar="FOLDER_OR_HTML",
        help="for detector and system: write a page of misses, false alarms and curves, with crops "
        "of the set's pictures: mind their licence before passing it on",
    )
    parser.add_argument(
        "--heights",
        type=_edges,
        metavar="PX,PX,…",
        help="for detector: the edges of the bands of height, in place of "
        + ",".join(map(str, HEIGHTS)),
    )
    parser.add_argument(
        "--score", type=float, help="for detector: answers from this score on, not the model's own"
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
        help="for whole pictures: only TOP,BOTTOM or L,T,R,B of each picture is looked at",
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
    if flags.score is not None and not 0 <= flags.score <= 1:
        raise UsageError(f"--score: expected 0 to 1, found {flags.score}")
    if flags.margin is not None and not 0 <= flags.margin <= MAX_MARGIN:
        raise UsageError(f"--margin: expected 0 to {MAX_MARGIN}, found {flags.margin}")
    _refuse_misplaced(flags)
    if flags.task == "detector":
        if flags.model and flags.detector:
            raise UsageError("detector: expected --model or --detector, found both")
        flags.detector = flags.detector or flags.model
    flags.detector = flags.detector or default.detector
    flags.model = flags.model or default.classifier
    flags.threads = flags.threads or available_threads()
    return flags


def _edges(text: str) -> tuple[int, ...]:
    """`96,260` → (96, 260)."""
    parts = text.split(",")
    edges = tuple(int(part) for part in parts if part.isdecimal())
    if len(edges) < len(parts) or not edges or any(b <= a for a, b in pairwise((0, *edges))):
        raise UsageError(f"--heights: expected ascending pixels such as 96,260, found {text!r}")
    return edges


def _refuse_misplaced(flags: argparse.Namespace) -> None:
    """UsageError for a flag that says nothing for this task."""
    if flags.task == "classifier" and flags.detector and not flags.kinds:
        raise UsageError(
            "--detector: expected for detector, system and --kinds only, found classifier"
        )
    for name, tasks in SUITS.items():
        value = getattr(flags, name)
        given = value is not None and value is not False  # 0 is a value
        if given and flags.task not in tasks:
            words = " and ".join(tasks)
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag}: expected for {words} only, found {flags.task}")


def _examples(flags: argparse.Namespace, dataset: Dataset) -> Sequence[Example]:
    """The pictures that are asked for, where the question suits them."""
    examples = choose(dataset, flags.part)
    check_suits(flags.task, dataset, examples)
    if flags.task == SIGN_FREE:
        names = read_names(flags.names) if flags.names else None
        examples = without_a_sign(dataset, examples, names)
    return spread(examples, flags.limit)


def _measure_detector(
    flags: argparse.Namespace, walk: Walk, places: ByPicture | None
) -> tuple[dict[str, Spec], dict[str, Any], list[Seen]]:
    """The model's spec by its key in the report, the figures, and what they were taken of."""
    detector = load_detector(flags.detector, flags.threads, WHOLE_CURVE)
    seen, seconds = see_detector(_shown(flags, detector), walk, places)
    score = detector.spec.thresholds["score"] if flags.score is None else flags.score
    figures = {**detector_figures(seen, score, flags.heights or HEIGHTS), **latency(seconds)}
    if flags.cross_fit:
        figures["cross_fitted"] = cross_fitted_detector(seen)
    return {"model": detector.spec}, figures, seen


def _measure_system(
    flags: argparse.Namespace, walk: Walk, places: ByPicture | None
) -> tuple[dict[str, Spec], dict[str, Any], list[Seen]]:
    """The same of both models together."""
    classifier = _classifier(flags)
    detector = load_detector(flags.detector, flags.threads, READ_CURVE)
    fused = pair_score(detector.spec, classifier.spec, flags.model)
    thresholds = Thresholds(detector.spec.thresholds["score"], fused)
    seen, found = see_both(_shown(flags, detector), classifier, walk, places)
    figures = system_figures(seen, thresholds)
    if flags.cross_fit:
        figures["cross_fitted"] = cross_fitted_system(seen, found)
    return {"model": classifier.spec, "detector": detector.spec}, figures, seen


def _measure_sign_free(
    flags: argparse.Namespace, walk: Walk, places: ByPicture
) -> tuple[dict[str, Spec], dict[str, Any]]:
    """The specs and what the app reads where no sign is."""
    classifier = _classifier(flags)
    detector = load_detector(flags.detector, flags.threads, None)
    fused = pair_score(detector.spec, classifier.spec, flags.model)
    reader = Reader(_shown(flags, detector), classifier, fused)
    seen = see_system(reader, walk, places)
    return {"model": classifier.spec, "detector": detector.spec}, sign_free_figures(seen)


def _classifier(flags: argparse.Namespace) -> SignClassifier:
    classifier = load_classifier(flags.model, flags.threads)
    return classifier if flags.margin is None else classifier.with_margin(flags.margin)


def _shown(flags: argparse.Namespace, detector: Detector) -> Detector:
    return RoiDetector(detector, flags.roi) if flags.roi else detector


def _measure_classifier(
    flags: argparse.Namespace, walk: Walk
) -> tuple[dict[str, Spec], dict[str, Any]]:
    """The models' specs by their key in the report, and the figures."""
    classifier = _classifier(flags)
    figures = _measure_crops(flags, classifier, walk)
    if not flags.kinds:
        return {"model": classifier.spec}, figures
    detector = load_detector(flags.detector, flags.threads)
    specs = {"model": classifier.spec, "detector": detector.spec}
    return specs, figures | measure_kinds(classifier, detector, walk, negatives_by_picture())


def _measure_crops(
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


if __name__ == "__main__":
    run_command(main)
