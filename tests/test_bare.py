"""What the models cost by themselves, and the rate that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge import bare
from edge.bare import Bare, bare_table, best_rate
from edge.threads import counts
from models.processors import available_threads
from tests.small_models import (
    classifier_bytes,
    classifier_spec,
    detector_bytes,
    detector_spec,
    save,
)


@pytest.fixture
def models(tmp_path: Path) -> tuple[str, str]:
    paths = []
    for data, spec in (
        (detector_bytes(), detector_spec),
        (classifier_bytes(), classifier_spec),
    ):
        folder = tmp_path / spec.__name__
        folder.mkdir()
        paths.append(str(save(spec(data), data, folder)))
    return paths[0], paths[1]


def test_every_thread_count_is_measured(models: tuple[str, str]) -> None:
    nets = Bare(*models)
    found = nets.figures([nets.measure(1), nets.measure(2)])

    tried = [str(count) for count in counts(available_threads())]
    for name, count in (("detector", 2 * 8 * 192 * 65), ("classifier", 2 * 45 * 192)):
        assert list(found[name]["ms"]) == tried
        assert all(ms >= 0 for ms in found[name]["ms"].values())
        assert found[name]["operations"] == count
        assert list(found[name]["share_of_peak"]) == tried
    assert all(rate > 0 for rate in found["peak_gops"].values())
    assert found["workers"] == int(tried[-1])
    text = "\n".join(bare_table(found))
    assert "int8 peak" in text
    assert "GOP/s" in text


def test_without_a_schema_there_is_no_peak_and_no_error(
    models: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> tuple[bytes, int]:
        raise ImportError("no schema")

    monkeypatch.setattr(bare, "peak_model", missing)

    nets = Bare(*models)
    found = nets.figures([nets.measure(1)])

    assert found["peak_gops"] == {}
    assert found["detector"]["operations"] is None
    assert found["detector"]["share_of_peak"] == {}
    assert "–" in "\n".join(bare_table(found))


def test_figures_are_the_medians_of_all_batches(models: tuple[str, str]) -> None:
    nets = Bare(*models)
    one, other = nets.measure(1), nets.measure(2)
    key = ("detector", 1)
    one, other = {**one, key: [0.001]}, {**other, key: [0.003, 0.005]}

    assert [len(each[key]) for each in (one, other)] == [1, 2]
    assert nets.figures([one, other])["detector"]["ms"]["1"] == 3.0
    assert nets.figures([one])["detector"]["ms"]["1"] == 1.0


def test_the_best_rate_is_that_of_the_best_thread_count() -> None:
    found = {
        "detector": {"ms": {"1": 30.0, "2": 18.0}},
        "classifier": {"ms": {"1": 0.5, "2": 1.0}},
    }

    assert best_rate(found, reads=2.0) == pytest.approx(1000 / 20)
    assert best_rate(found, reads=0.0) == pytest.approx(1000 / 18)
