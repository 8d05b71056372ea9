"""The training of a classifier: the net, its epochs, and what the run leaves in its folder."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from models.errors import ModelError, UsageError
from models.signs import BACKGROUND, FOREIGN, label_names
from training.augment import Augmentation
from training.classifier import FINAL, Recipe
from training.crops import MIRRORED, chances, with_shares
from training.feed import Batch, Look, Sampling, batches, undisturbed
from training.gather import Choice, Gathered, gather, opened, outputs
from training.nets import BRANCHED, Shape, build, merged, multiply_adds
from training.others import load_teachers, refuse_other_sight, take_weights
from training.runs import (
    CLASSES,
    make_folder,
    refuse_finished,
    refuse_other_limit,
    refuse_other_recipe,
)
from training.steps import PREDICT_BATCH, Predict, Settings, Steps, make_steps
from training.watched import FILE, Answers, figures, margin, write_answers
from training.workers import one_thread_for_opencv

LAST_RATE = 0.01  # of the highest, where the schedule ends
BEST = "best.npz"  # the weights that patience goes back to


class Training:
    """Net, steps and the epochs they have done. `limit` is no part of the recipe, but its
    checkpoint remembers it."""

    def __init__(self, recipe: Recipe, run: Path, classes: int, limit: int | None = None) -> None:
        self.recipe, self.run, self.limit = recipe, run, limit
        self.shape = Shape(recipe.size, classes, recipe.width, recipe.dropout)
        self.net = build(recipe.architecture, self.shape, recipe.seed)
        if recipe.pretrained:
            take_weights(self.net, Path(recipe.pretrained) / FINAL)
        self.steps: Steps = make_steps(self.net, Settings(recipe.decay, recipe.average))
        self.log: list[dict[str, float]] = []

    @property
    def best(self) -> int:
        """The epoch, counted from 0, after which the watched signs surprised least."""
        return int(np.argmin([entry["choose_nll"] for entry in self.log]))

    @property
    def epoch(self) -> int:
        return len(self.log)

    @property
    def finished(self) -> bool:
        """All epochs are done, or patience is at its end."""
        waited = self.epoch - 1 - self.best if self.log else 0
        return self.epoch >= self.recipe.epochs or 0 < self.recipe.patience <= waited

    def resume(self) -> None:
        """Continue from `last.npz` where there is one of the same recipe."""
        path = self.run / "last.npz"
        if not path.exists():
            return
        try:
            with np.load(path) as file:
                saved = {name: file[name] for name in file.files}
            record = json.loads(str(saved.pop("record")))
            refuse_other_recipe(path, record["recipe"], self.recipe)
            if record["backend"] != keras.backend.backend():
                raise UsageError(
                    f"{path} was made with KERAS_BACKEND={record['backend']}, not with "
                    f"{keras.backend.backend()}: choose another --run or set it"
                )
            refuse_other_limit(path, record.get("limit", self.limit), self.limit)
            if record.get("layers", layers_of(self.net)) != layers_of(self.net):
                raise UsageError(
                    f"{path} belongs to a net of other layers than {self.recipe.architecture!r} "
                    "has now: choose another --run or remove it"
                )
            self.steps.load(saved)
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise ModelError(f"{path}: expected a checkpoint of a run, found {error}") from error
        self.log = record["log"]
        print(f"continuing after epoch {self.epoch} of {self.recipe.epochs}")

    def save(self) -> None:
        """Through a temporary file, so that a kill leaves the old one whole."""
        record: dict[str, Any] = {"recipe": asdict(self.recipe), "log": self.log}
        record |= {"backend": keras.backend.backend(), "limit": self.limit}
        record["layers"] = layers_of(self.net)
        if self.recipe.patience and self.best == self.epoch - 1:
            np.savez(self.run / BEST, *self.steps.averaged())
        temporary = self.run / "last.tmp.npz"
        np.savez(temporary, record=np.array(json.dumps(record)), **self.steps.state())
        temporary.replace(self.run / "last.npz")
        (self.run / "log.json").write_text(json.dumps(self.log, indent=1))

    def train_epoch(
        self, data: Gathered, watched: NDArray[np.uint8], teach: Predict | None
    ) -> None:
        recipe, classes = self.recipe, len(data.classes)
        total = recipe.samples // recipe.batch
        self.steps.seed(1000 * recipe.seed + self.epoch)
        losses: list[float] = []
        started = time.monotonic()
        rate = recipe.rate
        bar = tqdm(
            epoch_batches(data, recipe, self.epoch),
            desc=f"epoch {self.epoch + 1}/{recipe.epochs}",
            total=total,
            unit="batch",
            mininterval=5,
        )
        for images, labels in bar:
            rate = rate_at(recipe, self.epoch + len(losses) / total)
            target = np.full((len(labels), classes), recipe.smoothing / classes, np.float32)
            target[np.arange(len(labels)), labels] += 1 - recipe.smoothing
            if teach:
                target += recipe.trust * (teach(images) - target)
            losses.append(self.steps.step(images, target, rate))
            if not math.isfinite(losses[-1]):
                raise UsageError(
                    f"epoch {self.epoch + 1}: expected a finite loss, found {losses[-1]}: a lower "
                    "--rate may help"
                )
            if len(losses) % 50 == 0:
                bar.set_postfix(loss=f"{np.mean(losses[-100:]):.3f}", refresh=False)
        entry = {"loss": float(np.mean(losses)), "rate": rate}
        entry |= figures(self.steps.predict(watched), data.watched.labels)
        self.log.append({**entry, "seconds": time.monotonic() - started})
        print(f"{data.part}: {entry['choose']:.4f}, nll {entry['choose_nll']:.4f}", flush=True)

    def result(self) -> keras.Model:
        """The net as it will be run, with its averaged weights; of its best epoch where patience
        counts."""
        net = keras.models.clone_model(self.net)
        weights = self.steps.averaged()
        if self.recipe.patience and (self.run / BEST).exists():
            with np.load(self.run / BEST) as file:
                weights = [file[name] for name in file.files]
        net.set_weights(weights)
        return merged(net, self.shape) if self.recipe.architecture == BRANCHED else net


def layers_of(net: keras.Model) -> str:
    """The kinds of a net's layers in their order, which shapes of weights alone do not tell."""
    return " ".join(type(layer).__name__ for layer in net.layers)


