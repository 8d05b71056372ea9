"""What a published model says of itself: `<name>.json` beside `<name>.tflite`, checked in full."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from models.errors import ModelError
from models.signs import label_names

FOLDER = Path(__file__).parent
TASKS = ("detect", "classify")


@dataclass(frozen=True, slots=True)
class Input:
    """The picture a model takes: raw bytes (height, width, 3), batch 1, normalised in the graph.

    The file's tensor is uint8, or int8 of scale 1 and zero point -128: the byte less 128.

    `resize`: `letterbox` (whole frame, padded) or `crop` (a square `margin` wider on each side
    than the box, as a fraction of its longer side; 0 for `letterbox`).
    """

    width: int
    height: int
    colour: str
    resize: str
    margin: float


@dataclass(frozen=True, slots=True)
class Output:
    """What comes out.

    `yolo-raw`: for each stride one box tensor (1, H/s, W/s, 4·bins), distance distributions in the
    order left, top, right, bottom (with one bin the distance itself, in cells), and one score
    tensor (1, H/s, W/s, 1), logits.
    `logits`: (1, labels); `strides` and `bins` are then empty and 0.
    """

    layout: str
    strides: list[int]
    bins: int


@dataclass(frozen=True, slots=True)
class Pair:
    """The threshold of the fused score, found together with the model of this sha256."""

    sha256: str
    score: float


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights come from: data sets and parts trained on, code, licence."""

    data: list[dict[str, Any]]
    commit: str
    command: str
    licence: str
    twin: str


@dataclass(frozen=True, slots=True)
class Spec:
    """One model's JSON, checked. Every key is required; unknown keys are refused.

    `thresholds`: for a detector `score` and `iou` (NMS), for a classifier `accept`, the
    probability below which a sign is not named. `temperature` divides the logits (1 for a
    detector). `metrics`: what was measured, each with the command that measured it.
    """

    name: str
    version: str
    task: str
    file: str
    sha256: str
    input: Input
    output: Output
    labels: list[str]
    thresholds: dict[str, float]
    temperature: float
    pair: Pair | None
    metrics: dict[str, Any]
    origin: Origin

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"


REQUIRED_THRESHOLDS = {"detect": {"score", "iou"}, "classify": {"accept"}}


def find_model(name: str) -> Path:
    """The JSON of a published model by its name, or of any model by its path.

    Raises ModelError that lists what there is.
    """
    path = Path(name)
    if path.suffix == ".json":
        if _is_file(path):
            return path
        raise ModelError(f"no model file {path}")
    path = FOLDER / f"{name}.json"
    if name != Path(name).name or not _is_file(path):
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.json"))) or "none"
        raise ModelError(f"no model called {name!r}: published are {known}; or give a .json file")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the system
        return False


