"""Puts the report together: one HTML page that needs nothing else, and its pictures as files."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from models.errors import OutputError
from models.imaging import CROP_SIZE
from training.datasets import open_set
from training.progress import progress
from training.report import sections
from training.report.attention import load_net
from training.report.findings import find
from training.report.material import Run
from training.report.pictures import Cut, look
from training.report.record import Record
from training.watched import margin

PAGE = "report.html"
FOLDER = "report"


class Picture(NamedTuple):
    """A picture of the report: what its file is called, what it shows, and itself for the page."""

    name: str
    about: str
    uri: str


class Album:
    """Keeps every picture as a file in `folder` and as a data URI for the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for old in folder.glob("*.png"):
            old.unlink()  # a picture of an earlier report would be taken for one of this

    def add(self, name: str, about: str, png: bytes) -> Picture:
        (self.folder / f"{name}.png").write_bytes(png)
        return Picture(name, about, "data:image/png;base64," + base64.b64encode(png).decode())


def write_report(record: Record) -> Path:
    """Draw and write everything; the page's path. OutputError where it cannot be written."""
    net = load_net(record.net, len(record.classes)) if record.net else None
    cut = Cut(net.input_shape[1] if net else CROP_SIZE, margin(record.data))
    dataset = open_set(record.data)
    watched = record.watched
    with progress("pictures", len(watched.names), "pictures") as advance:
        pictures = look(dataset, watched.names, watched.labels, cut, advance)
    run = Run(record, net, dataset, pictures, find(watched, pictures.groups))
    path = record.folder / PAGE
    try:
        folder = record.folder / FOLDER
        folder.mkdir(exist_ok=True)
        text = _render(sections.all_sections(run, Album(folder)))
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    return path


def _render(content: dict[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("training.report", "."),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["number"] = "{:,}".format
    return environment.get_template("page.html").render(content)


def percent(share: float, digits: int = 2) -> str:
    """`99.72`: a share in per cent, without the sign."""
    return f"{100 * share:.{digits}f}"
