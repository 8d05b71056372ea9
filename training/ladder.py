"""Trains one idea after the other and shows what each of them buys.

    python -m training.ladder --data gtsrb --out runs/ladder
    python -m training.ladder --data data/cifar10 --out runs/cifar10

Each rung is a command of its own (`training.classical` or `training.classifier`) with its folder
below --out. A finished rung is not trained again, an unfinished one is continued. The table is
printed, and written as ladder.md, ladder.csv and ladder.png.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from models.errors import AppError, SourceError, UsageError, run_command
from training import datasets
from training.rungs import CIFAR10, OTHERS, QUICK, SIGNS, Rung
from training.runs import RECIPE, make_folder
from training.standing import Standing, chart, csv_table, markdown, read_standing, table, write

log = logging.getLogger(__name__)


class LadderError(AppError):
    """Some rungs could not be trained; their own lines say why."""


def command(rung: Rung, data: str, out: Path, quick: bool) -> list[str]:
    """The words of a rung's command after `python`."""
    extra = QUICK[rung.module] if quick else ()
    start = ("--pretrained", str(out / rung.after)) if rung.after else ()
    run = ("--run", str(out / rung.name))
    return ["-m", rung.module, "--data", data, *rung.flags, *start, *extra, *run]


def plan(data: str, names: Sequence[str], cifar10: Path) -> list[tuple[Rung, str]]:
    """The rungs for a data set, each with its data, those first that others start from.

    `names` picks some of them, and what they start from. SourceError where `data` is no data set,
    UsageError for a name that is none.
    """
    ladder = SIGNS if data == "gtsrb" or not datasets.open_dataset(Path(data)).classes else OTHERS
    known = [rung.name for rung in ladder]
    strange = [name for name in names if name not in known]
    if strange:
        raise UsageError(f"--only: expected some of {', '.join(known)}, found {strange[0]}")
    wanted = [rung for rung in ladder if not names or rung.name in names]
    if any(rung.after == CIFAR10.name for rung in wanted):
        try:
            datasets.open_dataset(cifar10)
        except SourceError as error:
            log.warning("left out what starts from CIFAR-10: %s", error)
            wanted = [rung for rung in wanted if rung.after != CIFAR10.name]
    first = [CIFAR10] if any(rung.after == CIFAR10.name for rung in wanted) else []
    return [(rung, str(cifar10)) for rung in first] + [(rung, data) for rung in wanted]


def climb(rungs: Sequence[tuple[Rung, str]], out: Path, quick: bool) -> list[str]:
    """Train all rungs that are not finished; the names of those that failed.

    One that failed does not keep the next from being trained, unless that starts from it.
    """
    failed: list[str] = []
    for place, (rung, data) in enumerate(rungs, 1):
        if (out / rung.name / RECIPE).exists():
            continue
        if rung.after in failed:
            failed.append(rung.name)
            continue
        words = command(rung, data, out, quick)
        print(f"rung {place} of {len(rungs)}: {rung.idea}\npython {shlex.join(words)}", flush=True)
        if subprocess.run([sys.executable, *words], check=False).returncode:
            failed.append(rung.name)
    return failed


def standings(rungs: Sequence[tuple[Rung, str]], out: Path, quick: bool) -> list[Standing]:
    """The finished rungs, but for those that only others start from, in their order."""
    found: list[Standing] = []
    tracks: dict[str, str] = {}
    for rung, data in rungs:
        if rung is CIFAR10 or not (out / rung.name / RECIPE).exists():
            continue
        tracks = tracks or _tracks(data)
        line = "python " + shlex.join(command(rung, data, out, quick))
        found.append(read_standing(out / rung.name, rung.idea, line, tracks))
    return found


def _tracks(data: str) -> dict[str, str]:
    """Picture → what it may not be counted apart from: its track, or itself."""
    dataset = datasets.gtsrb() if data == "gtsrb" else datasets.open_dataset(Path(data))
    return {example.name: example.track or example.name for example in dataset.examples}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, then show the table; LadderError where a rung failed."""
    parser = argparse.ArgumentParser(
        prog="python -m training.ladder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", default="gtsrb", help="gtsrb, or a folder of class folders")
    parser.add_argument("--out", type=Path, default=Path("runs/ladder"), help="the rungs' folder")
    parser.add_argument("--only", nargs="+", default=(), metavar="RUNG", help="some rungs only")
    parser.add_argument("--list", action="store_true", help="print the commands, train nothing")
    parser.add_argument("--table", action="store_true", help="show what is finished, train nothing")
    parser.add_argument("--quick", action="store_true", help="few crops and epochs: a look only")
    parser.add_argument("--cifar10", type=Path, metavar="DIR", help="CIFAR-10, to start one from")
    flags = parser.parse_args(arguments)
    cifar10 = flags.cifar10 or datasets.data_root() / "cifar10"
    rungs = plan(flags.data, flags.only, cifar10)
    out = flags.out / "quick" if flags.quick else flags.out
    if flags.list:
        for rung, data in rungs:
            print("python " + shlex.join(command(rung, data, out, flags.quick)))
        return
    make_folder(out)
    failed = [] if flags.table else climb(rungs, out, flags.quick)
    found = standings(rungs, out, flags.quick)
    if found:
        title = f"{Path(flags.data).name}: what each idea buys" + (", a quick look" * flags.quick)
        print(table(found))
        write(out / "ladder.md", markdown(title, found).encode())
        write(out / "ladder.csv", csv_table(found).encode())
        write(out / "ladder.png", chart(title, found))
        print(f"wrote {out / 'ladder.md'}, ladder.csv and ladder.png")
    elif not failed:
        raise SourceError(f"{out}: expected finished rungs, found none")
    if failed:
        raise LadderError(f"expected every rung to be trained, found {', '.join(failed)} failing")


if __name__ == "__main__":
    run_command(main)
