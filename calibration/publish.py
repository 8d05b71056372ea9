"""The only writer of `models/*.tflite` and `models/*.json`: quantise, measure, refuse or publish.

    python -m calibration.publish classifier --run runs/twin --name classifier-twin \\
        --seeds runs/twin-1 runs/twin-2
    python -m calibration.publish classifier --run runs/classifier --twin classifier-twin
    python -m calibration.publish detector --run runs/detector --size 1152x640
    python -m calibration.publish detector --run runs/detector --name detector-fast --size 672x384
    python -m calibration.publish pair

`classifier` and `detector` take the float model of a training run; one that was trained on all
parts comes with the twin that held some out and was measured. `pair` finds the threshold of the
fused score again for each detector that is published, or one, and measures it again. Run the
classifier first.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from calibration.candidate import Target
from calibration.publish_classifier import publish_classifier
from calibration.publish_detector import pair_all, publish_detector
from models.command import CommandParser
from models.errors import UsageError, run_command
from models.spec import FOLDER, Spec, load_spec

FIRST_VERSION = "0.1.0"
GOES_WITH = {  # a flag with what is published
    **dict.fromkeys(("seed", "seeds"), ("classifier",)),
    **dict.fromkeys(("run", "twin", "model_version"), ("classifier", "detector")),
    "size": ("detector",),
    "classifier": ("detector", "pair"),
}
COARSEST = 32  # px: the nets halve a picture five times inside, whatever their heads look at


def _size(text: str) -> tuple[int, int]:
    """`800x448` → (800, 448); both must be multiples of the coarsest stride."""
    sides = [int(side) if side.isdecimal() else 0 for side in text.split("x")]
    if len(sides) != 2 or not all(sides) or any(side % COARSEST for side in sides):
        raise UsageError(f"--size: expected WIDTHxHEIGHT, multiples of 32, found {text!r}")
    return sides[0], sides[1]


def _published(folder: Path, name: str) -> Spec | None:
    """The model that is to be replaced, None where there is none; ModelError for a broken one."""
    path = folder / f"{name}.json"
    return load_spec(path) if path.exists() else None


def _next_version(old: Spec | None) -> str:
    """0.1.0 for the first, then 0.2.0 and so on; UsageError after one that is no such version."""
    if old is None:
        return FIRST_VERSION
    numbers = old.version.split(".")
    if len(numbers) < 2 or not all(number.isdecimal() for number in numbers[:2]):
        raise UsageError(f"--model-version: expected one, as {old.version!r} has no next one")
    return f"{numbers[0]}.{int(numbers[1]) + 1}.0"


def _size_of(old: Spec | None, name: str) -> tuple[int, int]:
    """The input of the model that is to be replaced; UsageError where there is none."""
    if old is None:
        raise UsageError(
            f"--size: expected the input's WIDTHxHEIGHT, as no {name} is published yet"
        )
    return old.input.width, old.input.height


def main() -> None:
    os.environ.setdefault("YOLO_OFFLINE", "true")
    parser = CommandParser("calibration.publish", __doc__)
    parser.add_argument("what", choices=("classifier", "detector", "pair"))
    parser.add_argument("--run", type=Path, help="the training run's folder")
    parser.add_argument("--name", help="the model's name, else the command's word; a pair: all")
    parser.add_argument(
        "--model-version", help="the version its JSON names; else the one after that it replaces"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    parser.add_argument("--classifier", default="classifier", help="the detector's partner")
    parser.add_argument(
        "--twin", help="the held-out twin, published already, of a net trained on all parts"
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=Path,
        default=[],
        metavar="RUN",
        help="a classifier's recipe with other seeds, to quote the mean of all",
    )
    parser.add_argument(
        "--size", help="the detector's input, width x height; else that of the one it replaces"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the crops that range activations")
    flags = parser.parse(sys.argv[1:])
    if flags.what != "pair" and not flags.run:
        raise UsageError(f"{flags.what}: expected --run, the folder of a training run")
    for name, goes_with in GOES_WITH.items():
        if getattr(flags, name) != parser.get_default(name) and flags.what not in goes_with:
            flag = "--" + name.replace("_", "-")
            raise UsageError(
                f"{flags.what}: expected no {flag}, which goes with a {' or a '.join(goes_with)}"
            )
    if flags.seed < 0:
        raise UsageError(f"--seed: expected 0 or more, found {flags.seed}")
    name = flags.name or flags.what
    old = _published(flags.folder, name)
    version = flags.model_version or _next_version(old)
    target = Target(name, version, flags.folder, flags.seed)
    if flags.what == "classifier":
        paths = [publish_classifier(flags.run, target, flags.twin, flags.seeds)]
    elif flags.what == "detector":
        size = _size(flags.size) if flags.size else _size_of(old, name)
        paths = [publish_detector(flags.run, target, size, flags.classifier, flags.twin)]
    else:
        paths = pair_all(flags.folder, flags.classifier, flags.name)
    for path in paths:
        print(f"published {path}")


if __name__ == "__main__":
    run_command(main)
