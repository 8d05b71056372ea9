"""The detector's nets by name: Ultralytics' own model files and ours, with whatever weights fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from ultralytics.cfg import get_cfg
from ultralytics.nn.modules import Conv, Detect
from ultralytics.nn.tasks import DetectionModel, load_checkpoint, yaml_model_load

from models.errors import SourceError, UsageError

if TYPE_CHECKING:
    from training.detector import Recipe

OWN = Path(__file__).parent / "architectures"


class NarrowDetect(Detect):
    """Ultralytics' head with a box branch of `channels`, where theirs has 64 at least.

    At stride 8 that branch alone is a sixth of YOLO11n's work.
    """

    def __init__(self, inputs: tuple[int, ...], channels: int, bins: int) -> None:
        super().__init__(nc=1, reg_max=bins, ch=inputs)
        self.cv2 = nn.ModuleList(
            nn.Sequential(
                Conv(each, channels, 3),
                Conv(channels, channels, 3),
                nn.Conv2d(channels, 4 * self.reg_max, 1),
            )
            for each in inputs
        )


def untrained(name: str) -> DetectionModel:
    """The net of a model file, ours by name or one of Ultralytics', for one class.

    UsageError for a name that is none.
    """
    own = OWN / f"{name}.yaml"
    try:
        parts = yaml_model_load(own if own.is_file() else name)
        # Ultralytics reads the scale from a file's name; ours have one only.
        parts["scale"] = parts["scale"] or "n"
        net = DetectionModel(parts, nc=1, verbose=False)
    except (OSError, ValueError, KeyError, AssertionError) as error:
        known = ", ".join(sorted(path.stem for path in OWN.glob("*.yaml")))
        raise UsageError(
            f"--model: expected {known} or a model file of Ultralytics such as yolo11n.yaml, "
            f"found {name!r}"
        ) from error
    if channels := parts.get("box_channels"):
        _narrow(net, int(channels))
    net.args = get_cfg()  # the loss reads its gains from here
    net.names = {0: "sign"}
    return net


def _narrow(net: DetectionModel, channels: int) -> None:
    old = net.model[-1]
    inputs = tuple(branch[0].conv.in_channels for branch in old.cv2)
    new = NarrowDetect(inputs, channels, old.reg_max)
    for name in ("stride", "i", "f", "type"):  # what Ultralytics' builder has noted on it
        setattr(new, name, getattr(old, name))
    new.bias_init()
    net.model[-1] = new


def build(recipe: Recipe) -> DetectionModel:
    """The net, with whatever layers of the starting weights fit."""
    torch.manual_seed(recipe.seed)
    net = untrained(recipe.model)
    if recipe.weights != "none":
        try:
            start, _ = load_checkpoint(recipe.weights)
        except (OSError, TypeError, AttributeError, AssertionError) as error:
            # A TypeError is what a broken file gets, an AttributeError one that holds no net, an
            # AssertionError one that is no .pt.
            raise SourceError(f"starting weights {recipe.weights}: {error}") from error
        own, found = net.state_dict(), _renumbered(start, net)
        fitting = {k: v for k, v in found.items() if k in own and own[k].shape == v.shape}
        net.load_state_dict(fitting, strict=False)
        print(f"{recipe.weights}: {len(fitting)} of {len(own)} tensors fit")
    return net


def _renumbered(start: Any, net: DetectionModel) -> dict[str, torch.Tensor]:
    """The starting weights, those of the head under the number that the head has in `net`."""
    theirs, ours = (f"model.{len(each.model) - 1}." for each in (start, net))
    weights = start.float().state_dict()
    return {
        ours + name.removeprefix(theirs) if name.startswith(theirs) else name: value
        for name, value in weights.items()
    }
