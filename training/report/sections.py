"""What each section of the page shows: numbers ready to print, and pictures."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

from training.datasets import Dataset
from training.feed import Look
from training.report import attention, charts, findings, gallery, metrics, pictures
from training.report.findings import Findings
from training.report.matrix import confusion_chart
from training.report.pictures import Pictures
from training.report.record import Record

PAIRS = 6
PAIR_CROPS = 4  # of a pair's mistakes, beside one of the class that it was taken for
EXPLAINED = 6  # examples of either kind under Grad-CAM


class Run(NamedTuple):
    """Everything that the sections are made from."""

    record: Record
    net: keras.Model | None
    dataset: Dataset
    pictures: Pictures
    found: Findings

    def seen(self, examples: list[int]) -> Any:
        """These crops as the net gets them: grey or with evened contrast if its recipe says so."""
        recipe = self.record.recipe
        change = Look(recipe.get("colour", "rgb"), recipe.get("contrast", "none"))
        return np.stack([change(self.pictures.crops[index]) for index in examples])


class Album(Protocol):
    """Keeps a picture and returns what the page needs to show it."""

    def add(self, name: str, about: str, png: bytes) -> Any: ...


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
        "pairs": pairs(run, album),
        "mistakes": mistakes(run, album, worst),
        "calibration": calibration(run, album),
        "bands": bands(run, album),
        "features": features(run, album, typical[:1] + worst[:1]),
        "attention": grad_cams(run, album, typical, worst[:EXPLAINED]),
        "int8": int8(run, album),
    }


def headline(run: Run) -> dict[str, Any]:
    log = run.record.log
    return {
        "parameters": run.net.count_params() if run.net else None,
        "signs": len(set(run.pictures.groups)),
        "mistakes": int((~run.found.right).sum()),
        "forced": findings.forced_choice(run.record),
        "error": metrics.calibration_error(run.found.reliability),
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
    examples = [_clear(run, label) for label in shown]
    sheet = [(looked.crops[n], names[run.found.truth[n]]) for n in examples if n is not None]
    one_size = float(sizes.min()) == float(sizes.max())
    return {
        "name": run.dataset.name,
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


def _clear(run: Run, label: int) -> int | None:
    """A picture of this class, brighter than most of them but not than all."""
    its = np.flatnonzero((run.found.truth == label) & run.pictures.found)
    order = its[np.argsort(run.pictures.brightness[its], kind="stable")]
    return int(order[len(order) * 3 // 4]) if len(order) else None


def curves(run: Run, album: Album) -> list[Any]:
    log, watched = run.record.log, len(run.found.truth)
    drawn = [
        ("loss", "loss by epoch", "loss", lambda: charts.loss_curve(log)),
        ("mistakes", "mistakes by epoch", "choose", lambda: charts.error_curve(log, watched)),
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


def pairs(run: Run, album: Album) -> list[dict[str, Any]]:
    """The pairs confused most often: some of the mistakes, and what they were taken for."""
    names, found, looked = run.record.classes, run.found, run.pictures
    shown = []
    for number, (a, b, count) in enumerate(metrics.confused_pairs(found.matrix)[:PAIRS], 1):
        wrong = np.flatnonzero((found.truth == a) & (found.answer == b) & looked.found)
        spread = wrong[np.linspace(0, len(wrong) - 1, min(PAIR_CROPS, len(wrong))).astype(int)]
        example = _clear(run, b)
        crops = [looked.crops[n] for n in spread]
        other = None
        if example is not None:
            png = gallery.strip([looked.crops[example]])
            other = album.add(f"pair-{number}-answer", f"a real {names[b]}", png)
        its = None
        if crops:
            about = f"{names[a]} taken for {names[b]}"
            its = album.add(f"pair-{number}", about, gallery.strip(crops))
        pair = {"truth": names[a], "answer": names[b], "count": count, "its": its, "other": other}
        shown.append(pair)
    return shown


def mistakes(run: Run, album: Album, worst: list[int]) -> list[dict[str, Any]]:
    return [
        {
            **_caption(run, index),
            "picture": album.add(
                f"mistake-{number:02}",
                f"{_caption(run, index)['truth']} read as {_caption(run, index)['answer']}",
                gallery.strip([run.pictures.crops[index]]),
            ),
        }
        for number, index in enumerate(worst, 1)
    ]


def _caption(run: Run, index: int) -> dict[str, Any]:
    names, found = run.record.classes, run.found
    truth, answer = int(found.truth[index]), int(found.answer[index])
    return {
        "name": run.record.watched.names[index],
        "truth": names[truth],
        "answer": names[answer],
        "confidence": float(found.table[index, answer]),
        "share": float(found.table[index, truth]),
        "size": float(run.pictures.sizes[index]),
        "right": truth == answer,
    }


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


def features(run: Run, album: Album, examples: list[int]) -> list[dict[str, Any]]:
    """The first, the middle and the last convolution's maps; empty for a net without one."""
    if not run.net or not examples:
        return []
    stages = attention.feature_maps(run.net, run.seen(examples))
    count = len(stages)
    chosen = sorted({0, count // 2, count - 1}) if count else []
    shown = []
    for place, index in enumerate(examples):
        layers = [
            gallery.Layer(
                f"convolution {n + 1} of {count}: {stages[n].values.shape[3]} maps of "
                f"{stages[n].values.shape[1]}×{stages[n].values.shape[2]}",
                stages[n].values[place],
            )
            for n in chosen
        ]
        if layers:
            about = _caption(run, index)
            title = "read right" if about["right"] else "read wrong"
            png = gallery.feature_chart(run.pictures.crops[index], title, layers)
            picture = album.add(f"features-{place + 1}", f"feature maps, {title}", png)
            shown.append({**about, "picture": picture})
    return shown


def grad_cams(run: Run, album: Album, right: list[int], wrong: list[int]) -> dict[str, Any] | None:
    """Right answers with what speaks for them; wrong ones also with what speaks for the truth."""
    examples = right + wrong
    if not run.net or not examples:
        return None
    crops, seen, found = run.pictures.crops[examples], run.seen(examples), run.found
    answer = attention.grad_cam(run.net, seen, found.answer[examples].tolist())
    truth = attention.grad_cam(run.net, seen, found.truth[examples].tolist())
    if answer is None or truth is None:
        return None
    cards = []
    for place, index in enumerate(examples):
        about = _caption(run, index)
        row = [crops[place], gallery.overlay(crops[place], answer[place])]
        if not about["right"]:
            row.append(gallery.overlay(crops[place], truth[place]))
        kind, number = ("right", place) if about["right"] else ("wrong", place - len(right))
        name = f"grad-cam-{kind}-{number + 1}"
        png = gallery.strip(row)
        cards.append({**about, "picture": album.add(name, f"Grad-CAM of a {about['truth']}", png)})
    return {"right": cards[: len(right)], "wrong": cards[len(right) :]}


def int8(run: Run, album: Album) -> dict[str, Any] | None:
    compared = findings.compare(run.record, run.found)
    if compared is None:
        return None
    chart = charts.margin_chart(*compared.margins)
    return {
        "figures": compared,
        "error": metrics.calibration_error(run.found.reliability),
        "picture": album.add("int8", "float against int8", chart),
    }
