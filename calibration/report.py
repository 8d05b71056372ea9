"""What an evaluation found, as a short table to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calibration.sections import whole_pictures
from models.signs import sign_class

FIGURES = ("top1", "ece", "nll")  # of a severity, and of a camera
SHOWN_CONFUSIONS = 10
COUNTED = {  # what a set's pictures hold, by the key that counts it
    "n": "signs",
    "n_images": "pictures",
    "n_boxes": "annotated signs",
}


def table(report: Mapping[str, Any]) -> str:
    """The figures with their intervals, then whatever else was measured, each in a few lines."""
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
    lines += whole_pictures(report)
    lines += _confusions(report.get("confusions", ()))
    if "corruptions" in report:
        lines += _corruptions(report)
    lines += _cameras(report.get("cameras", {}))
    lines += _kinds(report)
    lines += _read_there(report.get("read", ()))
    return "\n".join(lines)


def _about(report: Mapping[str, Any]) -> list[str]:
    models = [report[key] for key in ("detector", "model") if key in report]
    names = " + ".join(f"{model['name']} {model['version']}" for model in models)
    part = f" ({report['data']['part']})" if report["data"]["part"] else ""
    return [
        f"{names} on {report['data']['name']}{part}",
        *(f"{report[key]} {words}" for key, words in COUNTED.items() if key in report),
    ]


def _read_there(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was read where no sign is."""
    rows = []
    for each in answers:
        name = sign_class(each["label"]).name
        box = " ".join(f"{edge:.0f}" for edge in each["box"])
        rows.append(f"  {each['score']:.3f}   {name} in {each['picture']} at {box}")
    return ["read there", *rows] if rows else []


def _confusions(pairs: Sequence[Mapping[str, int]]) -> list[str]:
    if not pairs:
        return []
    rows = [
        f"  {pair['n']:6}   {sign_class(pair['truth']).name} → {sign_class(pair['read']).name}"
        for pair in pairs[:SHOWN_CONFUSIONS]
    ]
    return ["most often taken for another", *rows]


def _corruptions(report: Mapping[str, Any]) -> list[str]:
    tops = report["corruptions"]
    severities = report["severity"]
    numbers = "".join(f"{place:9}" for place in range(1, len(severities) + 1))
    rows = [
        *(_row(name, [*values, sum(values) / len(values)]) for name, values in tops.items()),
        "over all of them",
        *(_row(key, [each[key] for each in severities]) for key in FIGURES),
        "what the severities are",
    ]
    for name, each in report["constants"].items():
        strengths = ", ".join(_constant(strength) for strength in each["strengths"])
        rows.append(f"  {name:<16}{strengths}: {each['meaning']} ({each['source']})")
    return [f"top1 by severity  {numbers}     mean", *rows]


def _cameras(variations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not variations:
        return []
    rows = [
        _row(name, [each[key] for key in FIGURES]) + f"   {each['meaning']}"
        for name, each in variations.items()
    ]
    return ["other cameras          top1      ece      nll", *rows]


def _row(name: str, values: Sequence[float]) -> str:
    return f"  {name:<16}" + "".join(f"{value:9.4f}" for value in values)


def _constant(strength: Any) -> str:
    """One number as it is, several as `10/1.5`."""
    if isinstance(strength, (tuple, list)):
        return "/".join(f"{each:g}" for each in strength)
    return f"{strength:g}"


def _kinds(report: Mapping[str, Any]) -> list[str]:
    """What is kept and refused, and how the detector's own boxes are read."""
    lines = []
    for key, heading in (("kinds", "signs kept, all else refused"), ("detected", "found signs")):
        figures = report.get(key)
        if not figures:
            continue
        number = figures["n"]
        counted = number.items() if isinstance(number, Mapping) else [("signs", number)]
        lines.append(f"{heading}: " + ", ".join(f"{n} {what}" for what, n in counted))
        for name, (low, high) in figures["intervals"].items():
            lines.append(f"  {name:<24}{figures[name]:8.4f}   {low:.4f} – {high:.4f}")
    return lines
