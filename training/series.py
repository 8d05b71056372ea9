"""Trainings one after the other, each a command with a folder of its own, and a table of them."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from models.command import CommandParser
from models.errors import AppError, SourceError, UsageError
from training import datasets
from training.runs import RECIPE, make_folder
from training.sheet import write


class TrainingsError(AppError):
    """Some trainings of a series failed; their own lines say why."""


class Job(NamedTuple):
    """One training: what it tries, the words of its command after `python`, and its folder.

    `after` are the folders of the trainings that it starts from or imitates.
    """

    idea: str
    words: tuple[str, ...]
    run: Path
    after: tuple[Path, ...] = ()


class Findings(NamedTuple):
    """What is shown of the finished trainings: text for a terminal, and files by their name."""

    text: str
    files: Mapping[str, bytes]


def command_parser(module: str, about: str | None, noun: str) -> CommandParser:
    """The flags that every series has."""
    parser = CommandParser(f"training.{module}", about)
    out, name = Path("runs") / module, noun.upper()
    parser.add_argument("--out", type=Path, default=out, help=f"the {noun}s' folder")
    parser.add_argument("--only", nargs="+", default=(), metavar=name, help=f"some {noun}s only")
    parser.add_argument("--list", action="store_true", help="print the commands, train nothing")
    parser.add_argument("--table", action="store_true", help="show what is finished, train nothing")
    parser.add_argument("--quick", action="store_true", help="few crops and epochs: a look only")
    return parser


def folder(flags: argparse.Namespace) -> Path:
    """Where the runs go: a quick look has a folder of its own, lest it pass for a real one."""
    return Path(flags.out / "quick" if flags.quick else flags.out)


def refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    """UsageError where --only names what is none."""
    strange = [name for name in names if name not in known]
    if strange:
        raise UsageError(f"--only: expected some of {', '.join(known)}, found {strange[0]}")


def finished(run: Path) -> bool:
    """A training writes its recipe down when its last epoch is done."""
    return (run / RECIPE).exists()


def line(words: Sequence[str]) -> str:
    """A command as it is typed."""
    return f"python {shlex.join(words)}"


def train_all(jobs: Sequence[Job], noun: str) -> list[str]:
    """Train what is not finished; the names of those that failed.

    One that failed does not keep the next from being trained, unless that needs it.
    """
    failed: list[Path] = []
    for place, job in enumerate(jobs, 1):
        if finished(job.run):
            continue
        if set(job.after) & set(failed):
            failed.append(job.run)
            continue
        print(f"{noun} {place} of {len(jobs)}: {job.idea}\n{line(job.words)}", flush=True)
        if subprocess.run([sys.executable, *job.words], check=False).returncode:
            failed.append(job.run)
    return [run.name for run in failed]


def conduct(
    flags: argparse.Namespace, noun: str, jobs: Sequence[Job], show: Callable[[], Findings | None]
) -> None:
    """What the flags of `command_parser` ask for: list, or train what is missing and show it.

    `show` gives nothing where too little is finished: SourceError, unless a training failed.
    TrainingsError, after the table, where one did.
    """
    if flags.list:
        print("\n".join(line(job.words) for job in jobs))
        return
    out = folder(flags)
    failed: list[str] = []
    if not flags.table:
        make_folder(out)
        failed = train_all(jobs, noun)
    found = show()
    if found:
        print(found.text)
        for name, data in found.files.items():
            write(out / name, data)
        *most, last = found.files
        print(f"wrote {out / ', '.join(most)} and {last}")
    elif not failed:
        raise SourceError(f"{out}: expected finished {noun}s, found none")
    if failed:
        names = ", ".join(failed)
        raise TrainingsError(f"expected every {noun} to be trained, found {names} failing")


def tracks(data: str) -> dict[str, str]:
    """Picture → what it may not be counted apart from: its track, or itself.

    `data` is gtsrb or the folder of another data set.
    """
    dataset = datasets.open_set(data)
    return {example.name: example.track or example.name for example in dataset.examples}
