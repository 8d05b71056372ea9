"""Training, quantising and publishing a detector, with the real packages on a tiny drawn set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")
pytest.importorskip("litert_torch")

from drawn_sets import drawn_gtsdb  # noqa: E402 – after the packages are known to be there
from small_models import detector_spec, save  # noqa: E402

from calibration import metrics  # noqa: E402
from calibration import publish_detector as publishing  # noqa: E402
from calibration.candidate import Target, write  # noqa: E402
from calibration.publish_detector import FloatRuntime, publish_detector  # noqa: E402
from calibration.quantize_detector import quantize_detector, raw_head  # noqa: E402
from edge.detector import load_detector  # noqa: E402
from edge.runtime import LiteRtRuntime  # noqa: E402
from models.errors import ModelError, SourceError, UsageError  # noqa: E402
from models.imaging import letterbox  # noqa: E402
from models.spec import Input, Output, load_spec  # noqa: E402
from training import datasets  # noqa: E402
from training.detector import Recipe, origin, train  # noqa: E402
from training.detector_nets import build  # noqa: E402
from training.runs import write_recipe  # noqa: E402

SIZE = (160, 96)
RECIPE = Recipe(
    weights="none",
    drawn=0,
    pasted=0.0,
    epochs=2,
    windows=8,
    batch=4,
    warmup=0.5,
    average=0.5,
    plain=0.5,
    width=SIZE[0],
    height=SIZE[1],
)
STRIDES = [8, 16, 32]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("data")
    drawn_gtsdb(root, train=12, judge=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGN_DATA", str(root))
        yield root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A run that was never interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "detector"
    train(RECIPE, folder)
    write_recipe(folder, RECIPE, origin(RECIPE), "python -m training.detector")
    return folder


def weights(run: Path) -> dict[str, Any]:
    saved = torch.load(run / "last.pt", weights_only=False)
    return {**saved["net"], **{f"average {k}": v for k, v in saved["average"].items()}}


def test_a_run_learns_and_leaves_its_record(run: Path) -> None:
    log = json.loads((run / "log.json").read_text())
    assert [entry["epoch"] for entry in log] == [1, 2]
    assert np.isfinite([entry["loss"] for entry in log]).all()
    assert (run / "windows.png").stat().st_size > 0
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["data"] == [{"data": "gtsdb", "parts": ["train"]}]  # and no starting weights
    start = build(RECIPE).state_dict()
    trained = torch.load(run / "last.pt", weights_only=False)["net"]
    assert not torch.equal(start["model.0.conv.weight"], trained["model.0.conv.weight"])


def test_starting_weights_are_named_with_their_hash(tmp_path: Path) -> None:
    file = tmp_path / "start.pt"
    file.write_bytes(b"weights")
    (entry,) = (
        e for e in origin(Recipe(weights=str(file), drawn=0, pasted=0.0)) if e["data"] == "weights"
    )
    assert entry["file"] == "start.pt"
    assert entry["sha256"] == hashlib.sha256(b"weights").hexdigest()


def test_a_killed_run_continues_to_the_same_weights(run: Path, tmp_path: Path) -> None:
    train(RECIPE, tmp_path, until=1)
    assert torch.load(tmp_path / "last.pt", weights_only=False)["epoch"] == 1
    train(RECIPE, tmp_path)

    whole, resumed = weights(run), weights(tmp_path)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-3, atol=1e-4, msg=name)
    assert (run / "log.json").read_text() == (tmp_path / "log.json").read_text()


def test_a_finished_run_is_not_trained_again(run: Path) -> None:
    before = weights(run)
    train(RECIPE, run)
    assert all(torch.equal(value, before[name]) for name, value in weights(run).items())


def test_another_recipe_in_the_same_folder_is_refused(run: Path) -> None:
    with pytest.raises(UsageError, match=r"another recipe \(differs in rate, seed\)"):
        train(dataclasses.replace(RECIPE, rate=1.0, seed=9), run)


def test_the_final_file_holds_the_averaged_weights(run: Path) -> None:
    average = torch.load(run / "last.pt", weights_only=False)["average"]
    final = torch.load(run / "final.pt", weights_only=False)["model"].state_dict()
    assert all(torch.equal(final[name], value) for name, value in average.items())


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_broken_checkpoint_of_a_run_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"last\.pt: expected a checkpoint of a run, found"):
        train(RECIPE, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_broken_float_model_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "final.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"final\.pt: expected an Ultralytics checkpoint, found"):
        raw_head(path)


@pytest.mark.parametrize("content", [None, b"no checkpoint"])
def test_starting_weights_that_are_none_are_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "start.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"starting weights .*start\.pt"):
        build(dataclasses.replace(RECIPE, weights=str(path)))


def test_a_run_that_is_missing_cannot_be_published(data: Path, tmp_path: Path) -> None:
    target = Target("detector", "0", tmp_path)
    with pytest.raises(SourceError, match="expected a finished training run"):
        publish_detector(data / "no run", target, SIZE, "classifier")


@pytest.fixture(scope="module")
def streets(data: Path) -> list[np.ndarray]:  # noqa: ARG001
    gtsdb = datasets.gtsdb()
    return [letterbox(gtsdb.read(e), *SIZE)[0] for e in datasets.part(gtsdb, "train")]


@pytest.fixture(scope="module")
def marked(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's net with another bias in each channel of its head.

    Two epochs leave the answers nearly the same everywhere: the biases tell the channels apart.
    """
    saved = torch.load(run / "final.pt", weights_only=False)
    torch.manual_seed(0)
    head = saved["model"].model[-1]
    for branch in (*head.cv2, *head.cv3):
        torch.nn.init.uniform_(branch[-1].bias, -3, 3)
    path = tmp_path_factory.mktemp("marked") / "final.pt"
    torch.save(saved, path)
    return path


