"""OpenCV's own chatter kept off stderr: what went wrong is said once, in our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2

_SILENT = 0


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """OpenCV logs nothing in here; the level before is restored at the end."""
    get, put = _log_level()
    before = get()
    put(_SILENT)
    try:
        yield
    finally:
        put(before)


def _log_level() -> tuple[Callable[[], int], Callable[[int], object]]:
    """OpenCV 4 keeps these at the top, OpenCV 5 in utils.logging."""
    module: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
    return module.getLogLevel, module.setLogLevel
