"""The data sets for training and validation, and their written-down splits."""

from __future__ import annotations

import argparse
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from models.command import CommandParser, StrictParser
from models.errors import SourceError, run_command
from training import census, chart, fetch, split
from training.examples import Annotation, Dataset, Example, Layout
from training.files import folder, stem
from training.folders import PART_FOLDERS
from training.layouts import open_dataset
from training.progress import progress

__all__ = [
    "Annotation",
    "Dataset",
    "Example",
    "Layout",
    "data_root",
    "gtsdb",
    "gtsrb",
    "learnt_of_yolo",
    "open_dataset",
    "open_set",
    "part",
]

GTSRB_PLACES = (
    "gtsrb/GTSRB_Final_Training_Images.zip",
    "gtsrb/GTSRB_Final_Training_Images",
    "gtsrb/GTSRB/Final_Training/Images",
    "gtsrb/Final_Training/Images",
    "GTSRB/Final_Training/Images",
    "GTSRB_Final_Training_Images.zip",
    "GTSRB_Final_Training_Images",
)
GTSDB_PLACES = (
    "gtsdb/TrainIJCNN2013.zip",
    "gtsdb/TrainIJCNN2013",
    "TrainIJCNN2013.zip",
    "TrainIJCNN2013",
    "gtsdb/FullIJCNN2013.zip",
    "gtsdb/FullIJCNN2013",
    "FullIJCNN2013.zip",
    "FullIJCNN2013",
)
GTSDB_TRAINING = 600  # pictures 00000 … 00599 of the full set; the others are its test part
CHART = Path("out")

log = logging.getLogger(__name__)


def data_root() -> Path:
    """Where data sets are looked for: `$SIGN_DATA`, else `data/` in the current folder."""
    return Path(os.environ.get("SIGN_DATA") or "data")


def gtsrb(warn: bool = True) -> Dataset:
    """GTSRB's training part under `data_root()`, without the track that is in its test part too."""
    found = _open_first("GTSRB's training part", "gtsrb", GTSRB_PLACES, warn)
    return found.only(lambda example: example.track != split.ALSO_IN_TEST)


def gtsdb(warn: bool = True) -> Dataset:
    """GTSDB's training part under `data_root()`, taken out of the full set if need be."""
    found = _open_first("GTSDB's training part", "gtsdb", GTSDB_PLACES, warn)
    return found.only(lambda example: stem(example.name) < f"{GTSDB_TRAINING:05d}")


def open_set(name: str, warn: bool = True) -> Dataset:
    """`gtsrb` and `gtsdb` are their training parts under `data_root()`; all else is a path.

    `warn`: log the set's problems, for a caller that does not tell them itself.
    """
    known = {"gtsrb": gtsrb, "gtsdb": gtsdb}
    return known[name](warn) if name in known else _told(open_dataset(Path(name)), warn)


def _told(dataset: Dataset, warn: bool) -> Dataset:
    for problem in dataset.problems if warn else ():
        log.warning("%s: %s", dataset.files.path, problem)
    return dataset


def _open_first(what: str, name: str, places: tuple[str, ...], warn: bool) -> Dataset:
    root = data_root()
    for place in places:
        if (root / place).exists():
            dataset = open_dataset(root / place)
            if dataset.layout != name:
                raise SourceError(
                    f"{root / place}: expected {what}, found the layout {dataset.layout!r}"
                )
            return _told(dataset, warn)
    raise SourceError(
        f"{what}: expected {root / places[0]} or another of its usual places, found none; get it "
        f"with `python -m training.datasets fetch {name}`, or set SIGN_DATA to what holds {name}/"
    )


def part(dataset: Dataset, name: str) -> tuple[Example, ...]:
    """The examples of one part, in the set's order.

    GTSRB has the parts train, choose and judge, GTSDB train and judge, as written down. A set with
    one folder a class has those that its folders train, val (choose) and test (judge) make; where
    none is for choosing, a tenth of what there is to train on is drawn by lot. `SourceError` if
    the set has no such part, or holds something the written-down split does not know: that is
    another set then.
    """
    if dataset.layout == "folders":
        name = PART_FOLDERS.get(name, name)
        parts = _folder_parts(dataset)
    else:
        parts = [_part_of(dataset, example) for example in dataset.examples]
    found = tuple(e for e, its in zip(dataset.examples, parts, strict=True) if its == name)
    if not found:
        names = ", ".join(sorted(set(parts)))
        raise SourceError(f"{dataset.files.path}: expected a part of {names}, found {name!r}")
    return found


