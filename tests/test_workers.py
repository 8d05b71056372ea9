"""As many helpers as the processors that a training may use, but for its own."""

from __future__ import annotations

import os

import pytest

from training.workers import MOST, helpers


@pytest.mark.parametrize(("processors", "count"), [(1, 1), (2, 1), (5, 4), (64, MOST)])
def test_helpers_leave_one_processor_to_the_training(
    processors: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    assert helpers() == count
