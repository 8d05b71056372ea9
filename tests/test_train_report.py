"""The report of a run as a whole, and what it sees of a net, with the real packages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.train
keras = pytest.importorskip("keras")
pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from commands import ROOT, environment  # noqa: E402 – after the packages are known to be there
from drawn_sets import drawn_gtsrb  # noqa: E402
from small_sets import picture, store  # noqa: E402

from models.errors import ModelError, SourceError  # noqa: E402
from models.signs import BACKGROUND, COUNT, label_names  # noqa: E402
from training import datasets  # noqa: E402
from training.report import attention, findings  # noqa: E402
from training.report.charts import PlainLog  # noqa: E402
from training.report.page import write_report  # noqa: E402
from training.report.record import read_record  # noqa: E402
from training.report.style import drawing  # noqa: E402

SIZE = 16
CLASSES = ["bird", "cat", "dog"]
SECTIONS = (
    *("summary", "data", "curves", "classes", "confusion", "pairs", "mistakes"),
    *("calibration", "bands", "features", "attention", "int8"),
)
LOG = [
    {"loss": 1.2, "rate": 1e-3, "seconds": 60.0, "choose": 0.5, "choose_nll": 1.0},
    {"loss": 0.6, "rate": 1e-4, "seconds": 60.0, "choose": 0.75, "choose_nll": 0.7},
]


def small_net(outputs: int) -> keras.Model:
    """Two convolutions, the second inside of a net of its own."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((8, 8, 4)), layers.Conv2D(8, 3, padding="same", activation="relu")]
    )
    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, 2, padding="same")(layers.Rescaling(1 / 127.5, -1)(image))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(inner(x))
    return keras.Model(image, layers.Dense(outputs)(x))


def write_run(run: Path, data: str, classes: list[str]) -> None:
    run.mkdir()
    recipe = {"data": data, "architecture": "small", "epochs": 2, "parts": "train"}
    origin = {"recipe": recipe, "command": "python -m <training>", "commit": "c0ffee"}
    (run / "recipe.json").write_text(json.dumps(origin))
    (run / "log.json").write_text(json.dumps(LOG))
    (run / "classes.json").write_text(json.dumps(classes))


