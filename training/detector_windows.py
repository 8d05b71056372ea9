"""What the detector is trained on: street pictures, and random windows of them in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from tqdm import tqdm

from training import datasets, negatives
from training.detector import Recipe
from training.files import stem
from training.memory import refuse_too_little
from training.paste import LEAST_SIDE, Stickers, paste
from training.views import Image, Picture, ViewSettings, compose, finish

PICTURE_BYTES = 1360 * 800 * 3
HIDDEN = ("unclear", "no_stopping", "parking", "crossing", "bus_stop", "path", "one_way")


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
        cv2.setNumThreads(1)
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


def load_pictures(recipe: Recipe, limit: int | None) -> tuple[list[Picture], np.ndarray]:
    """All training pictures in memory and the chance of each, real ones and drawn ones."""
    data = datasets.gtsdb()
    examples = data.examples if recipe.part == "all" else datasets.part(data, recipe.part)
    examples = examples[:limit]
    count = len(examples) + recipe.drawn
    refuse_too_little(count * PICTURE_BYTES, f"{count} pictures")
    pictures = [
        street_picture(data.read(example), example)
        for example in tqdm(examples, desc="pictures", unit="")
    ]
    real = len(pictures)
    if recipe.drawn:
        pictures += draw_pictures(recipe.drawn, recipe.seed)
    signs = np.array([min(len(p.boxes), 3) for p in pictures], np.float64)
    weights = 0.5 + 0.5 * signs  # pictures without a sign teach too, but less
    share = np.where(np.arange(len(pictures)) < real, 1 - recipe.drawn_share, recipe.drawn_share)
    if not recipe.drawn:
        share[:] = 1.0
    for part in (slice(0, real), slice(real, None)):
        weights[part] *= share[part] / max(weights[part].sum(), 1e-9)
    return pictures, weights / weights.sum()


def street_picture(image: Image, example: datasets.Example) -> Picture:
    """A GTSDB picture with all its signs of the 43, and without signs that neither are nor are not.

    GTSDB leaves a few signs of the 43 unmarked: they are marked here. What nobody can tell, and
    signs outside the 43 that look much like them, are painted over: they teach nothing.
    """
    boxes = [a.box for a in example.annotations]
    known = negatives.of_picture(stem(example.name))
    boxes += [each.box for each in known if each.kind == "missed"]
    hidden = np.zeros(image.shape[:2], np.uint8)
    for each in known:
        if each.kind in HIDDEN:
            x1, y1, x2, y2 = each.box
            hidden[max(0, y1 - 2) : y2 + 2, max(0, x1 - 2) : x2 + 2] = 255
    if hidden.any():
        image = np.asarray(cv2.inpaint(image, hidden, 3, cv2.INPAINT_TELEA), np.uint8)
    return Picture(image, np.array(boxes, np.float32).reshape(-1, 4))


def draw_pictures(count: int, seed: int) -> list[Picture]:
    """Drawn street scenes; foreign signs are signs too."""
    from training.scene import scene_picture  # noqa: PLC0415 – only where pictures are drawn

    drawn = []
    for number in tqdm(range(count), desc="drawing", unit=""):
        image, found = scene_picture(np.random.default_rng((seed, 7, number)), 960, 540)
        boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
        drawn.append(Picture(image, boxes))
    return drawn


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
