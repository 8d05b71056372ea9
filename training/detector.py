"""Trains the one-class sign detector: an Ultralytics YOLO on random windows of street pictures.

    python -m training.detector --weights yolo11n.pt --run runs/detector

Every epoch leaves `last.pt` in the run's folder; the same command continues from it after a kill.
The finished float model is `final.pt`, an Ultralytics checkpoint holding the averaged weights.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from tqdm import tqdm

from models.errors import ModelError, run_command
from training import datasets, negatives
from training.detector_nets import build
from training.files import stem
from training.paste import Stickers, all_stickers, paste
from training.precision import fast
from training.runs import make_folder, refuse_other_recipe, run_training
from training.views import Image, Picture, ViewSettings, compose, finish

HIDDEN = ("unclear", "no_stopping", "parking", "crossing", "bus_stop", "path", "one_way")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, besides data and hardware."""

    model: str = "slim"
    weights: str = "yolo11n.pt"
    part: str = "train"
    drawn: int = 120
    drawn_share: float = 0.15
    pasted: float = 0.5  # of the windows get signs pasted in
    epochs: int = 30
    windows: int = 1024  # an epoch
    batch: int = 16
    rate: float = 1.2e-3
    decay: float = 5e-4
    warmup: float = 1.0  # epochs
    average: float = 0.998  # of the weights' moving average
    plain: float = 0.2  # the last share of the epochs runs without mosaics
    width: int = 640
    height: int = 384
    seed: int = 0


class Windows(Dataset[dict[str, torch.Tensor]]):
    """Random windows; the n-th one is the same in every run with the same seed."""

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
        self.settings = ViewSettings(width=recipe.width, height=recipe.height)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng((self.recipe.seed, number))
        mosaic = number < self.mosaics
        window = compose(self.pictures, self.weights, self.settings, rng, mosaic)
        if self.stickers and rng.random() < self.recipe.pasted:
            window = paste(window, self.stickers, rng)
        view = finish(window, self.settings, rng)
        scale = np.array([self.recipe.width, self.recipe.height] * 2, np.float32)
        centre = (view.boxes[:, :2] + view.boxes[:, 2:]) / 2
        boxes = np.concatenate([centre, view.boxes[:, 2:] - view.boxes[:, :2]], axis=1) / scale
        return {
            "img": torch.from_numpy(
                np.ascontiguousarray(view.image[:, :, ::-1].transpose(2, 0, 1))
            ),
            "bboxes": torch.from_numpy(boxes.astype(np.float32)),
        }


class Numbers(Sampler[int]):
    """The window numbers of one epoch."""

    def __init__(self, first: int, count: int) -> None:
        self.first, self.count = first, count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.first + self.count))

    def __len__(self) -> int:
        return self.count


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
    pictures = [
        street_picture(data.read(example), example)
        for example in tqdm(examples[:limit], desc="pictures", unit="")
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


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Linear warm-up, then half a cosine down to 1 %."""
    if epoch < recipe.warmup:
        return recipe.rate * (epoch + 0.01) / recipe.warmup
    way = (epoch - recipe.warmup) / max(recipe.epochs - recipe.warmup, 1e-9)
    return recipe.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(way, 1.0))))


def parameter_groups(net: torch.nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on the kernels only, not on biases and batch normalisation."""
    kernels = [p for p in net.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in net.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


class Training:
    """Net, optimiser, moving average and the epoch they have reached: what a checkpoint holds."""

    def __init__(self, recipe: Recipe, run: Path) -> None:
        self.recipe, self.run = recipe, run
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = build(recipe).to(self.device, memory_format=torch.channels_last)
        for name, parameter in self.net.named_parameters():
            parameter.requires_grad = ".dfl" not in name  # a fixed ramp, not a weight
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.net, recipe.decay), betas=(0.9, 0.99)
        )
        self.epoch, self.step, self.log = 0, 0, []

    def resume(self) -> None:
        """Continue from `last.pt` where there is one of the same recipe."""
        path = self.run / "last.pt"
        if not path.exists():
            return
        try:
            saved = torch.load(path, map_location=self.device, weights_only=False)
        except (OSError, EOFError, RuntimeError, UnpicklingError) as error:
            raise ModelError(f"{path}: expected a checkpoint of a run, found {error}") from error
        refuse_other_recipe(path, saved["recipe"], self.recipe)
        self.net.load_state_dict(saved["net"])
        self.average = saved["average"]
        self.optimiser.load_state_dict(saved["optimiser"])
        self.epoch, self.step, self.log = saved["epoch"], saved["step"], saved["log"]
        print(f"continuing after epoch {self.epoch} of {self.recipe.epochs}")

    def save(self) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "net": self.net.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "log": self.log,
        }
        _write(self.run / "last.pt", state)
        (self.run / "log.json").write_text(json.dumps(self.log, indent=1))

    def train_epoch(self, loader: DataLoader[dict[str, torch.Tensor]]) -> None:
        self.net.train()
        losses = []
        bar = tqdm(loader, desc=f"epoch {self.epoch + 1}/{self.recipe.epochs}", unit="batch")
        for number, batch in enumerate(bar):
            rate = learning_rate(self.recipe, self.epoch + number / len(loader))
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            moved = {k: v.to(self.device) for k, v in batch.items()}
            moved["img"] = moved["img"].to(memory_format=torch.channels_last).float() / 255
            with fast(self.device):
                total, parts = self.net(moved)
            self.optimiser.zero_grad(set_to_none=True)
            total.sum().backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
            self.optimiser.step()
            self._update_average()
            losses.append([float(v) for v in _loss_items(parts)])
            bar.set_postfix(loss=" ".join(f"{v:.3f}" for v in np.mean(losses[-20:], axis=0)))
        self.epoch += 1
        self.log.append({"epoch": self.epoch, "loss": np.mean(losses, axis=0).tolist()})

    def _update_average(self) -> None:
        self.step += 1
        keep = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, value in self.net.state_dict().items():
            if value.dtype.is_floating_point:
                self.average[name].lerp_(value.detach(), 1 - keep)
            else:
                self.average[name].copy_(value)

    def export(self) -> Path:
        """The averaged weights as an Ultralytics checkpoint."""
        net = copy.deepcopy(self.net).cpu()
        net.load_state_dict(self.average)
        path = self.run / "final.pt"
        _write(
            path,
            {"model": net.eval(), "epoch": -1, "train_args": {}, "recipe": asdict(self.recipe)},
        )
        return path


