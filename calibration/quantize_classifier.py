"""The classifier as int8: a Keras net becomes a LiteRT file, and each layer's loss is measured."""

from __future__ import annotations

import csv
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from edge.core import Array
from models.errors import ModelError, UsageError
from models.imaging import CROP_SIZE
from models.signs import COUNT

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported

Images = Sequence[NDArray[np.uint8]]  # RGB, as the model takes them
log = logging.getLogger(__name__)

BATCH = 256  # crops at once through the float net


class LayerError(NamedTuple):
    """What int8 costs one operator of the file, which writes `values` numbers for one picture.

    The float operator is given the same, already quantised input, so only the noise that this
    operator itself adds is seen. `sqnr_db`: its ratio to the signal, 10·log10(mean float² / mean
    error²), None where there is no noise or no signal. `rmse_steps`: root mean square error in
    steps of the output's `scale`; 0.29 (1/√12) is the rounding of the output and nothing more,
    well above it weights or cut-off ranges hurt.
    """

    layer: str
    operator: str
    values: int
    sqnr_db: float | None
    rmse_steps: float
    scale: float


def load_net(path: Path) -> Any:
    """The Keras model in a file; ModelError where there is none, or none that reads signs.

    UsageError without the training packages, or with Keras on another backend than TensorFlow,
    whose converter makes the int8 file.
    """
    try:
        import keras  # noqa: PLC0415 – only where a classifier is quantised
    except ModuleNotFoundError as error:
        raise UsageError(
            f"quantising a classifier needs {error.name}: expected the training packages, found "
            "them missing; `pip install '.[train]'` brings them"
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise UsageError(
            "quantising a classifier needs TensorFlow: expected KERAS_BACKEND=tensorflow, found "
            f"{keras.backend.backend()}"
        )
    try:
        net = keras.models.load_model(path, compile=False)
    except (OSError, KeyError, TypeError, ValueError, BadZipFile) as error:
        raise ModelError(f"{path}: expected a Keras model, found {error}") from error
    if net.output_shape != (None, COUNT + 2):
        raise ModelError(
            f"{path}: expected {COUNT + 2} outputs, {COUNT} signs, foreign and background, "
            f"found {net.output_shape}"
        )
    if (found := net.input_shape[1:]) != (CROP_SIZE, CROP_SIZE, 3):
        raise ModelError(
            f"{path}: expected a net that sees {CROP_SIZE}×{CROP_SIZE} RGB, as the device shows "
            f"signs, found {found}"
        )
    return net


def float_logits(net: Any, images: Images) -> Array:
    """What the net says before it is quantised, (n, outputs)."""
    whole = np.stack(images).astype(np.float32)
    return np.asarray(net.predict(whole, batch_size=BATCH, verbose=0))


def quantize_classifier(path: Path, images: Images) -> bytes:
    """A Keras file as int8: per-channel weights, activations ranged on `images`, logits out."""
    with _quiet():
        return bytes(_converter(load_net(path), images).convert())


def layer_errors(path: Path, images: Images, shown: Images) -> list[LayerError]:
    """Each operator's own loss, ranged on `images` and measured on `shown`, in running order."""
    import tensorflow as tf  # noqa: PLC0415

    debug = tf.lite.experimental

    def one_by_one() -> Iterator[list[Any]]:
        for image in shown:
            yield [image[None].astype(np.float32)]

    powers = {"signal": _signal_power, "noise": _noise_power}
    table = StringIO()
    with _quiet():
        # Twice: only a debugger that is given a finished file keeps the float outputs.
        instrumented = debug.QuantizationDebugger(
            converter=_converter(load_net(path), images), debug_dataset=one_by_one
        ).get_debug_quantized_model()
        debugger = debug.QuantizationDebugger(
            quant_debug_model_content=instrumented,
            debug_dataset=one_by_one,
            debug_options=debug.QuantizationDebugOptions(layer_direct_compare_metrics=powers),
        )
        debugger.run()
        debugger.layer_statistics_dump(table)
    table.seek(0)
    rows = [layer_error(row) for row in csv.DictReader(table)]
    silent = [f"{row.layer} ({row.operator})" for row in rows if row.sqnr_db is None]
    if silent:  # seen where TensorFlow's own interpreter answers 0 to a stride above the kernel
        log.warning("no signal or no error to be seen in %s", ", ".join(silent))
    return rows


def _signal_power(whole: Array, _int8: Array, _scale: float, _zero: int) -> float:
    return float(np.mean(np.square(whole, dtype=np.float64)))


def _noise_power(whole: Array, int8: Array, scale: float, zero: int) -> float:
    return float(np.mean(np.square((int8.astype(np.float64) - zero) * scale - whole)))


def layer_error(row: Mapping[str, str]) -> LayerError:
    """One line of the debugger's table, whose `signal` and `noise` are mean squares."""
    signal, noise, scale = (float(row[key]) for key in ("signal", "noise", "scale"))
    # model/layer/operation of everything that was fused; the first is the last to run
    parts = row["tensor_name"].partition(";")[0].split("/")
    return LayerError(
        parts[1] if len(parts) > 1 else "output",
        row["op_name"],
        int(float(row["num_elements"])),
        10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None,
        math.sqrt(noise) / scale,
        scale,
    )


def _converter(net: Any, images: Images) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    def representative() -> Iterator[list[Any]]:
        for image in images:
            yield [image[None].astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    return converter


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converter's remarks, which are for its own authors, off the screen."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield
