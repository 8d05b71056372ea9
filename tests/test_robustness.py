"""Figures under corruptions and other cameras, on a classifier whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from calibration import cameras
from calibration.robustness import (
    PASSES,
    Sighting,
    Sightings,
    measure_cameras,
    measure_corruptions,
)
from edge.core import UNKNOWN, Array, Box, Image
from models.errors import SourceError
from models.imaging import crop
from training.corruptions import CORRUPTIONS, SEVERITIES, constants, corrupt
from training.datasets import Annotation, Example

SIZE, MARGIN = 16, 0.25


class Bright:
    """Names class 1 where the crop is brighter than `over`, else class 0, with 0.8 either way."""

    spec = SimpleNamespace(input=SimpleNamespace(width=SIZE, margin=MARGIN))

    def __init__(self, over: float = 128) -> None:
        self.over = over
        self.shown: list[Image] = []

    def probabilities(self, crop_rgb: Image) -> Array:
        self.shown.append(crop_rgb)
        table = np.full(45, 0.2 / 44, np.float32)
        table[int(crop_rgb.mean() > self.over)] = 0.8
        return table


class Line:
    """A status line that keeps what it was told."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def update(self, done: int, _facts: str) -> None:
        self.done.append(done)


def sighting(level: int, label: int) -> Sighting:
    image = np.full((30, 30, 3), level, np.uint8)
    image[::2] += 4
    return Sighting(image, Box(5, 5, 25, 25), label)


SIGNS = [sighting(100, 0), sighting(100, 0), sighting(170, 1), sighting(100, 1)]  # the last: wrong


def test_accuracy_is_given_for_each_corruption_and_severity() -> None:
    figures = measure_corruptions(Bright(), SIGNS)
    assert list(figures["corruptions"]) == list(CORRUPTIONS)
    assert {len(values) for values in figures["corruptions"].values()} == {5}
    assert figures["corruptions"]["blur"] == [0.75] * 5
    # + 25.5 leaves 125.5 + 2 below 128; + 51 takes it above: both dark ones become wrong, the
    # fourth right
    assert figures["corruptions"]["brightness"] == [0.75, 0.5, 0.5, 0.5, 0.5]


def test_the_figures_of_a_severity_are_those_of_all_its_passes_together() -> None:
    figures = measure_corruptions(Bright(), SIGNS)
    tops = np.array(list(figures["corruptions"].values()))  # (12, 5)
    assert len(figures["severity"]) == 5
    for place, each in enumerate(figures["severity"]):
        top1 = tops[:, place].mean()
        assert each["top1"] == pytest.approx(top1)
        assert each["ece"] == pytest.approx(abs(top1 - 0.8))  # it says 0.8 to everything
        nll = -(top1 * np.log(0.8) + (1 - top1) * np.log(0.2 / 44))
        assert each["nll"] == pytest.approx(nll)
        (row,) = each["reliability"]
        assert (row["n"], row["confidence"]) == (12 * len(SIGNS), pytest.approx(0.8))
        assert row["accuracy"] == pytest.approx(top1)
    assert figures["constants"] == constants()


def test_the_net_is_shown_the_corrupted_crops_of_the_app() -> None:
    classifier = Bright()
    measure_corruptions(classifier, SIGNS[:2])
    crops = [crop(each.image, each.box, SIZE, MARGIN) for each in SIGNS[:2]]
    expected = [
        corrupt(each, name, severity, index)
        for name in CORRUPTIONS
        for severity in SEVERITIES
        for index, each in enumerate(crops)
    ]
    assert len(classifier.shown) == 2 * PASSES["corruptions"] == len(expected)
    for shown, wanted in zip(classifier.shown, expected, strict=True):
        assert np.array_equal(shown, wanted)


def test_each_camera_has_its_meaning_and_its_figures() -> None:
    classifier = Bright()
    found = measure_cameras(classifier, SIGNS)["cameras"]
    assert list(found) == list(cameras.VARIATIONS)
    assert len(classifier.shown) == 4 * PASSES["cameras"]
    assert found["as_it_is"] == {
        "meaning": cameras.VARIATIONS["as_it_is"].meaning,
        "top1": 0.75,
        "ece": pytest.approx(0.05),
        "nll": pytest.approx(-(3 * np.log(0.8) + np.log(0.2 / 44)) / 4),
    }
    # bleached, all of them lie around 150 · 0.4 + 0.6 · level = 120 … 162, as they were
    assert found["faded"]["top1"] == 0.75
    assert found["night"]["top1"] == 0.5  # in headlights every one is bright: class 1


def test_progress_counts_the_signs_of_all_passes() -> None:
    line = Line()
    measure_cameras(Bright(), SIGNS, line)
    assert line.done == list(range(1, 4 * PASSES["cameras"] + 1))


@pytest.mark.parametrize("measure", [measure_corruptions, measure_cameras])
def test_nothing_to_look_at_is_a_source_error(measure) -> None:
    with pytest.raises(SourceError, match="known class"):
        measure(Bright(), [])


class Walked:
    """Two pictures, one of them with a sign of unknown class beside its sign."""

    def __iter__(self) -> Iterator[tuple[Example, Image]]:
        image = np.arange(100 * 100 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 100, 3)
        signs = Annotation((40.0, 40.0, 50.0, 50.0), 7), Annotation((1.0, 1.0, 9.0, 9.0), UNKNOWN)
        yield Example("a.png", signs), image
        yield Example("b.png", (Annotation((0.0, 0.0, 20.0, 20.0), 3),)), image


def test_sightings_pass_the_pictures_on_and_keep_their_signs() -> None:
    sightings = Sightings(Walked())
    for _ in range(2):  # a second walk starts anew
        assert [example.name for example, _ in sightings] == ["a.png", "b.png"]
        assert [each.label for each in sightings.kept] == [7, 3]
    (_, image), _ = Walked()
    first = sightings.kept[0]
    assert first.image.shape == (30, 30, 3)
    assert first.box == Box(10, 10, 20, 20)
    assert np.array_equal(first.image, image[30:60, 30:60])
