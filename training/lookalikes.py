"""Things at the roadside that look like a sign and are none."""

from __future__ import annotations

from collections.abc import Callable

from training.vector import Pen

LOOKALIKE_THINGS: dict[str, Callable[[Pen], None]] = {}
