"""Features made by hand and a linear machine, with the real packages on tiny drawn sets."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.train
pytest.importorskip("sklearn")
pytest.importorskip("skimage")

from drawn_sets import drawn_gtsdb, drawn_gtsrb, ground, write_picture  # noqa: E402

from models.errors import SourceError, UsageError  # noqa: E402
from models.signs import BACKGROUND, COUNT  # noqa: E402
from training import ladder  # noqa: E402
from training.classical import FEATURES, Recipe, colour, decide, edges, fit, train  # noqa: E402
from training.runs import write_recipe  # noqa: E402
from training.watched import read_answers, read_right  # noqa: E402

SHAPES = ("disc", "square", "bar")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shapes on noise, 32×32, in class folders with a train and a test part."""
    root = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(3)
    for part, count in (("train", 30), ("test", 6)):
        for name in SHAPES:
            for number in range(count):
                image = ground(32, 32, rng)
                x, y = (int(v) for v in rng.integers(13, 19, 2))
                ink = [int(v) for v in rng.integers(180, 256, 3)]
                if name == "disc":
                    cv2.circle(image, (x, y), 9, ink, -1)
                elif name == "square":
                    cv2.rectangle(image, (x - 9, y - 9), (x + 9, y + 9), ink, -1)
                else:
                    cv2.rectangle(image, (x - 3, y - 12), (x + 3, y + 12), ink, -1)
                write_picture(root / part / name / f"{number}.png", image)
    return root


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("data")
    drawn_gtsdb(root, train=4, judge=2, size=(400, 300))
    drawn_gtsrb(root, frames=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGN_DATA", str(root))
        yield root


def test_colours_are_counted_wherever_they_are() -> None:
    image = np.zeros((48, 48, 3), np.uint8)
    image[:12] = (255, 0, 0)  # a quarter red, the rest black
    found = colour(image)
    assert found.shape == (12 * 4 * 4,)
    assert sorted(found[found > 0] ** 2) == pytest.approx([0.25, 0.75])
    np.testing.assert_array_equal(found, colour(image[::-1].copy()))


def test_edges_are_where_the_picture_changes() -> None:
    image = np.full((48, 48, 3), 40, np.uint8)
    image[:, 24:] = 220
    found = edges(image).reshape(24, 24)
    assert set(found.argmax(axis=1)) <= {11, 12}
    assert found[:, :4].max() == found[:, -4:].max() == 0
    assert edges(np.full((48, 48, 3), 99, np.uint8)).max() == 0


@pytest.mark.parametrize("name", list(FEATURES))
def test_every_feature_is_finite_also_of_an_even_picture(name: str) -> None:
    assert np.isfinite(FEATURES[name](np.zeros((48, 48, 3), np.uint8))).all()


def test_a_class_that_was_never_seen_is_never_the_answer() -> None:
    features = np.array([[0, 1], [0, 2], [3, 0], [4, 0]], np.float32)
    labels = np.array([1, 1, 4, 4])
    weights, offsets = fit(features, labels, Recipe())
    machine = {"weights": weights, "offsets": offsets, "classes": np.unique(labels)}
    logits = decide(features, machine, 6)
    assert logits.shape == (4, 6)
    assert np.isfinite(logits).all()
    assert logits.argmax(axis=1).tolist() == labels.tolist()


@pytest.mark.parametrize("features", ["edges", "hog"])
def test_shapes_are_told_apart_by_their_outline(
    shapes: Path, tmp_path: Path, features: str
) -> None:
    recipe = Recipe(data=str(shapes), features=features)
    train(recipe, tmp_path)
    assert json.loads((tmp_path / "classes.json").read_text()) == sorted(SHAPES)
    answers = read_answers(tmp_path / "watched.npz")
    assert (answers.logits.shape, answers.part) == ((9, 3), "choose")
    assert all(name.startswith("train/") for name in answers.names)
    right = read_right(answers.logits, answers.labels).mean()
    (entry,) = json.loads((tmp_path / "log.json").read_text())
    assert entry["choose"] == pytest.approx(right)
    assert right >= 0.8
    weights = np.load(tmp_path / "weights.npz")["weights"]
    cost = json.loads((tmp_path / "cost.json").read_text())
    assert cost == {"parameters": weights.size + 3, "multiply_adds": weights.size}


def test_one_class_is_told(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected two classes or more to tell apart, found one"):
        train(Recipe(data=str(shapes), features="colour"), tmp_path, limit=1)


def test_the_files_of_another_training_are_not_written_over(shapes: Path, tmp_path: Path) -> None:
    (tmp_path / "last.npz").touch()
    with pytest.raises(UsageError, match=r"holds last\.npz, the checkpoint of another kind"):
        train(Recipe(data=str(shapes), features="colour"), tmp_path)


@pytest.mark.usefixtures("signs")
def test_signs_are_read_by_their_gradients(tmp_path: Path) -> None:
    train(Recipe(), tmp_path)
    answers = read_answers(tmp_path / "watched.npz")
    assert answers.logits.shape == (2 * COUNT, COUNT + 2)
    assert read_right(answers.logits, answers.labels).mean() > 0.8
    assert BACKGROUND in np.load(tmp_path / "weights.npz")["classes"]


def test_a_finished_run_is_kept_and_belongs_to_its_recipe(shapes: Path, tmp_path: Path) -> None:
    recipe = Recipe(data=str(shapes), features="colour")
    path = train(recipe, tmp_path, limit=9)
    write_recipe(tmp_path, recipe, [], "python -m training.classical --limit 9")
    made = path.stat().st_mtime_ns
    assert train(recipe, tmp_path, limit=9) == path
    with pytest.raises(UsageError, match="was made with --limit 9, not None"):
        train(recipe, tmp_path)
    assert path.stat().st_mtime_ns == made
    with pytest.raises(UsageError, match=r"belongs to another recipe \(differs in cost"):
        train(dataclasses.replace(recipe, cost=2.0), tmp_path)


def test_wrong_use_is_refused_before_the_data_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--features: expected one of colour, edges, hog"):
        train(Recipe(data="nowhere", features="smell"), tmp_path)
    with pytest.raises(UsageError, match="--cost: expected more than 0, found 0"):
        Recipe(cost=0.0)
    with pytest.raises(UsageError, match="--until: expected none"):
        train(Recipe(data="nowhere"), tmp_path, until=1)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda root: (root / "train" / "ring").mkdir(), "class folder train/ring, found none"),
        (
            lambda root: (root / "train/disc/0.png").write_bytes(b"none"),
            "train/disc/0.png: expected a picture, found none",
        ),
    ],
    ids=["empty class folder", "no picture"],
)
def test_a_broken_set_is_named_before_training(
    shapes: Path, tmp_path: Path, spoil: Callable[[Path], object], found: str
) -> None:
    root = tmp_path / "set"
    shutil.copytree(shapes, root)
    spoil(root)
    with pytest.raises(SourceError, match=found):
        train(Recipe(data=str(root), features="colour"), tmp_path / "run")


def test_the_ladder_shows_nets_beside_machines(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two real rungs, a machine and a net, then the net's verdict on the test folder."""
    pytest.importorskip("keras")
    from training import judge  # noqa: PLC0415 – needs Keras, the rest of this file does not

    out = tmp_path / "out"
    rungs = ["--only", "hog-svm", "naive", "--quick"]
    ladder.main(["--data", str(shapes), "--out", str(out), *rungs])
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split() for line in lines]
    (machine,) = (words for words in shown if words[:3] == ["HOG,", "linear", "SVM"])
    (net,) = (words for words in shown if words[:2] == ["naive", "net"])
    assert machine[3:7] == ["5.29", "k", "5.29", "k"]
    assert "–" not in net[2:6]
    judge.main([str(out / "quick" / "naive")])
    assert ", judge: top1 " in capsys.readouterr().out
    answers = read_answers(out / "quick" / "naive" / "judge.npz")
    assert answers.logits.shape == (18, 3)
    assert all(name.startswith("test/") for name in answers.names)
