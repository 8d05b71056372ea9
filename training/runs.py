"""What every training run has: a folder, a recipe that may not change under it, a command line."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, field, fields
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from models.command import CommandParser
from models.errors import OutputError, SourceError, UsageError

RECIPE = "recipe.json"
COMMIT = "commit.txt"
CLASSES = "classes.json"  # what the outputs of a classifier mean
CHECKPOINTS = ("last.npz", "last.pt")  # of a classifier, of a detector
FINISHED = (RECIPE, "final.keras", "final.pt", "watched*.npz", "judge*.npz", "int8.npz")
HERE = Path(__file__).parent


def meant(default: Any, meaning: str) -> Any:
    """A field of a recipe that tells in `--help` what it means."""
    return field(default=default, metadata={"help": meaning})


class Train(Protocol):
    """Trains by a recipe in a folder, to the end or to epoch `until`; returns the float model."""

    def __call__(
        self, recipe: Any, run: Path, limit: int | None = None, until: int | None = None
    ) -> Path: ...


@contextmanager
def needed(what: str) -> Iterator[None]:
    """UsageError where one of the training packages, which this needs, is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{what} needs {error.name}: expected the training packages, "
            "found them missing; `pip install '.[train]'` brings them"
        ) from error


def refuse_no_folder(run: Path) -> None:
    """SourceError where no training can have left anything."""
    if not run.is_dir():
        raise SourceError(f"{run}: expected the folder of a training run, found none")


def make_folder(run: Path) -> None:
    """The run's folder, made where it is missing; OutputError where it cannot be."""
    if run.exists() and not run.is_dir():
        raise OutputError(f"run folder {run}: expected a folder, found a file")
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"run folder {run}: {error}") from error


def refuse_finished(run: Path, checkpoint: str) -> None:
    """UsageError where a training left a net but not this checkpoint: nothing there can be
    continued, and what is trained anew would stand among files of another training."""
    if others := [name for name in CHECKPOINTS if name != checkpoint and (run / name).exists()]:
        raise UsageError(
            f"{run} holds {others[0]}, the checkpoint of another kind of net: choose another --run"
        )
    if has_checkpoint(run):
        return
    if found := _finished(run):
        raise UsageError(
            f"{run} holds {found[0]} of a training whose checkpoint is gone: choose another --run "
            "or remove that folder"
        )


def refuse_taken(run: Path) -> None:
    """UsageError where the folder holds a training: its files would be overwritten."""
    found = ["a checkpoint"] if has_checkpoint(run) else _finished(run)
    if found:
        raise UsageError(
            f"{run} holds {found[0]} of a training: choose another --run or remove that folder"
        )


def has_checkpoint(run: Path) -> bool:
    return any(run.glob("last.*"))


def _finished(run: Path) -> list[str]:
    """The files of a training that has ended."""
    return sorted(path.name for pattern in FINISHED for path in run.glob(pattern))


def refuse_other_recipe(checkpoint: Path, saved: dict[str, Any], recipe: Any) -> None:
    """UsageError where a checkpoint was made by another recipe, naming what differs.

    What its recipe does not name was no choice yet, and was as it is by default today.
    """
    wanted = asdict(recipe)
    saved = asdict(type(recipe)()) | saved
    if saved != wanted:
        changed = [key for key, value in wanted.items() if saved.get(key) != value]
        raise UsageError(
            f"{checkpoint} belongs to another recipe (differs in {', '.join(changed) or 'keys'}): "
            "choose another --run or remove it"
        )


def refuse_other_limit(checkpoint: Path, saved: int | None, limit: int | None) -> None:
    """UsageError where a checkpoint was made with other pictures."""
    if saved != limit:
        raise UsageError(
            f"{checkpoint} was made with --limit {saved}, not {limit}: choose another --run"
        )


class Range(NamedTuple):
    """What a number of a recipe may be, both ends included unless `above`: then not `low`."""

    low: float
    high: float = math.inf
    above: bool = False

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        if self.high < math.inf:
            return f"{self.low:g} to {self.high:g}"
        return f"more than {self.low:g}" if self.above else f"{self.low:g} or more"


def refuse_out_of_range(recipe: Any, ranges: Mapping[str, Range]) -> None:
    """UsageError for the first number of a recipe that is not in its range, or is none."""
    for name, wanted in ranges.items():
        if not wanted.holds(value := getattr(recipe, name)):
            raise UsageError(f"{_flag(name)}: expected {wanted}, found {value:g}")


def refuse_fold_of_none(folds: int, fold: int) -> None:
    """UsageError for a fold where nothing is divided, and for one that there is not."""
    if fold and not folds:
        raise UsageError(f"--fold: expected --folds beside it, found fold {fold} of none")
    if folds:
        refuse_no_fold(folds, fold)


