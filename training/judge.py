"""Measures finished nets on a part of their pictures, such as one that no training has seen.

    python -m training.judge runs/cifar10/pooled-wide
    python -m training.judge runs/cifar10/pooled-wide runs/cifar10/pooled-taught
    python -m training.judge runs/ablation/base-0 --part watched --corrupted

Meant for pictures with classes of their own and their `test` folder; published sign readers are
measured as the device reads with them, by `calibration.evaluate`. Of several nets the mean of their
probabilities is measured too; with `--mirrored` each net's answer is the mean of those to a picture
and to its mirror image. With `--corrupted` each picture is spoilt by one of twelve corruptions,
which take turns. `--part watched` are the pictures that the run was watched on. The answers are
left in each run's folder, as `judge.npz`, `watched-corrupted.npz` and so on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.command import CommandParser
from models.errors import ModelError, SourceError, UsageError, run_command
from training import datasets
from training.classifier import FINAL, Recipe
from training.corruptions import SEVERITY, in_turn
from training.crops import Crops
from training.feed import Look, undisturbed
from training.gather import learnt_parts, outputs, read_crops, side_of
from training.report.metrics import probabilities
from training.runs import CLASSES, RECIPE, needed, read_json, refuse_no_folder
from training.watched import (
    FILE,
    WATCHED,
    Answers,
    answers_file,
    margin,
    read_answers,
    read_right,
    share_and_interval,
    write_answers,
)

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

BATCH = 256


class View(NamedTuple):
    """How the pictures are shown. `mirrored`: the answer is the mean of what the net says of each
    picture and of its mirror image; `corrupted`: as `training.corruptions.in_turn` spoils them."""

    mirrored: bool = False
    corrupted: bool = False


PLAINLY = View()


def answer(run: Path, part: str, view: View = PLAINLY) -> tuple[Answers, list[str]]:
    """What the run's net says of a part of its own data set, and each picture's track.

    UsageError for mirrored signs, which may be others then.
    """
    recipe = read_json(run / RECIPE, dict)["recipe"]
    data = str(recipe["data"])
    if part in learnt_parts(recipe.get("parts", Recipe.parts), recipe.get("folds", 0)):
        log.warning("%s has learnt from the pictures of %s: its figures say nothing", run, part)
    dataset = datasets.open_set(data)
    classes = tuple(read_json(run / CLASSES, list))
    if classes != (known := outputs(dataset)):
        raise ModelError(
            f"{run}: expected a net for the {len(known)} classes of "
            f"{dataset.files.path}, found one for {len(classes)} that are not the same"
        )
    if view.mirrored and not dataset.classes:
        raise UsageError(f"--mirrored: expected pictures of other things than signs, found {data}")
    names = read_answers(run / FILE).names if part == WATCHED else None
    crops, seen, tracks = _read(data, part, names)
    with needed("asking a net"):
        from training.nets import load  # noqa: PLC0415 – takes seconds to load
    net = load(run / FINAL)
    images = undisturbed(crops, Look("rgb", "none"), margin(data), net.input_shape[1])
    if view.corrupted:
        images = np.stack(in_turn(images, SEVERITY))
    look = Look(str(recipe["colour"]), str(recipe["contrast"]))
    images = np.stack([look(image) for image in images])
    shown = [images, images[:, :, ::-1]] if view.mirrored else [images]
    answers = [Answers(_logits(net, each), crops.labels, seen, part) for each in shown]
    return together(answers), list(tracks)


def _logits(net: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    import keras  # noqa: PLC0415

    batches = (images[n : n + BATCH].astype(np.float32) for n in range(0, len(images), BATCH))
    return np.concatenate([keras.ops.convert_to_numpy(net(batch)) for batch in batches])


@lru_cache(maxsize=2)  # several nets are asked about the same, those of two folds in turns
def _read(
    data: str, part: str, names: tuple[str, ...] | None
) -> tuple[Crops, tuple[str, ...], tuple[str, ...]]:
    """All signs of the pictures of a part, or of those named: crops, and the picture and the track
    of each; SourceError for a name that is not in the data set."""
    dataset = datasets.open_set(data)
    examples = datasets.part(dataset, part) if names is None else _named(dataset, names)
    crops, found = read_crops(dataset, examples, side_of(data, dataset), part)
    track = {example.name: example.track or example.name for example in examples}
    return crops, tuple(found), tuple(track[name] for name in found)


def _named(dataset: datasets.Dataset, names: Sequence[str]) -> list[datasets.Example]:
    """Each once, in the order in which they are named."""
    known = {example.name: example for example in dataset.examples}
    if unknown := [name for name in names if name not in known]:
        raise SourceError(
            f"{dataset.files.path}: expected the pictures that a run was watched on, found no "
            f"{unknown[0]}"
        )
    return [known[name] for name in dict.fromkeys(names)]


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
    parser.add_argument(
        "--corrupted", action="store_true", help=f"spoil each picture, at severity {SEVERITY} of 5"
    )
    flags = parser.parse(arguments)
    if flags.part == WATCHED and (flags.mirrored or not flags.corrupted):
        raise UsageError(f"--part {WATCHED}: expected --corrupted alone, the rest is in {FILE}")
    for run in flags.runs:
        refuse_no_folder(run)
    found = []
    for run in flags.runs:
        answers, signs = answer(run, flags.part, View(flags.mirrored, flags.corrupted))
        write_answers(run / answers_file(flags.part, flags.corrupted), answers)
        _show(str(run), answers, signs)
        found.append(answers)
    if len(found) > 1 and flags.part != WATCHED:  # which may be others for each
        _show("together", together(found), signs)


def _show(name: str, answers: Answers, signs: Sequence[str]) -> None:
    top1, (low, high) = share_and_interval(read_right(answers.logits, answers.labels), signs)
    print(
        f"{name}, {answers.part}: top1 {100 * top1:.2f} % [{100 * low:.2f}, {100 * high:.2f}] of "
        f"{len(signs)} pictures"
    )


if __name__ == "__main__":
    run_command(main)
