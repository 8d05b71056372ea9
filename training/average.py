"""The mean of two trainings' weights: often as good as the better one at what each does best.

    python -m training.average runs/one runs/other --share 0.8 --run runs/averaged

Works where one training went on from the other's weights, so that both lie in one valley of the
loss (Wortsman et al., 2022, arXiv:2203.05482). Batch norm's statistics are averaged like the
weights. The result is published like any other run.
"""

from __future__ import annotations

import copy
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from models.command import CommandParser
from models.errors import ModelError, SourceError, UsageError, run_command
from training.runs import RECIPE, commit, make_folder, read_json, refuse_taken, write_record

FINAL = "final.pt"


def mean(one: torch.nn.Module, other: torch.nn.Module, share: float) -> torch.nn.Module:
    """A net with `share` of the other's weights and the rest of the one's.

    ModelError where they are not of one architecture.
    """
    ours, theirs = one.state_dict(), other.state_dict()
    shapes = [{name: value.shape for name, value in each.items()} for each in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ModelError("expected two nets of one architecture, found others")
    net = copy.deepcopy(other)
    net.load_state_dict(
        {
            name: torch.lerp(ours[name], value, share) if value.is_floating_point() else value
            for name, value in theirs.items()
        }
    )
    return net


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the mean and its record; the data of both trainings are named in it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = CommandParser("training.average", __doc__)
    parser.add_argument("runs", nargs=2, type=Path, help="the folders of two finished detectors")
    parser.add_argument("--share", type=float, default=0.5, help="of the second (%(default)s)")
    parser.add_argument("--run", type=Path, default=Path("runs/averaged"), help="where to write")
    flags = parser.parse(given)
    if not 0 <= flags.share <= 1:
        raise UsageError(f"--share: expected 0 to 1, found {flags.share:g}")
    refuse_taken(flags.run)
    records = [_record(run) for run in flags.runs]
    one, other = (_net(run / FINAL) for run in flags.runs)
    net = mean(one, other, flags.share)
    make_folder(flags.run)
    torch.save({"model": net.eval(), "epoch": -1, "train_args": {}}, flags.run / FINAL)
    data: list[dict[str, Any]] = []
    for each in (part for record in records for part in record["data"]):
        if each not in data:
            data.append(each)
    # The commands that made both, then this one.
    commands = [record["command"] for record in records]
    commands.append(shlex.join(["python", "-m", "training.average", *given]))
    write_record(flags.run, records[1]["recipe"], data, " && ".join(commands), commit())
    print(f"wrote {flags.run / FINAL}")


def _record(run: Path) -> dict[str, Any]:
    """What a run has noted of itself; SourceError where something of it is missing."""
    found: dict[str, Any] = read_json(run / RECIPE, dict)
    for key, kind in (("recipe", dict), ("data", list), ("command", str)):
        if not isinstance(found.get(key), kind):
            raise SourceError(
                f"{run / RECIPE}: expected a {kind.__name__} called {key}, found {found.get(key)!r}"
            )
    return found


def _net(path: Path) -> torch.nn.Module:
    try:
        saved = torch.load(path, map_location="cpu", weights_only=False)
        return saved["model"].float()
    except (OSError, EOFError, RuntimeError, UnpicklingError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: expected a finished detector, found {error}") from error


if __name__ == "__main__":
    run_command(main)
