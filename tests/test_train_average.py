"""The mean of two nets' weights, and the record that lets it be published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
pytest.importorskip("ultralytics")

from models.errors import ModelError, SourceError, UsageError  # noqa: E402 – after it is there
from training import average  # noqa: E402
from training.detector_nets import untrained  # noqa: E402


def finished(run: Path, seed: int, data: str, model: str = "slim") -> Path:
    """The folder of a training that has ended."""
    run.mkdir()
    torch.manual_seed(seed)
    torch.save({"model": untrained(model), "epoch": -1, "train_args": {}}, run / "final.pt")
    record = {
        "recipe": {"model": model, "seed": seed},
        "data": [{"data": "gtsdb"}, {"data": data}],
        "command": f"python -m training.detector --seed {seed}",
        "commit": "0",
    }
    (run / "recipe.json").write_text(json.dumps(record))
    return run


def weights(run: Path) -> dict[str, object]:
    found = torch.load(run / "final.pt", weights_only=False)["model"].state_dict()
    return {name: value for name, value in found.items() if value.is_floating_point()}


def test_every_weight_lies_between_those_of_both(tmp_path: Path) -> None:
    one, other = finished(tmp_path / "a", 1, "x"), finished(tmp_path / "b", 2, "y")
    mean = tmp_path / "mean"
    average.main([str(one), str(other), "--share", "0.25", "--run", str(mean)])

    ours, theirs, found = (weights(run) for run in (one, other, mean))
    assert found.keys() == ours.keys()
    for name, value in found.items():
        assert torch.allclose(value, 0.75 * ours[name] + 0.25 * theirs[name], atol=1e-6), name
    record = json.loads((mean / "recipe.json").read_text())
    assert record["data"] == [{"data": "gtsdb"}, {"data": "x"}, {"data": "y"}]
    assert record["recipe"]["seed"] == 2
    for command in ("--seed 1", "--seed 2", "training.average"):
        assert command in record["command"]


def test_nets_that_cannot_be_averaged_are_refused(tmp_path: Path) -> None:
    one = finished(tmp_path / "a", 1, "x")
    other = finished(tmp_path / "b", 2, "x", model="yolo11n.yaml")
    with pytest.raises(ModelError, match="of one architecture"):
        average.main([str(one), str(other), "--run", str(tmp_path / "mean")])
    before = (one / "final.pt").read_bytes()
    with pytest.raises(UsageError, match=r"a holds final.pt of a training: choose another --run"):
        average.main([str(one), str(one), "--run", str(one)])
    assert (one / "final.pt").read_bytes() == before
    with pytest.raises(UsageError, match="--share: expected 0 to 1, found 2"):
        average.main([str(one), str(one), "--share", "2"])
    (other / "final.pt").write_bytes(b"torn")
    with pytest.raises(ModelError, match="expected a finished detector"):
        average.main([str(one), str(other)])
    with pytest.raises(SourceError, match="expected JSON"):
        average.main([str(one), str(tmp_path / "none")])
    assert not (tmp_path / "mean").exists()


def test_a_record_that_does_not_name_its_data_is_told(tmp_path: Path) -> None:
    one, other = finished(tmp_path / "a", 1, "x"), finished(tmp_path / "b", 2, "x")
    (other / "recipe.json").write_text(json.dumps({"recipe": {}, "command": ""}))
    with pytest.raises(SourceError, match="expected a list called data, found None"):
        average.main([str(one), str(other), "--run", str(tmp_path / "mean")])
