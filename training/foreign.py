"""Road signs outside the 43 classes: they must be found, and read as unknown."""

from __future__ import annotations

from collections.abc import Callable

from training.vector import Pen

FOREIGN_SIGNS: dict[str, Callable[[Pen], None]] = {}
