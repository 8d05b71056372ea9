"""Int8 against float as far as it needs no TensorFlow; the rest is in test_train_quantize."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from small_models import Graph, classifier_bytes, detector_bytes, schema

from calibration.cost import multiply_adds
from calibration.quantize import int8_logits, main, table, top1
from calibration.quantize_classifier import layer_error, load_net
from models.errors import ModelError, UsageError
from models.imaging import CROP_SIZE
from models.signs import COUNT

# --- what a model costs ---


def test_each_weight_of_a_dense_layer_is_used_once() -> None:
    assert multiply_adds(classifier_bytes(8, 8, 45)) == 8 * 8 * 3 * 45


def test_each_weight_of_a_convolution_is_used_at_every_place() -> None:
    """Two branches of 64 and 1 channels, kernels and strides of 8, on 4×2 places."""
    assert multiply_adds(detector_bytes(32, 16)) == (64 + 1) * (8 * 8 * 3) * (4 * 2)


def test_a_depthwise_kernel_meets_only_its_own_channel() -> None:
    graph = Graph()
    image = graph.tensor((1, 6, 4, 3), "INT8", 1.0)
    weights = graph.tensor((1, 3, 3, 3), "INT8", 1.0, 0, np.zeros((1, 3, 3, 3), np.int8))
    bias = graph.tensor((3,), "INT32", 1.0, 0, np.zeros(3, np.int32))
    out = graph.tensor((1, 6, 4, 3), "INT8", 1.0)
    options = schema.DepthwiseConv2DOptionsT()
    graph.operator("DEPTHWISE_CONV_2D", [image, weights, bias], out, options)
    assert multiply_adds(graph.finish([image], [out])) == 6 * 4 * 3 * 3 * 3


# --- answers ---


def test_top1_is_a_forced_choice_among_the_signs() -> None:
    logits = np.zeros((3, 45))
    logits[0, 5], logits[0, 44] = 1, 9  # background wins, but is no choice here
    logits[1, 7] = 1
    logits[2, 3] = 1
    assert top1(logits, np.array([5, 7, 4])) == pytest.approx(2 / 3)


def test_the_devices_runtime_answers_crop_after_crop() -> None:
    images = np.zeros((2, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    images[1, 0, 7, 0] = 100  # the red of pixel 7 is logit 7, 0.05 a grey level
    logits = int8_logits(classifier_bytes(CROP_SIZE, CROP_SIZE), list(images))
    assert logits.shape == (2, COUNT + 2)
    assert logits[0].max() == 0
    assert (int(logits[1].argmax()), float(logits[1].max())) == (7, pytest.approx(5.0))


# --- what each layer loses ---

ROW = {
    "op_name": "CONV_2D",
    "num_elements": "36864.0",
    "signal": "4.0",
    "noise": "0.0004",
    "scale": "0.04",
    "tensor_name": "functional_1/re_lu_3_1/Relu;functional_1/conv2d_3_1/convolution",
}


def test_the_loss_of_a_layer_by_hand() -> None:
    row = layer_error(ROW)
    assert row[:3] == ("re_lu_3_1", "CONV_2D", 36864)
    assert row.sqnr_db == pytest.approx(40)  # 10 · log10(4 / 0.0004)
    assert row.rmse_steps == pytest.approx(0.5)  # 0.02 / 0.04
    assert row.scale == 0.04


def test_the_models_output_has_no_layers_name() -> None:
    assert layer_error(ROW | {"tensor_name": "StatefulPartitionedCall_1:0"}).layer == "output"


@pytest.mark.parametrize(("signal", "noise"), [("4.0", "0.0"), ("0.0", "0.0")])
def test_a_layer_without_error_or_signal_has_no_ratio(signal: str, noise: str) -> None:
    assert layer_error(ROW | {"signal": signal, "noise": noise}).sqnr_db is None


def test_the_table_marks_the_noisiest_layer() -> None:
    rows = [
        layer_error(ROW),
        layer_error(ROW | {"noise": "0.004", "tensor_name": "m/b/c"}),
        layer_error(ROW | {"noise": "0.0"}),
    ]
    text = table(
        {
            "n": 50,
            "top1": {"float": 0.98, "int8": 0.96},
            "agree": 0.9,
            "bytes": 255_900,
            "multiply_adds": 18_040_000,
            "logits_db": 33.3,
            "layers": [row._asdict() for row in rows],
        }
    )
    assert "top1 on 50 crops: float 0.9800, int8 0.9600, the same answer for 0.9000" in text
    assert "0.256 MB, 18.04 M multiply-adds" in text
    marked = [line.split()[0] for line in text.splitlines() if line.endswith("noisiest")]
    assert marked == ["b"]
    assert text.splitlines()[-2].split()[3] == "–"
    assert text.splitlines()[-1].split()[-1] == "33.3"


# --- the command ---


def test_a_run_without_a_net_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a finished training run, found no final"):
        main([str(tmp_path)])


def test_a_seed_below_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--seed: expected 0 or more, found -1"):
        main([str(tmp_path), "--seed", "-1"])


def test_a_net_that_wants_other_crops_is_not_measured_on_the_devices(tmp_path: Path) -> None:
    (tmp_path / "final.keras").touch()
    record = {"recipe": {"colour": "grey"}, "data": [], "command": "", "commit": ""}
    (tmp_path / "recipe.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match="expected a net whose colour is rgb"):
        main([str(tmp_path)])


def test_the_training_packages_are_asked_for_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(UsageError, match=r"needs keras: .* `pip install '\.\[train\]'`"):
        load_net(tmp_path / "final.keras")