def load_spec(path: Path) -> Spec:
    """Read a model's JSON and check it, and its file's hash. Raises ModelError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: expected a model's JSON, found {error}") from error
    spec: Spec = _parse(Spec, raw, str(path), "")
    _check(spec, path)
    return spec


def model_bytes(spec: Spec, path: Path) -> bytes:
    """The model file beside the JSON at `path`, read once and proven by its hash."""
    file = path.with_name(spec.file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} names the file {spec.file}: {error}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != spec.sha256:
        raise ModelError(f"{file}: expected sha256 {spec.sha256}, found {found}")
    return data


def pair_threshold(detector: Spec, classifier: Spec) -> float:
    """The threshold of the fused score that was found for these two together.

    ModelError where neither names the other.
    """
    for one, other in ((detector, classifier), (classifier, detector)):
        if one.pair and one.pair.sha256 == other.sha256:
            return one.pair.score
    raise ModelError(
        f"{detector.name} and {classifier.name}: expected a pair published together, found no "
        "threshold in either for the other"
    )


def _check(spec: Spec, path: Path) -> None:
    def expect(what: str, found: object, allowed: tuple[object, ...]) -> None:
        if found not in allowed:
            names = " or ".join(repr(a) for a in allowed)
            raise ModelError(f"{path}: expected {what} to be {names}, found {found!r}")

    expect("task", spec.task, TASKS)
    detect = spec.task == "detect"
    expect("input.colour", spec.input.colour, ("rgb",))
    expect("input.resize", spec.input.resize, ("letterbox",) if detect else ("crop",))
    expect("output.layout", spec.output.layout, ("yolo-raw",) if detect else ("logits",))
    expect("thresholds", set(spec.thresholds), (REQUIRED_THRESHOLDS[spec.task],))
    expected = ("sign",) if detect else label_names()
    if tuple(spec.labels) != expected:
        raise ModelError(
            f"{path}: expected {len(expected)} labels as in models/signs.csv, "
            f"found {len(spec.labels)} ({_first_difference(spec.labels, expected)})"
        )
    for what, found, rule, holds in _rules(spec):
        if not holds:
            raise ModelError(f"{path}: expected {what} to be {rule}, found {found!r}")


def _rules(spec: Spec) -> Iterator[tuple[str, object, str, bool]]:
    """(key, its value, what it should be, whether it is) of the values that could be nonsense."""
    yield (
        "file",
        spec.file,
        "a name in the same folder",
        0 < len(spec.file) == len(Path(spec.file).name) and "\0" not in spec.file,
    )
    yield "temperature", spec.temperature, "above 0", 0 < spec.temperature < float("inf")
    yield "input.width", spec.input.width, "above 0", spec.input.width > 0
    yield "input.height", spec.input.height, "above 0", spec.input.height > 0
    yield "input.margin", spec.input.margin, "0 or more", 0 <= spec.input.margin < float("inf")
    for key, value in spec.thresholds.items():
        yield f"thresholds.{key}", value, "from 0 to 1", 0 <= value <= 1
    if spec.pair:
        yield "pair.score", spec.pair.score, "from 0 to 1", 0 <= spec.pair.score <= 1
    if spec.task == "classify":
        square = spec.input.height == spec.input.width
        yield "input.height", spec.input.height, "input.width", square
    if spec.task == "detect":
        strides, bins = spec.output.strides, spec.output.bins
        distinct = len(set(strides)) == len(strides) > 0 and min(strides) > 0
        yield "output.strides", strides, "different whole numbers above 0", distinct
        yield "output.bins", bins, "above 0", bins > 0


def _first_difference(found: list[str], expected: tuple[str, ...]) -> str:
    for number, name in enumerate(expected):
        other = found[number] if number < len(found) else "nothing"
        if other != name:
            return f"number {number} is {other!r}, not {name!r}"
    return f"number {len(expected)} is too many"


def _parse(kind: Any, raw: Any, file: str, where: str) -> Any:
    """`raw` as `kind` (a dataclass, a list, a dict or a plain type); ModelError names the key."""
    place = where or "the whole"
    if get_origin(kind) in (UnionType, Union):
        if raw is None:
            return None
        (kind,) = (k for k in get_args(kind) if k is not NoneType)
    if dataclasses.is_dataclass(kind):
        if not isinstance(raw, Mapping):
            raise ModelError(f"{file}: expected {place} to be an object, found {raw!r}")
        hints = get_type_hints(kind)
        missing, unknown = sorted(hints.keys() - raw.keys()), sorted(raw.keys() - hints.keys())
        if missing or unknown:
            problem = [f"{', '.join(missing)} missing"] if missing else []
            problem += [f"{', '.join(unknown)} unknown"] if unknown else []
            raise ModelError(
                f"{file}: expected the keys {', '.join(hints)} in {place}, "
                f"found {'; '.join(problem)}"
            )
        return kind(
            **{k: _parse(hints[k], v, file, f"{where}.{k}".strip(".")) for k, v in raw.items()}
        )  # type: ignore[operator]
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is float and isinstance(raw, int) and not isinstance(raw, bool):
        try:
            return float(raw)
        except OverflowError:
            raise ModelError(
                f"{file}: expected {place} to be a number, found one too large"
            ) from None
    if not isinstance(raw, origin) or (origin is int and isinstance(raw, bool)):
        raise ModelError(f"{file}: expected {place} to be {origin.__name__}, found {raw!r}")
    if origin is list:
        return [_parse(arguments[0], v, file, f"{where}[{i}]") for i, v in enumerate(raw)]
    if origin is dict and arguments[1] is not Any:
        return {k: _parse(arguments[1], v, file, f"{where}.{k}") for k, v in raw.items()}
    return raw
