"""Quantising a Keras net layer by layer, with the real TensorFlow and its debugger."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.train
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from drawn_sets import drawn_gtsdb, drawn_gtsrb  # noqa: E402 – after the packages are known

from calibration.cost import multiply_adds  # noqa: E402
from calibration.quantize import int8_logits, main  # noqa: E402
from calibration.quantize_classifier import (  # noqa: E402
    float_logits,
    layer_errors,
    load_net,
    quantize_classifier,
)
from models.errors import ModelError, UsageError  # noqa: E402
from models.imaging import CROP_SIZE  # noqa: E402
from models.signs import COUNT  # noqa: E402

CHANNELS = 8
STRIDE = 2
ROUNDING = 1 / math.sqrt(12)  # of a step: the error of rounding evenly spread values


def small_net(outputs: int = COUNT + 2, outlier: float = 1.0) -> keras.Model:
    """One convolution and one dense layer; `outlier` enlarges one channel's kernel."""
    keras.utils.set_random_seed(4)
    image = keras.Input((CROP_SIZE, CROP_SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    convolution = keras.layers.Conv2D(CHANNELS, 3, STRIDE, padding="same", activation="relu")
    x = keras.layers.GlobalAveragePooling2D()(convolution(x))
    net = keras.Model(image, keras.layers.Dense(outputs, name="logits")(x))
    kernel, bias = convolution.get_weights()
    kernel[:, :, :, 0] *= outlier
    convolution.set_weights([kernel, bias])
    return net


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return list(rng.integers(0, 256, (24, CROP_SIZE, CROP_SIZE, 3), np.uint8))


def saved(net: keras.Model, folder: Path) -> Path:
    path = folder / "final.keras"
    net.save(path)
    return path


def test_the_file_counts_the_work_that_the_net_does(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    data = quantize_classifier(saved(small_net(), tmp_path), images)
    places = (CROP_SIZE // STRIDE) ** 2
    assert multiply_adds(data) == places * 3 * 3 * 3 * CHANNELS + CHANNELS * (COUNT + 2)


def test_each_operator_is_listed_and_adds_about_its_rounding(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    path = saved(small_net(), tmp_path)
    rows = layer_errors(path, images, images[:6])
    assert [row.operator for row in rows][-3:] == ["CONV_2D", "MEAN", "FULLY_CONNECTED"]
    assert rows[-3].values == CHANNELS * (CROP_SIZE // STRIDE) ** 2
    assert rows[-1].values == COUNT + 2
    for row in rows[-3:]:
        assert row.sqnr_db is not None and row.sqnr_db > 25
        assert 0.5 * ROUNDING < row.rmse_steps < 2 * ROUNDING


def test_a_channel_out_of_proportion_shows_as_the_layer_that_hurts(
    images: list[np.ndarray], tmp_path: Path
) -> None:
    """Activations share one scale, so the others drown in the step of the large one."""
    plain = layer_errors(saved(small_net(), tmp_path), images, images[:6])
    worse = layer_errors(saved(small_net(outlier=50), tmp_path), images, images[:6])
    ((before, after),) = [
        (a.scale, b.scale)
        for a, b in zip(plain, worse, strict=True)
        if a.operator == b.operator == "CONV_2D"
    ]
    assert after > 10 * before


def test_int8_and_float_say_nearly_the_same(images: list[np.ndarray], tmp_path: Path) -> None:
    net = small_net()
    data = quantize_classifier(saved(net, tmp_path), images)
    whole, int8 = float_logits(net, images), int8_logits(data, images)
    assert whole.shape == int8.shape == (len(images), COUNT + 2)
    assert np.abs(whole - int8).max() < 0.05 * np.abs(whole).max()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    drawn_gtsdb(tmp_path, train=3, judge=1)
    drawn_gtsrb(tmp_path, frames=5)
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def test_the_command_tells_and_writes_the_same(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(small_net(), run)
    main([str(run), "--json", str(run / "report.json")])
    report = json.loads((run / "report.json").read_text())
    assert report["n"] == 2 * COUNT
    assert set(report["top1"]) == {"float", "int8"}
    assert report["layers"][-1]["operator"] == "FULLY_CONNECTED"
    assert report["command"].startswith("python -m calibration.quantize ")
    printed = capsys.readouterr().out
    assert printed.startswith(f"top1 on {2 * COUNT} crops: float {report['top1']['float']:.4f}")
    assert f"{report['multiply_adds'] / 1e6:.2f} M multiply-adds" in printed


@pytest.mark.parametrize("members", [(), ("config.json", "metadata.json", "model.weights.h5")])
def test_a_zip_that_holds_no_net_is_refused(members: tuple[str, ...], tmp_path: Path) -> None:
    config = {"module": "other", "class_name": "Net", "config": {}}
    with zipfile.ZipFile(tmp_path / "final.keras", "w") as file:
        file.writestr("readme", "")
        for name in members:
            file.writestr(name, json.dumps(config))
    with pytest.raises(ModelError, match=r"final\.keras: expected a Keras model, found"):
        load_net(tmp_path / "final.keras")


def test_the_backend_that_cannot_quantise_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(UsageError, match="expected KERAS_BACKEND=tensorflow, found torch"):
        load_net(tmp_path / "final.keras")


def test_a_net_of_other_classes_is_refused_with_what_it_has(run: Path) -> None:
    saved(small_net(outputs=10), run)
    with pytest.raises(ModelError, match=r"expected 45 outputs.*found \(None, 10\)"):
        main([str(run)])
