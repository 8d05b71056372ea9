"""Where the user's cache lies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge.cache import cache_folder


def test_the_cache_lies_where_the_user_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache_folder() == tmp_path / "traffic-sign-edge"


@pytest.mark.parametrize(
    ("system", "place"),
    [
        ("linux", ".cache"),
        ("darwin", "Library/Caches"),
        ("win32", "AppData/Local"),
    ],
)
def test_else_it_lies_where_the_system_keeps_such_things(
    system: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(sys, "platform", system)

    assert cache_folder() == Path.home() / place / "traffic-sign-edge"
