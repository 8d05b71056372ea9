"""The training of the detector: the net, its epochs, and what the run leaves in its folder."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from models.errors import ModelError, UsageError
from training.detector import Recipe
from training.detector_nets import build
from training.detector_windows import Batches, Windows, collate, contact_sheet
from training.paste import all_stickers
from training.precision import fast
from training.runs import make_folder, refuse_finished, refuse_other_limit, refuse_other_recipe
from training.streets import load_pictures
from training.workers import loader, one_thread_for_opencv

UNREADABLE = (OSError, EOFError, RuntimeError, UnpicklingError, KeyError, TypeError, ValueError)


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
    """Net, optimiser, moving average and the epoch they have reached: what a checkpoint holds.

    `limit` is no part of the recipe, but the checkpoint remembers it.
    """

    def __init__(self, recipe: Recipe, run: Path, limit: int | None = None) -> None:
        self.recipe, self.run, self.limit = recipe, run, limit
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = build(recipe).to(self.device, memory_format=torch.channels_last)
        for name, parameter in self.net.named_parameters():
            parameter.requires_grad = ".dfl" not in name  # a fixed ramp, not a weight
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.net, recipe.decay), betas=(0.9, 0.99)
        )
        self.epoch, self.step = 0, 0
        self.log: list[dict[str, Any]] = []

    def resume(self) -> None:
        """Continue from `last.pt` where there is one of the same recipe."""
        path = self.run / "last.pt"
        if not path.exists():
            return
        try:
            saved = torch.load(path, map_location=self.device, weights_only=False)
            refuse_other_recipe(path, saved["recipe"], self.recipe)
            refuse_other_limit(path, saved.get("limit", self.limit), self.limit)
            self.net.load_state_dict(saved["net"])
            self.average = saved["average"]
            self.optimiser.load_state_dict(saved["optimiser"])
            self.epoch, self.step, self.log = saved["epoch"], saved["step"], saved["log"]
        except UNREADABLE as error:
            found = " ".join(str(error).split())  # PyTorch tells every layer on a line of its own
            raise ModelError(f"{path}: expected a checkpoint of this net, found {found}") from error
        print(f"continuing after epoch {self.epoch} of {self.recipe.epochs}")

    def save(self) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "limit": self.limit,
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
            losses.append([float(v) for v in _loss_items(parts)])
            if not np.isfinite(losses[-1]).all():
                raise UsageError(
                    f"epoch {self.epoch + 1}: expected a finite loss, found {losses[-1]}: a lower "
                    "--rate may help"
                )
            self.optimiser.zero_grad(set_to_none=True)
            total.sum().backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
            self.optimiser.step()
            self._update_average()
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


def train(recipe: Recipe, run: Path, limit: int | None = None, until: int | None = None) -> Path:
    """Train to the end (or to epoch `until`) and return the float model's file.

    `limit` keeps only the first pictures: for a check that the net can learn a few by heart.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(os.cpu_count() or 1)  # Ultralytics has left one out
    one_thread_for_opencv()
    refuse_finished(run, "last.pt")
    make_folder(run)
    training = Training(recipe, run, limit)
    training.resume()
    pictures, weights = load_pictures(recipe, limit)
    plain_from = int(recipe.epochs * (1 - recipe.plain)) * recipe.windows
    stickers = all_stickers(recipe.seed, limit) if recipe.pasted else None
    data = Windows(pictures, weights, recipe, plain_from, stickers)
    contact_sheet(data, run / "windows.png")
    started = time.monotonic()
    while training.epoch < min(recipe.epochs, until or recipe.epochs):
        batches = Batches(recipe, training.epoch)
        training.train_epoch(loader(data, collate, batch_sampler=batches))
        training.save()
    print(f"{training.epoch} epochs, {time.monotonic() - started:.0f} s in this run")
    return training.export()
