"""Trains the sign classifier: a plain Keras CNN on GTSRB, drawn signs, foreign signs, background.

    python -m training.classifier --run runs/classifier

Every epoch leaves `last.npz` in the run's folder; the same command continues from it after a
kill. The finished float model, with averaged weights, is `final.keras`.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue
from typing import Any
from zipfile import BadZipFile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from models.errors import ModelError, run_command
from models.imaging import CROP_SIZE
from models.signs import BACKGROUND, COUNT, FOREIGN, label_names
from training import datasets
from training.artwork import FOREIGN as FOREIGN_SIGNS
from training.artwork import LOOKALIKES, foreign_art, lookalike_art, sign_art
from training.crops import (
    MIRRORED,
    Crops,
    augment,
    background_crops,
    centred,
    chances,
    pasted,
    stack,
    store,
)
from training.runs import make_folder, refuse_other_recipe, run_training


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, besides data and hardware."""

    parts: str = "train"  # of GTSRB, joined by "+"; or "all"
    epochs: int = 13
    samples: int = 36_000  # an epoch
    batch: int = 64
    rate: float = 4e-3
    decay: float = 1e-2
    warmup: float = 1.0  # epochs
    average: float = 0.998
    smoothing: float = 0.05
    drawn: int = 60  # drawn crops a class
    foreign: float = 0.10  # share of the samples
    background: float = 0.15
    width: float = 1.0  # of the net's channels
    seed: int = 0