def write_answers(path: Path, names: list[str], labels: list[int], answers: list[int]) -> None:
    outputs = len(json.loads((path.parent / "classes.json").read_text()))
    logits = 2 * np.eye(outputs, dtype=np.float32)[answers]
    np.savez(path, logits=logits, labels=np.array(labels), names=np.array(names), part="choose")


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on four pictures of each of three classes: one cat and two dogs are missed."""
    root = tmp_path_factory.mktemp("pets")
    names = [f"{kind}/{n}.png" for kind in CLASSES for n in range(4)]
    store({name: picture(20, 20, ".png", n) for n, name in enumerate(names)}, root / "pets")
    run = root / "run"
    write_run(run, str(root / "pets"), CLASSES)
    labels = [0] * 4 + [1] * 4 + [2] * 4
    write_answers(run / "watched.npz", names, labels, [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 2, 2])
    write_answers(run / "int8.npz", names, labels, [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 2, 2])
    small_net(3).save(run / "final.keras")
    write_report(read_record(run))
    return run


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without a net on drawn GTSRB: a 0 is called background, one picture is not there."""
    root = tmp_path_factory.mktemp("signs")
    drawn_gtsrb(root, frames=1)
    run = root / "run"
    write_run(run, "gtsrb", list(label_names()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGN_DATA", str(root))
        watched = datasets.part(datasets.gtsrb(), "choose")
        labels = [example.annotations[0].label for example in watched]
        names = [*(example.name for example in watched), "elsewhere.jpg"]
        answers = [BACKGROUND, *labels[1:], 5]
        write_answers(run / "watched.npz", names, [*labels, 5], answers)
        write_report(read_record(run))
    return run


def page(run: Path) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def row(text: str, name: str) -> list[str]:
    """The cells behind the first table row that starts with this name."""
    found = re.search(rf"<tr[^>]*><td>{re.escape(name)}</td>(.*?)</tr>", text, re.DOTALL)
    assert found, name
    return re.findall(r"<td>(.*?)</td>", found[1])


def test_the_page_has_every_section_and_leads_to_it(pets: Path) -> None:
    text = page(pets)

    assert re.findall(r'<section id="(\w+)"', text) == list(SECTIONS)
    assert re.findall(r'<a href="#(\w+)"', text) == list(SECTIONS)


@pytest.mark.parametrize("run", ["pets", "signs"])
def test_the_page_needs_nothing_else(run: str, request: pytest.FixtureRequest) -> None:
    text = page(request.getfixturevalue(run))

    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert {re.split(r"[,#]", source)[0] for source in sources} <= {
        *("data:image/png;base64", "data:", ""),
    }
    assert not re.search(r"https?:|file:|@import|url\(|<script|<link rel=\"style", text)


def test_every_picture_of_the_page_is_a_file_too(pets: Path) -> None:
    files = sorted((pets / "report").glob("*.png"))

    assert page(pets).count("<img ") == len(files)
    assert {"confusion.png", "reliability.png", "int8.png", "features-1.png"} <= {
        path.name for path in files
    }
    assert all(cv2.imread(str(path)) is not None for path in files)


def test_the_table_says_what_the_answers_were(pets: Path) -> None:
    text = page(pets)

    assert row(text, "bird") == ["4", "57.14", "100.00", "72.73"]  # 4 of 7 answers, 4 of 4 found
    assert row(text, "cat") == ["4", "100.00", "75.00", "85.71"]
    assert row(text, "dog") == ["4", "100.00", "50.00", "66.67"]
    assert row(text, "mean of the classes") == ["12", "85.71", "75.00", "75.04"]
    assert row(text, "accuracy") == ["12", "", "75.00", ""]


def test_float_and_int8_stand_side_by_side(pets: Path) -> None:
    text = page(pets)

    assert row(text, "accuracy, %") == ["75.00", "75.00", "+0.00"]
    assert "83.33&nbsp;% of 12 pictures; 1\n    went from right to wrong and 1 from" in text


def test_int8_is_compared_on_the_pictures_that_both_have_answered(tmp_path: Path) -> None:
    """Published from fewer pictures, in another order: a dog that both miss, a cat only int8."""
    run = tmp_path / "run"
    write_run(run, "pets", CLASSES)
    write_answers(run / "watched.npz", ["a", "b", "c", "d"], [0, 1, 2, 2], [0, 1, 0, 2])
    write_answers(run / "int8.npz", ["c", "z", "b"], [2, 0, 1], [0, 0, 0])

    compared = findings.compare(read_record(run))

    assert compared is not None
    assert (compared.count, compared.lost, compared.gained) == (2, 1, 0)
    assert (compared.net.accuracy, compared.int8.accuracy, compared.agreement) == (0.5, 0, 0.5)
    assert [each.tolist() for each in compared.margins] == [[-2, 2], [-2, -2]]


def test_words_of_the_run_cannot_become_markup(pets: Path) -> None:
    assert "python -m &lt;training&gt;" in page(pets)


def test_a_report_replaces_the_one_before(pets: Path) -> None:
    stale = pets / "report" / "pair-9.png"
    stale.touch()
    write_report(read_record(pets))

    assert not stale.exists()
    assert page(pets).count("<img ") == len(list((pets / "report").glob("*.png")))


def test_signs_are_named_and_the_43_counted_apart(signs: Path) -> None:
    text = page(signs)

    n = 2 * COUNT + 1
    assert f"{100 * (n - 1) / n:.2f}<small> %</small></b>\n      <span>accuracy<br>" in text
    assert "100.00<small> %</small></b><span>top-1 among the 43 signs" in text
    assert row(text, "Speed limit 20")[:3] == ["2", "100.00", "50.00"]
    assert "foreign</td>" not in text  # no support, no row
    assert "1 of the watched pictures could not be found in the data set" in text


def test_what_a_run_has_not_got_is_said(signs: Path) -> None:
    text = page(signs)

    assert text.count("This run trained something else than a net") == 2
    assert f"python -m calibration.publish classifier --run {signs}" in text


def test_a_data_set_without_the_watched_pictures_is_refused(pets: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_run(run, json.loads((pets / "recipe.json").read_text())["recipe"]["data"], CLASSES)
    write_answers(run / "watched.npz", ["a.png"], [0], [0])
    with pytest.raises(SourceError, match=r"found none of them, the first is a\.png"):
        write_report(read_record(run))


def test_a_net_of_other_outputs_is_refused(pets: Path) -> None:
    with pytest.raises(ModelError, match=r"and 45 logits out, found .* and \(None, 3\) out"):
        attention.load_net(pets / "final.keras", 45)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 100, {"0.1", "1", "10", "100"}),
        (9, 40, {"10", "20", "30", "40"}),
        (0.2, 0.9, {"0.2", "0.3", "0.4", "0.6"}),
    ],
)
def test_a_log_axis_is_labelled_in_plain_numbers(
    low: float, high: float, expected: set[str]
) -> None:
    """Decades alone where there are several of them."""
    with drawing() as drawn:
        axis = drawn.figure.subplots().yaxis
        axis.axes.set_yscale("log")
        axis.axes.set_ylim(low, high)
        axis.set_major_formatter(PlainLog())
        axis.set_minor_formatter(PlainLog())
        drawn.figure.draw_without_rendering()
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        shown = {tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high * 1.0001}
    assert shown - {""} == expected


