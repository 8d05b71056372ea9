"""The 43 signs as small pictures for the page: `python -m training.icons edge/web/signs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.command import CommandParser
from models.errors import OutputError, run_command
from models.signs import COUNT
from training.artwork import sign_art

SIDE = 96  # pixels: sharp at 32 on the finest screens
QUALITY = 90


def write_icons(folder: Path) -> int:
    """One `<class id>.webp` a sign, transparent around it; how many bytes they take together."""
    total = 0
    for label in range(COUNT):
        data = cv2.imencode(".webp", sign_art(label, SIDE), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1]
        target = folder / f"{label}.webp"
        try:
            target.write_bytes(np.asarray(data).tobytes())
        except OSError as error:
            raise OutputError(f"{target}: cannot be written: {error.strerror}") from error
        total += len(data)
    return total


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw all into a folder that is there."""
    parser = CommandParser("training.icons", __doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse(arguments).folder
    print(f"{COUNT} signs in {folder}, {write_icons(folder)} bytes")


if __name__ == "__main__":
    run_command(main)
