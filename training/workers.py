"""How many processes prepare a training's pictures beside it."""

from __future__ import annotations

from models.processors import available_threads

MOST = 12  # more than that wait for the training


def helpers() -> int:
    """One for every processor that this process may use, but for its own; one at least."""
    return min(max(available_threads() - 1, 1), MOST)
