"""Tiny training sets in the official layouts, with drawn signs on noise, where SIGN_DATA is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from small_sets import GTSRB_HEADER

from models.signs import COUNT
from training.artwork import sign_art
from training.split import read_split


def ground(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth grey-green noise."""
    coarse = rng.integers(40, 140, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height)), np.uint8)


def put(image: np.ndarray, label: int, x: int, y: int, size: int) -> None:
    """Draw a sign into a picture."""
    art = sign_art(label, size)
    alpha = art[:, :, 3:].astype(np.float32) / 255
    place = image[y : y + size, x : x + size]
    place[:] = (place * (1 - alpha) + art[:, :, :3] * alpha).astype(np.uint8)


def write_picture(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def drawn_gtsdb(root: Path, train: int, judge: int, size: tuple[int, int] = (320, 200)) -> None:
    """Street pictures with one or two signs each, of the written-down parts."""
    rng = np.random.default_rng(5)
    folder, lines = root / "gtsdb" / "TrainIJCNN2013", []
    width, height = size
    by_part: dict[str, list[str]] = {"train": [], "judge": []}
    for name, part in read_split("gtsdb").items():
        by_part[part].append(name)
    for name in (*by_part["train"][:train], *by_part["judge"][:judge]):
        image = ground(width, height, rng)
        for half in range(int(rng.integers(1, 3))):
            side, label = int(rng.integers(24, 64)), int(rng.integers(COUNT))
            x = int(rng.integers(half * width // 2, (half + 1) * width // 2 - side))
            y = int(rng.integers(0, height - side))
            put(image, label, x, y, side)
            lines.append(f"{name}.ppm;{x};{y};{x + side - 1};{y + side - 1};{label}")
        write_picture(folder / f"{name}.ppm", image)
    (folder / "gt.txt").write_text("\n".join(lines) + "\n")


def drawn_gtsrb(root: Path, frames: int) -> None:
    """Of each class the first track of each part: `frames` pictures to train, two of the others."""
    rng = np.random.default_rng(6)
    first: dict[tuple[int, str], str] = {}
    for track, part in read_split("gtsrb").items():
        first.setdefault((int(track[:5]), part), track)
    for label in range(COUNT):
        folder = root / "gtsrb" / "GTSRB" / "Final_Training" / "Images" / f"{label:05d}"
        rows = [GTSRB_HEADER]
        for part, count in (("train", frames), ("choose", 2), ("judge", 2)):
            track = first[label, part].split("/")[1]
            for frame in range(count):
                side = int(rng.integers(30, 50))
                image = ground(side + 10, side + 10, rng)
                put(image, label, 5, 5, side)
                light = rng.uniform(0.5, 1.2)
                name = f"{track}_{frame:05d}.ppm"
                write_picture(folder / name, np.clip(image * light, 0, 255).astype(np.uint8))
                corners = f"5;5;{side + 4};{side + 4}"
                rows.append(f"{name};{side + 10};{side + 10};{corners};{label}")
        (folder / f"GT-{label:05d}.csv").write_text("\n".join((*rows, "")))
