"""Training, quantising and publishing a detector, with the real packages on a tiny drawn set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")
litert_torch = pytest.importorskip("litert_torch")

from drawn_sets import drawn_gtsdb  # noqa: E402 – after the packages are known to be there
from small_models import detector_spec, save  # noqa: E402

from calibration import fidelity, metrics  # noqa: E402
from calibration import publish_detector as publishing  # noqa: E402
from calibration.candidate import Target, write  # noqa: E402
from calibration.fidelity import FloatRuntime  # noqa: E402
from calibration.publish_detector import publish_detector  # noqa: E402
from calibration.quantize_detector import (  # noqa: E402
    FLOOR,
    _with_extremes,
    quantize_detector,
    ranges,
    raw_head,
)
from edge.detector import YoloDetector, load_detector  # noqa: E402
from edge.runtime import LiteRtRuntime  # noqa: E402
from models.errors import ModelError, SourceError, UsageError  # noqa: E402
from models.imaging import letterbox  # noqa: E402
from models.spec import Input, Output, load_spec  # noqa: E402
from training import datasets, memory  # noqa: E402
from training.detector import Recipe, origin  # noqa: E402
from training.detector_nets import build, untrained  # noqa: E402
from training.detector_training import train  # noqa: E402
from training.detector_windows import Batches, Place, Windows  # noqa: E402
from training.runs import write_recipe  # noqa: E402
from training.streets import load_pictures  # noqa: E402

SIZE = (160, 96)
RECIPE = Recipe(
    model="yolo11n.yaml",
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


def test_too_little_memory_is_said_before_anything_is_read(
    data: Path,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "BASE", 10**18)
    with pytest.raises(UsageError, match=r"GB of free memory for 12 pictures, found .* --limit N"):
        train(RECIPE, tmp_path)


def test_wide_windows_are_larger_and_fewer(data: Path) -> None:  # noqa: ARG001
    """Each batch has as many pixels; a share of them is wide, the same ones each time."""
    recipe = dataclasses.replace(RECIPE, windows=64, wide=0.5)
    batches = list(Batches(recipe, epoch=1))
    assert batches == list(Batches(recipe, epoch=1)) and len(batches) == 16
    wide = [batch for batch in batches if batch[0].wide]
    assert 0 < len(wide) < len(batches)
    assert {len(batch) for batch in wide} == {1}
    assert {len(batch) for batch in batches if not batch[0].wide} == {4}

    pictures, weights = load_pictures(recipe, None)
    windows = Windows(pictures, weights, recipe, mosaics=0)
    for width, place in ((SIZE[0], Place(3)), (2 * SIZE[0], Place(3, wide=True))):
        assert windows[place]["img"].shape == (3, width * SIZE[1] // SIZE[0], width)
        assert (windows[place]["bboxes"] <= 1).all()
        assert torch.equal(windows[place]["img"], windows[place]["img"])


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


def test_a_loss_that_is_no_number_ends_a_training_before_its_checkpoint(
    data: Path,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    wild = dataclasses.replace(RECIPE, rate=1e30)
    with pytest.raises(UsageError, match=r"expected a finite loss, found .*: a lower --rate may"):
        train(wild, tmp_path)
    log = tmp_path / "log.json"
    losses = [e["loss"] for e in json.loads(log.read_text())] if log.exists() else []
    assert np.isfinite(losses).all() and len(losses) < RECIPE.epochs
    assert not (tmp_path / "final.pt").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_broken_checkpoint_of_a_run_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"last\.pt: expected a checkpoint of this net, found"):
        train(RECIPE, tmp_path)


def test_a_checkpoint_of_other_layers_or_none_is_told_in_one_line(
    run: Path, tmp_path: Path
) -> None:
    saved = torch.load(run / "last.pt", weights_only=False)
    for name in list(saved["net"])[:3]:
        saved["net"][name] = torch.zeros(7)
    for content in (saved, {"model": 1}):
        torch.save(content, tmp_path / "last.pt")
        with pytest.raises(ModelError, match=r"last\.pt: expected a checkpoint of this") as told:
            train(RECIPE, tmp_path)
        assert "\n" not in str(told.value)


def test_a_run_is_not_continued_with_another_limit(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "last.pt", tmp_path)
    with pytest.raises(UsageError, match="made with --limit None, not 3"):
        train(RECIPE, tmp_path, limit=3)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_broken_float_model_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "final.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"final\.pt: expected an Ultralytics checkpoint, found"):
        raw_head(path)


@pytest.mark.parametrize("content", [None, b"no checkpoint"])
def test_starting_weights_that_are_none_are_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "start.pt"
    other = tmp_path / "model.tflite"
    other.touch()
    with pytest.raises(SourceError, match=r"starting weights .*model\.tflite"):
        build(dataclasses.replace(RECIPE, weights=str(other)))
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
        by_shape = {output.values.shape: output.real() for output in int8(image)}
        assert len(by_shape) == 2 * len(STRIDES)
        for expected in (output.real() for output in whole(image)):
            np.testing.assert_allclose(by_shape[expected.shape], expected, atol=0.05)


def test_the_raw_head_answers_as_the_net_itself(marked: Path, streets: list[np.ndarray]) -> None:
    net = torch.load(marked, weights_only=False)["model"].float().eval()
    head, seen = net.model[-1], []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs[0]))
    with torch.inference_mode():
        net(torch.from_numpy(streets[0][None].transpose(0, 3, 1, 2) / 255).float())
        hook.remove()
        expected = [
            branch[number](feature).permute(0, 2, 3, 1).numpy()
            for number, feature in enumerate(seen)
            for branch in (head.cv2, head.cv3)
        ]
    found = FloatRuntime(raw_head(marked))(streets[0])
    for mine, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine.real(), wanted, atol=1e-3)


def test_ranges_are_those_of_what_can_matter(tmp_path: Path) -> None:
    """The first maps' are the mean of the pictures' extremes, later ones' those of all pictures."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layers = torch.nn.ModuleList(
                torch.nn.Conv2d(channels, 4, 3, 2, 1) for channels in (3, 4, 4)
            )

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            x = image.permute(0, 3, 1, 2)
            for layer in self.layers[:-1]:
                x = torch.nn.functional.silu(layer(x))
            return self.layers[-1](x).permute(0, 2, 3, 1)

        def convolved(self, image: np.ndarray) -> list[float]:
            """The largest value that each convolution gives."""
            x, largest = torch.from_numpy(image[None]).float().permute(0, 3, 1, 2), []
            for layer in self.layers:
                x = layer(x)
                largest.append(float(x.max()))
                x = torch.nn.functional.silu(x)
            return largest

    rng = np.random.default_rng(0)
    images = [rng.integers(0, top, (32, 32, 3), np.uint8) for top in (40, 256)]
    images = list(_with_extremes(images))
    net = Net().eval()
    path = tmp_path / "net.tflite"
    with torch.no_grad():
        net.layers[2].weight.mul_(10)
        litert_torch.convert(net, (torch.zeros(1, 32, 32, 3),)).export(str(path))
        seen = [net.convolved(image) for image in images]
    found = list(ranges(path, images).values())
    lows = [float(np.min(each["min"])) for each in found]
    highs = np.array([float(np.max(each["max"])) for each in found])
    assert lows.count(FLOOR) == 3  # all three convolutions go far below
    expected = [
        np.mean([s[0] for s in seen]),
        np.mean([s[1] for s in seen]),
        max(s[2] for s in seen),
    ]
    for value in expected:
        assert np.isclose(highs, value, rtol=1e-4).any(), (value, highs)


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
    monkeypatch.setattr(fidelity, "MAX_LOSS", {"ap50": 1.0, "ap50_95": 1.0})

    path = publish_detector(run, Target("small", "0.0.1", tmp_path), SIZE, "partner")

    spec = load_spec(path)
    assert paired == [(spec, "partner")]
    assert spec.sha256 == hashlib.sha256((tmp_path / "small.tflite").read_bytes()).hexdigest()
    assert (spec.input.width, spec.input.height, spec.version) == (*SIZE, "0.0.1")
    assert (spec.output.strides, spec.output.bins) == (STRIDES, 16)  # as its head says
    assert spec.origin.data[0] == {"data": "gtsdb", "parts": ["train"]}
    assert spec.metrics["quantisation"].keys() >= {"part", "command", "ap50", "ap50_95", "boxes"}
    assert spec.metrics["cost"]["bytes"] == (tmp_path / "small.tflite").stat().st_size
    assert spec.metrics["cost"].keys() >= {"multiply_adds", "ms_one_thread", "ms_two_threads"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.json", "small.tflite"]


def test_the_command_compares_int8_with_its_float_net_picture_by_picture(
    marked: Path,
    quantised: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both answer nearly alike, so their boxes lie on each other, picture after picture."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=5))
    spec = detector_spec(
        quantised,
        input=Input(*SIZE, "rgb", "letterbox", 0),
        output=Output("yolo-raw", STRIDES, 16),
        thresholds={"score": 0.01, "iou": 0.6},
    )
    report = tmp_path / "report.json"
    path = save(spec, quantised, tmp_path)
    fidelity.main([str(marked.parent), "--model", str(path), "--json", str(report)])

    found = json.loads(report.read_text())
    assert found["n_images"] == 4
    assert found["ap50"].keys() == {"float", "int8"}
    assert found["boxes"]["both"] > 0
    assert found["boxes"]["iou_mean"] > 0.6  # an untrained net's boxes are soft
    assert "IoU of both: mean" in capsys.readouterr().out


def test_a_float_net_with_another_head_is_not_compared(
    marked: Path, quantised: bytes, tmp_path: Path
) -> None:
    spec = detector_spec(
        quantised, input=Input(*SIZE, "rgb", "letterbox", 0), output=Output("yolo-raw", [8], 16)
    )
    with pytest.raises(
        ModelError, match=r"expected a float net with the strides \[8\] and 16 bins"
    ):
        fidelity.float_detector(spec, raw_head(marked))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "strides", "bins"),
    [
        ("slim", [8, 16], 16),
        ("thin", [8, 16], 16),
        ("direct", [8, 16], 1),
        ("near", [4, 8, 16], 16),
        ("plain", [8, 16], 16),
    ],
)
def test_our_nets_have_the_heads_that_their_files_say(
    name: str, strides: list[int], bins: int
) -> None:
    net = untrained(name)
    head = net.model[-1]
    assert (head.stride.tolist(), head.reg_max, head.nc) == (strides, bins, 1)
    found = net.train()(torch.zeros(1, 3, 96, 160))
    cells = sum(96 * 160 // stride**2 for stride in strides)
    assert found["boxes"].shape == (1, 4 * bins, cells)
    assert found["scores"].shape == (1, 1, cells)


OTHER_HEAD = {
    "nc": 1,
    "reg_max": 1,
    "backbone": [
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [8, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
        [-1, 1, "Conv", [16, 3, 2]],
    ],
    "head": [[[1, 2, 3], 1, "Detect", ["nc"]]],
}


def test_a_net_with_other_strides_and_without_distributions_is_read_by_the_device(
    streets: list[np.ndarray], tmp_path: Path
) -> None:
    """Strides 4, 8 and 16, and each side a single number: decoded as Ultralytics itself does."""
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415

    torch.manual_seed(0)
    net = DetectionModel(OTHER_HEAD, nc=1, verbose=False).eval()
    for branch in (*net.model[-1].cv2, *net.model[-1].cv3):
        torch.nn.init.uniform_(branch[-1].bias, 1, 3)  # boxes with an inside, all believed
    checkpoint = tmp_path / "final.pt"
    torch.save({"model": net, "epoch": -1, "train_args": {}}, checkpoint)
    head = raw_head(checkpoint)
    assert (head.strides, head.bins) == ([4, 8, 16], 1)

    spec = detector_spec(
        b"", input=Input(*SIZE, "rgb", "letterbox", 0), output=Output("yolo-raw", [4, 8, 16], 1)
    )
    image = streets[0]
    runtime = FloatRuntime(head)
    detector = YoloDetector(spec, runtime, score=0.0)
    boxes, scores = detector._decode(detector._own, runtime(image))
    with torch.inference_mode():
        whole = torch.from_numpy(image[None].transpose(0, 3, 1, 2) / 255).float()
        expected = net(whole)[0][0].numpy().T  # (anchors, 5): centre, size, score
    best = np.argsort(-expected[:, 4], kind="stable")[: len(scores)]
    corners = np.concatenate(
        [
            expected[best, :2] - expected[best, 2:4] / 2,
            expected[best, :2] + expected[best, 2:4] / 2,
        ],
        axis=1,
    )
    order = np.argsort(-scores, kind="stable")
    np.testing.assert_allclose(scores[order], expected[best, 4], atol=1e-5)
    np.testing.assert_allclose(np.sort(boxes[order], axis=0), np.sort(corners, axis=0), atol=1e-2)
    data = quantize_detector(checkpoint, streets[:4])
    loaded = load_detector(
        str(
            save(dataclasses.replace(spec, sha256=hashlib.sha256(data).hexdigest()), data, tmp_path)
        ),
        1,
    )
    assert loaded.detect(image[:, :, ::-1])


def test_what_weights_have_seen_is_known_of_the_run_that_goes_on_from_them(
    run: Path, tmp_path: Path
) -> None:
    shutil.copy(run / "final.pt", tmp_path)
    seen = [{"data": "gtsdb", "parts": ["train", "judge"]}]
    (tmp_path / "recipe.json").write_text(json.dumps({"data": seen}))
    recipe = dataclasses.replace(RECIPE, weights=str(tmp_path / "final.pt"))
    assert seen[0] in origin(recipe)
    with pytest.raises(UsageError, match="--weights: expected some that have seen nothing"):
        dataclasses.replace(recipe, folds=3, fold=1)


def test_a_run_that_has_seen_the_judged_pictures_needs_a_twin(run: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    recipe = json.loads((run / "recipe.json").read_text())
    recipe["data"] = [{"data": "gtsdb", "parts": ["train", "judge"]}]
    (whole / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(ModelError, match="not published: expected --twin"):
        publish_detector(whole, Target("small", "0", tmp_path / "models"), SIZE, "classifier")
