"""The processes that prepare a training's pictures beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2

from models.processors import available_threads

MOST = 12  # more than that wait for the training
PATIENCE_S = 900.0  # without a batch, a helper is stuck: an error, no wait for ever


def helpers() -> int:
    """One for every processor that this process may use, but for its own; one at least."""
    return min(max(available_threads() - 1, 1), MOST)


def one_thread_for_opencv(_helper: int = 0) -> None:
    """To be called in a helper, and before pictures are read by a process that will fork helpers.

    A lock of OpenCV's thread pool that is held at that moment would never be freed in the helper.
    """
    cv2.setNumThreads(1)


def loader(data: Any, collate: Callable[[Any], Any], **batching: Any) -> Any:
    """A PyTorch DataLoader that prepares `data` in helpers; an error in one is raised here."""
    from torch.utils.data import DataLoader  # noqa: PLC0415 – takes seconds

    return DataLoader(
        data,
        num_workers=helpers(),
        collate_fn=collate,
        timeout=PATIENCE_S,
        worker_init_fn=one_thread_for_opencv,
        **batching,
    )