def _loss_items(parts: Any) -> Sequence[Any]:
    return list(parts.values()) if isinstance(parts, dict) else list(parts)


def _write(path: Path, state: dict[str, Any]) -> None:
    """Through a temporary file, so that a kill leaves the old one whole."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def contact_sheet(data: Windows, path: Path, count: int = 12) -> None:
    """The first windows with their boxes, as the net will see them."""
    tiles = []
    for number in range(count):
        item = data[number]
        image = np.ascontiguousarray(item["img"].numpy().transpose(1, 2, 0)[:, :, ::-1])
        height, width = image.shape[:2]
        for x, y, w, h in item["bboxes"].numpy() * [width, height, width, height]:
            corners = [round(float(v)) for v in (x - w / 2, y - h / 2, x + w / 2, y + h / 2)]
            cv2.rectangle(image, tuple(corners[:2]), tuple(corners[2:]), (0, 255, 0), 1)
        tiles.append(image)
    rows = [np.hstack(tiles[i : i + 3]) for i in range(0, count, 3)]
    cv2.imwrite(str(path), np.vstack(rows))


def train(recipe: Recipe, run: Path, limit: int | None = None, until: int | None = None) -> Path:
    """Train to the end (or to epoch `until`) and return the float model's file.

    `limit` keeps only the first pictures: for a check that the net can learn a few by heart.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(os.cpu_count() or 1)  # Ultralytics has left one out
    make_folder(run)
    training = Training(recipe, run)
    training.resume()
    pictures, weights = load_pictures(recipe, limit)
    plain_from = int(recipe.epochs * (1 - recipe.plain)) * recipe.windows
    stickers = all_stickers(recipe.seed, limit) if recipe.pasted else None
    data = Windows(pictures, weights, recipe, plain_from, stickers)
    contact_sheet(data, run / "windows.png")
    started = time.monotonic()
    while training.epoch < min(recipe.epochs, until or recipe.epochs):
        numbers = Numbers(training.epoch * recipe.windows, recipe.windows)
        loader = DataLoader(
            data, recipe.batch, sampler=numbers, num_workers=1, collate_fn=collate, drop_last=True
        )
        training.train_epoch(loader)
        training.save()
    print(f"{training.epoch} epochs, {time.monotonic() - started:.0f} s in this run")
    return training.export()


def origin(recipe: Recipe) -> list[dict[str, Any]]:
    """The data a recipe trains on, as a published model names it."""
    data: list[dict[str, Any]] = [
        {"data": "gtsdb", "parts": ["train", "judge"] if recipe.part == "all" else [recipe.part]},
    ]
    if recipe.weights != "none":
        weights = Path(recipe.weights)  # Ultralytics leaves what it downloads beside the command
        sha256 = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else ""
        data.append({"data": "weights", "file": weights.name, "sha256": sha256})
    if recipe.pasted:
        data.append(
            {"data": "gtsrb", "parts": ["train", "choose", "judge"], "use": "cut-out signs"}
        )
    if recipe.drawn:
        data.append({"data": "drawn scenes", "count": recipe.drawn, "seed": recipe.seed})
    return data


if __name__ == "__main__":
    run_command(lambda: run_training("training.detector", __doc__, Recipe, train, origin))
