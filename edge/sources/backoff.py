"""How long to wait before the next try: longer and longer, and never in step with others."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 30.0


class Backoff:
    """1, 2, 4 … 30 seconds, each shortened by up to half at random, never below one second.

    After a power cut many devices come back at once; chance keeps them from knocking together.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._next = FIRST_S

    def __call__(self) -> float:
        """Seconds to wait now; each call asks for more than the last."""
        wait = self._next * (1 - self._chance() / 2)
        self._next = min(2 * self._next, LONGEST_S)
        return max(FIRST_S, wait)

    def reset(self) -> None:
        """Start from one second again."""
        self._next = FIRST_S
