"""A run's classifier as int8 against float: accuracy, size, work, and the layer that hurts.

    python -m calibration.quantize runs/classifier

Nothing is published: `python -m calibration.publish` does that, and refuses what lost too much.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from calibration.candidate import refuse_other_crops, trained
from calibration.cost import multiply_adds
from calibration.crops import representative_crops, sign_crops
from calibration.metrics import Ints
from calibration.quantize_classifier import (
    Images,
    float_logits,
    layer_errors,
    load_net,
    quantize_classifier,
)
from edge.core import Array
from edge.reports import write_json
from edge.runtime import LiteRtRuntime
from edge.sinks.files import prove_place
from models.command import CommandParser
from models.errors import UsageError, run_command
from models.imaging import CROP_MARGIN, CROP_SIZE
from models.processors import available_threads
from models.signs import COUNT, label_names
from models.spec import Input, Origin, Output, Spec
from training import datasets

LAYERS_SHOWN = 200  # crops of the table of layers: its means hardly move beyond


def draft(data: bytes, name: str = "draft", version: str = "0") -> Spec:
    """The papers of a quantised classifier that nothing has been chosen or measured for yet."""
    return Spec(
        name=name,
        version=version,
        task="classify",
        file=f"{name}.tflite",
        sha256=hashlib.sha256(data).hexdigest(),
        input=Input(CROP_SIZE, CROP_SIZE, "rgb", "crop", CROP_MARGIN),
        output=Output("logits", [], 0),
        labels=list(label_names()),
        thresholds={"accept": 0.0},
        temperature=1.0,
        pair=None,
        metrics={},
        origin=Origin([], "", "", "", ""),
    )


def int8_logits(data: bytes, images: Images) -> Array:
    """What the device's runtime answers to RGB crops, (n, outputs)."""
    with TemporaryDirectory() as folder:
        spec = draft(data)
        (Path(folder) / spec.file).write_bytes(data)
        runtime = LiteRtRuntime(spec, Path(folder) / "draft.json", available_threads())
    return np.stack([runtime(image)[0].real()[0] for image in images])


def top1(logits: Array, labels: Ints) -> float:
    """How often the likeliest of the 43 signs is right."""
    return float((logits[:, :COUNT].argmax(axis=1) == labels).mean())


def compare(path: Path, part: str, seed: int) -> dict[str, Any]:
    """Quantise the Keras net in a file and measure both on a part of GTSRB.

    `logits_db` is the signal to quantisation noise ratio of what comes out at the end, all layers'
    noise together; `layers` names each one's own (see LayerError). `agree` is how often both give
    the same answer, right or wrong.
    """
    net = load_net(path)
    gtsrb = datasets.gtsrb()
    labels, crops = sign_crops(gtsrb, datasets.part(gtsrb, part))
    ranging = representative_crops(seed)
    data = quantize_classifier(path, ranging)
    whole, int8 = float_logits(net, crops), int8_logits(data, crops)
    some = [crops[i] for i in np.linspace(0, len(crops) - 1, LAYERS_SHOWN).astype(int)]
    noise = float(np.square(int8 - whole).mean())
    return {
        "n": len(labels),
        "top1": {"float": top1(whole, labels), "int8": top1(int8, labels)},
        "agree": float((whole.argmax(axis=1) == int8.argmax(axis=1)).mean()),
        "bytes": len(data),
        "multiply_adds": multiply_adds(data),
        "logits_db": 10 * float(np.log10(np.square(whole).mean() / max(noise, 1e-12))),
        "layers": [row._asdict() for row in layer_errors(path, ranging, some)],
    }


def table(report: Mapping[str, Any]) -> str:
    """The figures to read, layers in running order, the noisiest marked."""
    accuracy, layers = report["top1"], report["layers"]
    lines = [
        f"top1 on {report['n']} crops: float {accuracy['float']:.4f}, int8 {accuracy['int8']:.4f}, "
        f"the same answer for {report['agree']:.4f}",
        f"{report['bytes'] / 1e6:.3f} MB, {report['multiply_adds'] / 1e6:.2f} M multiply-adds",
        f"{'layer':<32}{'operator':<20}{'values':>8}{'SQNR dB':>9}{'rmse/step':>11}{'step':>10}",
    ]
    noisy = [row for row in layers if row["sqnr_db"] is not None]
    noisiest = min(noisy, key=lambda row: row["sqnr_db"], default=None)
    for row in layers:
        ratio = "–" if row["sqnr_db"] is None else f"{row['sqnr_db']:.1f}"
        mark = "  ← noisiest" if row is noisiest else ""
        lines.append(
            f"{row['layer']:<32}{row['operator']:<20}{row['values']:8}{ratio:>9}"
            f"{row['rmse_steps']:11.2f}{row['scale']:10.5f}{mark}"
        )
    lines.append(f"{'all together, at the logits':<60}{report['logits_db']:9.1f}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    flags = _parse(given)
    if flags.json:
        prove_place(flags.json)
    if (flags.run / "recipe.json").exists():  # not yet, where a run is still under way
        refuse_other_crops(trained(flags.run)["recipe"])
    found = compare(flags.run / "final.keras", flags.part, flags.seed)
    command = shlex.join(["python", "-m", "calibration.quantize", *given])
    report = {"run": str(flags.run), "part": flags.part, **found, "command": command}
    print(table(report))
    if flags.json:
        write_json(flags.json, report)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = CommandParser("calibration.quantize", __doc__)
    parser.add_argument("run", type=Path, help="the training run's folder")
    parser.add_argument("--part", default="choose", help="of GTSRB, to measure on")
    parser.add_argument("--seed", type=int, default=0, help="of the crops that range activations")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    flags = parser.parse(arguments)
    if flags.seed < 0:
        raise UsageError(f"--seed: expected 0 or more, found {flags.seed}")
    if not (flags.run / "final.keras").is_file():
        raise UsageError(f"{flags.run}: expected a finished training run, found no final.keras")
    return flags


if __name__ == "__main__":
    run_command(main)
