"""What each section of the page shows: numbers ready to print, and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.signs import COUNT
from training.report import charts, examples, findings, gallery, metrics, pictures
from training.report.material import Album, Run
from training.report.matrix import confusion_chart

EXPLAINED = 6  # examples of either kind under Grad-CAM


def all_sections(run: Run, album: Album) -> dict[str, Any]:
    """The whole content of the page, by the names that page.html uses."""
    worst = findings.worst_mistakes(run.found, run.pictures)
    typical = findings.typical_examples(run.found, run.pictures, EXPLAINED)
    return {
        "run": run.record.folder.resolve().name,
        "record": run.record,
        "found": run.found,
        "missing": int((~run.pictures.found).sum()),
        "head": headline(run),
        "data": data(run, album),
        "curves": curves(run, album),
        "classes": classes(run),
        "matrix": matrix(run, album),
        "pairs": examples.pairs(run, album),
        "mistakes": examples.mistakes(run, album, worst),
        "calibration": calibration(run, album),
        "bands": bands(run, album),
        "features": examples.features(run, album, typical[:1] + worst[:1]),
        "attention": examples.grad_cams(run, album, typical, worst[:EXPLAINED]),
        "int8": int8(run, album),
    }


def headline(run: Run) -> dict[str, Any]:
    log, recipe = run.record.log, run.record.recipe
    learnt = str(recipe.get("parts", "")).split("+")
    return {
        "trained_on": not recipe.get("folds")
        and ("all" in learnt or run.record.watched.part in learnt),
        "parameters": run.net.count_params() if run.net else None,
        "signs": len(set(run.pictures.groups)),
        "mistakes": int((~run.found.right).sum()),
        "forced": findings.forced_choice(run.record),
        "error": metrics.calibration_error(run.found.reliability),
        "tempered": metrics.calibration_error(run.found.tempered),
        "tracked": len(set(run.pictures.groups)) < len(run.found.truth),
        "size": run.pictures.crops.shape[1],
        "epochs": len(log),
        "minutes": sum(entry.get("seconds", 0.0) for entry in log) / 60,
    }


def data(run: Run, album: Album) -> dict[str, Any]:
    names, looked = run.record.classes, run.pictures
    census = pictures.census(run.dataset, len(names))
    counts = np.sum(list(census.counts.values()), axis=0)
    sizes = np.concatenate(list(census.sizes.values()))
    present = counts[counts > 0]
    shown = [row.label for row in run.found.classes]
    found = [examples.clear_picture(run, label) for label in shown]
    sheet = [(looked.crops[n], names[run.found.truth[n]]) for n in found if n is not None]
    one_size = float(sizes.min()) == float(sizes.max())
    return {
        "name": "GTSRB" if run.record.data == "gtsrb" else run.dataset.name,
        "parts": [(part, int(its.sum())) for part, its in census.counts.items()],
        "total": int(counts.sum()),
        "classes": len(present),
        "fewest": int(present.min()),
        "most": int(present.max()),
        "size": float(np.median(sizes)),
        "one_size": one_size,
        "sheet": album.add(
            "classes", "one picture of each class", gallery.class_sheet(*zip(*sheet, strict=True))
        ),
        "counts": album.add(
            "class-counts", "pictures of each class", charts.class_counts(census.counts, names)
        ),
        "sizes": None
        if one_size
        else album.add("sizes", "sizes of the signs", charts.size_histogram(census.sizes)),
    }


def curves(run: Run, album: Album) -> list[Any]:
    log, watched = run.record.log, len(run.found.truth)
    among = "" if findings.forced_choice(run.record) is None else f", among the {COUNT} signs"
    drawn = [
        ("loss", "loss by epoch", "loss", lambda: charts.loss_curve(log)),
        (
            "mistakes",
            "mistakes by epoch",
            "choose",
            lambda: charts.error_curve(log, watched, among),
        ),
        ("rate", "learning rate by epoch", "rate", lambda: charts.rate_curve(log)),
    ]
    return [
        album.add(f"curve-{name}", about, draw())
        for name, about, key, draw in drawn
        if any(key in entry for entry in log)
    ]


def classes(run: Run) -> dict[str, Any]:
    rows = run.found.classes
    return {
        "rows": [(run.record.classes[row.label], row) for row in rows],
        "perfect": sum(row.f1 == 1 for row in rows),
        "weakest": [
            (run.record.classes[row.label], row)
            for row in sorted(rows, key=lambda row: (row.f1, row.label))[:3]
            if row.f1 < 1
        ],
    }


def matrix(run: Run, album: Album) -> Any:
    drawn = confusion_chart(run.found.matrix, run.record.classes)
    return album.add("confusion", "confusion matrix", drawn)


def calibration(run: Run, album: Album) -> dict[str, Any]:
    found = run.found
    chart = charts.reliability_chart(found.reliability, found.tempered)
    return {
        "picture": album.add("reliability", "reliability diagram", chart),
        "rows": [
            ("as trained", metrics.calibration_error(found.reliability), found.likelihood),
            (
                "with a temperature",
                metrics.calibration_error(found.tempered),
                found.tempered_likelihood,
            ),
        ],
    }


def bands(run: Run, album: Album) -> dict[str, Any]:
    looked, right = run.pictures, run.found.right
    sizes = findings.filled_bands(looked.sizes, right, findings.SIZE_EDGES)
    light = findings.filled_bands(looked.brightness, right, findings.LIGHT_EDGES)
    size_names = [
        f"{b.low:.0f}–{b.high:.0f}" if b.high < np.inf else f"≥ {b.low:.0f}" for b in sizes
    ]
    light_names = [f"{100 * b.low:.0f}–{100 * b.high:.0f}" for b in light]
    by_size = charts.band_chart(sizes, "By size", "longer side of the box, px", size_names)
    by_light = charts.band_chart(light, "By brightness", "mean brightness, % of white", light_names)
    return {
        "sizes": album.add("by-size", "accuracy by size", by_size) if len(sizes) > 1 else None,
        "light": album.add("by-brightness", "accuracy by brightness", by_light),
    }


def int8(run: Run, album: Album) -> dict[str, Any] | None:
    compared = findings.compare(run.record)
    if compared is None:
        return None
    chart = charts.margin_chart(*compared.margins)
    return {
        "figures": compared,
        "picture": album.add("int8", "float against int8", chart),
    }
