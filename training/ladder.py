"""Trains one idea after the other and shows what each of them buys.

    python -m training.ladder --data gtsrb --out runs/ladder
    python -m training.ladder --data data/cifar10 --out runs/cifar10

Each rung is a command of its own (`training.classical` or `training.classifier`) with its folder
below --out. A finished rung is not trained again, an unfinished one is continued. The table is
printed, and written as ladder.md, ladder.csv and ladder.png.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import SourceError, run_command
from training import datasets
from training.classifier import Recipe
from training.rungs import CIFAR10, CLASSIFIER, OTHERS, QUICK, SIGNS, Rung
from training.runs import RECIPE, read_json
from training.series import (
    Findings,
    Job,
    command_parser,
    conduct,
    finished,
    folder,
    line,
    refuse_unknown,
    tracks,
)
from training.standing import Standing, chart, csv_table, markdown, read_standing, table

log = logging.getLogger(__name__)


def jobs(rungs: Sequence[tuple[Rung, str]], out: Path, quick: bool) -> list[Job]:
    """The trainings of rungs on their data, below `out`."""
    found = []
    for rung, data in rungs:
        extra = QUICK[rung.module] if quick else ()
        start = ("--pretrained", str(out / rung.after)) if rung.after else ()
        teachers = ",".join(str(out / name) for name in rung.teachers)
        imitated = ("--teachers", teachers) if teachers else ()
        needed = tuple(out / name for name in rung.needed())
        flags = (*rung.flags, *start, *imitated, *extra)
        run = out / rung.name
        words = ("-m", rung.module, "--data", data, *flags, "--run", str(run))
        found.append(Job(rung.idea, words, run, needed))
    return found


def plan(data: str, names: Sequence[str], cifar10: Path, out: Path) -> list[tuple[Rung, str]]:
    """The rungs for a data set, each with its data, those first that others need.

    `names` picks some of them, and what they need. What starts from CIFAR-10 is left out where
    that is not there and it is not finished in `out`: with a warning, or, where `names` picks it,
    a SourceError as for `data` that is no data set. UsageError for a name that is none.
    """
    ladder = SIGNS if data == "gtsrb" or not datasets.open_dataset(Path(data)).classes else OTHERS
    refuse_unknown(names, [rung.name for rung in ladder])
    needed = {name for rung in ladder if rung.name in names for name in rung.needed()}
    wanted = [rung for rung in ladder if not names or rung.name in (*names, *needed)]
    missing = [
        rung for rung in wanted if rung.after == CIFAR10.name and not finished(out / rung.name)
    ]
    if missing:
        try:
            datasets.open_dataset(cifar10)
        except SourceError as error:
            if set(names) & {rung.name for rung in missing}:
                raise
            log.warning("left out what starts from CIFAR-10: %s", error)
            wanted = [rung for rung in wanted if rung not in missing]
    begun = finished(out / CIFAR10.name) or set(missing) & set(wanted)
    first = [CIFAR10] if begun and any(rung.after == CIFAR10.name for rung in wanted) else []
    return [(rung, str(cifar10)) for rung in first] + [(rung, data) for rung in wanted]


def standings(rungs: Sequence[tuple[Rung, str]], out: Path, quick: bool) -> list[Standing]:
    """The finished rungs, but for those that only others start from, in their order."""
    found: list[Standing] = []
    groups: dict[str, str] = {}
    for (rung, data), job in zip(rungs, jobs(rungs, out, quick), strict=True):
        if rung is CIFAR10 or not finished(job.run):
            continue
        groups = groups or tracks(data)
        found.append(read_standing(job.run, rung.idea, line(job.words), groups))
    return found


def refuse_other_flags(job: Job) -> None:
    """SourceError where a finished run was not trained as its rung's command says, as one from
    before rung or defaults were changed: it would stand under a command that never ran."""
    usual = asdict(Recipe()) if job.words[1] == CLASSIFIER else {}
    recipe = usual | read_json(job.run / RECIPE, dict).get("recipe", {})
    pairs = zip(job.words[2::2], job.words[3::2], strict=True)  # of two, the last counts
    wanted = usual | {flag[2:].replace("-", "_"): value for flag, value in pairs}
    for name, value in wanted.items():
        found = recipe.get(name)
        if found is not None and not _same(found, value):
            raise SourceError(
                f"{job.run}: expected a training with --{name} {value}, found {found}: remove what "
                "was trained otherwise"
            )


def _same(found: Any, value: Any) -> bool:
    """Whether a recipe's value is what a flag says; a folder may be called in several ways."""
    if found == type(found)(value):
        return True
    paths = isinstance(found, str) and "/" in found and "/" in str(value)
    return paths and Path(found).resolve() == Path(str(value)).resolve()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, then show the table; TrainingsError where a rung failed."""
    parser = command_parser("ladder", __doc__, "rung")
    parser.add_argument("--data", default="gtsrb", help="gtsrb, or a folder of class folders")
    parser.add_argument("--cifar10", type=Path, metavar="DIR", help="CIFAR-10, to start one from")
    flags = parser.parse(arguments)
    cifar10 = flags.cifar10 or datasets.data_root() / "cifar10"
    out = folder(flags)
    rungs = plan(flags.data, flags.only, cifar10, out)

    def show() -> Findings | None:
        found = standings(rungs, out, flags.quick)
        if not found:
            return None
        title = f"{Path(flags.data).name}: what each idea buys" + (", a quick look" * flags.quick)
        files = {
            "ladder.md": markdown(title, found).encode(),
            "ladder.csv": csv_table(found).encode(),
            "ladder.png": chart(title, found),
        }
        return Findings(table(found), files)

    planned = jobs(rungs, out, flags.quick)
    for job in () if flags.list else filter(lambda job: finished(job.run), planned):
        refuse_other_flags(job)  # before hours are spent beside it
    conduct(flags, "rung", planned, show)


if __name__ == "__main__":
    run_command(main)
