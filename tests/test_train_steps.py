"""Steps on TensorFlow and on PyTorch: the same net, the same learning, files that both can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.train
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
pytest.importorskip("torch")

from training.nets import NETS, Shape, build, multiply_adds  # noqa: E402
from training.steps import Settings, Steps  # noqa: E402
from training.steps_tensorflow import TensorFlowSteps  # noqa: E402
from training.steps_torch import Normalisation, TorchSteps, Twin  # noqa: E402

SHAPE = Shape(size=48, classes=5, width=0.5)
SETTINGS = Settings(decay=1e-2, average=0.5)
KINDS = [TensorFlowSteps, TorchSteps]


def batch(count: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures whose brightness gives the class away, and their targets."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, SHAPE.classes, count)
    images = rng.integers(0, 40, (count, 48, 48, 3)) + 40 * labels[:, None, None, None]
    return images.astype(np.uint8), np.eye(SHAPE.classes, dtype=np.float32)[labels]


def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare without bf16's rounding."""
    import contextlib  # noqa: PLC0415

    from training import steps_torch  # noqa: PLC0415

    monkeypatch.setattr(steps_torch, "fast", lambda _: contextlib.nullcontext())


@pytest.mark.parametrize("name", NETS)
def test_the_twin_answers_as_keras_does(name: str) -> None:
    import torch  # noqa: PLC0415

    net = build(name, SHAPE, seed=3)
    rng = np.random.default_rng(0)
    for layer in net.layers:  # running means and deviations as after some training
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            gamma, variance = rng.uniform(0.5, 2, gamma.shape), rng.uniform(0.5, 2, variance.shape)
            layer.set_weights(
                [gamma, rng.normal(0, 0.1, beta.shape), rng.normal(0, 0.3, mean.shape), variance]
            )
    images = batch(3)[0].astype(np.float32)
    twin = Twin(net).eval()
    with torch.no_grad():
        answers = [twin(torch.from_numpy(images)).numpy()]
        twin.fold()
        answers.append(twin(torch.from_numpy(images)).numpy())
    whole = np.asarray(net(images, training=False))
    for found in answers:
        assert found == pytest.approx(whole, abs=1e-4 * max(1, float(np.abs(whole).max())))
    left = sum(isinstance(part, Normalisation) for part in twin.parts)
    assert left == (3 if name == "pooled" else 0)  # behind its pooling, where none can be taken in


def test_both_frameworks_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    float32(monkeypatch)
    losses = {}
    for kind in KINDS:
        steps: Steps = kind(build("plain", SHAPE, seed=1), SETTINGS)
        losses[kind] = [steps.step(*batch(seed=n), rate=1e-3) for n in range(6)]
    first, second = losses.values()
    assert first[0] == pytest.approx(second[0], rel=1e-4)
    assert first == pytest.approx(second, rel=0.05)
    assert first[-1] < first[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_state_continues_as_if_nothing_had_been(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    float32(monkeypatch)
    whole: Steps = kind(build("plain", SHAPE, seed=1), SETTINGS)
    for number in range(3):
        whole.step(*batch(seed=number), rate=1e-3)
    other: Steps = kind(build("plain", SHAPE, seed=2), SETTINGS)
    other.load(whole.state())
    again = [steps.step(*batch(seed=9), rate=1e-3) for steps in (whole, other)]
    assert again[0] == pytest.approx(again[1], rel=1e-4)
    for mine, its in zip(whole.averaged(), other.averaged(), strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_another_net_is_refused(kind: type) -> None:
    small: Steps = kind(build("naive", SHAPE), SETTINGS)
    with pytest.raises(ValueError, match="arrays instead of the net's"):
        small.load(kind(build("plain", SHAPE), SETTINGS).state())


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_a_net_with_other_classes_is_refused(kind: type) -> None:
    small: Steps = kind(build("naive", SHAPE), SETTINGS)
    with pytest.raises(ValueError, match="an array of shape"):
        small.load(kind(build("naive", SHAPE._replace(classes=6)), SETTINGS).state())


@pytest.mark.parametrize("kind", KINDS)
def test_the_averaged_weights_fit_the_keras_net(kind: type) -> None:
    net = build("plain", SHAPE, seed=1)
    steps: Steps = kind(net, SETTINGS)
    for number in range(3):
        steps.step(*batch(seed=number), rate=1e-2)
    images = batch(8, seed=5)[0]
    predicted = steps.predict(images)
    fresh = build("plain", SHAPE, seed=7)
    fresh.set_weights(steps.averaged())
    expected = np.asarray(fresh(images.astype(np.float32), training=False))
    assert predicted == pytest.approx(expected, abs=1e-4 * max(1, float(np.abs(expected).max())))


def test_the_average_keeps_more_the_longer_it_runs() -> None:
    settings = Settings(decay=0, average=0.9)
    assert settings.keep(0) == pytest.approx(0.1)
    assert settings.keep(1000) == 0.9
    assert Settings(decay=0, average=0).keep(1000) == 0


def test_multiply_adds_by_hand() -> None:
    """naive: 48² · 27 · 16, 24² · 144 · 32, then 12² · 32 inputs to 64, 64 to 5."""
    expected = 48**2 * 27 * 16 + 24**2 * 144 * 32 + 12**2 * 32 * 64 + 64 * 5
    assert multiply_adds(build("naive", SHAPE)) == expected


def test_the_shipped_net_keeps_its_budget() -> None:
    net = build("plain", Shape(48, 45))
    assert multiply_adds(net) <= 20e6
    assert net.count_params() <= 1e6


def test_keras_on_torch_trains_a_file_that_tensorflow_reads(tmp_path: Path) -> None:
    """A process of its own: a Keras backend is chosen once."""
    from small_sets import picture, store  # noqa: PLC0415

    files = {f"{name}/{n}.png": picture(32, 32, ".png", n) for name in "ab" for n in range(40)}
    store(files, tmp_path / "things")
    flags = ["--data", str(tmp_path / "things"), "--run", str(tmp_path / "run"), "--epochs", "1"]
    flags += ["--samples", "64", "--batch", "16", "--width", "0.25", "--augment", "light"]
    done = subprocess.run(
        [sys.executable, "-m", "training.classifier", *flags],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "torch" in done.stdout
    net = keras.models.load_model(tmp_path / "run" / "final.keras", compile=False)
    assert keras.backend.backend() == "tensorflow"
    with np.load(tmp_path / "run" / "watched.npz") as watched:
        assert watched["logits"].shape == (len(watched["labels"]), 2)
    assert net.output_shape == (None, 2)
