"""What an evaluation found, as a short table to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from models.signs import sign_class

SHOWN_CONFUSIONS = 10
COUNTED = {  # what a set's pictures hold, by the key that counts it
    "n": "signs",
    "n_images": "pictures",
    "n_boxes": "annotated signs",
}


def table(report: Mapping[str, Any]) -> str:
    """The figures with their intervals, then recall by height or the ten worst confusions."""
    lines = [", ".join(_about(report))]
    for key, value in report.items():
        if not isinstance(value, float):
            continue
        if key.endswith("_ms"):
            lines.append(f"  {key:<24}{value:8.2f}")
        else:
            low_high = report["intervals"].get(key)
            interval = "   {:.4f} – {:.4f}".format(*low_high) if low_high else ""
            lines.append(f"  {key:<24}{value:8.4f}{interval}")
    lines += _heights(report.get("recall_by_height", ()))
    lines += _confusions(report.get("confusions", ()))
    return "\n".join(lines)


def _about(report: Mapping[str, Any]) -> list[str]:
    models = [report[key] for key in ("detector", "model") if key in report]
    names = " + ".join(f"{model['name']} {model['version']}" for model in models)
    part = f" ({report['data']['part']})" if report["data"]["part"] else ""
    return [
        f"{names} on {report['data']['name']}{part}",
        *(f"{report[key]} {words}" for key, words in COUNTED.items() if key in report),
    ]


def _heights(bands: Sequence[Mapping[str, Any]]) -> list[str]:
    if not bands:
        return []
    rows = [
        f"  {band['height']:>8} px {band['n']:6} "
        + (f"{band['recall']:8.4f}" if band["n"] else "       –")
        for band in bands
    ]
    return ["recall by height in the picture", *rows]


def _confusions(pairs: Sequence[Mapping[str, int]]) -> list[str]:
    if not pairs:
        return []
    rows = [
        f"  {pair['n']:6}   {sign_class(pair['truth']).name} → {sign_class(pair['read']).name}"
        for pair in pairs[:SHOWN_CONFUSIONS]
    ]
    return ["most often taken for another", *rows]
