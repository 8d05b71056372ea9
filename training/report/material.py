"""What the sections of the page are made from."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import keras
import numpy as np

from training.datasets import Dataset
from training.feed import Look
from training.report.findings import Findings
from training.report.pictures import Pictures
from training.report.record import Record


class Run(NamedTuple):
    """A run, its net, its pictures, and what was found."""

    record: Record
    net: keras.Model | None
    dataset: Dataset
    pictures: Pictures
    found: Findings

    def seen(self, examples: list[int]) -> Any:
        """These crops as the net gets them: grey or with evened contrast if its recipe says so."""
        recipe = self.record.recipe
        change = Look(recipe.get("colour", "rgb"), recipe.get("contrast", "none"))
        return np.stack([change(self.pictures.crops[index]) for index in examples])


class Album(Protocol):
    """Keeps a picture and returns what the page needs to show it."""

    def add(self, name: str, about: str, png: bytes) -> Any: ...