def learnt_of_yolo(examples: Sequence[Example]) -> Sequence[Example]:
    """What a training takes of a YOLO set: what lies below its folder `train`, all without one."""
    return [each for each in examples if "train" in _named_parts(each)] or examples


def _named_parts(example: Example) -> set[str | None]:
    """The parts that the folders above a picture name: `Images/Training/1.jpg` is in train."""
    return {PART_FOLDERS.get(each.casefold()) for each in folder(example.name).split("/")}


def _folder_parts(dataset: Dataset) -> list[str]:
    """The part of each example of a set with one folder a class."""
    parts = [example.part for example in dataset.examples]
    if any(parts) and not all(parts):
        outside = dataset.examples[parts.index("")].name
        raise SourceError(
            f"{dataset.files.path}: expected every class folder below train, val or test, or none, "
            f"found {outside}"
        )
    if "choose" in parts:
        return parts
    pool = [example for example in dataset.examples if example.part in ("", "train")]
    drawn = split.split_pictures(pool, split.DEFAULT_SEED)
    return [drawn.get(example.name, example.part) for example in dataset.examples]


def _part_of(dataset: Dataset, example: Example) -> str:
    key = example.track if dataset.layout == "gtsrb" else stem(example.name)
    try:
        return split.read_split(dataset.layout)[key]
    except KeyError:
        raise SourceError(
            f"{dataset.files.path}: {example.name} is in no part of the {dataset.layout} split: "
            "expected the official training part"
        ) from None


def _check(arguments: argparse.Namespace) -> int:
    dataset = open_set(arguments.data, warn=False)
    print(census.headline(dataset, census.count(dataset)))
    with progress("check", len(dataset.examples), "pictures") as advance:
        faults = census.faults(dataset, advance)
    for note in dataset.notes:
        print(f"note: {note}")
    for fault in faults:
        print(f"fault: {fault}")
    print(f"{len(faults)} faults" if faults else "in order")
    return SourceError.exit_code if faults else 0


def _describe(arguments: argparse.Namespace) -> None:
    dataset = open_set(arguments.data)
    counts = census.count(dataset)
    path = arguments.output or CHART / f"{dataset.name}.png"
    chart.draw_chart(census.headline(dataset, counts), counts, path)
    print(census.headline(dataset, counts))
    print(census.table(counts))
    print(f"drawn: {path}")


def _split(arguments: argparse.Namespace) -> None:
    for name in arguments.sets or ("gtsrb", "gtsdb"):
        path = split.write_split(open_set(name), arguments.seed)
        sizes = Counter(split.read_split(name).values())
        print(f"{path}: " + ", ".join(f"{its} {size}" for its, size in sorted(sizes.items())))


def _fetch(arguments: argparse.Namespace) -> None:
    origin = fetch.ORIGINS[arguments.set]
    for archive in origin.archives:
        if arguments.test or not archive.test:
            folder = (arguments.to or data_root()) / arguments.set
            print(fetch.fetch(archive, arguments.base or origin.base, folder))


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run one command; the exit code of `SourceError` where `check` finds faults."""
    parser = CommandParser(
        "training.datasets", "Read, check, describe, divide and fetch data sets."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=StrictParser)
    data = "gtsrb, gtsdb (their training parts), a folder or a zip"

    check = commands.add_parser("check", help="read every picture and say what is wrong")
    check.add_argument("data", metavar="DATA", help=data)
    check.set_defaults(run=_check)

    describe = commands.add_parser("describe", help="count classes and sizes, and draw them")
    describe.add_argument("data", metavar="DATA", help=data)
    describe.add_argument("-o", "--output", type=Path, metavar="PNG", help="the picture to write")
    describe.set_defaults(run=_describe)

    divide = commands.add_parser("split", help="write training/splits anew")
    divide.add_argument(
        "sets", nargs="*", metavar="SET", help="gtsrb, gtsdb; both if none is named"
    )
    divide.add_argument(
        "--seed", type=int, default=split.DEFAULT_SEED, help="of the draw (%(default)s)"
    )
    divide.set_defaults(run=_split)

    get = commands.add_parser("fetch", help="download from the official address")
    get.add_argument("set", choices=sorted(fetch.ORIGINS))
    get.add_argument("--test", action="store_true", help="the official test part too")
    get.add_argument("--to", type=Path, metavar="DIR", help="instead of $SIGN_DATA or data/")
    get.add_argument("--base", metavar="URL", help="instead of the official address")
    get.set_defaults(run=_fetch)

    arguments = parser.parse(argv)
    run: Callable[[argparse.Namespace], int | None] = arguments.run
    return run(arguments)


if __name__ == "__main__":
    run_command(main)
