"""The command lines' shared parser: every command uses it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_command_line_is_read_by_the_shared_parser() -> None:
    def made(path: Path) -> bool:
        calls = (n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call))
        return any(ast.unparse(call.func).endswith("ArgumentParser") for call in calls)

    files = (
        p
        for own in ("edge", "models", "training", "calibration")
        for p in ROOT.glob(f"{own}/**/*.py")
    )
    assert [path.name for path in files if made(path)] == []
