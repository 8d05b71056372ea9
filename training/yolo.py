"""YOLO's layout: pictures below images/, a text file of boxes for each below labels/."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path, PurePosixPath

from models.errors import SourceError
from models.signs import COUNT, UNKNOWN_SIGN
from training.examples import Annotation, Dataset, Example
from training.files import Files, folder
from training.folders import plain_name, sign_labels

YOLO_TABLES = ("data.yaml", "data.yml", "dataset.yaml")
Corners = tuple[float, float, float, float]


def yolo_folders(files: Files) -> Dataset | None:
    """`…/images/…/<picture>` with `…/labels/…/<picture>.txt`; None where there is no such thing.

    A picture without a label file, or with an empty one, has no sign, which is noted. The class
    index is the class id, unless data.yaml names every class as the sign table does: then the name
    decides. With one class only, its signs are of unknown class.
    """
    pictures = [name for name in files.pictures if "images" in PurePosixPath(folder(name)).parts]
    tables = [name for name in files.names if PurePosixPath(name).name in YOLO_TABLES]
    known = frozenset(files.names)
    lines = {
        name: _lines(files, label) if (label := _label_file(name)) in known else []
        for name in pictures
    }
    if not pictures or not (tables or any(_label_file(name) in known for name in pictures)):
        return None
    names = _class_names(files.text(tables[0]).read()) if tables else {}
    labels = _yolo_labels(names, {index for rows in lines.values() for index, _ in rows})
    examples, problems = [], []
    notes = _without_labels(lines, known)
    for name, rows in lines.items():
        unique = tuple(dict.fromkeys(rows))
        if len(unique) < len(rows):
            notes.append(f"{len(rows) - len(unique)} annotations given twice, read once: {name}")
        try:
            width, height = files.size(name) if unique else (0, 0)
        except SourceError as error:
            problems.append(str(error).removeprefix(f"{files.path}: "))
            unique = ()
        annotations = tuple(
            Annotation(_pixels(box, width, height), labels.get(index, index))
            for index, box in unique
        )
        examples.append(Example(name, annotations))
    left = known - {_label_file(name) for name in pictures}
    alone = sorted(n for n in left if n.endswith(".txt") and "labels" in Path(n).parts[:-1])
    if alone:
        problems.append(f"{len(alone)} label files have no picture, the first: {alone[0]}")
    return Dataset(
        files.path.stem,
        "yolo",
        files,
        tuple(examples),
        tuple(notes),
        tuple(problems),
        labels=len(names) if names and not labels else COUNT,
    )


def _without_labels(lines: Mapping[str, Sequence[object]], known: Set[str]) -> list[str]:
    """A note for empty label files, and one for pictures that have none."""
    empty = [name for name, rows in lines.items() if not rows and _label_file(name) in known]
    bare = [name for name in lines if _label_file(name) not in known]
    return [
        f"{len(found)} pictures {words}, so no sign, the first: {found[0]}"
        for found, words in ((empty, "with an empty label file"), (bare, "without a label file"))
        if found
    ]


def _label_file(name: str) -> str:
    """`train/labels/a.txt` of `train/images/a.jpg`: the last folder `images` counts."""
    parts = list(PurePosixPath(name).with_suffix(".txt").parts)
    place = len(parts) - 2 - parts[-2::-1].index("images")
    return "/".join((*parts[:place], "labels", *parts[place + 1 :]))


def _pixels(box: Corners, width: int, height: int) -> Corners:
    """YOLO's centre and size as fractions → x1, y1, x2, y2."""
    x, y, w, h = box
    return (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height


def _lines(files: Files, name: str) -> list[tuple[int, Corners]]:
    rows = []
    for number, line in enumerate(files.text(name), 1):
        if not line.strip():
            continue
        try:
            index, x, y, w, h = line.split()
            rows.append((int(index), (float(x), float(y), float(w), float(h))))
        except ValueError as error:
            raise SourceError(
                f"{files.path}: {name} line {number}: expected class x y width height, "
                f"found {line.strip()!r}"
            ) from error
    return rows


def _yolo_labels(names: dict[int, str], used: set[int]) -> dict[int, int]:
    """YOLO class index → class id, where the two differ."""
    if len(names) == 1 or (not names and used == {0}):
        return {0: UNKNOWN_SIGN.id}
    known = sign_labels()
    plain = {index: plain_name(name) for index, name in names.items()}
    named = {index: known[name] for index, name in plain.items() if name in known}
    return named if len(named) == len(names) else {}


def _class_names(text: str) -> dict[int, str]:
    """`names:` of a data.yaml, as a list or as a map, inline or one a line; {} if it has none."""
    found = re.search(r"^names:[ \t]*(.*(?:\n(?:[ \t-].*)?)*)", text, re.MULTILINE)
    if not found:
        return {}
    body = re.sub(r"(?m)(^|\s)#.*$", "", found[1]).strip()
    items = body.strip("[]{}").split(",") if body[:1] in "[{" else body.splitlines()
    names = [item.strip().removeprefix("- ").strip() for item in items if item.strip()]
    mapped = [re.match(r"(\d+)\s*:\s*(.*)", name) for name in names]
    if names and all(mapped):
        return {int(match[1]): match[2].strip(" \"'") for match in mapped if match}
    return {index: name.strip(" \"'") for index, name in enumerate(names)}
