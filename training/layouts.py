"""Pictures with signs in them, read from the layouts that people have them in."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path
from posixpath import basename
from typing import NamedTuple

from models.errors import SourceError
from training.examples import Annotation, Dataset, Example, Layout
from training.files import Files, folder, stem
from training.folders import class_folders
from training.yolo import yolo_folders

GTSDB_TRUTH = "gt.txt"
GTSRB_TEST_TRUTH = "GT-final_test.csv"
GTSRB_TEST_UNLABELLED = "GT-final_test.test.csv"
GTSRB_TEST_ZIP = "GTSRB_Final_Test_GT.zip"
OFFICIAL_FOLDERS = frozenset(
    {
        *("Final_Test", "GTSRB", "GTSRB_Final_Test_Images"),
        *("TestIJCNN2013", "TestIJCNN2013Download", "FullIJCNN2013"),
    }
)
GTSRB_TABLE = re.compile(r"GT-(\d{5}|final_test)\.csv")
TAR = re.compile(r"\.(tar(\.\w+)?|tgz|txz|tbz2?)$", re.IGNORECASE)
EXPECTED = (
    "expected GTSRB (GT-*.csv beside the pictures), GTSDB (gt.txt beside the pictures), "
    "YOLO (images/ and labels/) or one folder a class"
)


def open_dataset(path: Path) -> Dataset:
    """The data set in a folder or a zip, in whichever known layout it is.

    `SourceError` if it is in none of them, holds several, or its labels cannot be read.
    """
    _refuse_tar(path)
    files = Files(path)
    if not files.pictures and not files.is_zip:
        zips = sorted(path.glob("*.zip"))
        for other in path.iterdir() if not zips else ():
            _refuse_tar(other)
        if len(zips) == 1:
            files = Files(zips[0])
        elif zips:
            names = ", ".join(item.name for item in zips)
            raise SourceError(f"{path}: expected one data set, found several: name one of {names}")
    if not files.pictures:
        raise SourceError(f"{files.path}: {EXPECTED}, found no pictures at all")
    for read in (_gtsdb, _gtsrb, yolo_folders, class_folders):
        dataset = read(files)
        if dataset:
            return dataset
    raise SourceError(f"{files.path}: {EXPECTED}, found pictures in none of these layouts")


def _refuse_tar(path: Path) -> None:
    """A tar archive can only be read from its start to its end: far too slow, so not read here."""
    if TAR.search(path.name) and path.is_file():
        place = path.with_name(TAR.sub("", path.name))
        raise SourceError(
            f"{path}: expected a folder or a zip, found a tar archive; unpack it with "
            f"`mkdir -p {place} && tar xf {path} -C {place}` and name {place}"
        )


class _Row(NamedTuple):
    """One line of an annotation file: the picture it names and the sign in it."""

    picture: str
    annotation: Annotation
    track: str = ""


def _gtsdb(files: Files) -> Dataset | None:
    truths = [name for name in files.names if basename(name) == GTSDB_TRUTH]
    if len(truths) > 1:
        raise SourceError(
            f"{files.path}: expected one data set, found several: name the folder of one of "
            + ", ".join(truths)
        )
    if truths:
        pictures = _beside_or_below(files, folder(truths[0]))
        return _join("gtsdb", files, pictures, _gtsdb_rows(files, truths[0]))
    outside = next(_around(files.path, GTSDB_TRUTH), None) if _numbered(files) else None
    if outside is None:
        return None
    return _join("gtsdb", files, files.pictures, _gtsdb_rows(Files(outside.parent), outside.name))


def _beside_or_below(files: Files, place: str) -> tuple[str, ...]:
    """Pictures beside the annotations, else one folder deeper.

    The folders 00 … 42 beside GTSDB's annotations are cut-out signs, not street pictures.
    """
    beside = tuple(name for name in files.pictures if folder(name) == place)
    if beside:
        return beside
    return tuple(
        name
        for name in files.pictures
        if folder(folder(name)) == place and not basename(folder(name)).isdigit()
    )


def _gtsdb_rows(files: Files, name: str) -> Iterator[_Row]:
    for number, line in enumerate(files.text(name), 1):
        if not line.strip():
            continue
        fields = line.strip().split(";")
        try:
            left, top, right, bottom, label = (int(field) for field in fields[1:])
        except ValueError as error:
            raise SourceError(
                f"{files.path}: {name} line {number}: expected file;left;top;right;bottom;class, "
                f"found {line.strip()!r}"
            ) from error
        yield _Row(basename(fields[0]), _annotation(left, top, right, bottom, label))


def _gtsrb(files: Files) -> Dataset | None:
    tables = [n for n in files.names if GTSRB_TABLE.fullmatch(basename(n))]
    test = [n for n in tables if basename(n) == GTSRB_TEST_TRUTH]
    training = [n for n in tables if n not in test]
    if (training and test) or len(test) > 1:
        raise SourceError(
            f"{files.path}: expected one data set, found several: name the folder of one of "
            + ", ".join((*test, *(folder(n) for n in training[:1])))
        )
    if training:
        found = {name: list(_gtsrb_rows(files, name, tracks=True)) for name in training}
        places = {folder(name) for name in training}
        pictures = tuple(name for name in files.pictures if folder(name) in places)
        dataset = _join("gtsrb", files, pictures, [row for rows in found.values() for row in rows])
        empty = [folder(name) for name, rows in found.items() if not rows]
        return _with_empty(dataset, [*empty, *_bare_classes(files, places)])
    truth = (files, test[0]) if test else _gtsrb_test_truth(files)
    if truth is None:
        return None
    return _join("gtsrb", files, files.pictures, _gtsrb_rows(*truth, tracks=False))


def _bare_classes(files: Files, places: Set[str]) -> list[str]:
    """The class folders beside `places` that hold no table of their pictures."""
    beside = {folder(place) for place in places}
    return [
        name
        for name in files.folders
        if basename(name).isdigit() and folder(name) in beside and name not in places
    ]


def _with_empty(dataset: Dataset, empty: Sequence[str]) -> Dataset:
    problems = tuple(f"{name}: expected pictures of a class, found none" for name in sorted(empty))
    return replace(dataset, problems=(*dataset.problems, *problems))


def _gtsrb_test_truth(files: Files) -> tuple[Files, str] | None:
    """The labels of the test pictures where they came separately; None if these are not them."""
    bare = any(basename(name) == GTSRB_TEST_UNLABELLED for name in files.names)
    if not bare and not _numbered(files):
        return None
    for name in (GTSRB_TEST_TRUTH, f"{Path(GTSRB_TEST_ZIP).stem}/{GTSRB_TEST_TRUTH}"):
        for outside in _around(files.path, name):
            return Files(outside.parent), outside.name
    for packed in _around(files.path, GTSRB_TEST_ZIP):
        inside = Files(packed)
        for name in inside.names:
            if basename(name) == GTSRB_TEST_TRUTH:
                return inside, name
    if bare:
        raise SourceError(
            f"{files.path}: expected {GTSRB_TEST_TRUTH} (from {GTSRB_TEST_ZIP}) beside the "
            f"pictures, found only {GTSRB_TEST_UNLABELLED}, which holds no classes"
        )
    return None


def _numbered(files: Files) -> bool:
    """Whether all pictures lie in one folder and are called 00000, 00001, … as the official are.

    A folder whose own name is a number is a class folder.
    """
    places = {(files.path / folder(name)).name for name in files.pictures}
    numbers = all(re.fullmatch(r"\d{5}", stem(name)) for name in files.pictures)
    return numbers and len(places) == 1 and not places.pop().isdigit()


def _around(path: Path, name: str) -> Iterator[Path]:
    """Files of that name in the folder around a set, or further up if that is an official one."""
    place = path.resolve()
    while True:
        place = place.parent
        if (place / name).is_file():
            yield place / name
        if place.name not in OFFICIAL_FOLDERS:
            return


def _gtsrb_rows(files: Files, name: str, tracks: bool) -> Iterator[_Row]:
    reader = csv.DictReader(files.text(name), delimiter=";")
    for number, row in enumerate(reader, 2):
        try:
            x1, y1, x2, y2, label = (
                int(row[key]) for key in ("Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")
            )
            picture = row["Filename"].strip()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceError(
                f"{files.path}: {name} line {number}: expected "
                f"Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId, found {row}"
            ) from error
        annotation = _annotation(x1, y1, x2, y2, label)
        if tracks:
            track = f"{label:05d}/{stem(picture).split('_')[0]}"
            yield _Row(f"{folder(name)}/{picture}", annotation, track)
        else:
            yield _Row(picture, annotation)


def _annotation(left: int, top: int, right: int, bottom: int, label: int) -> Annotation:
    """The official files name the last column and row inside the box."""
    return Annotation((float(left), float(top), float(right + 1), float(bottom + 1)), label)


def _join(layout: Layout, files: Files, pictures: tuple[str, ...], rows: Iterable[_Row]) -> Dataset:
    """Pictures and annotation lines brought together by the name without its suffix.

    Annotation files of the original data name `.ppm`; converted copies are pictures all the same.
    Where lines give only a file name, the folder of the pictures does not matter.
    """
    rows = list(rows)
    whole = any("/" in row.picture for row in rows)

    def key(name: str) -> str:
        return f"{folder(name)}/{stem(name)}" if whole else stem(name)

    by_picture: dict[str, list[_Row]] = {}
    for row in dict.fromkeys(rows):
        by_picture.setdefault(key(row.picture), []).append(row)
    examples, again, seen = [], [], set()
    for name in pictures:
        if key(name) in seen:
            again.append(name)
            continue
        seen.add(key(name))
        found = by_picture.pop(key(name), [])
        track = found[0].track if found else ""
        examples.append(Example(name, tuple(row.annotation for row in found), track))
    if not any(example.annotations for example in examples):
        raise SourceError(
            f"{files.path}: expected pictures that the annotations name, found none of "
            f"{len(by_picture)} (the first is {next(iter(by_picture), 'missing too')})"
        )
    notes = [
        f"annotation given {count} times, read once: {row.picture}"
        for row, count in Counter(rows).items()
        if count > 1
    ]
    problems = []
    if again:
        problems.append(
            f"{len(again)} pictures are there with another suffix too, the first: {again[0]}"
        )
    if layout == "gtsdb":  # the official gt.txt holds both parts, whichever lies beside it
        other = [key for key in by_picture if not min(seen) <= key <= max(seen)]
        if other:
            notes.append(f"{len(other)} annotated pictures of another part, not looked for")
        by_picture = {key: rows for key, rows in by_picture.items() if key not in other}
    if by_picture:
        problems.append(
            f"{len(by_picture)} annotated pictures are missing, the first: {next(iter(by_picture))}"
        )
    bare = [e.name for e in examples if not e.annotations]
    if layout == "gtsrb" and bare:
        problems.append(f"{len(bare)} pictures have no annotation, the first: {bare[0]}")
        examples = [e for e in examples if e.annotations]
    return Dataset(files.path.stem, layout, files, tuple(examples), tuple(notes), tuple(problems))
