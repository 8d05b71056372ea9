"""The only file that knows LiteRT: a verified model file becomes a callable."""

from __future__ import annotations

from contextlib import suppress
from importlib import metadata
from pathlib import Path

import numpy as np

from edge.amx import without_amx
from edge.core import Image, Tensor
from edge.greeting import without_greeting
from edge.reshape import Size, reshaped
from models.errors import ModelError
from models.spec import Spec, model_bytes

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    try:  # 32-bit ARM has only the older package
        from tflite_runtime.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            "no LiteRT: install the project with `pip install .`, or `pip install ai-edge-litert`"
        ) from error


HIGHEST_BIT = np.uint8(128)  # flipped, a byte becomes the int8 that is 128 less


def litert_version() -> str:
    """The package that runs the models, and its version."""
    for package in ("ai-edge-litert", "tflite-runtime"):
        with suppress(metadata.PackageNotFoundError):
            return f"{package} {metadata.version(package)}"
    return "unknown"


def open_interpreter(data: bytes, name: Path | str, threads: int) -> Interpreter:
    """LiteRT's interpreter of a model, ready to run; ModelError names what it cannot take."""
    try:
        with without_greeting(), without_amx():
            interpreter = Interpreter(model_content=data, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{name}: expected a LiteRT model, found {error}") from error
    return interpreter


class LiteRtRuntime:
    """A model on the CPU.

    Called with uint8 (height, width, 3) RGB it returns every output, quantised as it is, in the
    model's own order. The file takes the bytes as they are, or as int8, less 128. `size` (width,
    height) is another input than the spec's (`edge.reshape`). Raises ModelError where the file is
    not what its JSON says, cannot have that input, or, when called, where it cannot be run.
    """

    def __init__(self, spec: Spec, json_path: Path, threads: int, size: Size | None = None) -> None:
        data = model_bytes(spec, json_path)
        own = spec.input.width, spec.input.height
        if size:
            data = reshaped(data, own, size)
        width, height = size or own
        name = self._name = json_path.with_name(spec.file)
        self._interpreter = open_interpreter(data, name, threads)
        inputs = self._interpreter.get_input_details()
        expected = (1, height, width, 3)
        found = [(tuple(int(n) for n in i["shape"]), np.dtype(i["dtype"]).name) for i in inputs]
        if found not in ([(expected, "uint8")], [(expected, "int8")]):
            raise ModelError(f"{name}: expected one input {expected} uint8 or int8, found {found}")
        self._input = inputs[0]["index"]
        self._signed = found[0][1] == "int8"
        if self._signed and not takes_less_128(*inputs[0]["quantization"]):
            raise ModelError(
                f"{name}: expected an int8 input of scale 1, zero point -128, "
                f"found {inputs[0]['quantization']}"
            )
        self._outputs = self._interpreter.get_output_details()
        for output in self._outputs:
            kind = np.dtype(output["dtype"])
            if kind != np.float32 and not (kind.kind in "iu" and output["quantization"][0] > 0):
                raise ModelError(
                    f"{name}: expected outputs of float32 or quantised integers, found {kind.name} "
                    f"of scale {output['quantization'][0]}"
                )
        self.shapes = tuple(tuple(int(n) for n in o["shape"]) for o in self._outputs)

    @property
    def delegated(self) -> bool:
        """Whether a delegate (XNNPACK, as a rule) does the work of LiteRT's own kernels."""
        return any(op["op_name"] == "DELEGATE" for op in self._interpreter._get_ops_details())

    def __call__(self, image: Image) -> tuple[Tensor, ...]:
        if self._signed:
            taken = self._interpreter.tensor(self._input)()
            if image.shape != taken.shape[1:]:  # it would be repeated until it fits
                raise ValueError(f"expected a picture {taken.shape[1:]}, found {image.shape}")
            np.bitwise_xor(image, HIGHEST_BIT, out=taken[0].view(np.uint8))
            del taken  # nothing may look into an interpreter that runs
        else:
            self._interpreter.set_tensor(self._input, image[None])
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise ModelError(f"{self._name}: the model cannot be run: {error}") from error
        return tuple(
            Tensor(self._interpreter.get_tensor(o["index"]), *o["quantization"])
            for o in self._outputs
        )


def takes_less_128(scale: float, zero: int) -> bool:
    """Whether an int8 input of this scale and zero point takes bytes less 128."""
    return abs(scale - 1) < 1e-3 and zero == -128
