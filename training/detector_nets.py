"""The detector's net, with whatever layers of the starting weights fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel, load_checkpoint

from models.errors import SourceError

if TYPE_CHECKING:
    from training.detector import Recipe


def build(recipe: Recipe) -> DetectionModel:
    """The net, with whatever layers of the starting weights fit."""
    torch.manual_seed(recipe.seed)
    net = DetectionModel(recipe.model, nc=1, verbose=False)
    net.args = get_cfg()  # the loss reads its gains from here
    net.names = {0: "sign"}
    if recipe.weights != "none":
        try:
            start, _ = load_checkpoint(recipe.weights)
        except (OSError, TypeError) as error:  # a TypeError is what a broken file gets
            raise SourceError(f"starting weights {recipe.weights}: {error}") from error
        net.load(start, verbose=False)
        total, own = len(net.state_dict()), start.float().state_dict()
        fits = sum(
            own.get(k) is not None and own[k].shape == v.shape for k, v in net.state_dict().items()
        )
        print(f"{recipe.weights}: {fits} of {total} tensors fit")
    return net