@pytest.fixture(scope="module")
def quantised(marked: Path, streets: list[np.ndarray]) -> bytes:
    return quantize_detector(marked, streets)


def test_the_int8_file_answers_as_the_float_net_does(
    marked: Path, streets: list[np.ndarray], quantised: bytes, tmp_path: Path
) -> None:
    """Within 0.05 in every channel of every cell of every picture, on a scale of −3 … 3."""
    spec = detector_spec(
        quantised, input=Input(*SIZE, "rgb", "letterbox", 0), output=Output("yolo-raw", STRIDES, 16)
    )
    path = save(spec, quantised, tmp_path)
    found = load_detector(str(path), 1, score=0.0).detect(streets[0][:, :, ::-1])
    assert found
    assert all(0 <= d.box.x1 < d.box.x2 <= SIZE[0] for d in found)
    int8, whole = LiteRtRuntime(spec, path, 1), FloatRuntime(raw_head(marked))
    for image in streets[:4]:
        by_shape = {output.shape: output for output in int8(image)}
        assert len(by_shape) == 2 * len(STRIDES)
        for expected in whole(image):
            np.testing.assert_allclose(by_shape[expected.shape], expected, atol=0.05)


def test_no_float_file_is_left_behind(marked: Path, quantised: bytes) -> None:
    assert quantised
    assert [path.name for path in marked.parent.iterdir()] == ["final.pt"]


def test_a_detector_is_published_as_a_whole(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the steps are on trial here, not what a net of two epochs finds."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=5))
    monkeypatch.setattr(publishing, "STREETS", 4)
    paired: list[Any] = []

    def keep(spec: Any, data: bytes, folder: Path, classifier: str) -> Path:
        paired.append((spec, classifier))
        return write(spec, data, folder)

    monkeypatch.setattr(publishing, "pair", keep)
    monkeypatch.setattr(publishing, "MAX_AP50_LOSS", 1.0)
    monkeypatch.setattr(publishing, "MAX_AP50_95_LOSS", 1.0)

    path = publish_detector(run, Target("small", "0.0.1", tmp_path), SIZE, "partner")

    spec = load_spec(path)
    assert paired == [(spec, "partner")]
    assert spec.sha256 == hashlib.sha256((tmp_path / "small.tflite").read_bytes()).hexdigest()
    assert (spec.input.width, spec.input.height, spec.version) == (*SIZE, "0.0.1")
    assert spec.origin.data[0] == {"data": "gtsdb", "parts": ["train"]}
    assert set(spec.metrics["quantisation"]) == {"part", "command", "ap50", "ap50_95"}
    assert spec.metrics["judge"]["n_images"] == 4
    assert spec.metrics["judge"]["command"].endswith("--part judge --model small")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.json", "small.tflite"]
