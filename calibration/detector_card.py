"""The published detectors' figures as the tables of docs/detector.md, a column for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from calibration.classifier_card import share, span
from models.spec import Spec

MISSING = "–"  # of a model that was published before this was measured

Cell = Callable[[Spec], str]


def detector_card(specs: Sequence[Spec]) -> Iterator[str]:
    """The tables line by line; KeyError and the like where a model lacks a figure."""
    yield from _table("on the judged pictures", _figures(), specs)
    yield ""
    yield "Brackets are 95 % intervals over pictures."
    yield ""
    for part, words in (("judge", "the detector"), ("system", "both models, the right class")):
        for rows, key, name in (
            ("by_height", "height", "height in the picture, px"),
            ("by_category", "category", "category"),
        ):
            tables = [{row[key]: row for row in spec.metrics[part][rows]} for spec in specs]
            yield from _by(f"{name}: {words}", tables, specs)
            yield ""
    yield "```"
    for spec in specs:
        yield spec.metrics["judge"]["command"]
        yield spec.metrics["system"]["command"]
    yield "```"
    yield ""


def _table(title: str, rows: Mapping[str, Cell], specs: Sequence[Spec]) -> Iterator[str]:
    yield f"| {title} | {' | '.join(f'`{spec.name}`' for spec in specs)} |"
    yield "|---" * (len(specs) + 1) + "|"
    for words, cell in rows.items():
        yield f"| {words} | {' | '.join(cell(spec) for spec in specs)} |"


def _figures() -> dict[str, Cell]:
    judge, system = ("judge",), ("system",)
    honest = ("ignoring_foreign",)
    return {
        "input, strides": lambda s: (
            f"{s.input.width}×{s.input.height}, " + "/".join(map(str, s.output.strides))
        ),
        "**AP50**, all signs as one": _interval(judge, "ap50"),
        "… ignoring foreign signs": _interval(judge + honest, "ap50"),
        "AP50-95": _interval(judge, "ap50_95"),
        "AP50-95, ignoring foreign signs": _interval(judge + honest, "ap50_95"),
        "AP50 of signs below 32 px": _interval((*judge, "small"), "ap50"),
        "recall of the detector, cross-fitted": _interval((*judge, "cross_fitted"), "recall"),
        "… at so many false alarms a picture (foreign signs ignored)": _number(
            (*judge, "cross_fitted", *honest), "false_alarms_per_image"
        ),
        "**both, 43 classes: F1**, cross-fitted": _interval((*system, "cross_fitted"), "f1"),
        "… recall": _interval((*system, "cross_fitted"), "recall"),
        "… false alarms a picture": _number((*system, "cross_fitted"), "false_alarms_per_image"),
        "mean F1 of the classes": _interval(system, "macro_f1"),
        "mAP50 of GTSDB's three categories": _interval(system, "map50"),
        "false readings a picture without any sign": _free,
        "int8 against float: AP50": _loss("ap50"),
        "… AP50-95": _loss("ap50_95"),
        "… AP50 of signs below 32 px": _loss("ap50", "small"),
        "file, multiply-adds": _size,
        "one picture on one thread, on two": _time,
        "threshold of the detector, of the pair": lambda s: (
            f"{s.thresholds['score']}, " + (str(s.pair.score) if s.pair else MISSING)
        ),
        "measured on its twin": lambda s: s.origin.twin.partition(",")[0] or "no, itself",
    }


def _at(spec: Spec, path: Sequence[str]) -> Mapping[str, Any]:
    found: Any = spec.metrics
    for key in path:
        found = found[key]
    return dict(found)


def _interval(path: Sequence[str], key: str) -> Cell:
    def cell(spec: Spec) -> str:
        figures = _at(spec, path)
        return f"{share(figures[key])} {span(figures['intervals'][key])}"

    return cell


def _number(path: Sequence[str], key: str) -> Cell:
    def cell(spec: Spec) -> str:
        figures = _at(spec, path)
        low, high = figures["intervals"][key]
        return f"{figures[key]:.3f} [{low:.2f}, {high:.2f}]"

    return cell


def _free(spec: Spec) -> str:
    figures = _at(spec, ("system", "cross_fitted", "sign_free"))
    if not figures["n_images"]:
        return MISSING
    low, high = figures["intervals"]["false_readings_per_image"]
    value = figures["false_readings_per_image"]
    return f"{value:.3f} [{low:.2f}, {high:.2f}] of {figures['n_images']}"


def _loss(key: str, where: str = "") -> Cell:
    def cell(spec: Spec) -> str:
        figures = spec.metrics["quantisation"]
        figures = figures.get(where) if where else figures
        if not figures:
            return MISSING
        return f"{share(figures[key]['float'])}, {share(figures[key]['int8'])}"

    return cell


def _size(spec: Spec) -> str:
    cost = spec.metrics.get("cost")
    if not cost:
        return MISSING
    return f"{cost['bytes'] / 1e6:.2f} MB, {cost['multiply_adds'] / 1e9:.2f} G"


def _time(spec: Spec) -> str:
    cost = spec.metrics.get("cost")
    return f"{cost['ms_one_thread']:.1f} ms, {cost['ms_two_threads']:.1f} ms" if cost else MISSING


def _by(
    title: str, tables: Sequence[Mapping[str, Mapping[str, Any]]], specs: Sequence[Spec]
) -> Iterator[str]:
    """Recall at the operating point, and false alarms where they have such a size or class."""
    yield f"| {title} | signs | {' | '.join(f'`{spec.name}`' for spec in specs)} |"
    yield "|---" * (len(specs) + 2) + "|"
    for name, first in tables[0].items():
        cells = (_recall(table.get(name)) for table in tables)
        yield f"| {name} | {first['n']} | {' | '.join(cells)} |"


def _recall(row: Mapping[str, Any] | None) -> str:
    if not row:
        return MISSING
    recall = share(row["recall"]) if row["n"] else MISSING
    if "false_alarms_per_image" not in row:
        return recall
    return f"{recall}, {row['false_alarms_per_image']:.2f} false a picture"
