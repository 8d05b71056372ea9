"""Float weights taken back out of an int8 file answer as the file does."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")
pytest.importorskip("litert_torch")

from ultralytics.nn.modules.block import C3k2  # noqa: E402

from calibration.fidelity import FloatRuntime  # noqa: E402 – after it is known to be there
from calibration.layers import cuts  # noqa: E402
from calibration.quantize_detector import quantize_detector, raw_head  # noqa: E402
from models.errors import ModelError, UsageError  # noqa: E402
from training.detector import Recipe  # noqa: E402
from training.detector_nets import build, untrained  # noqa: E402
from training.restore import kernels, restore  # noqa: E402
from training.restore import main as restore_command  # noqa: E402

SIZE = (96, 160, 3)


def images(count: int) -> list[np.ndarray]:
    dice = np.random.default_rng(0)
    return [dice.integers(0, 256, SIZE, dtype=np.uint8) for _ in range(count)]


def as_batch(pictures: list[np.ndarray]) -> object:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def saved(net: object, path: Path) -> Path:
    torch.save({"model": net, "epoch": -1, "train_args": {}}, path)
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """An untrained net of our own, its batch norm as after training, and its int8 file."""
    torch.manual_seed(1)
    net = untrained("slim")
    net.train()
    with torch.no_grad():
        net.predict(as_batch(images(4)))
    path = saved(net.eval(), tmp_path_factory.mktemp("net") / "net.pt")
    return path, quantize_detector(path, images(4))


def test_each_block_cuts_one_half_out(published: tuple[Path, bytes]) -> None:
    """Of its first convolution's answer; both halves together are joined to what comes of it."""
    kinds = Counter(operator.kind for operator, _ in cuts(published[1]))
    blocks = sum(isinstance(module, C3k2) for module in untrained("slim").modules())
    assert kinds["SLICE"] == blocks == 7
    assert kinds["CONCATENATION"] > blocks


def test_the_restored_net_answers_as_the_one_that_was_quantised(
    published: tuple[Path, bytes], tmp_path: Path
) -> None:
    path, data = published
    net = untrained("slim")
    assert restore(net, list(kernels(data)), as_batch(images(8))) == len(list(kernels(data)))
    restored = FloatRuntime(raw_head(saved(net, tmp_path / "restored.pt")))
    wanted = FloatRuntime(raw_head(path))
    for picture in images(2):
        for own, other in zip(restored(picture), wanted(picture), strict=True):
            found, expected = own.real(), other.real()
            error = np.abs(found - expected).mean() / np.abs(expected - expected.mean()).mean()
            assert error < 0.15  # of the answers' spread: weights in steps of 1/127


def test_another_net_is_refused(published: tuple[Path, bytes]) -> None:
    with pytest.raises(ModelError, match=r"expected the 87 convolutions of the net, found \d+"):
        restore(untrained("yolo11n.yaml"), list(kernels(published[1])), as_batch(images(1)))


def test_weights_of_yolo11n_fit_the_slim_net_but_for_its_box_branch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = untrained("yolo11n.yaml")
    net = build(Recipe(model="slim", weights=str(saved(start, tmp_path / "start.pt"))))
    ours, theirs = net.state_dict(), start.state_dict()
    assert torch.equal(ours["model.16.cv1.conv.weight"], theirs["model.16.cv1.conv.weight"])
    assert torch.equal(ours["model.20.cv3.0.2.weight"], theirs["model.23.cv3.0.2.weight"])
    assert ours["model.20.cv2.0.0.conv.weight"].shape[0] == 32
    assert "tensors fit" in capsys.readouterr().out


@pytest.mark.skipif(
    not Path(os.environ.get("SIGN_DATA", "no data"), "gtsdb").is_dir(),
    reason="$SIGN_DATA names no folder with gtsdb/",
)
def test_the_published_detector_is_restored_by_the_command_that_is_told(tmp_path: Path) -> None:
    restore_command(["--detector", "detector", "--run", str(tmp_path / "restored")])

    assert (tmp_path / "restored" / "final.pt").is_file()


def test_a_classifier_is_no_detector_and_a_run_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a detector, found a model to classify"):
        restore_command(["--detector", "classifier", "--run", str(tmp_path / "new")])
    (tmp_path / "final.pt").touch()
    with pytest.raises(UsageError, match=r"holds final.pt of a training: choose another --run"):
        restore_command(["--run", str(tmp_path)])


def test_a_net_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match=r"--model: expected direct, .*slim, thin or a model file"):
        untrained("fat")
