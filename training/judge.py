"""Measures finished nets on a part that neither their training nor any choice has seen.

    python -m training.judge runs/cifar10/residual
    python -m training.judge runs/cifar10/residual runs/cifar10/pooled

Meant for pictures with classes of their own and their `test` folder; signs are measured as the
device reads them, by `calibration.evaluate`. Of several nets the mean of their probabilities is
measured too; with `--mirrored` each net's answer is the mean of those to a picture and to its
mirror image. The answers are left in each run's `judge.npz`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.command import CommandParser
from models.errors import ModelError, UsageError, run_command
from training import datasets
from training.classifier import FINAL
from training.crops import Crops, stack, store
from training.feed import Look, undisturbed
from training.gather import outputs, side_of
from training.nets import load
from training.report.metrics import probabilities
from training.runs import RECIPE, read_json
from training.watched import Answers, margin, read_right, share_and_interval, write_answers

BATCH = 256


def answer(run: Path, part: str, mirrored: bool = False) -> tuple[Answers, list[str]]:
    """What the run's net says of a part of its own data set, and each picture's track.

    `mirrored`: the mean of what it says of each picture and of its mirror image. UsageError for
    signs, which may be others then.
    """
    recipe = read_json(run / RECIPE, dict)["recipe"]
    data = str(recipe["data"])
    dataset = datasets.open_set(data)
    classes = tuple(read_json(run / "classes.json", list))
    if classes != (known := outputs(dataset)):
        raise ModelError(
            f"{run}: expected a net for the {len(known)} classes of "
            f"{dataset.files.path}, found one for {len(classes)} that are not the same"
        )
    if mirrored and not dataset.classes:
        raise UsageError(f"--mirrored: expected pictures of other things than signs, found {data}")
    examples = datasets.part(dataset, part)
    crops = _read(data, part)
    look = Look(str(recipe["colour"]), str(recipe["contrast"]))
    net = load(run / FINAL)
    images = undisturbed(crops, look, margin(data), net.input_shape[1])
    names = tuple(example.name for example in examples)
    views = [images, images[:, :, ::-1]] if mirrored else [images]
    answers = [Answers(_logits(net, view), crops.labels, names, part) for view in views]
    return together(answers), [e.track or e.name for e in examples]


def _logits(net: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    batches = (images[n : n + BATCH].astype(np.float32) for n in range(0, len(images), BATCH))
    return np.concatenate([keras.ops.convert_to_numpy(net(batch)) for batch in batches])


@lru_cache(maxsize=1)
def _read(data: str, part: str) -> Crops:
    """All pictures of the part; several nets are asked about the same."""
    dataset = datasets.open_set(data)
    examples = datasets.part(dataset, part)
    bar = tqdm(examples, desc=part, unit="", mininterval=5)
    side = side_of(data, dataset)
    images = [store(dataset.read(e), e.annotations[0].box, side) for e in bar]
    return stack(images, [e.annotations[0].label for e in examples])


def together(each: Sequence[Answers]) -> Answers:
    """The mean of several answers' probabilities for the same pictures, as logits.

    Of one its own. ModelError where they were not asked about the same pictures.
    """
    first = each[0]
    if len(each) == 1:
        return first
    for other in each[1:]:
        if other.names != first.names or (other.labels != first.labels).any():
            raise ModelError(
                f"expected nets for the same {len(first.names)} pictures, such as "
                f"{first.names[0]}, found one for {len(other.names)}, such as {other.names[0]}"
            )
    mean = np.mean([probabilities(a.logits) for a in each], axis=0)
    mean = np.log(np.maximum(mean, np.finfo(np.float32).tiny))
    return first._replace(logits=mean.astype(np.float32))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the share read right, and leave the answers beside each net."""
    parser = CommandParser("training.judge", __doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="the folders of finished runs")
    parser.add_argument("--part", default="judge", help="of the runs' data (%(default)s)")
    parser.add_argument(
        "--mirrored", action="store_true", help="ask about mirror images as well, take the mean"
    )
    flags = parser.parse(arguments)
    found = []
    for run in flags.runs:
        answers, groups = answer(run, flags.part, flags.mirrored)
        write_answers(run / f"{flags.part}.npz", answers)
        _show(str(run), answers, groups)
        found.append(answers)
    if len(found) > 1:
        _show("together", together(found), groups)


def _show(name: str, answers: Answers, groups: Sequence[str]) -> None:
    top1, (low, high) = share_and_interval(read_right(answers.logits, answers.labels), groups)
    print(
        f"{name}, {answers.part}: top1 {100 * top1:.2f} % [{100 * low:.2f}, {100 * high:.2f}] of "
        f"{len(groups)} pictures"
    )


if __name__ == "__main__":
    run_command(main)
