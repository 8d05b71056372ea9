"""What a step of the detector's training sees: random windows of street pictures, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from training.detector import Recipe
from training.paste import LEAST_SIDE, Stickers, paste
from training.views import Picture, ViewSettings, compose, finish

WIDER = 2  # times the side: four times as many pixels, for signs larger than a window
WIDE_SCALES = (0.8, 2.5)  # at less, a picture does not fill such a window
CLOSE_WIDE, CLOSE_WIDE_SCALES = 0.6, (2.5, 8.0)
WIDE_PASTED = 60.0  # px across at least: small ones are pasted into the others


class Place(NamedTuple):
    """Which window: its number, and whether it is one of the wide ones."""

    number: int
    wide: bool = False


class Windows(Dataset[dict[str, torch.Tensor]]):
    """Random windows; the one at a place is the same in every run with the same seed."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        weights: np.ndarray,
        recipe: Recipe,
        mosaics: int,
        stickers: Stickers | None = None,
    ) -> None:
        self.pictures, self.weights, self.recipe = pictures, weights, recipe
        self.stickers = stickers
        self.mosaics = mosaics  # windows after this one are plain
        self.narrow = ViewSettings(width=recipe.width, height=recipe.height)
        self.wide = replace(
            self.narrow,
            width=WIDER * recipe.width,
            height=WIDER * recipe.height,
            scales=WIDE_SCALES,
            close=CLOSE_WIDE,
            close_scales=CLOSE_WIDE_SCALES,
        )

    def __getitem__(self, place: Place) -> dict[str, torch.Tensor]:
        settings = self.wide if place.wide else self.narrow
        rng = np.random.default_rng((self.recipe.seed, place.number))
        mosaic = place.number < self.mosaics
        window = compose(self.pictures, self.weights, settings, rng, mosaic)
        if self.stickers and rng.random() < self.recipe.pasted:
            least = WIDE_PASTED if place.wide else LEAST_SIDE
            window = paste(window, self.stickers, rng, least)
        view = finish(window, settings, rng)
        scale = np.array([settings.width, settings.height] * 2, np.float32)
        centre = (view.boxes[:, :2] + view.boxes[:, 2:]) / 2
        boxes = np.concatenate([centre, view.boxes[:, 2:] - view.boxes[:, :2]], axis=1) / scale
        return {
            "img": torch.from_numpy(
                np.ascontiguousarray(view.image[:, :, ::-1].transpose(2, 0, 1))
            ),
            "bboxes": torch.from_numpy(boxes.astype(np.float32)),
        }


class Batches(Sampler[list[Place]]):
    """The windows of one epoch, a batch at a time; a batch of wide ones has a quarter as many."""

    def __init__(self, recipe: Recipe, epoch: int) -> None:
        self.recipe, self.first = recipe, epoch * recipe.windows

    def __iter__(self) -> Iterator[list[Place]]:
        batch = self.recipe.batch
        for start in range(self.first, self.first + len(self) * batch, batch):
            wide = np.random.default_rng((self.recipe.seed, 13, start)).random() < self.recipe.wide
            count = max(batch // WIDER**2, 1) if wide else batch
            yield [Place(number, wide) for number in range(start, start + count)]

    def __len__(self) -> int:
        return self.recipe.windows // self.recipe.batch


def collate(items: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """A batch as Ultralytics' loss expects it: boxes of all pictures in one list."""
    boxes = torch.cat([item["bboxes"] for item in items])
    owner = [
        torch.full((len(item["bboxes"]),), i, dtype=torch.float32) for i, item in enumerate(items)
    ]
    return {
        "img": torch.stack([item["img"] for item in items]),
        "bboxes": boxes,
        "cls": torch.zeros(len(boxes), 1),
        "batch_idx": torch.cat(owner),
    }


def contact_sheet(data: Windows, path: Path, count: int = 12) -> None:
    """The first windows with their boxes, as the net will see them; wide ones in the last row."""
    size = (data.narrow.width, data.narrow.height)
    tiles = []
    for number in range(count):
        item = data[Place(number, wide=number >= count - 3)]
        image = np.ascontiguousarray(item["img"].numpy().transpose(1, 2, 0)[:, :, ::-1])
        height, width = image.shape[:2]
        for x, y, w, h in item["bboxes"].numpy() * [width, height, width, height]:
            corners = [round(float(v)) for v in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)]
            cv2.rectangle(image, tuple(corners[:2]), tuple(corners[2:]), (0, 255, 0), 1)
        tiles.append(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    rows = [np.hstack(tiles[i : i + 3]) for i in range(0, count, 3)]
    cv2.imwrite(str(path), np.vstack(rows))
