"""The only writer of `models/*.tflite` and `models/*.json`: quantise, measure, refuse or publish.

    python -m calibration.publish classifier --run runs/twin --name classifier-twin
    python -m calibration.publish classifier --run runs/classifier --twin classifier-twin
    python -m calibration.publish detector --run runs/detector
    python -m calibration.publish pair

`classifier` and `detector` take the float model of a training run; a classifier that was trained on
all parts comes with the twin that held some out and was measured. `pair` finds the threshold of the
fused score again for the models that are published. Run the classifier first.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from calibration.candidate import Target
from calibration.publish_classifier import publish_classifier
from calibration.publish_detector import STRIDES, pair, publish_detector
from edge.command import CommandParser
from edge.detector import load_detector
from models.errors import UsageError, run_command
from models.spec import FOLDER


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
    parser.add_argument(
        "--twin", help="the held-out twin, published already, of a net trained on all parts"
    )
    parser.add_argument("--size", default="800x448", help="the detector's input, width x height")
    parser.add_argument("--seed", type=int, default=0, help="of the crops that range activations")
    flags = parser.parse(sys.argv[1:])
    if flags.what != "pair" and not flags.run:
        raise UsageError(f"{flags.what}: expected --run, the folder of a training run")
    if flags.seed < 0:
        raise UsageError(f"--seed: expected 0 or more, found {flags.seed}")
    target = Target(
        flags.name or flags.what.replace("pair", "detector"),
        flags.model_version,
        flags.folder,
        flags.seed,
    )
    if flags.what == "classifier":
        path = publish_classifier(flags.run, target, flags.twin)
    elif flags.what == "detector":
        path = publish_detector(flags.run, target, _size(flags.size), flags.classifier)
    else:
        detector = load_detector(str(flags.folder / f"{target.name}.json"), 1)
        data = (flags.folder / detector.spec.file).read_bytes()
        path = pair(detector.spec, data, flags.folder, flags.classifier)
    print(f"published {path}")


if __name__ == "__main__":
    run_command(main)
