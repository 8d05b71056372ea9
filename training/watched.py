"""A run's answers for pictures that it was not trained on: how they are kept, and their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.errors import SourceError
from models.imaging import CROP_MARGIN
from models.intervals import mean_and_interval
from models.signs import COUNT, label_names


def answers_file(part: str, corrupted: bool = False) -> str:
    """Where a run's folder has its answers for a part, as it is or with every picture corrupted."""
    return f"{part}-corrupted.npz" if corrupted else f"{part}.npz"


WATCHED = "watched"  # what a run was watched on, as the name of a part
FILE, CORRUPTED_FILE = answers_file(WATCHED), answers_file(WATCHED, corrupted=True)


class Answers(NamedTuple):
    """Logits (n, outputs), and of each the label and the picture's name in its data set."""

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    part: str


def write_answers(path: Path, answers: Answers) -> None:
    """Through a temporary file, so that a kill leaves none or a whole one."""
    temporary = path.with_suffix(".tmp.npz")
    np.savez_compressed(
        temporary,
        logits=answers.logits.astype(np.float32),
        labels=answers.labels,
        names=np.array(answers.names),
        part=np.array(answers.part),
    )
    temporary.replace(path)


def read_answers(path: Path) -> Answers:
    """SourceError where there are none, or something else."""
    try:
        with np.load(path) as file:
            names = tuple(map(str, file["names"]))
            return Answers(file["logits"], file["labels"], names, str(file["part"]))
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise SourceError(f"{path}: expected the answers of a run, found {error}") from error


def read_right(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which ones are read right; of the 45 outputs of a sign reader only the 43 signs count where
    the picture shows one of them."""
    known = COUNT if logits.shape[1] == len(label_names()) else logits.shape[1]
    among = logits[:, :known].argmax(axis=1)
    return np.where(labels < known, among, logits.argmax(axis=1)) == labels


def figures(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    """What an epoch's entry in log.json says: the share read right, and the mean surprise."""
    right = read_right(logits, labels)
    return {"choose": float(right.mean()), "choose_nll": float(surprise(logits, labels).mean())}


def surprise(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """The negative log-likelihood of each picture's label, (n,), among all outputs."""
    raised = logits - logits.max(axis=1, keepdims=True)
    found = np.log(np.exp(raised).sum(axis=1)) - raised[np.arange(len(labels)), labels]
    return np.asarray(found, logits.dtype)


def groups(names: Sequence[str], tracks: Mapping[str, str]) -> list[str]:
    """The physical sign of each picture; SourceError for one that is not in the data set.

    Taken for a sign of its own it would make every interval too narrow.
    """
    unknown = [name for name in names if name not in tracks]
    if unknown:
        raise SourceError(
            f"expected answers for pictures of the data set as it lies there now, such as "
            f"{next(iter(tracks), 'none')}, found {unknown[0]}"
        )
    return [tracks[name] for name in names]


def share_and_interval(
    right: NDArray[np.bool_], groups: Sequence[str]
) -> tuple[float, tuple[float, float]]:
    """The share that is right and its 95 % interval, whole groups (tracks) drawn by bootstrap."""
    return mean_and_interval(right.astype(np.float64), groups)


def margin(data: str) -> float:
    """How much is cut out around the box: pictures of class folders are the crops themselves."""
    return CROP_MARGIN if data == "gtsrb" else 0.0
