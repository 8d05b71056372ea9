"""Files that appear whole, and what proves that they can be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.sinks.files import Part, prove_folder, prove_lasting, prove_place, write_whole
from models.errors import OutputError


@pytest.mark.parametrize(
    ("prove", "target", "owned"),
    [
        (prove_place, "seen.json", "seen.proof.json"),
        (prove_lasting, "seen.mp4", "seen.proof.mp4"),
        (prove_folder, ".", "writable.proof"),
    ],
)
def test_a_proof_leaves_everything_as_it_was(
    prove: Callable[[Path], None], target: str, owned: str, tmp_path: Path
) -> None:
    (tmp_path / owned).write_text("of the user")

    prove(tmp_path / target)

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
        (owned, "of the user")
    ]


def test_two_runs_that_write_one_file_leave_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.jpg"
    slow = Part(target)
    slow.path.write_bytes(b"of the slow run")
    monkeypatch.setattr(os, "getpid", lambda: 4711)

    write_whole(target, b"of the quick run")

    assert target.read_bytes() == b"of the quick run"
    slow.commit()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [
        ("a.jpg", b"of the slow run")
    ]


def test_what_has_lasted_is_kept_where_it_cannot_get_its_name(tmp_path: Path) -> None:
    target = tmp_path / "drive.mp4"
    part = Part(target, lasting=True)
    part.path.write_bytes(b"hours")
    target.mkdir()

    with pytest.raises(OutputError, match=r"drive\.mp4: cannot be written: .*drive\.part\.mp4"):
        part.commit()

    assert part.path.read_bytes() == b"hours"


def test_what_does_not_last_is_taken_away_where_it_cannot_get_its_name(tmp_path: Path) -> None:
    target = tmp_path / "a.jpg"
    part = Part(target)
    part.path.write_bytes(b"a moment")
    target.mkdir()

    with pytest.raises(OutputError, match=r"a\.jpg: cannot be written"):
        part.commit()

    assert list(tmp_path.iterdir()) == [target]
