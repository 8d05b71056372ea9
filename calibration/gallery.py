"""A page to look at, in one file: what was missed, what is a false alarm, and the curves.

It holds crops of the set's pictures, so it is written only where the user says.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from calibration import categories, curves, exhibits, finding, system
from calibration.exhibits import Exhibit
from calibration.matching import pool
from calibration.metrics import Bools
from calibration.seen import Seen, reaches
from edge.core import Image
from models.errors import OutputError
from training.datasets import Dataset

PAGE = "gallery.html"
MOST = 200  # exhibits of a kind: a page of more is no longer looked at
TWO_IOUS = np.array([0.5, 0.75])
SHOWN = ("ap50", "ap50_95", "map50", "precision", "recall", "f1", "macro_f1", "foreign_per_image")
STYLE = """
:root{--ink:#212529;--faint:#6e767d;--line:#dde1e5;--paper:#fff;--card:#f8f9fa}
@media(prefers-color-scheme:dark){:root{--ink:#e9ecef;--faint:#9aa4ad;--line:#3a4148;--paper:#16191c;
--card:#1f2428}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;
max-width:1180px;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.2rem 0 .2rem}
p{margin:.2rem 0 .8rem;color:var(--faint)}
dl{display:flex;flex-wrap:wrap;gap:.4rem 1.8rem;margin:1rem 0}dt{color:var(--faint);font-size:.8rem}
dd{margin:0;font-size:1.15rem;font-variant-numeric:tabular-nums}dd small{color:var(--faint)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:14px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:6px;
overflow:hidden}
figure img{width:100%;display:block;aspect-ratio:1}
figcaption{padding:.45rem .6rem .6rem;font-size:.82rem;color:var(--faint);overflow-wrap:anywhere}
figcaption b{display:block;color:var(--ink);font-size:.92rem}
.curve{max-width:100%;border:1px solid var(--line);border-radius:6px;background:#fff}
i{font-style:normal;font-weight:600}.g{color:#3caa3c}.r{color:#d73232}.a{color:#eb9614}
"""


class Section(NamedTuple):
    title: str
    about: str
    exhibits: list[Exhibit]


def gallery_file(target: Path) -> Path:
    """The page's file: `target` itself if it is named .html, else gallery.html in that folder.

    The folder is made where it is missing; OutputError where it cannot be.
    """
    path = target if target.suffix == ".html" else target / PAGE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made: {error.strerror}") from error
    return path


def write_gallery(
    path: Path, dataset: Dataset, seen: Sequence[Seen], report: Mapping[str, Any]
) -> None:
    """Write all of it under another name, then rename. Raises OutputError."""
    sections, lines = _detector(seen, report) if "threshold" in report else _system(seen, report)
    point = curves.Point(report["recall"], report["precision"])
    drawn = curves.draw([each for each in lines if each], point)
    images = _Images(dataset)
    text = "".join(_page(report, drawn, sections, images))
    part = path.with_suffix(".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _detector(
    seen: Sequence[Seen], report: Mapping[str, Any]
) -> tuple[list[Section], list[curves.Line | None]]:
    least = report["threshold"]
    operating = [reaches(each, least, least) for each in seen]
    sections = [
        Section(
            "Missed signs",
            "The largest first. A green box is the sign.",
            _collect(exhibits.missed_by_detector, seen, operating),
        ),
        Section(
            "False alarms",
            f"From a score of {least} on, the surest first. A red box is the answer.",
            _collect(exhibits.false_of_detector, seen, operating),
        ),
    ]
    looks, honest = (
        [finding.look(s, o.astype(float), ignoring) for s, o in zip(seen, operating, strict=True)]
        for ignoring in (False, True)
    )
    answers = pool(looks, TWO_IOUS)
    lines = [
        curves.line("IoU 0.5", answers),
        curves.line("IoU 0.75", answers, 1),
        curves.line("signs below 32 px, IoU 0.5", pool(looks, TWO_IOUS, finding.SMALL)),
    ]
    if "ignoring_foreign" in report:
        lines.append(curves.line("ignoring foreign signs, IoU 0.5", pool(honest, TWO_IOUS)))
    return sections, lines


def _system(
    seen: Sequence[Seen], report: Mapping[str, Any]
) -> tuple[list[Section], list[curves.Line | None]]:
    least = report["thresholds"]
    operating = [reaches(each, least["detector"], least["fused"]) for each in seen]
    sections = [
        Section(
            "Missed or misread signs",
            "The largest first. A green box is the sign; below it stands what was said there.",
            _collect(exhibits.missed_by_system, seen, operating),
        ),
        Section(
            "False alarms",
            "Named as one of the 43 where that sign is not, the surest first.",
            _collect(exhibits.false_of_system, seen, operating),
        ),
        Section(
            "Shown as unknown where nothing is marked",
            "Neither hit nor false alarm in the figures; on a picture without signs a false "
            "reading.",
            _collect(exhibits.unknown_of_system, seen, operating),
        ),
    ]
    weights = [each.astype(float) for each in operating]
    looks = [system.look(s, o) for s, o in zip(seen, weights, strict=True)]
    lines = [curves.line("box and class right", pool(looks, system.AT_IOU))]
    for place, name in enumerate(categories.JUDGED):
        answers = system.category_answers(seen, weights, place)
        lines.append(curves.line(f"{name}, box and category right", answers))
    return sections, lines


def _collect(
    find: Callable[[Seen, Bools], Iterator[Exhibit]],
    seen: Sequence[Seen],
    operating: Sequence[Bools],
) -> list[Exhibit]:
    return [found for s, o in zip(seen, operating, strict=True) for found in find(s, o)]


class _Images:
    """The pictures of a set by their example; the latest is kept, as neighbours often share it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._kept: dict[str, Image] = {}

    def of(self, seen: Seen) -> Image:
        name = seen.example.name
        if name not in self._kept:
            self._kept = {name: self._dataset.read(seen.example)}
        return self._kept[name]


def _page(
    report: Mapping[str, Any], drawn: bytes, sections: Sequence[Section], images: _Images
) -> Iterator[str]:
    models = [report[key] for key in ("detector", "model") if key in report]
    names = " + ".join(f"{model['name']} {model['version']}" for model in models)
    data = report["data"]
    part = f", part {data['part']}" if data["part"] else ""
    yield '<!doctype html><html lang="en"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>{escape(names)}</title><style>{STYLE}</style>"
    yield f"<h1>{escape(names)}</h1><p>{escape(data['name'] + part)}: {report['n_images']} "
    yield f"pictures, {report['n_boxes']} signs. <code>{escape(report['command'])}</code></p><dl>"
    for key in (*SHOWN, "false_alarms_per_image"):
        if key in report:
            low, high = report["intervals"][key]
            yield f"<div><dt>{key}</dt><dd>{report[key]:.3f} "
            yield f"<small>{low:.3f} – {high:.3f}</small></dd></div>"
    yield '</dl><p>In the crops: <i class="g">signs</i>, <i class="r">the answer</i>, '
    yield '<i class="a">what only a person has marked</i>.</p><h2>Precision and recall</h2>'
    yield f'<img class="curve" alt="curves" src="{_uri("png", drawn)}">'
    for section in sections:
        shown = exhibits.worst(section.exhibits, MOST)
        count = f"{len(section.exhibits)}" + (
            f", the first {MOST}" if len(section.exhibits) > MOST else ""
        )
        yield f"<h2>{escape(section.title)} ({count})</h2><p>{escape(section.about)}</p>"
        yield '<div class="cards">'
        yield from (_card(each, images) for each in shown)
        yield "</div>"
    yield "</html>\n"


def _card(each: Exhibit, images: _Images) -> str:
    uri = _uri("jpeg", exhibits.picture(each, images.of(each.seen)))
    words = "<br>".join(escape(word) for word in (*each.words, each.seen.example.name) if word)
    return (
        f'<figure><img loading="lazy" alt="" src="{uri}"><figcaption><b>{escape(each.title)}</b>'
        f"{words}</figcaption></figure>"
    )


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
