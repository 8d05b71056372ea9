"""Files that appear whole, and what proves that they can be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.sinks.files import prove_folder, prove_lasting, prove_place


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
