"""Crops as the device cuts them, on tiny drawn sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_sets import drawn_gtsdb, drawn_gtsrb

from calibration.crops import (
    CROPS_A_CLASS,
    NEGATIVES,
    STREET_SIZES,
    negative_crops,
    representative_crops,
    sign_crops,
    spread,
    street_crops,
)
from models.imaging import CROP_MARGIN, CROP_SIZE, crop
from models.signs import COUNT
from training import datasets, negatives
from training.files import stem


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_gtsdb(tmp_path, train=3, judge=1)
    drawn_gtsrb(tmp_path, frames=5)
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))


@pytest.mark.usefixtures("drawn")
def test_every_annotated_sign_is_cut_out_as_the_device_does_it() -> None:
    gtsdb = datasets.gtsdb()
    examples = datasets.part(gtsdb, "train")
    labels, crops = sign_crops(gtsdb, examples)
    signs = [(e, a) for e in examples for a in e.annotations]
    assert labels.tolist() == [a.label for _, a in signs]
    for (example, annotation), found in zip(signs, crops, strict=True):
        cut = crop(gtsdb.read(example), annotation.box, CROP_SIZE, CROP_MARGIN)
        assert np.array_equal(found, cut)


def test_each_class_is_taken_from_its_darkest_to_its_brightest() -> None:
    count = CROPS_A_CLASS
    brightness = np.concatenate([np.arange(2 * count)[::-1], [50.0]])
    labels = np.array([3] * 2 * count + [5])
    places = spread(labels, brightness)
    own = brightness[places[:count]]
    assert (own[0], own[-1]) == (0, 2 * count - 1)
    assert (np.diff(own) >= 2).all()  # spread over all of them
    assert places[count:].tolist() == [2 * count] * count  # the only one of its class


def test_no_signs_no_crops() -> None:
    assert spread(np.zeros(0, np.int64), np.zeros(0)).tolist() == []


@pytest.mark.usefixtures("drawn")
def test_every_class_and_the_street_without_signs_range_int8() -> None:
    crops = representative_crops(seed=1)
    others = 2 * len(STREET_SIZES)  # 00001 of the three is chosen on
    assert len(crops) == COUNT * CROPS_A_CLASS + others + len(negative_crops())
    assert {image.shape for image in crops} == {(CROP_SIZE, CROP_SIZE, 3)}
    streets = crops[COUNT * CROPS_A_CLASS :][:others]
    assert np.array_equal(streets, street_crops(seed=1))
    assert not np.array_equal(streets, street_crops(seed=2))


def test_streets_that_thresholds_are_chosen_on_range_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_gtsdb(tmp_path, train=6, judge=1)
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    gtsdb, its = datasets.gtsdb(), negatives.parts()
    learnt = [e for e in gtsdb.examples if its[stem(e.name)] == "train"]
    assert 0 < len(learnt) < len(datasets.part(gtsdb, "train"))
    seen: list[str] = []
    read = datasets.Dataset.read
    monkeypatch.setattr(
        datasets.Dataset, "read", lambda data, each: seen.append(each.name) or read(data, each)
    )
    street_crops(seed=1)
    assert seen == [e.name for e in learnt]


@pytest.mark.usefixtures("drawn")
def test_foreign_signs_and_false_alarms_are_those_that_may_be_learnt_from() -> None:
    """Of the pictures that are there, only those of the part `train`; few enough to take all."""
    gtsdb = datasets.gtsdb()
    there = {stem(example.name): example for example in gtsdb.examples}
    expected = [
        crop(gtsdb.read(there[each.picture]), each.box, CROP_SIZE, CROP_MARGIN)
        for each in (*negatives.foreign("train"), *negatives.background("train"))
        if each.picture in there
    ]
    assert 0 < len(expected) <= NEGATIVES
    assert np.array_equal(negative_crops(), expected)
