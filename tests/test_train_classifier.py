"""Training, quantising and publishing a classifier, with the real packages on a tiny drawn set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.train
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from drawn_sets import drawn_gtsdb, drawn_gtsrb  # noqa: E402 – after the packages are known
from small_models import classifier_spec, save  # noqa: E402
from small_sets import picture, store  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import (  # noqa: E402
    EventAccumulator,
)

from calibration import metrics  # noqa: E402
from calibration import publish_classifier as publishing  # noqa: E402
from calibration.candidate import Target  # noqa: E402
from calibration.publish_classifier import publish_classifier  # noqa: E402
from calibration.quantize_classifier import quantize_classifier  # noqa: E402
from edge.classifier import load_classifier  # noqa: E402
from edge.runtime import LiteRtRuntime  # noqa: E402
from models.errors import ModelError, SourceError, UsageError  # noqa: E402
from models.imaging import CROP_MARGIN, CROP_SIZE  # noqa: E402
from models.signs import COUNT  # noqa: E402
from models.spec import Input, load_spec  # noqa: E402
from training import classifier_training, datasets, judge  # noqa: E402
from training.classifier import ARCHITECTURES, Recipe, origin  # noqa: E402
from training.classifier_training import (  # noqa: E402
    Training,
    epoch_batches,
    layers_of,
    rate_at,
    train,
)
from training.corruptions import SEVERITY, in_turn  # noqa: E402
from training.crops import STORED, Crops  # noqa: E402
from training.feed import Look, undisturbed  # noqa: E402
from training.gather import Choice, Gathered, gather, read_crops, side_of  # noqa: E402
from training.judge import View  # noqa: E402
from training.nets import NETS, Shape, build, load, merged  # noqa: E402
from training.others import load_teachers, refuse_other_sight  # noqa: E402
from training.runs import write_recipe  # noqa: E402
from training.watched import margin, read_answers, surprise, write_answers  # noqa: E402

RECIPE = Recipe(
    epochs=2, samples=1024, batch=32, drawn=1, width=0.5, average=0.5, warmup=0.2, augment="light"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("data")
    drawn_gtsdb(root, train=12, judge=4, size=(400, 300))
    drawn_gtsrb(root, frames=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGN_DATA", str(root))
        yield root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A run that was never interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "classifier"
    train(RECIPE, folder)
    write_recipe(folder, RECIPE, origin(RECIPE), "python -m training.classifier")
    return folder


@pytest.fixture(scope="module")
def crops(data: Path) -> Crops:  # noqa: ARG001
    return gather(Choice(drawn=RECIPE.drawn)).train


def test_a_run_learns_and_leaves_its_record(run: Path) -> None:
    log = json.loads((run / "log.json").read_text())
    assert len(log) == 2
    assert log[1]["loss"] < log[0]["loss"]
    assert (run / "crops.png").stat().st_size > 0
    assert len(list((run / "tensorboard").glob("events.*"))) == 1
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["data"][0] == {"data": "gtsrb", "parts": ["train"]}


def test_a_killed_run_continues_to_the_same_weights(run: Path, tmp_path: Path) -> None:
    train(RECIPE, tmp_path, until=1)
    train(RECIPE, tmp_path)

    with np.load(run / "last.npz") as whole, np.load(tmp_path / "last.npz") as resumed:
        assert whole.files == resumed.files
        for name in whole.files:
            if name != "record":
                np.testing.assert_allclose(resumed[name], whole[name], rtol=1e-3, atol=1e-4)
        logs = [json.loads(str(saved["record"]))["log"] for saved in (whole, resumed)]
    for first, second in zip(*logs, strict=True):
        first.pop("seconds")
        second.pop("seconds")
        assert second == pytest.approx(first, abs=1e-3)


def test_a_finished_run_is_not_trained_again(run: Path) -> None:
    with np.load(run / "last.npz") as saved:
        before = {name: saved[name] for name in saved.files}
    train(RECIPE, run)
    with np.load(run / "last.npz") as saved:
        assert all(np.array_equal(saved[name], value) for name, value in before.items())


def test_another_recipe_in_the_same_folder_is_refused(run: Path) -> None:
    with pytest.raises(UsageError, match=r"another recipe \(differs in rate, seed\)"):
        train(dataclasses.replace(RECIPE, rate=1.0, seed=9), run)


def test_the_final_file_holds_the_averaged_weights(run: Path) -> None:
    training = Training(RECIPE, run, COUNT + 2)
    training.resume()
    final = keras.models.load_model(run / "final.keras", compile=False)
    for kept, value in zip(training.steps.averaged(), final.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, value)


def test_what_was_watched_is_kept_with_its_answers(run: Path, data: Path) -> None:  # noqa: ARG001
    classes = json.loads((run / "classes.json").read_text())
    assert len(classes) == COUNT + 2
    with np.load(run / "watched.npz") as watched:
        logits, labels, names = watched["logits"], watched["labels"], watched["names"]
        assert str(watched["part"]) == "choose"
    assert logits.shape == (len(labels), len(classes))
    own = {e.name: e.annotations[0].label for e in datasets.part(datasets.gtsrb(), "choose")}
    assert [own[str(name)] for name in names] == labels.tolist()
    log = json.loads((run / "log.json").read_text())
    right = (logits[:, :COUNT].argmax(axis=1) == labels).mean()
    assert log[-1]["choose"] == pytest.approx(right)


@pytest.mark.usefixtures("data")
def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    """At a rate of nearly nothing no epoch is better than the first but by chance."""
    recipe = dataclasses.replace(RECIPE, epochs=50, patience=1, rate=1e-12, samples=64, drawn=0)
    train(recipe, tmp_path)
    log = json.loads((tmp_path / "log.json").read_text())
    assert len(log) < 50


@pytest.mark.usefixtures("data")
def test_patience_goes_back_to_the_best_epoch(tmp_path: Path) -> None:
    """A rate that spoils the net from the second epoch on."""
    recipe = dataclasses.replace(RECIPE, epochs=50, patience=1, rate=0.3, samples=64, drawn=0)
    path = train(recipe, tmp_path)
    losses = [entry["choose_nll"] for entry in json.loads((tmp_path / "log.json").read_text())]
    answers = read_answers(tmp_path / "watched.npz")
    found = surprise(answers.logits, answers.labels).mean()
    assert found == pytest.approx(min(losses), rel=1e-3)
    assert min(losses) < losses[-1]
    with np.load(tmp_path / "best.npz") as best:
        kept = [best[name] for name in best.files]
    for one, other in zip(kept, keras.models.load_model(path).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("data")
def test_a_net_starts_from_another_runs_weights(run: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, pretrained=str(run))
    start = Training(recipe, tmp_path, classes=10).net.get_weights()
    given = keras.models.load_model(run / "final.keras", compile=False).get_weights()
    for mine, other in zip(start[:-2], given[:-2], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert start[-1].shape == (10,)


def test_weights_of_another_architecture_are_refused(run: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, pretrained=str(run), architecture="lenet")
    with pytest.raises(ModelError, match="found another architecture"):
        Training(recipe, tmp_path, COUNT + 2)


def test_teachers_answer_with_softened_probabilities(run: Path) -> None:
    teach = load_teachers([run / "final.keras"] * 2, CROP_SIZE, COUNT + 2, softness=3.0)
    assert teach is not None
    images = np.random.default_rng(0).integers(0, 256, (5, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    found = teach(images)
    net = keras.models.load_model(run / "final.keras", compile=False)
    logits = net.predict(images.astype(np.float32), verbose=0) / 3.0
    powers = np.exp(logits)
    assert found == pytest.approx(powers / powers.sum(axis=1, keepdims=True), abs=1e-5)
    assert load_teachers([], CROP_SIZE, COUNT + 2, 2.0) is None


def test_teachers_of_other_classes_are_refused(run: Path) -> None:
    with pytest.raises(ModelError, match="expected 10 outputs, found 45"):
        load_teachers([run / "final.keras"], CROP_SIZE, 10, 2.0)
    with pytest.raises(ModelError, match="expected an input of 32 px, found 48"):
        load_teachers([run / "final.keras"], 32, COUNT + 2, 2.0)


def test_teachers_that_see_otherwise_are_refused(run: Path, tmp_path: Path) -> None:
    net = [run / "final.keras"]
    known = json.loads((run / "classes.json").read_text())
    refuse_other_sight(net, Look("rgb", "none"), known)
    with pytest.raises(UsageError, match=r"--colour grey --contrast none, found .* rgb and none"):
        refuse_other_sight(net, Look("grey", "none"), known)
    with pytest.raises(UsageError, match="expected the classes of --data, found others in"):
        refuse_other_sight(net, Look("rgb", "none"), known[:-1])
    refuse_other_sight([tmp_path / "final.keras"], Look("grey", "none"), [])  # nothing is known


@pytest.mark.usefixtures("data")
def test_a_student_imitates_its_teacher(run: Path, tmp_path: Path) -> None:
    """With full trust its loss never sees the labels, and it still learns."""
    recipe = dataclasses.replace(RECIPE, teachers=str(run), trust=1.0, epochs=1, samples=512)
    train(recipe, tmp_path)
    assert np.isfinite(json.loads((tmp_path / "log.json").read_text())[0]["loss"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "alexnet"}, "--architecture: expected one of naive, lenet"),
        ({"augment": "much"}, "--augment: expected one of none, shift, light, full"),
        ({"balance": "half"}, "--balance: expected one of none, sqrt, equal"),
        ({"contrast": "more"}, "--contrast: expected one of none, clahe, local"),
        ({"schedule": "steps"}, "--schedule: expected one of cosine, constant"),
        ({"epochs": 0}, "--epochs: expected 1 or more, found 0"),
        ({"samples": 31}, "--samples: expected a --batch or more, found 31"),
        ({"batch": 0}, "--batch: expected 1 or more, found 0"),
        ({"rate": 0.0}, "--rate: expected more than 0, found 0"),
        ({"rate": float("nan")}, "--rate: expected more than 0, found nan"),
        ({"dropout": 1.5}, "--dropout: expected 0 to 1, found 1.5"),
        ({"size": 15}, "--size: expected 16 to 64, found 15"),
        ({"size": 65}, "--size: expected 16 to 64, found 65"),
        ({"seed": -1}, "--seed: expected 0 to .*, found -1"),
        ({"foreign": 0.9}, "--foreign and --background: expected .* found 0.9 and 0.15"),
    ],
)
@pytest.mark.usefixtures("data")
def test_nonsense_is_refused_before_training(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        train(dataclasses.replace(RECIPE, drawn=0, **changes), tmp_path)
    assert not (tmp_path / "last.npz").exists()


def test_every_net_is_known_before_keras_is() -> None:
    assert tuple(NETS) == ARCHITECTURES


@pytest.fixture
def things(tmp_path: Path) -> Recipe:
    """A short recipe for a small set of other things."""
    files = {f"{name}/{n}.png": picture(32, 32, ".png", n) for name in "ab" for n in range(20)}
    store(files, tmp_path / "things")
    data = str(tmp_path / "things")
    return dataclasses.replace(RECIPE, data=data, epochs=1, samples=64, architecture="naive")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("size", [16, 64])
def test_every_net_can_see_the_smallest_and_the_largest(architecture: str, size: int) -> None:
    net = build(architecture, Shape(size, 10))
    assert net.input_shape == (None, size, size, 3)
    assert net.output_shape == (None, 10)


@pytest.mark.parametrize("size", [48, 33])
@pytest.mark.parametrize("width", [0.5, 1.0])
def test_a_branched_net_merges_into_the_plain_one_that_answers_alike(
    size: int, width: float
) -> None:
    shape = Shape(size, 7, width, dropout=0.2)
    net = build("branched", shape, seed=3)
    rng = np.random.default_rng(0)
    for layer in net.layers:  # running means and deviations as after some training
        if "normalization" in layer.name:
            drawn = [rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()]
            layer.set_weights(drawn)
    plain = merged(net, shape)
    assert layers_of(plain) == layers_of(build("plain", shape))
    images = rng.integers(0, 256, (5, size, size, 3)).astype(np.float32)
    found, expected = (each.predict(images, verbose=0) for each in (plain, net))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4 * float(np.abs(expected).max()))


def test_a_branched_net_is_saved_as_a_plain_one(things: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(things, architecture="branched", width=0.25)
    found = load(train(recipe, tmp_path / "run"))
    plain = build("plain", Shape(recipe.size, 2, recipe.width, recipe.dropout))
    assert layers_of(found) == layers_of(plain)
    assert not np.allclose(found.layers[-1].get_weights()[0], plain.layers[-1].get_weights()[0])


@pytest.mark.parametrize(
    "changes", [{"teachers": "nowhere"}, {"pretrained": "nowhere"}], ids=["teachers", "pretrained"]
)
def test_runs_to_learn_from_are_asked_for_before_any_picture(
    changes: dict[str, str], things: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier_training, "gather", lambda *_: pytest.fail("pictures were read"))
    with pytest.raises(ModelError, match="nowhere"):
        train(dataclasses.replace(things, **changes), tmp_path / "run")


def test_a_net_for_smaller_pictures_is_trained_and_judged(things: Recipe, tmp_path: Path) -> None:
    train(dataclasses.replace(things, size=32, architecture="pooled", width=0.25), tmp_path / "run")
    net = keras.models.load_model(tmp_path / "run" / "final.keras", compile=False)
    assert net.input_shape == (None, 32, 32, 3)
    write_recipe(tmp_path / "run", dataclasses.replace(things, size=32), [], "")
    answers, _ = judge.answer(tmp_path / "run", "choose")
    kept = read_answers(tmp_path / "run" / "watched.npz")
    assert dict(zip(answers.names, answers.labels, strict=True)) == dict(
        zip(kept.names, kept.labels, strict=True)
    )
    order = [answers.names.index(name) for name in kept.names]
    assert answers.logits[order] == pytest.approx(kept.logits, abs=1e-2)


def test_several_nets_are_judged_one_by_one_and_together(
    things: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"test/{name}/{n}.png": picture(32, 32, ".png", n) for name in "ab" for n in range(9)}
    files |= {
        f"train/{name}/{n}.png": picture(32, 32, ".png", n) for name in "ab" for n in (30, 31)
    }
    files |= {f"val/{name}/{n}.png": picture(32, 32, ".png", n) for name in "ab" for n in (40, 41)}
    store(files, tmp_path / "parted")
    runs = [tmp_path / "first", tmp_path / "second"]
    for seed, folder in enumerate(runs):
        recipe = dataclasses.replace(things, data=str(tmp_path / "parted"), seed=seed)
        train(recipe, folder)
        write_recipe(folder, recipe, [], "")
    capsys.readouterr()
    judge.main([str(folder) for folder in runs])
    lines = [line for line in capsys.readouterr().out.splitlines() if "top1" in line]
    names = [line.partition(",")[0] for line in lines]
    assert names == [str(runs[0]), str(runs[1]), "together"]
    assert all("judge: top1" in line and "of 18 pictures" in line for line in lines)
    each = [read_answers(folder / "judge.npz") for folder in runs]
    shares = [np.exp(a.logits) / np.exp(a.logits).sum(axis=1, keepdims=True) for a in each]
    both = judge.together(each)
    assert np.exp(both.logits) == pytest.approx((shares[0] + shares[1]) / 2, abs=1e-5)
    with pytest.raises(ModelError, match="expected nets for the same 18 pictures"):
        judge.together([each[0], each[1]._replace(names=("x", *each[1].names[1:]))])
    mirrored, _ = judge.answer(runs[0], "judge", View(mirrored=True))
    assert np.exp(mirrored.logits).sum(axis=1) == pytest.approx(np.ones(18), abs=1e-5)
    assert np.abs(np.exp(mirrored.logits) - shares[0]).max() > 1e-4
    net = keras.models.load_model(runs[0] / "final.keras", compile=False)
    parted = str(tmp_path / "parted")
    view = undisturbed(judge._read(parted, "judge", None)[0], Look("rgb", "none"), margin(parted))
    view = view[:, :, ::-1]
    other = keras.ops.convert_to_numpy(keras.ops.softmax(net(view.astype(np.float32))))
    assert np.exp(mirrored.logits) == pytest.approx((shares[0] + other) / 2, abs=1e-4)


def test_signs_are_not_judged_by_their_mirror_images(run: Path) -> None:
    with pytest.raises(UsageError, match="--mirrored: expected pictures of other things"):
        judge.answer(run, "judge", View(mirrored=True))


def test_a_run_is_asked_about_its_own_pictures_corrupted(
    things: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = [tmp_path / "fold-0", tmp_path / "fold-1"]
    for fold, folder in enumerate(folds):
        recipe = dataclasses.replace(things, folds=2, fold=fold)
        train(recipe, folder)
        write_recipe(folder, recipe, [], "")
    judge.main([*map(str, folds), "--part", "watched", "--corrupted"])
    assert "together" not in capsys.readouterr().out  # they were watched on different pictures
    data = datasets.open_set(things.data)
    examples = {example.name: example for example in data.examples}
    for folder in folds:
        kept = read_answers(folder / "watched.npz")
        found = read_answers(folder / "watched-corrupted.npz")
        assert (found.names, found.labels.tolist()) == (kept.names, kept.labels.tolist())
        own = [examples[name] for name in kept.names]
        crops, _ = read_crops(data, own, side_of(things.data, data), "")
        plain = undisturbed(crops, Look("rgb", "none"), margin(things.data))
        spoilt = np.stack(in_turn(plain, SEVERITY)).astype(np.float32)
        net = keras.models.load_model(folder / "final.keras", compile=False)
        wanted = keras.ops.convert_to_numpy(net(spoilt))
        assert found.logits == pytest.approx(wanted, abs=1e-3)
        assert np.abs(found.logits - kept.logits).max() > 1e-2
    with pytest.raises(UsageError, match="--part watched: expected --corrupted"):
        judge.main([str(folds[0]), "--part", "watched"])
    kept = folds[0] / "watched.npz"
    write_answers(kept, read_answers(kept)._replace(names=("x.png",) * len(found.names)))
    with pytest.raises(SourceError, match=r"was watched on, found no x\.png"):
        judge.main([str(folds[0]), "--part", "watched", "--corrupted"])
    kept.unlink()
    with pytest.raises(SourceError, match=r"watched.npz: expected the answers of a run"):
        judge.main([str(folds[0]), "--part", "watched", "--corrupted"])


def test_a_net_for_other_pictures_than_the_device_shows_is_not_quantised(tmp_path: Path) -> None:
    build("naive", Shape(32, COUNT + 2)).save(tmp_path / "final.keras")
    with pytest.raises(ModelError, match=r"expected a net that sees 48×48 RGB.* found \(32, 32, 3"):
        quantize_classifier(tmp_path / "final.keras", [])


def test_a_checkpoint_from_before_a_flag_existed_is_continued(
    things: Recipe, tmp_path: Path
) -> None:
    train(dataclasses.replace(things, epochs=2), tmp_path / "run", until=1)
    with np.load(tmp_path / "run" / "last.npz") as file:
        saved = {name: file[name] for name in file.files}
    record = json.loads(str(saved.pop("record")))
    del record["recipe"]["size"]
    np.savez(tmp_path / "run" / "last.npz", record=np.array(json.dumps(record)), **saved)
    with pytest.raises(UsageError, match=r"another recipe \(differs in size\)"):
        train(dataclasses.replace(things, epochs=2, size=32), tmp_path / "run")
    train(dataclasses.replace(things, epochs=2), tmp_path / "run")
    assert len(json.loads((tmp_path / "run" / "log.json").read_text())) == 2


def test_a_loss_that_is_no_number_ends_the_training(things: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"epoch 1: expected a finite loss, found (nan|inf)"):
        train(dataclasses.replace(things, rate=1e30, warmup=0.0, samples=640), tmp_path / "run")
    assert not (tmp_path / "run" / "last.npz").exists()


def test_a_run_is_not_continued_with_another_limit(things: Recipe, tmp_path: Path) -> None:
    train(things, tmp_path / "run", limit=10)
    with pytest.raises(UsageError, match="made with --limit 10, not None"):
        train(things, tmp_path / "run")


def test_a_run_is_not_continued_where_the_data_has_other_classes(
    things: Recipe, tmp_path: Path
) -> None:
    train(things, tmp_path / "run")
    store({f"c/{n}.png": picture(32, 32, ".png", n) for n in range(20)}, tmp_path / "things")
    with pytest.raises(ModelError, match=r"last\.npz: expected a checkpoint of a run, found an"):
        train(things, tmp_path / "run")


def test_tensorboard_keeps_the_epochs_before_a_kill(things: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(things, epochs=3)
    train(recipe, tmp_path / "run", until=2)
    train(recipe, tmp_path / "run")
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Scalars("loss")] == [1, 2, 3]


def test_as_many_other_classes_are_not_taken_for_signs() -> None:
    """A mirrored thing of a class of its own is still of that class."""
    count = COUNT + 2
    images = np.zeros((1, STORED, STORED, 3), np.uint8)
    crops = Crops(images, np.array([33]), np.ones(1))
    data = Gathered(crops, crops, ("a",), "choose", tuple(f"thing {n}" for n in range(count)))
    recipe = Recipe(samples=32, batch=32, flips=1.0, data="things")
    ((_, labels),) = epoch_batches(data, recipe, 0)
    assert set(labels.tolist()) == {33}


def test_a_fold_says_that_it_has_seen_the_choose_part() -> None:
    assert origin(Recipe(folds=5))[0] == {"data": "gtsrb", "parts": ["train", "choose"]}


def test_the_rate_by_hand() -> None:
    recipe = Recipe(epochs=11, warmup=1.0, rate=1.0)
    assert rate_at(recipe, 0.5) == pytest.approx(0.5, abs=0.01)
    assert rate_at(recipe, 1.0) == pytest.approx(1.0)
    assert rate_at(recipe, 6.0) == pytest.approx(0.505)
    assert rate_at(recipe, 11.0) == pytest.approx(0.01)
    assert rate_at(dataclasses.replace(recipe, schedule="constant"), 9.0) == 1.0


def test_a_checkpoint_of_other_layers_is_refused_though_its_shapes_fit(
    things: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = dataclasses.replace(things, architecture="naive", epochs=2)
    train(recipe, tmp_path / "run", until=1)
    other = partial(keras.layers.AveragePooling2D, pool_size=2)
    monkeypatch.setattr(keras.layers, "MaxPooling2D", other)
    with pytest.raises(UsageError, match="of other layers than 'naive'"):
        train(recipe, tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_broken_checkpoint_of_a_run_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "last.npz").write_bytes(content)
    with pytest.raises(ModelError, match=r"last\.npz: expected a checkpoint of a run, found"):
        train(RECIPE, tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_a_broken_float_model_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "final.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"final\.keras: expected a Keras model, found"):
        quantize_classifier(path, [])


@pytest.mark.usefixtures("data")
def test_a_run_that_is_missing_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a finished training run"):
        publish_classifier(tmp_path / "no run", Target("classifier", "0", tmp_path))


def test_the_int8_file_answers_as_the_float_net_does(
    run: Path, crops: Crops, tmp_path: Path
) -> None:
    """The same best guess for at least nine crops of ten, and logits that go together."""
    images = undisturbed(crops, Look("rgb", "none"), CROP_MARGIN)
    data = quantize_classifier(run / "final.keras", list(images[::3]))
    spec = classifier_spec(data, input=Input(CROP_SIZE, CROP_SIZE, "rgb", "crop", CROP_MARGIN))
    path = save(spec, data, tmp_path)
    runtime = LiteRtRuntime(spec, path, 1)
    int8 = np.stack([runtime(image)[0].real()[0] for image in images])
    net = keras.models.load_model(run / "final.keras", compile=False)
    whole = net.predict(images.astype(np.float32), verbose=0)
    likeness = np.corrcoef(int8.ravel(), whole.ravel())[0, 1]
    same = (int8.argmax(axis=1) == whole.argmax(axis=1)).mean()
    print("likeness", likeness, "same", same)
    assert likeness > 0.98
    assert same >= 0.9

    reading = load_classifier(str(path), 1).classify_crop(images[0][:, :, ::-1])
    assert reading.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_classifier_is_published_as_a_whole(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the steps are on trial here, not what a net of two epochs reads."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=5))
    monkeypatch.setattr(publishing, "MAX_TOP1_LOSS", 1.0)

    path = publish_classifier(run, Target("small", "0.0.1", tmp_path))

    spec = load_spec(path)
    assert spec.sha256 == hashlib.sha256((tmp_path / "small.tflite").read_bytes()).hexdigest()
    assert (spec.name, spec.version, spec.task) == ("small", "0.0.1", "classify")
    assert spec.origin.data[0] == {"data": "gtsrb", "parts": ["train"]}
    assert spec.metrics["judge"]["n"] == 2 * COUNT
    assert spec.metrics["judge"]["command"].endswith("--corruptions --cameras --model small")
    assert set(spec.metrics["quantisation"]["top1"]) == {"int8", "float"}
    assert 0.2 <= spec.temperature <= 4
    assert {"kept", "foreign_refused", "part"} <= spec.metrics["accept"].keys()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.json", "small.tflite"]


def test_a_classifier_is_published_with_the_mean_of_its_seeds(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=5))
    monkeypatch.setattr(publishing, "MAX_TOP1_LOSS", 1.0)
    monkeypatch.setattr(publishing, "JUDGED", publishing.JUDGED[1:])  # minutes less
    other = tmp_path / "other"
    shutil.copytree(run, other)
    write_recipe(other, dataclasses.replace(RECIPE, seed=7), [], "")
    net = keras.models.load_model(other / "final.keras", compile=False)
    net.layers[-1].set_weights([np.zeros_like(w) for w in net.layers[-1].get_weights()])
    net.save(other / "final.keras")

    path = publish_classifier(run, Target("small", "0.0.1", tmp_path / "out"), seeds=[other])

    seeds = load_spec(path).metrics["seeds"]
    own, blank = seeds["each"]
    assert (own["seed"], blank["seed"]) == (RECIPE.seed, 7)
    assert seeds["n"] == 2 * COUNT and seeds["part"] == "judge"
    assert blank["wrong"] == 2 * COUNT - 2  # a net of zeros says the first class to everything
    assert seeds["top1"] == pytest.approx((own["top1"] + blank["top1"]) / 2)
    assert own["wrong"] == round((1 - own["top1"]) * seeds["n"])


def test_a_net_that_knows_everything_brings_no_seeds(run: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(run, whole)
    write_recipe(whole, dataclasses.replace(RECIPE, parts="all"), [], "")
    with pytest.raises(ModelError, match="--seeds: expected none, as the twin brings its own"):
        publish_classifier(whole, Target("small", "0.0.1", tmp_path), seeds=[run])


def test_an_int8_model_that_lost_too_much_is_not_published(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "MAX_TOP1_LOSS", -1.0)  # it would have to gain a whole point
    with pytest.raises(ModelError, match="not published: expected int8 top1 within"):
        publish_classifier(run, Target("small", "0.0.1", tmp_path))
    assert list(tmp_path.iterdir()) == []
