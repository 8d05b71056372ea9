"""The processes that prepare a training's pictures beside it."""

from __future__ import annotations

import cv2

from models.processors import available_threads

MOST = 12  # more than that wait for the training
PATIENCE_S = (
    900.0  # a helper that gives no batch for so long is stuck: an error, not a wait for ever
)


def helpers() -> int:
    """One for every processor that this process may use, but for its own; one at least."""
    return min(max(available_threads() - 1, 1), MOST)


def one_thread_for_opencv(_helper: int = 0) -> None:
    """To be called in a helper, and before pictures are read by a process that will fork helpers.

    A lock of OpenCV's thread pool that is held at that moment would never be freed in the helper.
    """
    cv2.setNumThreads(1)