def refuse_no_fold(folds: int, fold: int) -> None:
    """UsageError unless it is one of two or more."""
    if not 0 <= fold < folds or folds < 2:
        raise UsageError(
            f"--fold: expected 0 to {max(folds, 2) - 1} of two or more --folds, "
            f"found {fold} of {folds}"
        )


def commit() -> str:
    """The commit of this checkout, `+` behind it where files differ; empty outside of one."""
    try:
        found = [
            subprocess.run(["git", *words], capture_output=True, text=True, check=True, cwd=HERE)
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno"))
        ]
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found[0].stdout.strip() + ("+" if found[1].stdout.strip() else "")


def _started_from(run: Path) -> str:
    """The commit that a run started from, which is not this one where it is continued."""
    note = run / COMMIT
    if note.exists() and has_checkpoint(run):
        return note.read_text(encoding="utf-8").strip()
    code = commit()
    if _finished(run):  # nothing will be trained there
        return code
    make_folder(run)
    try:
        note.write_text(f"{code}\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"run folder {run}: {error}") from error
    return code


def _epochs(run: Path) -> int:
    """How many epochs are done: fewer than were asked for where patience ended a training."""
    return len(read_json(run / "log.json", list))


def write_recipe(
    run: Path, recipe: Any, data: list[dict[str, Any]], command: str, code: str = ""
) -> None:
    """What the published model will say of its origin; without it nothing can be published.

    `code`: the commit that the run started from.
    """
    write_record(run, asdict(recipe), data, command, code)


def write_record(
    run: Path, recipe: Mapping[str, Any], data: list[dict[str, Any]], command: str, code: str
) -> None:
    """The same for a net that no recipe alone has made."""
    origin = {"recipe": recipe, "data": data, "command": command, "commit": code}
    (run / RECIPE).write_text(json.dumps(origin, indent=1))


def read_json(path: Path, kind: type) -> Any:
    """What a run has left in one of its files; SourceError where that is no JSON of this kind."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: expected JSON, found {error}") from error
    if not isinstance(found, kind):
        raise SourceError(f"{path}: expected a {kind.__name__}, found a {type(found).__name__}")
    return found


def _flag(name: str) -> str:
    """How the command line calls a field of a recipe."""
    return "--" + name.replace("_", "-")


def command(module: str, recipe: Any, others: Mapping[str, Any]) -> str:
    """The command of a recipe: what it has by default is left out, however it was called.

    So those of two runs differ where their recipes do. `others` are flags that are no part of it.
    """
    usual = asdict(type(recipe)())
    own = {_flag(name): value for name, value in asdict(recipe).items() if value != usual[name]}
    words = [str(word) for pair in (own | dict(others)).items() for word in pair]
    return shlex.join(["python", "-m", module, *words])


def run_training(
    module: str,
    about: str | None,
    recipe_type: type[Any],
    load: Callable[[], Train],
    origin: Callable[[Any], list[dict[str, Any]]],
) -> None:
    """The command line of one training: a flag for each field of the recipe, then the training.

    `load` is called for it once the recipe has found its fields good. `origin` says which data a
    recipe trains on; it is written down when the last epoch is done.
    """
    parser = CommandParser(module, about)
    for each in fields(recipe_type):
        usual = each.default
        meaning = each.metadata["help"] + (f" (default: {usual})" if usual != "" else "")
        parser.add_argument(_flag(each.name), type=type(usual), default=usual, help=meaning)
    folder = Path("runs") / module.rpartition(".")[2]
    parser.add_argument("--run", type=Path, default=folder, help="the run's folder")
    parser.add_argument("--limit", type=int, help="train on about N of the real pictures only")
    parser.add_argument("--until", type=int, help="stop after this epoch (the schedule stays)")
    flags = vars(parser.parse(None))
    run, limit, until = flags.pop("run"), flags.pop("limit"), flags.pop("until")
    for name, value in (("limit", limit), ("until", until)):
        if value is not None and value < 1:
            raise UsageError(f"--{name}: expected 1 or more, found {value}")
    recipe = recipe_type(**flags)
    with needed("training"):
        train = load()
    code = _started_from(run)
    path = train(recipe, run, limit, until)
    finished = until is None or until >= recipe.epochs or _epochs(run) < until
    if finished and not (run / RECIPE).exists():  # called again, it has trained nothing
        where = {"--run": run} | ({"--limit": limit} if limit else {})
        write_recipe(run, recipe, origin(recipe), command(module, recipe, where), code)
    print(f"wrote {path}")
