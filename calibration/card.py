"""A published classifier's figures as the tables of docs/classifier.md.

python -m calibration.card            # print them
python -m calibration.card --write    # put them into the page
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.command import CommandParser
from edge.config import Config
from models.errors import ModelError, run_command
from models.spec import Spec, find_model, load_spec

PAGE = Path(__file__).parents[1] / "docs" / "classifier.md"
BEGIN, END = "<!-- python -m calibration.card -->\n", "<!-- end -->\n"
SEVERITY = 3  # of five, the one that the goals are set for


def card(spec: Spec) -> str:
    """The tables, as Markdown; ModelError where the model was not measured as classifiers are."""
    try:
        return "\n".join([*_figures(spec), "", *_corruptions(spec), "", *_cameras(spec), ""])
    except (KeyError, TypeError, IndexError) as error:
        raise ModelError(
            f"{spec.name}: expected a published classifier's figures, found none called {error}"
        ) from error


def page_with(page: str, tables: str) -> str:
    """The page with its tables replaced; ModelError where it has no place for them."""
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ModelError(f"expected {BEGIN.strip()} and {END.strip()} in the page, found neither")
    return before + BEGIN + "\n" + tables + "\n" + END + after


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
            f"**{_share(judge['top1'])}** {_range(ranges['top1'])}",
            "99.8",
        ),
        (
            "`top1_accepted`: the app names it, and rightly",
            f"{_share(judge['top1_accepted'])} {_range(ranges['top1_accepted'])}",
            "",
        ),
        (
            "mean F1 of the classes",
            f"{judge['macro_f1']:.4f} [{ranges['macro_f1'][0]:.3f}, {ranges['macro_f1'][1]:.3f}]",
            "",
        ),
        ("expected calibration error, clean crops", _share(judge["ece"]), "≤ 1 %"),
        (f"… at severity {SEVERITY} of twelve corruptions", _share(worn["ece"]), "≤ 3 %"),
        (
            f"… on the detector's own crops ({detected['n']} signs)",
            _share(detected["ece"]),
            "≤ 3 %",
        ),
        (
            "negative log-likelihood, the same three",
            f"{judge['nll']:.4f}, {worn['nll']:.3f}, {detected['nll']:.4f}",
            "",
        ),
        (f"`top1` at severity {SEVERITY}, mean of twelve", _share(worn["top1"]), "≥ 90 %"),
        (
            "float against int8, `choose` part",
            f"{_share(whole['float'])}, {_share(whole['int8'])}",
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
                f"{_share(kinds[name])} {_range(kinds['intervals'][name])}",
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


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"


def _range(values: Sequence[float]) -> str:
    low, high = (f"{100 * value:.1f}" for value in values)
    return f"[{low}, {high}]"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.card", __doc__)
    parser.add_argument("--model", default=Config().classifier, help="a published classifier")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    flags = parser.parse(arguments)
    tables = card(load_spec(find_model(flags.model)))
    if flags.write:
        PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), tables), encoding="utf-8")
    else:
        print(tables)


if __name__ == "__main__":
    run_command(main)
