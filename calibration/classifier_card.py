"""A published classifier's figures as the tables of docs/classifier.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.spec import Spec
from training.corruptions import SEVERITY


def classifier_card(spec: Spec) -> Iterator[str]:
    """The tables line by line; KeyError and the like where the model lacks a figure."""
    yield from (*_figures(spec), "", *_corruptions(spec), "", *_cameras(spec), "", *_seeds(spec))


def _figures(spec: Spec) -> Iterator[str]:
    judge, street = spec.metrics["judge"], spec.metrics["street"]
    worn, kinds, detected = judge["severity"][SEVERITY - 1], street["kinds"], street["detected"]
    whole, cost = spec.metrics["quantisation"]["top1"], spec.metrics["cost"]
    ranges = judge["intervals"]
    yield "| what | figure | goal |"
    yield "|---|---|---|"
    for what, figure, goal in (
        (
            "`top1`, forced choice among the 43",
            f"**{share(judge['top1'])}** {span(ranges['top1'])}",
            "99.8",
        ),
        (
            "`top1_accepted`: the app names it, and rightly",
            f"{share(judge['top1_accepted'])} {span(ranges['top1_accepted'])}",
            "",
        ),
        (
            "mean F1 of the classes",
            f"{judge['macro_f1']:.4f} [{ranges['macro_f1'][0]:.3f}, {ranges['macro_f1'][1]:.3f}]",
            "",
        ),
        ("expected calibration error, clean crops", share(judge["ece"]), "≤ 1 %"),
        (f"… at severity {SEVERITY} of twelve corruptions", share(worn["ece"]), "≤ 3 %"),
        (
            f"… on the detector's own crops ({detected['n']} signs)",
            share(detected["ece"]),
            "≤ 3 %",
        ),
        (
            "negative log-likelihood, the same three",
            f"{judge['nll']:.4f}, {worn['nll']:.3f}, {detected['nll']:.4f}",
            "",
        ),
        (f"`top1` at severity {SEVERITY}, mean of twelve", share(worn["top1"]), "≥ 90 %"),
        (
            "float against int8, `choose` part, which it has learnt",
            f"{share(whole['float'])}, {share(whole['int8'])}",
            "loses ≤ 0.05",
        ),
        (
            "size, multiply-adds, one crop on one thread",
            f"{cost['bytes'] / 1e6:.2f} MB, {cost['multiply_adds'] / 1e6:.1f} M, "
            f"{cost['ms_one_thread']:.2f} ms",
            "1 MB, 20 M, 0.5 ms",
        ),
        *(
            (
                f"{words}, {kinds['n'][key]}",
                f"{share(kinds[name])} {span(kinds['intervals'][name])}",
                goal,
            )
            for name, key, words, goal in (
                ("kept", "sign", "real signs kept (called one of the 43), GTSDB", "≥ 99 %"),
                ("background_refused", "background", "background refused", "≥ 95 %"),
                ("misframed_refused", "misframed", "badly framed signs refused", ""),
                ("foreign_refused", "foreign", "foreign signs refused", "≥ 80 %"),
            )
        ),
    ):
        yield f"| {what} | {figure} | {goal} |"
    yield ""
    yield f"Temperature {spec.temperature}, accept {spec.thresholds['accept']}."
    yield ""
    yield "```"
    yield judge["command"]
    yield street["command"]
    yield "```"


def _corruptions(spec: Spec) -> Iterator[str]:
    judge = spec.metrics["judge"]
    levels = range(1, len(judge["severity"]) + 1)
    yield "`top1` in per cent on bad pictures, by severity:"
    yield ""
    yield f"| corruption | {' | '.join(map(str, levels))} |"
    yield "|---" * (len(levels) + 1) + "|"
    for name, values in judge["corruptions"].items():
        yield _row(name.replace("_", " "), [f"{100 * v:.1f}" for v in values])
    means = judge["severity"]
    yield _row("**mean**", [f"**{100 * each['top1']:.1f}**" for each in means])
    yield _row("calibration error", [f"{100 * each['ece']:.1f}" for each in means])


def _cameras(spec: Spec) -> Iterator[str]:
    yield "Other cameras and framings:"
    yield ""
    yield "| seen | what is changed | `top1` % | calibration error % |"
    yield "|---|---|---|---|"
    for name, each in spec.metrics["judge"]["cameras"].items():
        figures = [f"{100 * each['top1']:.2f}", f"{100 * each['ece']:.2f}"]
        yield _row(name.replace("_", " "), [each["meaning"], *figures])


def _seeds(spec: Spec) -> Iterator[str]:
    """Nothing where no other seed was measured."""
    if not (seeds := spec.metrics.get("seeds")):
        return
    yield f"Trainings that differ in their seed only, as int8, on the `{seeds['part']}` part:"
    yield ""
    yield f"| seed | `top1` | wrong of {seeds['n']:,} |"
    yield "|---|---|---|"
    for each in seeds["each"]:
        yield _row(str(each["seed"]), [share(each["top1"]), str(each["wrong"])])
    yield _row("**mean**", [f"**{share(seeds['top1'])}**", ""])
    yield from ("", "```", seeds["command"], "```", "")


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def share(value: float) -> str:
    """`99.52 %`."""
    return f"{100 * value:.2f} %"


def span(values: Sequence[float]) -> str:
    """An interval in per cent: `[98.7, 100.0]`."""
    low, high = (f"{100 * value:.1f}" for value in values)
    return f"[{low}, {high}]"