def build(recipe: Recipe) -> keras.Model:
    """Eight plain convolutions; uint8-range RGB (48, 48, 3) in, logits (45,) out."""

    def block(x: Any, channels: int, stride: int = 1) -> Any:
        channels = round(channels * recipe.width / 8) * 8
        x = keras.layers.Conv2D(channels, 3, stride, padding="same", use_bias=False)(x)
        return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.98)(x))

    keras.utils.set_random_seed(recipe.seed)
    image = keras.Input((CROP_SIZE, CROP_SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    x = block(x, 16)
    x = block(x, 32, stride=2)
    x = block(x, 32)
    x = block(x, 56, stride=2)
    x = block(x, 64)
    x = block(x, 96, stride=2)
    x = block(x, 128)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(image, keras.layers.Dense(COUNT + 2, name="logits")(x))


def collect(recipe: Recipe, limit: int | None = None) -> tuple[Crops, Crops]:
    """All stored crops to train on, and GTSRB's `choose` crops to watch.

    `limit` keeps that many GTSRB crops, evenly spread, and draws a tenth of the rest.
    """
    rng = np.random.default_rng(recipe.seed)
    gtsrb = datasets.gtsrb()
    if recipe.parts == "all":
        examples = gtsrb.examples
    else:
        examples = tuple(e for p in recipe.parts.split("+") for e in datasets.part(gtsrb, p))
    watched = datasets.part(gtsrb, "choose")
    if limit:
        examples = examples[:: max(1, len(examples) // limit)]
        watched = watched[:: max(1, 10 * len(watched) // limit)]
    train = _read(gtsrb, examples, "GTSRB")
    choose = _read(gtsrb, watched, "GTSRB choose")
    street = datasets.gtsdb()
    pictures = datasets.part(street, "train")[: 20 if limit else None]
    images, labels = [], []
    grounds = []
    for example in tqdm(pictures, desc="backgrounds", unit=""):
        picture = street.read(example)
        boxes = [a.box for a in example.annotations]
        images += background_crops(picture, boxes, 12, rng)
        grounds.append(np.ascontiguousarray(images[-1][:, :, ::-1]))
    labels += [BACKGROUND] * len(images)
    count = max(1, recipe.drawn // (10 if limit else 1))
    for name, art, label in tqdm(list(_artwork()), desc="drawing", unit=""):
        for _ in range(count):
            ground = grounds[int(rng.integers(len(grounds)))]
            images.append(pasted(art(name, 128), ground, rng))
            labels.append(label)
    extra = stack(images, labels)
    joined = Crops(
        np.concatenate([train.images, extra.images]), np.concatenate([train.labels, extra.labels])
    )
    return joined, choose


def _artwork() -> Iterator[tuple[Any, Any, int]]:
    """(name, function that draws it, output index) of everything that can be drawn."""
    yield from ((label, sign_art, label) for label in range(COUNT))
    yield from ((name, foreign_art, FOREIGN) for name in FOREIGN_SIGNS)
    yield from ((name, lookalike_art, BACKGROUND) for name in LOOKALIKES)


def _read(data: datasets.Dataset, examples: Any, what: str) -> Crops:
    images, labels = [], []
    for example in tqdm(examples, desc=what, unit=""):
        picture = data.read(example)
        for annotation in example.annotations:
            images.append(store(picture, annotation.box))
            labels.append(annotation.label)
    return stack(images, labels)


def batches(crops: Crops, recipe: Recipe, epoch: int) -> Iterator[tuple[Any, Any]]:
    """One epoch's batches, prepared by a thread of their own; the same for the same seed."""
    chance = chances(crops.labels, {"foreign": recipe.foreign, "background": recipe.background})
    rng = np.random.default_rng((recipe.seed, epoch))
    picks = rng.choice(len(crops.labels), recipe.samples, p=chance)
    ready: Queue[Any] = Queue(8)

    def one(number: int) -> tuple[Any, int]:
        image, label = crops.images[number], int(crops.labels[number])
        if label in MIRRORED and rng.random() < 0.3:
            image, label = image[:, ::-1], MIRRORED[label]
        return augment(np.ascontiguousarray(image), rng), label

    def produce() -> None:
        try:
            for start in range(0, len(picks) - recipe.batch + 1, recipe.batch):
                pairs = [one(int(n)) for n in picks[start : start + recipe.batch]]
                ready.put((np.stack([p[0] for p in pairs]), np.array([p[1] for p in pairs])))
            ready.put(None)
        except Exception as error:  # carried to the training thread, raised there
            ready.put(error)

    threading.Thread(target=produce, daemon=True).start()
    while (item := ready.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up, then half a cosine down to 1 %."""

    def __init__(self, rate: float, warmup: float, total: float) -> None:
        self.rate, self.warmup, self.total = rate, warmup, total

    def __call__(self, step: Any) -> Any:
        step = tf.cast(step, tf.float32)
        way = tf.clip_by_value((step - self.warmup) / (self.total - self.warmup), 0.0, 1.0)
        cosine = 0.01 + 0.99 * 0.5 * (1 + tf.cos(np.pi * way))
        return self.rate * tf.minimum((step + 1) / self.warmup, cosine)

    def get_config(self) -> dict[str, float]:
        return {"rate": self.rate, "warmup": self.warmup, "total": self.total}


class Training:
    """Net, optimiser, averaged weights and the epoch they have reached."""

    def __init__(self, recipe: Recipe, run: Path) -> None:
        self.recipe, self.run = recipe, run
        self.steps = recipe.samples // recipe.batch
        self.net = build(recipe)
        schedule = Schedule(recipe.rate, recipe.warmup * self.steps, recipe.epochs * self.steps)
        self.optimiser = keras.optimizers.AdamW(schedule, weight_decay=recipe.decay)
        self.optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimiser.build(self.net.trainable_variables)
        self.average = [tf.Variable(w) for w in self.net.weights]
        self.log: list[dict[str, float]] = []
        self._step = tf.function(self._one_step)

    @property
    def epoch(self) -> int:
        return len(self.log)

    def _variables(self) -> list[Any]:
        """All that a step changes; the states of dropout's dice come last."""
        weights = {id(weight) for weight in self.net.weights}
        dice = [variable for variable in self.net.variables if id(variable) not in weights]
        return [*self.net.weights, *self.optimiser.variables, *self.average, *dice]

    def resume(self) -> None:
        """Continue from `last.npz` where there is one of the same recipe."""
        path = self.run / "last.npz"
        if not path.exists():
            return
        try:
            with np.load(path) as file:
                saved = {name: file[name] for name in file.files}
            state = json.loads(str(saved.pop("state")))
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise ModelError(f"{path}: expected a checkpoint of a run, found {error}") from error
        refuse_other_recipe(path, state["recipe"], self.recipe)
        for number, variable in enumerate(self._variables()[: len(saved)]):  # early ones lack dice
            variable.assign(saved[f"v{number}"])
        self.log = state["log"]
        print(f"continuing after epoch {self.epoch} of {self.recipe.epochs}")

    def save(self) -> None:
        """Through a temporary file, so that a kill leaves the old one whole."""
        arrays = {f"v{n}": np.asarray(v) for n, v in enumerate(self._variables())}
        state = json.dumps({"recipe": asdict(self.recipe), "log": self.log})
        temporary = self.run / "last.tmp.npz"
        np.savez(temporary, state=np.array(state), **arrays)
        temporary.replace(self.run / "last.npz")
        (self.run / "log.json").write_text(json.dumps(self.log, indent=1))

    def _one_step(self, images: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self.net(tf.cast(images, tf.float32), training=True)
            target = tf.one_hot(labels, COUNT + 2)
            loss = keras.losses.categorical_crossentropy(
                target, tf.cast(logits, tf.float32), True, self.recipe.smoothing
            )
            loss = tf.reduce_mean(loss)
        gradients = tape.gradient(loss, self.net.trainable_variables)
        self.optimiser.apply(gradients)
        step = tf.cast(self.optimiser.iterations, tf.float32)
        keep = tf.minimum(self.recipe.average, (1 + step) / (10 + step))
        for kept, now in zip(self.average, self.net.weights, strict=True):
            kept.assign(keep * kept + (1 - keep) * now)
        return loss

    def train_epoch(self, crops: Crops, choose: Crops) -> None:
        losses = []
        bar = tqdm(
            batches(crops, self.recipe, self.epoch),
            desc=f"epoch {self.epoch + 1}/{self.recipe.epochs}",
            total=self.steps,
            unit="batch",
        )
        for images, labels in bar:
            losses.append(float(self._step(images, labels)))
            if len(losses) % 20 == 0:
                bar.set_postfix(loss=f"{np.mean(losses[-100:]):.3f}")
        correct = self.accuracy(choose)
        print(f"choose: {correct:.4f}")
        self.log.append({"loss": float(np.mean(losses)), "choose": correct})

    def averaged(self) -> keras.Model:
        net = build(self.recipe)
        net.set_weights([w.numpy() for w in self.average])
        return net

    def accuracy(self, crops: Crops) -> float:
        """Share read right among the 43, by the averaged weights, on undisturbed crops."""
        logits = self.averaged().predict(centred(crops.images), batch_size=256, verbose=0)
        return float((logits[:, :COUNT].argmax(1) == crops.labels).mean())


def contact_sheet(crops: Crops, recipe: Recipe, path: Path, columns: int = 24) -> None:
    """A page of crops as the net will see them."""
    tiles: list[Any] = []
    small = Recipe(**{**asdict(recipe), "samples": columns * 16, "batch": columns})
    tiles = [np.hstack(list(images)) for images, _ in batches(crops, small, 0)]
    keras.utils.save_img(path, np.vstack(tiles), scale=False)


def train(recipe: Recipe, run: Path, limit: int | None = None, until: int | None = None) -> Path:
    """Train to the end (or to epoch `until`) and return the float model's file."""
    make_folder(run)
    training = Training(recipe, run)
    training.resume()
    crops, choose = collect(recipe, limit)
    contact_sheet(crops, recipe, run / "crops.png")
    counts = np.bincount(crops.labels, minlength=COUNT + 2)
    print(
        f"{counts[:COUNT].sum()} signs, {counts[FOREIGN]} foreign, {counts[BACKGROUND]} background"
    )
    print(f"{training.net.count_params()} parameters, {len(label_names())} outputs")
    started = time.monotonic()
    while training.epoch < min(recipe.epochs, until or recipe.epochs):
        training.train_epoch(crops, choose)
        training.save()
    print(f"{training.epoch} epochs, {time.monotonic() - started:.0f} s in this run")
    path = run / "final.keras"
    training.averaged().save(path)
    return path


def origin(recipe: Recipe) -> list[dict[str, Any]]:
    """The data a recipe trains on, as a published model names it."""
    parts = ["train", "choose", "judge"] if recipe.parts == "all" else recipe.parts.split("+")
    return [
        {"data": "gtsrb", "parts": parts},
        {"data": "gtsdb", "parts": ["train"], "use": "crops without a sign"},
        {"data": "drawn signs", "count": recipe.drawn, "seed": recipe.seed},
    ]


if __name__ == "__main__":
    run_command(lambda: run_training("training.classifier", __doc__, Recipe, train, origin))
