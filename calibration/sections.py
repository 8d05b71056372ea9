"""The lines of a report on whole pictures: by size, category and class, and the honest figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWN_CLASSES = 10  # the worst; the JSON has all
HEADINGS = {
    "small": "signs below 32 px of height",
    "ignoring_foreign": "without answers on what only a person has marked",
    "sign_free": "pictures without any sign",
    "cross_fitted": "at thresholds that the other half of the pictures chose",
}


def whole_pictures(report: Mapping[str, Any]) -> Iterator[str]:
    """Whatever of it the report has; nothing for a classifier's."""
    for key, heading in HEADINGS.items():
        if key in report:
            yield from _block(heading, report[key])
    yield from _rows("by height in the picture", "height", report.get("by_height", ()))
    yield from _rows("by GTSDB's categories", "category", report.get("by_category", ()))
    if "macro_f1" in report and "by_category" in report:
        yield from _classes(report["per_class"])


def _block(heading: str, figures: Mapping[str, Any]) -> Iterator[str]:
    yield heading + "".join(
        f", {figures[key]} {word}"
        for key, word in (("n_images", "pictures"), ("n_boxes", "signs"), ("n_places", "places"))
        if key in figures
    )
    for key, value in figures.items():
        if isinstance(value, float):
            low_high = figures["intervals"].get(key)
            interval = "   {:.4f} – {:.4f}".format(*low_high) if low_high else ""
            yield f"  {key:<24}{value:8.4f}{interval}"
    for name, (low, high) in figures.get("thresholds", {}).items():
        yield f"  {'threshold, ' + name:<24}{'':8}   {low:.4f} – {high:.4f}"
    if "ignoring_foreign" in figures:  # of the cross-fitted ones
        inner = figures["ignoring_foreign"]
        for key in ("precision", "f1", "false_alarms_per_image"):
            low, high = inner["intervals"][key]
            yield f"  … {key:<22}{inner[key]:8.4f}   {low:.4f} – {high:.4f}   ignoring foreign"


def _rows(heading: str, key: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not rows:
        return
    columns = [name for name in rows[0] if name not in (key, "n")]
    yield f"{heading:<26}signs" + "".join(f"{SHORT.get(name, name):>10}" for name in columns)
    for row in rows:
        unit = " px" if key == "height" else ""
        cells = (
            f"{row[name]:10.4f}" if row[name] is not None and _asked(name, row) else f"{'–':>10}"
            for name in columns
        )
        yield f"  {row[key] + unit:>14}{row['n']:15}" + "".join(cells)


SHORT = {"false_alarms_per_image": "false/pic"}


def _asked(name: str, row: Mapping[str, Any]) -> bool:
    """Without signs there is no recall; false alarms there are all the same."""
    return bool(row["n"]) or name == "false_alarms_per_image"


def _classes(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    worst = sorted((row for row in rows if row["f1"] < 1), key=lambda row: (row["f1"], -row["n"]))
    there = sum(row["n"] > 0 for row in rows)
    yield f"classes: {there} occur, {len(worst)} with a mistake" + (
        "                signs precision    recall        f1" if worst else ""
    )
    for row in worst[:SHOWN_CLASSES]:
        cells = "".join(f"{row[key]:10.4f}" for key in ("precision", "recall", "f1"))
        yield f"  {row['name']:<42}{row['n']:4}{cells}"