def rate_at(recipe: Recipe, epoch: float) -> float:
    """The learning rate: linear warm-up, then half a cosine down to LAST_RATE, or constant."""
    warm = min(1.0, (epoch + 1e-3) / recipe.warmup) if recipe.warmup else 1.0
    if recipe.schedule == "constant":
        return recipe.rate * warm
    way = (epoch - recipe.warmup) / max(recipe.epochs - recipe.warmup, 1e-6)
    way = min(max(way, 0.0), 1.0)
    cosine = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * way))
    return recipe.rate * min(warm, cosine)


def epoch_batches(data: Gathered, recipe: Recipe, epoch: int) -> Iterable[Batch]:
    """The batches of one epoch."""
    classes = len(data.classes)
    signs = data.classes == label_names()
    chance = chances(data.train, classes, recipe.balance)
    if signs:
        shares = {FOREIGN: recipe.foreign, BACKGROUND: recipe.background}
        chance = with_shares(chance, data.train.labels, shares)
    mirrored = MIRRORED if signs else {label: label for label in range(classes)}
    sampling = Sampling(recipe.samples, recipe.batch, chance, mirrored, recipe.flips)
    augmentation = Augmentation(recipe.augment, recipe.without, margin(recipe.data), recipe.size)
    look = Look(recipe.colour, recipe.contrast)
    return batches(data.train, sampling, augmentation, look, (recipe.seed, epoch))


def _teachers(recipe: Recipe) -> list[Path]:
    return [Path(run) / FINAL for run in filter(None, recipe.teachers.split(","))]


def contact_sheet(data: Gathered, recipe: Recipe, path: Path, columns: int = 24) -> None:
    """A page of crops as the net will see them."""
    small = replace(recipe, samples=columns * 16, batch=columns)
    tiles = [np.hstack(list(images)) for images, _ in epoch_batches(data, small, 0)]
    keras.utils.save_img(path, np.vstack(tiles), scale=False)


def train(recipe: Recipe, run: Path, limit: int | None = None, until: int | None = None) -> Path:
    """Train to the end (or to epoch `until`) and return the float model's file."""
    one_thread_for_opencv()
    refuse_finished(run, "last.npz")
    make_folder(run)
    choice = Choice(
        recipe.data, recipe.parts, recipe.folds, recipe.fold, recipe.drawn, recipe.seed, limit
    )
    dataset = opened(recipe.data)
    known = outputs(dataset)
    classes = len(known)
    look = Look(recipe.colour, recipe.contrast)
    refuse_other_sight(_teachers(recipe), look, known)
    training = Training(recipe, run, classes, limit)  # what it needs is asked for before pictures,
    training.resume()  # which take minutes to read
    teach = load_teachers(_teachers(recipe), recipe.size, classes, recipe.softness)
    data = gather(choice, dataset)
    contact_sheet(data, recipe, run / "crops.png")
    (run / CLASSES).write_text(json.dumps(data.classes))
    print(
        f"{len(data.train.labels)} crops, {len(data.watched.labels)} watched ({data.part}); "
        f"{training.net.count_params()} parameters, {multiply_adds(training.net) / 1e6:.1f} M "
        f"multiply-adds, {keras.backend.backend()}",
        flush=True,
    )
    watched = undisturbed(data.watched, look, margin(recipe.data), recipe.size)
    with SummaryWriter(run / "tensorboard", purge_step=training.epoch + 1) as board:
        while not training.finished and training.epoch < (until or recipe.epochs):
            training.train_epoch(data, watched, teach)
            training.save()
            for name, value in training.log[-1].items():
                board.add_scalar(name, value, training.epoch)
    seconds = sum(entry["seconds"] for entry in training.log)
    print(f"{training.epoch} epochs, {seconds:.0f} s")
    net = training.result()
    if recipe.patience:  # then the result need not be what the steps have come to
        logits = np.asarray(net.predict(watched, batch_size=PREDICT_BATCH, verbose=0), np.float32)
    else:
        logits = training.steps.predict(watched)
    write_answers(run / FILE, Answers(logits, data.watched.labels, data.names, data.part))
    net.save(run / FINAL)
    return run / FINAL
