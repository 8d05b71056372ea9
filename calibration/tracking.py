"""How well signs are followed in moving pictures, detecting in every frame, every second, third …

    python -m calibration.tracking --seeds 1 4 5 --stills 50

Drives are drawn once, into the user's cache (`training.drive`, a quarter of an hour each; 1 is the
bundled one). The stills are held-out pictures, each driven into for a moment; where a model was
trained on all pictures, its twin reads them.
Every clip is looked at once; the line then follows its signs at each pace.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibration.clips import DEMO_SEED, Clip, drive, stills
from calibration.following import FROM_PX, POINTS, figures, summed
from calibration.pictures import warn_of_trained_on
from calibration.replay import Glance, replay, watch
from calibration.twins import held_out, pair_score
from edge.bench import identity
from edge.config import Config
from edge.core import Classifier, Detector, Frame
from edge.line import follow, load_models
from edge.pipeline import Pipeline
from edge.reports import write_json
from edge.sinks.files import prove_place
from edge.sparse import SparseDetector
from edge.status import StatusLine
from models.command import CommandParser
from models.errors import UsageError, run_command
from training.datasets import gtsdb, part

PACES = (1, 2, 3)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, look, follow, print."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = parse(given)
    if flags.json:
        prove_place(flags.json)
    config = Config(detector=flags.detector, classifier=flags.classifier, threads=flags.threads)
    models = load_models(config)
    specs = {"detector": models.detector.spec, "classifier": models.classifier.spec}
    fused = pair_score(models.detector.spec, models.classifier.spec, config.classifier)
    clips = [(drive(seed, flags.seconds), models) for seed in flags.seeds]
    if flags.stills:
        dataset = gtsdb()
        examples = part(dataset, "judge")[: flags.stills]
        names = {"detector": held_out(config.detector), "classifier": held_out(config.classifier)}
        strangers = load_models(replace(config, **names))
        for key, each in (("detector", strangers.detector), ("classifier", strangers.classifier)):
            warn_of_trained_on(each.spec, dataset, examples)
            specs[f"{key}_of_stills"] = each.spec
        clips.append((stills(dataset, examples), strangers))
    seen = [(clip, _watched(clip, own.detector, own.classifier)) for clip, own in clips]
    result = {
        "clips": {clip.name: _paces([(clip, each)], config, fused) for clip, each in seen},
        "all": _paces(seen, config, fused),
        **{key: identity(spec) for key, spec in specs.items()},
        "command": shlex.join(["python", "-m", "calibration.tracking", *given]),
    }
    print(table(result))
    if flags.json:
        write_json(flags.json, result)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags, checked; UsageError for clips there cannot be."""
    default = Config()
    parser = CommandParser("calibration.tracking", __doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[DEMO_SEED], help="drives")
    parser.add_argument("--seconds", type=float, help="only the beginning of every drive")
    parser.add_argument(
        "--stills", type=int, default=0, metavar="N", help="so many of GTSDB's held-out pictures"
    )
    for name in ("detector", "classifier"):
        parser.add_argument(f"--{name}", default=getattr(default, name), metavar="NAME")
    parser.add_argument("--threads", type=int, default=default.threads, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    flags = parser.parse(arguments)
    if flags.stills < 0 or not (flags.stills or flags.seeds):
        raise UsageError(f"--stills: expected 1 or more, or --seeds, found {flags.stills}")
    if any(seed < 0 for seed in flags.seeds):
        raise UsageError(f"--seeds: expected 0 or more, found {min(flags.seeds)}")
    if flags.seconds is not None and not flags.seconds > 0:
        raise UsageError(f"--seconds: expected more than 0, found {flags.seconds:g}")
    return flags


def _watched(clip: Clip, detector: Detector, classifier: Classifier) -> list[Glance]:
    status = StatusLine(clip.count)

    def ticking() -> Iterator[Frame]:
        for done, frame in enumerate(clip.frames(), start=1):
            yield frame
            status.update(done, clip.name)

    with closing(status):
        return watch(ticking(), detector, classifier)


def _paces(
    seen: Sequence[tuple[Clip, Sequence[Glance]]], config: Config, fused: float
) -> dict[str, Any]:
    """Detecting in every n-th frame → the figures of these clips together."""
    result = {}
    for every in PACES:
        runs = []
        for clip, glances in seen:

            def line(detector: Detector, classifier: Classifier, every: int = every) -> Pipeline:
                return follow(SparseDetector(detector, every), classifier, config, fused)

            scenes, events = replay(glances, line)
            runs.append(figures(scenes, events, clip.truth, clip.signs_only))
        result[str(every)] = summed(runs)
    return result


COLUMNS = (  # heading, width, what stands below it
    ("right", 10, lambda f: f"{f['right']}/{f['signs']}"),
    ("foreign", 9, lambda f: f"{f['foreign_told']}/{f['foreign']}"),
    ("events/sign", 13, lambda f: _number(f["events_per_sign"], 3)),
    ("false/min", 11, lambda f: _number(f["false_events_per_minute"], 2)),
    ("switches", 10, lambda f: str(f["identity_switches"])),
    ("delay, s", 14, lambda f: _pair(f["delay_s"], 2)),
    ("at height, px", 15, lambda f: _pair(f["height_px"], 0)),
    ("iou between", 13, lambda f: _number(f["iou_between"], 2)),
)


def table(result: Mapping[str, Any]) -> str:
    """The figures for people; two numbers in a column are the median and the 95th percentile."""
    names = [*result["clips"], *(["all"] if len(result["clips"]) > 1 else [])]
    first = max(len(name) for name in names) + 2
    head = "".join(f"{heading:>{width}}" for heading, width, _ in COLUMNS)
    lines = [
        f"{result['detector']['name']} {result['detector']['version']} + "
        f"{result['classifier']['name']} {result['classifier']['version']}; "
        f"delay: from {FROM_PX:g} px high to told",
        f"{'clip':<{first}}  n{head}",
    ]
    for name in names:
        for every, found in (result["all"] if name == "all" else result["clips"][name]).items():
            cells = "".join(f"{cell(found):>{width}}" for _, width, cell in COLUMNS)
            lines.append(f"{name:<{first}}{every:>3}{cells}")
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _pair(values: Mapping[str, float] | None, digits: int) -> str:
    if values is None:
        return "–"
    return " / ".join(f"{values[f'p{point}']:.{digits}f}" for point in POINTS)


if __name__ == "__main__":
    run_command(main)
