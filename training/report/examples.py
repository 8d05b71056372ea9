"""The sections that show single pictures: pairs, mistakes, feature maps and Grad-CAM."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.report import attention, gallery, metrics
from training.report.material import Album, Run

PAIRS = 6
PAIR_CROPS = 4  # of a pair's mistakes, beside one of the class that it was taken for


def clear_picture(run: Run, label: int) -> int | None:
    """A picture of this class, brighter than most of them but not than all."""
    its = np.flatnonzero((run.found.truth == label) & run.pictures.found)
    order = its[np.argsort(run.pictures.brightness[its], kind="stable")]
    return int(order[len(order) * 3 // 4]) if len(order) else None


def pairs(run: Run, album: Album) -> list[dict[str, Any]]:
    """The pairs confused most often: some of the mistakes, and what they were taken for."""
    names, found, looked = run.record.classes, run.found, run.pictures
    shown = []
    for number, (a, b, count) in enumerate(metrics.confused_pairs(found.matrix)[:PAIRS], 1):
        wrong = np.flatnonzero((found.truth == a) & (found.answer == b) & looked.found)
        spread = wrong[np.linspace(0, len(wrong) - 1, min(PAIR_CROPS, len(wrong))).astype(int)]
        example = clear_picture(run, b)
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
            **caption(run, index),
            "picture": album.add(
                f"mistake-{number:02}",
                f"{caption(run, index)['truth']} read as {caption(run, index)['answer']}",
                gallery.strip([run.pictures.crops[index]]),
            ),
        }
        for number, index in enumerate(worst, 1)
    ]


def caption(run: Run, index: int) -> dict[str, Any]:
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
            about = caption(run, index)
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
        about = caption(run, index)
        heats = [answer] if about["right"] else [answer, truth]
        side = len(crops[place])
        row = [crops[place], *(gallery.overlay(crops[place], h.over(place, side)) for h in heats)]
        kind, number = ("right", place) if about["right"] else ("wrong", place - len(right))
        name = f"grad-cam-{kind}-{number + 1}"
        png = gallery.strip(row)
        cards.append({**about, "picture": album.add(name, f"Grad-CAM of a {about['truth']}", png)})
    return {"right": cards[: len(right)], "wrong": cards[len(right) :]}