def test_feature_maps_come_behind_batch_norm_and_activation() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)

    maps = attention.feature_maps(small_net(3), images)

    assert [each.values.shape for each in maps] == [(2, 8, 8, 4), (2, 8, 8, 8)]
    assert all((each.values >= 0).all() and each.values.any() for each in maps)


GRAD_CAM = """
import sys, keras, numpy as np
from training.report import attention
layers = keras.layers
image = keras.Input((4, 4, 3))
x = layers.Conv2D(2, 1, use_bias=False, name="look")(image)
net = keras.Model(image, layers.Dense(2, use_bias=False)(layers.GlobalAveragePooling2D()(x)))
net.set_weights([np.array([[[[1, 0], [0, 1], [0, 0]]]]) / 255, np.array([[2.0, -1], [-3, 1]])])
images = np.zeros((3, 4, 4, 3), np.uint8)
images[:, 0, 0, 0] = images[:, 3, 3, 1] = 255  # red speaks in one corner, green in the other
images[:, 1, 1] = 51, 0, 255
heat = attention.grad_cam(net, images, [0, 1, 1]).maps
print(keras.backend.backend(), heat.shape, *heat[0, [0, 1, 3], [0, 1, 3]].round(4),
      *heat[1, [0, 1, 3], [0, 1, 3]].round(4), heat.sum().round(4))
"""


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_grad_cam_is_what_the_formula_says_on_either_backend(backend: str) -> None:
    """With pooling and one dense layer the weights are the dense layer's: 2 red − 3 green,
    −red + green; negative places are dark and the strongest is 1."""
    pytest.importorskip(backend)
    done = subprocess.run(
        [sys.executable, "-c", GRAD_CAM],
        cwd=ROOT,
        env={**os.environ, **environment(), "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()[-1].replace("np.float64(", "").replace(")", "").split()
    assert words[0] == backend
    assert [float(word) for word in words[-7:]] == [1, 0.2, 0, 0, 0, 1, 3.2]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_grad_cam_lies_where_the_net_looked(padding: str) -> None:
    """A bright pixel in the middle of one cell's window is the middle of the light."""
    image = keras.Input((48, 48, 3))
    x: Any = image
    for _ in range(3):
        x = keras.layers.Conv2D(1, 3, 2, padding=padding, use_bias=False)(x)
    x = keras.layers.Dense(2, use_bias=False)(keras.layers.GlobalAveragePooling2D()(x))
    net = keras.Model(image, x)
    net.set_weights([np.full_like(weights, 0.1) for weights in net.get_weights()])
    pixel = 23 if padding == "same" else 31
    images = np.zeros((1, 48, 48, 3), np.uint8)
    images[0, pixel, pixel] = 255

    heat = attention.grad_cam(net, images, [0])

    assert heat is not None
    over = heat.over(0, 48)
    assert over.shape == (48, 48)
    assert np.unravel_index(over.argmax(), over.shape) == (pixel, pixel)
    assert over.max() == pytest.approx(1)


def test_a_net_without_a_convolution_has_neither() -> None:
    image = keras.Input((SIZE, SIZE, 3))
    net = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(image)))
    images = np.zeros((1, SIZE, SIZE, 3), np.uint8)

    assert attention.feature_maps(net, images) == []
    assert attention.grad_cam(net, images, [0]) is None
