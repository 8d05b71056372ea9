"""Data sets with one folder a class: cut-out signs, or pictures of anything else by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

from models.errors import SourceError
from models.signs import COUNT, UNKNOWN_SIGN, sign_table
from training.examples import Annotation, Dataset, Example
from training.files import Files, folder

UNKNOWN_NAMES = frozenset({"foreign", "unknown"})  # a road sign, but none of the 43
PART_FOLDERS = {  # what lies above the class folders, and the part that it is
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "choose"),
    **dict.fromkeys(("test", "testing"), "judge"),
}


def class_folders(files: Files) -> Dataset | None:
    """`<class>/<picture>`, or `train/<class>/<picture>` beside `test/` and `val/`.

    Each picture shows one thing, its box the whole picture. Where the folders are named by the
    numbers or names of signs, `unknown` and `foreign` being class -1, they hold signs; else their
    sorted names are the set's own classes. None if the pictures lie in no folders, or in one that
    is no sign; `SourceError` for a mixture that looks like a mistake. A class folder without
    pictures is a problem.
    """
    names = {place: PurePosixPath(place).name for place in map(folder, files.pictures)}
    different = sorted(set(names.values()))
    if len(different) == 1 and sign_label(different[0]) is None and not different[0].isdecimal():
        return None
    parts = {place: part_of(place) for place in names}
    _check_places(files, names, parts)
    classes = _own_classes(files, different)
    labels = {name: place for place, name in enumerate(classes)}
    examples, problems = [], []
    for name in files.pictures:
        place = folder(name)
        label = labels[names[place]] if classes else sign_label(names[place])
        assert label is not None
        try:
            width, height = files.size(name)
        except SourceError as error:
            problems.append(str(error).removeprefix(f"{files.path}: "))
            continue
        whole = Annotation((0, 0, width, height), label)
        examples.append(Example(name, (whole,), part=parts[place]))
    problems += [
        f"expected pictures in the class folder {place}, found none"
        for place in _without_pictures(files, set(names))
        if classes or sign_label(PurePosixPath(place).name) is not None
    ]
    learnt = {names[place] for place, part in parts.items() if part == "train"}
    problems += [
        f"expected pictures of {name} to train on, found them in other parts only"
        for name in (different if learnt else ())
        if name not in learnt
    ]
    return Dataset(files.path.stem, "folders", files, tuple(examples), (), tuple(problems), classes)


def part_of(place: str) -> str:
    """train, choose or judge, by the nearest folder above a class folder that names one; else ''"""
    above = (PART_FOLDERS.get(each.casefold()) for each in reversed(place.split("/")[:-1]))
    return next((part for part in above if part), "")


def _check_places(files: Files, names: Mapping[str, str], parts: Mapping[str, str]) -> None:
    """`SourceError` where pictures lie beside the class folders instead of in one."""
    top = next((name for name in files.pictures if folder(name) == "."), None)
    if top:
        raise SourceError(f"{files.path}: expected every picture in a class folder, found {top}")
    bare = sorted(place for place, name in names.items() if name.casefold() in PART_FOLDERS)
    if bare and (len(bare) == len(names) or any(parts.values())):
        raise SourceError(
            f"{files.path}: expected one folder a class in {bare[0]}, found pictures without"
        )


def _without_pictures(files: Files, places: AbstractSet[str]) -> list[str]:
    """The folders beside the class folders that hold neither pictures nor other folders."""
    beside = {folder(place) for place in places}
    inner = {folder(place) for place in files.folders} | places
    return [place for place in files.folders if folder(place) in beside and place not in inner]


def _own_classes(files: Files, names: list[str]) -> tuple[str, ...]:
    """The names, if they are none of signs; `()` if all are.

    A number among signs, or some other name where most are signs, is a mistake.
    """
    strange = [name for name in names if sign_label(name) is None]
    known = [name for name in names if sign_label(name) is not None]
    if not strange:
        return ()
    numbers = [name for name in known if name.isdecimal()]
    outside = next((name for name in strange if name.isdecimal()), None)
    if outside and (numbers or len(names) == 1):
        raise SourceError(
            f"{files.path}: expected folders 0 to {COUNT - 1} for the {COUNT} signs, found "
            f"{outside}: a label outside the table"
        )
    if numbers or len(known) > len(strange):
        raise SourceError(
            f"{files.path}: expected folders named by sign numbers or names like {known[0]}, or "
            f"none of them so, found {strange[0]}"
        )
    return tuple(names)


def sign_label(name: str) -> int | None:
    """The class of a folder's name: its number, whatever its leading zeros, or its sign's name.

    None for any other name, and for a number outside the table.
    """
    if name.isdecimal():
        return int(name) if int(name) < COUNT else None
    return sign_labels().get(plain_name(name))


def sign_labels() -> Mapping[str, int]:
    """Class id by the sign's plain name; -1 by `foreign` and `unknown`."""
    known = {plain_name(sign.name): sign.id for sign in sign_table()}
    return known | dict.fromkeys(UNKNOWN_NAMES, UNKNOWN_SIGN.id)


def plain_name(name: str) -> str:
    """A name as it is compared: without case, signs and underscores."""
    return " ".join(re.split(r"[\W_]+", name.casefold())).strip()
