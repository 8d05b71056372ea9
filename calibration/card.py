"""Published figures as the tables of the pages about the models.

    python -m calibration.card classifier             # print those of docs/classifier.md
    python -m calibration.card detector --write       # put them into docs/detector.md

The page about detectors shows every detector that is published, held-out twins aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.classifier_card import classifier_card
from calibration.detector_card import detector_card
from edge.config import Config
from models.command import CommandParser
from models.errors import ModelError, OutputError, run_command
from models.spec import FOLDER, Spec, find_model, load_spec

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {name: DOCS / f"{name}.md" for name in ("classifier", "detector")}
END = "<!-- end -->\n"


def begin(name: str) -> str:
    """The line of a page before its tables."""
    return f"<!-- python -m calibration.card {name} -->\n"


def card(name: str, folder: Path = FOLDER) -> str:
    """The tables of a page as Markdown; ModelError where a model was not measured as it should."""
    if name == "classifier":
        specs = [load_spec(find_model(str(folder / f"{Config().classifier}.json")))]
        lines = classifier_card(specs[0])
    else:
        specs = detectors(folder)
        lines = detector_card(specs)
    try:
        return "\n".join(lines)
    except (KeyError, TypeError, IndexError) as error:
        names = ", ".join(spec.name for spec in specs)
        raise ModelError(
            f"{names}: expected a published {name}'s figures, found none called {error}"
        ) from error


def detectors(folder: Path) -> list[Spec]:
    """The detectors of a folder, the cheapest first; not those that are another's twin."""
    specs = [load_spec(path) for path in sorted(folder.glob("*.json"))]
    twins = {spec.origin.twin.split()[0] for spec in specs if spec.origin.twin}
    found = [spec for spec in specs if spec.task == "detect" and spec.name not in twins]
    if not found:
        raise ModelError(f"{folder}: expected a published detector, found none")
    return sorted(found, key=lambda spec: spec.input.width * spec.input.height)


def page_with(name: str, page: str, tables: str) -> str:
    """The page with its tables replaced; ModelError where it has no place for them."""
    before, found, rest = page.partition(begin(name))
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ModelError(
            f"expected {begin(name).strip()} and {END.strip()} in the page, found neither"
        )
    return before + begin(name) + "\n" + tables + "\n" + END + after


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser("calibration.card", __doc__)
    parser.add_argument("name", choices=tuple(PAGES), help="whose figures")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    flags = parser.parse(arguments)
    tables = card(flags.name)
    if not flags.write:
        print(tables)
        return
    path = PAGES[flags.name]
    try:
        text = page_with(flags.name, path.read_text(encoding="utf-8"), tables)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from error


if __name__ == "__main__":
    run_command(main)
