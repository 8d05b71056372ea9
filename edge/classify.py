"""Read pictures that are already cropped signs: what each is, and the next two guesses.

Pictures that cannot be read are warned of and skipped; exit code 3 if none could be read.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from edge.classifier import load_classifier
from edge.config import load, meaning
from edge.core import Image, Reading
from edge.sources import SourceOptions
from edge.sources.pictures import is_picture, natural_key, read_picture
from models.command import CommandParser
from models.errors import SourceError, run_command
from models.signs import label_names, sign_class

log = logging.getLogger(__name__)

THREADS = 1  # one crop is half a millisecond of work: too little to be shared
GUESSES = 2  # after the first
COLUMNS = ("file", "class_id", "label", "probability", "kind")


class Guess(NamedTuple):
    """One of the classifier's outputs and its probability."""

    label: str
    probability: float


class Answer(NamedTuple):
    """One picture and what it was read as; `label` is "unknown" or "background" where refused."""

    file: str
    reading: Reading

    @property
    def label(self) -> str:
        if self.reading.kind == "background":
            return self.reading.kind
        return sign_class(self.reading.label).name

    def next_guesses(self) -> list[Guess]:
        """The likeliest outputs that are not the answer itself, best first."""
        names = label_names()
        probabilities = self.reading.probabilities
        order = np.argsort(-probabilities, kind="stable")
        own = {"sign": self.label, "foreign": "foreign", "background": "background"}
        guesses = [Guess(names[i], float(probabilities[i])) for i in order]
        return [g for g in guesses if g.label != own[self.reading.kind]][:GUESSES]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, load, read one picture after the other."""
    parser = CommandParser("edge.classify", __doc__)
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE|FOLDER")
    parser.add_argument("--classifier", metavar="NAME", help=meaning("classifier"))
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON array, one object a line")
    form.add_argument("--csv", action="store_true", help=f"a table: {','.join(COLUMNS)}")
    flags = parser.parse(arguments)
    config = load(None, {"classifier": flags.classifier} if flags.classifier else {})
    paths = find_pictures(flags.pictures)
    classifier = load_classifier(config.classifier, THREADS)
    answers = (
        Answer(path.as_posix(), classifier.classify_crop(image))
        for path, image in read_all(paths, SourceOptions().max_pixels)
    )
    if isinstance(sys.stdout, io.TextIOWrapper):  # names need not be UTF-8, JSON has to be
        sys.stdout.reconfigure(errors="replace" if flags.json else "surrogateescape")
    write = write_json if flags.json else write_csv if flags.csv else write_text
    write(answers, sys.stdout)


def find_pictures(arguments: Sequence[Path]) -> list[Path]:
    """The pictures named, and all those in and below the folders named, in natural order.

    SourceError for a folder without any.
    """
    paths: list[Path] = []
    for argument in arguments:
        try:
            if not argument.is_dir():
                paths.append(argument)
                continue
            found = sorted(filter(is_picture, argument.rglob("*")), key=natural_key)
        except OSError as error:  # too long, or not ours to look at
            raise SourceError(f"{argument} cannot be opened: {error.strerror}") from error
        if not found:
            raise SourceError(f"no pictures in {argument} or below it")
        paths += found
    return paths


def read_all(paths: Sequence[Path], max_pixels: int) -> Iterator[tuple[Path, Image]]:
    """Each picture that can be read, BGR; one warning for each of the others.

    SourceError where not one can be read.
    """
    failed = 0
    for path in paths:
        try:
            image = read_picture(path, max_pixels)
        except SourceError as error:
            if len(paths) == 1:
                raise
            log.warning("skipped: %s", error)
            failed += 1
            continue
        yield path, image
    if failed == len(paths):
        raise SourceError(f"none of the {failed} pictures can be read")


def write_text(answers: Iterable[Answer], file: TextIO) -> None:
    """One line a picture, for people."""
    for answer in answers:
        others = ", ".join(f"{g.label} {g.probability:.1%}" for g in answer.next_guesses())
        print(
            f"{answer.file}: {answer.label} {answer.reading.score:.1%}   (or {others})", file=file
        )


def write_json(answers: Iterable[Answer], file: TextIO) -> None:
    """One array; each object stands on a line of its own and is written as soon as it is known."""
    before = "["  # with the first, which may never come
    for answer in answers:
        row = {**as_row(answer), "guesses": [g._asdict() for g in answer.next_guesses()]}
        file.write(f"{before}\n{json.dumps(row, ensure_ascii=False)}")
        before = ","
    file.write("[\n]\n" if before == "[" else "\n]\n")


def write_csv(answers: Iterable[Answer], file: TextIO) -> None:
    """A table with a heading; `class_id` is -1 for what is refused."""
    table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(as_row(answer) for answer in answers)


def as_row(answer: Answer) -> dict[str, str | int | float]:
    """The answer by the names of COLUMNS."""
    reading = answer.reading
    values = (answer.file, reading.label, answer.label, round(reading.score, 6), reading.kind)
    return dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    run_command(main)
