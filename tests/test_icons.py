"""The page's drawings of the signs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.signs import COUNT
from training.icons import SIDE, write_icons

SHIPPED = Path(__file__).parents[1] / "edge" / "web" / "signs"


def test_the_pages_signs_are_those_that_are_drawn(tmp_path: Path) -> None:
    assert write_icons(tmp_path) < 300_000
    names = {f"{label}.webp" for label in range(COUNT)}

    assert {path.name for path in tmp_path.iterdir()} == names
    assert {path.name for path in SHIPPED.iterdir()} == names
    for name in names:
        drawn, shipped = (
            cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED) for folder in (tmp_path, SHIPPED)
        )
        assert drawn is not None
        assert shipped is not None
        assert drawn.shape == shipped.shape == (SIDE, SIDE, 4)
        difference = np.abs(drawn.astype(int) - shipped.astype(int))
        assert np.percentile(difference, 99) <= 16  # encoders differ a little
