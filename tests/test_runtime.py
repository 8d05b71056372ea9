"""Real LiteRT on small models whose answers are known, and on the published ones."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from small_models import (
    STEP,
    classifier_bytes,
    classifier_spec,
    detector_bytes,
    detector_spec,
    save,
)

from edge.classifier import load_classifier
from edge.core import Box
from edge.detector import load_detector
from edge.runtime import LiteRtRuntime
from models.errors import ModelError
from models.processors import available_threads
from models.spec import FOLDER, Input, Output, Spec, load_spec

PUBLISHED = sorted(FOLDER.glob("*.json"))


def loaded(spec: Spec, data: bytes, folder: Path) -> LiteRtRuntime:
    return LiteRtRuntime(spec, save(spec, data, folder), threads=1)


def test_outputs_come_quantised_with_scale_and_zero_point(tmp_path: Path) -> None:
    data = classifier_bytes()
    runtime = loaded(classifier_spec(data), data, tmp_path)
    image = np.zeros((8, 8, 3), np.uint8)
    image[0, 3, 0], image[1, 0, 0] = 200, 100  # red of the pixels 3 and 8
    image[0, 5] = [0, 255, 255]  # green and blue count for nothing

    (logits,) = runtime(image)

    assert (logits.values.dtype, logits.real().dtype) == (np.int8, np.float32)
    expected = np.zeros((1, 45), np.float32)
    expected[0, 3], expected[0, 8] = 10.0, 5.0
    assert logits.real() == pytest.approx(expected, abs=STEP / 2)
    assert runtime.shapes == ((1, 45),)


def test_the_next_picture_is_read_afresh(tmp_path: Path) -> None:
    data = classifier_bytes()
    runtime = loaded(classifier_spec(data), data, tmp_path)
    (first,) = runtime(np.full((8, 8, 3), 200, np.uint8))
    (second,) = runtime(np.zeros((8, 8, 3), np.uint8))
    assert first.real() == pytest.approx(np.full((1, 45), 10.0), abs=STEP / 2)
    assert second.real() == pytest.approx(np.zeros((1, 45)), abs=STEP / 2)


def test_a_flipped_byte_is_found_by_the_hash(tmp_path: Path) -> None:
    data = classifier_bytes()
    spec = classifier_spec(data)
    path = save(spec, data[:-1] + bytes([data[-1] ^ 1]), tmp_path)
    with pytest.raises(ModelError, match=rf"small\.tflite: expected sha256 {spec.sha256}, found"):
        LiteRtRuntime(spec, path, threads=1)


def test_a_file_that_is_no_model_is_refused_even_with_the_right_hash(tmp_path: Path) -> None:
    data = b"This is a letter, not a model.\n" * 40
    with pytest.raises(ModelError, match=r"small\.tflite: expected a LiteRT model, found"):
        loaded(classifier_spec(data), data, tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"small\.tflite: expected a LiteRT model, found"):
        loaded(classifier_spec(b""), b"", tmp_path)


def test_another_input_size_than_the_json_says_is_refused(tmp_path: Path) -> None:
    data = classifier_bytes()
    spec = classifier_spec(data, input=Input(8, 16, "rgb", "crop", 0.0))
    message = re.escape("one input (1, 16, 8, 3) uint8 or int8, found [((1, 8, 8, 3), 'uint8')]")
    with pytest.raises(ModelError, match=message):
        loaded(spec, data, tmp_path)


def test_a_model_that_does_not_take_bytes_is_refused(tmp_path: Path) -> None:
    data = classifier_bytes(first="FLOAT32")
    with pytest.raises(ModelError, match=r"expected one input .* uint8 or int8, found .*float32"):
        loaded(classifier_spec(data), data, tmp_path)


def test_an_int8_input_takes_the_same_bytes_less_128(tmp_path: Path) -> None:
    every = np.arange(256, dtype=np.uint8)[:192].reshape(8, 8, 3)
    images = [every, every + np.uint8(64), every[:, ::-1], np.full((8, 8, 3), 127, np.uint8)]
    answers = []
    for first in ("UINT8", "INT8"):
        data = classifier_bytes(first=first)
        runtime = loaded(classifier_spec(data), data, tmp_path)
        answers.append(np.stack([runtime(image)[0].real() for image in images]))
    assert np.array_equal(*answers)
    assert len(np.unique(answers[0])) > 20


@pytest.mark.parametrize("first", ["UINT8", "INT8"])
def test_a_picture_of_another_size_is_not_stretched(first: str, tmp_path: Path) -> None:
    data = classifier_bytes(first=first)
    runtime = loaded(classifier_spec(data), data, tmp_path)
    with pytest.raises(ValueError, match=r"\b1\b"):
        runtime(np.zeros((1, 8, 3), np.uint8))
    assert runtime(np.zeros((8, 8, 3), np.uint8))[0].values.shape == (1, 45)


def test_an_int8_input_of_another_scale_is_refused(tmp_path: Path) -> None:
    data = classifier_bytes(first="INT8", grey_level=0.5)
    with pytest.raises(ModelError, match=r"int8 input of scale 1, zero point -128, found \(0\.5"):
        loaded(classifier_spec(data), data, tmp_path)


def test_a_classifier_with_another_number_of_outputs_is_refused(tmp_path: Path) -> None:
    data = classifier_bytes(outputs=43)
    path = save(classifier_spec(data), data, tmp_path)
    with pytest.raises(ModelError, match=r"expected the outputs .*45.* found .*43"):
        load_classifier(str(path), 1)


def test_a_detector_without_the_tensors_of_its_strides_is_refused(tmp_path: Path) -> None:
    data = detector_bytes()
    path = save(detector_spec(data, output=Output("yolo-raw", [16], 16)), data, tmp_path)
    with pytest.raises(ModelError, match=r"expected outputs \(1, 1, 2, 64\).* for stride 16"):
        load_detector(str(path), 1)


def test_a_detector_with_more_tensors_than_its_strides_is_refused(tmp_path: Path) -> None:
    data = detector_bytes(strides=(8, 16))
    path = save(detector_spec(data), data, tmp_path)
    with pytest.raises(ModelError, match=r"expected two outputs for each of the strides \[8\]"):
        load_detector(str(path), 1)


def test_each_task_refuses_the_other_ones_model(tmp_path: Path) -> None:
    data = classifier_bytes()
    classifier = save(classifier_spec(data, name="c", file="c.tflite"), data, tmp_path)
    detector = save(detector_spec(data, name="d", file="d.tflite"), data, tmp_path)
    with pytest.raises(ModelError, match="expected a detector, found a model to classify"):
        load_detector(str(classifier), 1)
    with pytest.raises(ModelError, match="expected a classifier, found a model to detect"):
        load_classifier(str(detector), 1)


def test_a_classifier_reads_the_red_pixel_it_was_built_for(tmp_path: Path) -> None:
    data = classifier_bytes()
    classifier = load_classifier(str(save(classifier_spec(data), data, tmp_path)), 1)
    image = np.zeros((20, 20, 3), np.uint8)
    image[6 + 14 // 8, 4 + 14 % 8, 2] = 200  # BGR: red in the pixel of class 14

    (reading,) = classifier.classify(image, [Box(4, 6, 12, 14)])

    assert (reading.kind, reading.label) == ("sign", 14)
    assert reading.score == pytest.approx(np.exp(10) / (np.exp(10) + 44), abs=1e-4)


def test_a_detector_finds_the_bright_cell_where_it_is(tmp_path: Path) -> None:
    data = detector_bytes(sides=(1, 0, 1, 1))
    detector = load_detector(str(save(detector_spec(data), data, tmp_path)), 1)
    image = np.zeros((32, 64, 3), np.uint8)  # twice the input: cells are 16 px
    image[16:32, 32:48] = 255  # the cell in row 1, column 2: its centre is (40, 24)

    (found,) = detector.detect(image)

    assert found.box == pytest.approx((24, 24, 56, 32), abs=1e-3)  # cut at the lower edge
    logit = 255 / 16 - 8
    assert found.score == pytest.approx(1 / (1 + np.exp(-logit)), abs=0.001)


def test_threads_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 5}, raising=False)
    assert available_threads() == 3


def test_where_that_cannot_be_asked_they_are_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert available_threads() == 7


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_model_loads_and_answers(path: Path) -> None:
    spec = load_spec(path)
    grey = np.full((200, 320, 3), 128, np.uint8)
    if spec.task == "detect":
        assert load_detector(path.stem, 1).detect(grey) == []
    else:
        (reading,) = load_classifier(path.stem, 1).classify(grey, [Box(90, 90, 150, 150)])
        assert reading.probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_model_with_another_size_in_its_json_is_refused(
    path: Path, tmp_path: Path
) -> None:
    spec = load_spec(path)
    wrong = dataclasses.replace(spec.input, width=spec.input.width + 32)
    data = path.with_name(spec.file).read_bytes()
    with pytest.raises(ModelError, match="expected one input"):
        loaded(dataclasses.replace(spec, input=wrong), data, tmp_path)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_model_with_a_flipped_byte_is_refused(path: Path, tmp_path: Path) -> None:
    spec = load_spec(path)
    data = bytearray(path.with_name(spec.file).read_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(ModelError, match="expected sha256"):
        loaded(spec, bytes(data), tmp_path)
