"""`python -m calibration.evaluate` on folders of the official shapes, and on wrong input."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_sets import picture, store

from calibration import evaluate, metrics
from calibration.kinds import Negative
from calibration.pictures import trained_on
from edge.core import Array, Box, Detection, Image, Reading
from models.errors import ModelError, OutputError, SourceError, UsageError
from models.signs import label_names
from models.spec import Input, Origin, Output, Pair, Spec
from training.datasets import Dataset, Example
from training.layouts import open_dataset
from training.negatives import FOREIGN_FILE, read_negatives
from training.split import read_split

BACK = 5  # the grey of the road; signs are painted as 100 + class
PAIRED = 0.4


def spec(name: str, task: str, pair: Pair | None = None, parts: Sequence[str] = ()) -> Spec:
    """A model's papers; `parts` of GTSDB are what it was trained on."""
    return Spec(
        name=name,
        version="1.2.3",
        task=task,
        file=f"{name}.tflite",
        sha256=name * 4,
        input=Input(8, 8, "rgb", "crop", 0.0),
        output=Output("logits", [], 0),
        labels=list(label_names()),
        thresholds={"score": 0.5, "iou": 0.5, "accept": 0.5},
        temperature=1.0,
        pair=pair,
        metrics={},
        origin=Origin([{"data": "gtsdb", "parts": list(parts)}], "", "", "", ""),
    )


class PaintReader:
    """A classifier that reads the class off the paint in the middle of the box."""

    def __init__(self, paper: Spec) -> None:
        self.spec = paper

    def classify(self, image: Image, boxes: Sequence[Box]) -> list[Reading]:
        readings = []
        for box in boxes:
            x, y = box.centre
            label = int(image[int(y), int(x), 0]) - 100
            probabilities = np.full(45, 0.1 / 44)
            probabilities[label] = 0.9
            readings.append(Reading("sign", label, 0.9, probabilities))
        return readings

    def probabilities(self, crop_rgb: Image) -> Array:
        """The class off the paint in the middle of a crop; class 0 where the paint is spoilt."""
        middle = crop_rgb.shape[0] // 2
        label = int(crop_rgb[middle, middle, 0]) - 100
        table = np.full(45, 0.1 / 44)
        table[label if 0 <= label < 43 else 0] = 0.9
        return table


class PaintFinder:
    """A detector that finds whatever is painted on the road."""

    def __init__(self, paper: Spec) -> None:
        self.spec = paper

    def detect(self, image: Image) -> list[Detection]:
        painted = (image[:, :, 0] != BACK).astype(np.uint8)
        contours, _ = cv2.findContours(painted, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        found = [cv2.boundingRect(contour) for contour in contours]
        return [Detection(Box(x, y, x + w, y + h), 0.9) for x, y, w, h in found]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals from a few draws: what they are worth is the matter of test_metrics."""
    monkeypatch.setattr(metrics, "intervals", partial(metrics.intervals, draws=20))


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> dict[str, Spec]:
    """What the names of the models lead to; a test may put other papers in."""
    papers = {
        "classifier": spec("classifier", "classify"),
        "detector": spec("detector", "detect", Pair("classifier" * 4, PAIRED)),
    }
    monkeypatch.setattr(evaluate, "load_classifier", lambda name, *_: PaintReader(papers[name]))
    monkeypatch.setattr(evaluate, "load_detector", lambda name, *_: PaintFinder(papers[name]))
    return papers


def paint(path: Path, *signs: tuple[int, int, int], size: tuple[int, int] = (200, 100)) -> None:
    """A road with signs of 20×20 px: (x, y, class)."""
    image = np.full((size[1], size[0], 3), BACK, np.uint8)
    for x, y, label in signs:
        image[y : y + 20, x : x + 20] = 100 + label
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def gtsrb_test(tmp_path: Path) -> Path:
    """GTSRB's official test part: `GT-final_test.csv` beside the pictures."""
    folder = tmp_path / "GTSRB" / "Final_Test" / "Images"
    lines = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for number, label in enumerate([16, 1, 38, 33]):
        paint(folder / f"{number:05d}.ppm", (5, 5, label), size=(30, 30))
        lines.append(f"{number:05d}.ppm;30;30;5;5;24;24;{label}")
    (folder / "GT-final_test.csv").write_text("\n".join(lines) + "\n")
    return folder


def gtsdb_folder(folder: Path, numbers: Sequence[int]) -> Path:
    """GTSDB's official layout, `gt.txt` beside the pictures: two signs in each but the first."""
    lines = []
    for number in numbers:
        signs = [(10, 10, 1), (100, 50, 38)] if number != numbers[0] else []
        paint(folder / f"{number:05d}.ppm", *signs)
        lines += [f"{number:05d}.ppm;{x};{y};{x + 19};{y + 19};{c}" for x, y, c in signs]
    (folder / "gt.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def gtsdb_test(tmp_path: Path) -> Path:
    return gtsdb_folder(tmp_path / "FullIJCNN2013", [600, 601, 602])


def yolo_folder(folder: Path, names: Sequence[str], *labels: int) -> Path:
    """A YOLO set: one picture with a sign for each label, `names` in data.yaml."""
    for number, label in enumerate(labels):
        paint(folder / "images" / f"{number}.png", (40, 40, label))
        text = folder / "labels" / f"{number}.txt"
        text.parent.mkdir(exist_ok=True)
        text.write_text(f"{label} 0.25 0.5 0.1 0.2\n")
    if names:
        rows = "".join(f"  {i}: {name}\n" for i, name in enumerate(names))
        (folder / "data.yaml").write_text(f"path: .\nval: images\nnames:\n{rows}")
    return folder


def run(*arguments: object) -> dict:
    """The JSON that the command writes."""
    target = Path(str(arguments[2])).parent / "figures.json"
    assert evaluate.main([*map(str, arguments), "--json", str(target)]) == 0
    return json.loads(target.read_text(encoding="utf-8"))


# --- the official folders -----------------------------------------------------------------------


def test_classifier_on_the_official_test_folder(gtsrb_test: Path) -> None:
    figures = run("classifier", "--data", gtsrb_test)
    assert (figures["top1"], figures["top1_accepted"], figures["refused"]) == (1.0, 1.0, 0.0)
    assert (figures["macro_f1"], figures["n"]) == (1.0, 4)
    assert figures["ece"] == pytest.approx(0.1)  # it says 0.9 and is always right
    assert figures["intervals"]["top1"] == [1.0, 1.0]
    assert figures["model"] == {
        "name": "classifier",
        "version": "1.2.3",
        "sha256": "classifier" * 4,
    }
    assert figures["data"]["layout"] == "gtsrb"
    assert figures["trained_on"] == 0
    assert figures["command"].startswith(
        f"python -m calibration.evaluate classifier --data {gtsrb_test}"
    )


def test_detector_on_the_official_test_folder(gtsdb_test: Path) -> None:
    figures = run("detector", "--data", gtsdb_test)
    assert (figures["ap50"], figures["ap50_95"], figures["recall"]) == (1.0, 1.0, 1.0)
    assert figures["false_alarms_per_image"] == 0.0
    assert (figures["n_images"], figures["n_boxes"]) == (3, 4)
    assert {"mean_ms", "p50_ms", "p95_ms"} <= figures.keys()


def test_system_on_the_official_test_folder(gtsdb_test: Path) -> None:
    figures = run("system", "--data", gtsdb_test)
    assert [figures[k] for k in ("ap50", "precision", "recall", "f1", "found")] == [1.0] * 5
    assert figures["thresholds"] == {"detector": 0.5, "fused": PAIRED}
    assert (figures["detector"]["name"], figures["model"]["name"]) == ("detector", "classifier")


def test_a_zip_is_read_like_its_folder(gtsdb_test: Path, tmp_path: Path) -> None:
    packed = tmp_path / "FullIJCNN2013.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in sorted(gtsdb_test.iterdir()):
            file.write(path, f"FullIJCNN2013/{path.name}")
    figures = run("detector", "--data", packed)
    assert (figures["n_images"], figures["n_boxes"], figures["ap50"]) == (3, 4, 1.0)


@pytest.mark.parametrize("task", ["detector", "system"])
def test_a_gallery_and_cross_fitted_figures_are_made_where_asked(
    task: str, gtsdb_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = gtsdb_test.parent / "out" / "page.html"
    figures = run(task, "--data", gtsdb_test, "--cross-fit", "--gallery", page)
    assert figures["cross_fitted"]["precision"] == 1.0
    assert "Precision and recall" in page.read_text(encoding="utf-8")
    printed = capsys.readouterr().out
    assert f"gallery: {page}" in printed
    assert "at thresholds that the other half of the pictures chose" in printed


def test_what_a_person_has_marked_is_heeded_in_gtsdbs_training_pictures_only(
    tmp_path: Path, gtsdb_test: Path
) -> None:
    folder = gtsdb_folder(tmp_path / "train", pictures_of("judge"))
    assert {"ignoring_foreign", "sign_free"} <= run("detector", "--data", folder).keys()
    assert "ignoring_foreign" not in run("detector", "--data", gtsdb_test)


# --- bad pictures and other cameras ---------------------------------------------------------------


def test_without_being_asked_only_the_plain_figures_are_measured(gtsrb_test: Path) -> None:
    assert (
        not {"corruptions", "severity", "constants", "cameras"}
        & run("classifier", "--data", gtsrb_test).keys()
    )


def test_corruptions_are_measured_beside_the_plain_figures(
    gtsrb_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = run("classifier", "--data", gtsrb_test, "--corruptions")
    assert (figures["top1"], figures["n"]) == (1.0, 4)
    assert figures["corruptions"]["blur"] == [1.0] * 5  # flat paint stays as it is
    assert figures["corruptions"]["noise"][4] < 1.0
    known = {"top1", "ece", "nll", "reliability"}
    assert [set(row) for row in figures["severity"]] == [known] * 5
    assert figures["severity"][2]["top1"] == pytest.approx(
        np.mean([values[2] for values in figures["corruptions"].values()])
    )
    assert figures["constants"]["blur"]["strengths"] == [0.5, 0.75, 1.0, 1.25, 1.5]
    assert "cameras" not in figures
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["blur", *["1.0000"] * 6] in printed  # five severities and their mean
    assert ["top1", *[f"{row['top1']:.4f}" for row in figures["severity"]]] in printed
    assert any(words[:2] == ["motion_blur", "10/1,"] for words in printed)  # its constants


def test_cameras_are_measured_beside_the_plain_figures(
    gtsrb_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = run("classifier", "--data", gtsrb_test, "--cameras")
    assert figures["cameras"]["wide_margin"]["top1"] == 1.0
    assert figures["cameras"]["night"]["top1"] < 1.0
    assert set(figures["cameras"]["h264"]) == {"meaning", "top1", "ece", "nll"}
    assert "corruptions" not in figures
    printed = capsys.readouterr().out
    assert "  tilted             1.0000" in printed
    assert "seen from the side" in printed


def test_kinds_are_measured_with_the_detectors_own_boxes_beside_the_plain_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every sign is kept; the reader calls the one negative a sign too, as it does everything."""
    places = {"00001": [Negative(Box(100, 50, 110, 60), "foreign")], "00009": []}
    monkeypatch.setattr(evaluate, "negatives_by_picture", lambda: places)
    folder = gtsdb_folder(tmp_path / "TrainIJCNN2013", [0, 1, 2])
    figures = run("classifier", "--data", folder, "--kinds")
    assert figures["top1"] == 1.0
    assert (figures["kinds"]["kept"], figures["kinds"]["foreign_refused"]) == (1.0, 0.0)
    assert figures["kinds"]["n"] == {"sign": 4, "foreign": 1}
    assert (figures["detected"]["n"], figures["detected"]["top1"]) == (4, 1.0)
    assert figures["detector"]["name"] == "detector"
    printed = capsys.readouterr().out
    assert "signs kept, all else refused: 4 sign, 1 foreign" in printed
    assert "found signs: 4 signs" in printed


def test_a_picture_that_two_walks_cannot_read_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of four: counted twice they would be all, and nothing could be measured."""
    places = {"00001": [Negative(Box(100, 50, 110, 60), "foreign")]}
    monkeypatch.setattr(evaluate, "negatives_by_picture", lambda: places)
    folder = gtsdb_folder(tmp_path / "TrainIJCNN2013", [0, 1, 2, 3])
    for name in ("00002.ppm", "00003.ppm"):
        (folder / name).write_bytes(b"no picture")
    figures = run("classifier", "--data", folder, "--kinds")
    assert figures["data"]["unreadable"] == ["00002.ppm", "00003.ppm"]


def test_kinds_are_known_in_gtsdb_only(gtsrb_test: Path) -> None:
    with pytest.raises(UsageError, match="--kinds: expected GTSDB's training pictures, found"):
        evaluate.main(["classifier", "--data", str(gtsrb_test), "--kinds"])


def test_both_are_measured_in_one_walk(gtsrb_test: Path) -> None:
    (gtsrb_test / "00001.ppm").write_bytes(b"no picture")
    figures = run("classifier", "--data", gtsrb_test, "--cameras", "--corruptions")
    assert figures["n"] == 3
    assert figures["data"]["unreadable"] == ["00001.ppm"]
    assert {"corruptions", "cameras"} <= figures.keys()


# --- YOLO sets ------------------------------------------------------------------------------------


def test_a_yolo_index_is_the_class_for_the_system_and_any_sign_for_the_detector(
    tmp_path: Path,
) -> None:
    folder = yolo_folder(tmp_path / "mine", (), 7, 12, 0)
    assert run("system", "--data", folder)["recall"] == 1.0
    assert run("detector", "--data", folder)["ap50"] == 1.0


@pytest.mark.parametrize("task", ["system", "classifier"])
def test_a_one_class_yolo_set_is_for_the_detector_only(task: str, tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path / "france", ("sign",), 0, 0)
    assert run("detector", "--data", folder)["n_boxes"] == 2
    with pytest.raises(UsageError, match="without a class"):
        evaluate.main([task, "--data", str(folder)])


def test_a_class_beyond_the_43_is_named(tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path / "coco", (), 3, 77)
    with pytest.raises(UsageError, match="found 77"):
        evaluate.main(["system", "--data", str(folder)])


def test_a_detector_is_asked_at_another_score_and_in_other_bands(gtsdb_test: Path) -> None:
    figures = run("detector", "--data", gtsdb_test, "--score", 0.95, "--heights", "10,20,30")
    assert (figures["threshold"], figures["recall"], figures["ap50"]) == (0.95, 0.0, 1.0)
    bands = {row["height"]: row["n"] for row in figures["by_height"]}
    assert bands == {"<10": 0, "10–20": 0, "20–30": 4, ">=30": 0}


# --- pictures without a sign ----------------------------------------------------------------------


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    """A YOLO set: a sign, and three pictures without a mark, in two of which something is read."""
    folder = yolo_folder(tmp_path / "streets", (), 7)
    for name, signs in (("1", []), ("2", [(40, 40, 12)]), ("3", [(40, 40, -1), (90, 9, 5)])):
        paint(folder / "images" / f"{name}.png", *signs)
        (folder / "labels" / f"{name}.txt").touch()
    return folder


def names_file(folder: Path, text: str) -> Path:
    path = folder.parent / "names.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_read_without_a_sign_is_counted_and_named(
    streets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = run("sign-free", "--data", streets)
    keys = ("n_images", "false_readings_per_image", "named_per_image", "unknown_per_image")
    assert [figures[key] for key in keys] == [3, 1.0, 2 / 3, 1 / 3]
    assert [each["label"] for each in figures["read"]] == [12, 5, -1]
    assert figures["read"][0]["picture"] == "images/2.png"
    assert figures["read"][0]["box"] == [40.0, 40.0, 60.0, 60.0]
    assert "Priority road in images/2.png at 40 40 60 60" in capsys.readouterr().out


def test_a_person_says_in_which_pictures_no_sign_stands(streets: Path) -> None:
    names = names_file(streets, "# looked at by hand\n1\n\n2 # nothing\n")
    figures = run("sign-free", "--data", streets, "--names", names)
    assert (figures["n_images"], figures["false_readings_per_image"]) == (2, 0.5)
    figures = run("sign-free", "--data", streets, "--names", names, "--limit", 1)
    assert figures["n_images"] == 1


def test_a_strip_of_the_picture_is_looked_at_where_asked(streets: Path) -> None:
    assert run("sign-free", "--data", streets, "--roi", "0.7,1")["read"] == []


def test_gtsdbs_hand_marked_places_count_as_signs(tmp_path: Path) -> None:
    marked = {each.picture for each in read_negatives(FOREIGN_FILE)}
    free, other = [name for name in read_split("gtsdb") if name not in marked][:2]
    folder = gtsdb_folder(tmp_path / "train", [int(name) for name in (min(marked), free, other)])
    lines = (folder / "gt.txt").read_text().splitlines()
    (folder / "gt.txt").write_text("\n".join(line for line in lines if free not in line))
    figures = run("sign-free", "--data", folder)
    assert figures["n_images"] == 1
    assert {each["picture"] for each in figures["read"]} == {f"{free}.ppm"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0\n", "expected a picture 0 without a sign, found one with a marked sign"),
        ("9\n", "expected a picture 9 without a sign, found no such picture"),
        ("1\n2\n1\n", "names.txt: expected every picture once, found 1 twice"),
        ("# none\n", "expected pictures without a sign, found none"),
    ],
)
def test_a_list_that_does_not_fit_the_set_is_told(streets: Path, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        evaluate.main(
            ["sign-free", "--data", str(streets), "--names", str(names_file(streets, text))]
        )


def test_a_list_that_is_none_is_told(streets: Path, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "binary"):
        with pytest.raises(SourceError, match="expected a list of pictures, found none"):
            evaluate.main(["sign-free", "--data", str(streets), "--names", str(path)])


def test_a_set_in_which_every_picture_has_a_sign_is_told(tmp_path: Path) -> None:
    folder = yolo_folder(tmp_path / "signs", (), 7)
    with pytest.raises(SourceError, match="expected pictures without a sign, found none"):
        evaluate.main(["sign-free", "--data", str(folder)])


# --- which pictures -------------------------------------------------------------------------------


def test_a_limit_takes_pictures_from_all_over_the_set(gtsrb_test: Path) -> None:
    figures = run("classifier", "--data", gtsrb_test, "--limit", 2)
    assert [row["id"] for row in figures["per_class"]] == [16, 33]
    assert figures["data"]["pictures"] == 2


def test_a_limit_above_the_number_of_pictures_takes_them_all(gtsrb_test: Path) -> None:
    assert run("classifier", "--data", gtsrb_test, "--limit", 99)["n"] == 4


def pictures_of(part: str) -> list[int]:
    return [int(n) for n, its in read_split("gtsdb").items() if its == part][:3]


def test_a_part_is_that_of_the_written_down_split(tmp_path: Path) -> None:
    folder = gtsdb_folder(tmp_path / "train", [*pictures_of("judge"), *pictures_of("train")])
    figures = run("detector", "--data", folder, "--part", "judge")
    assert (figures["n_images"], figures["data"]["part"]) == (3, "judge")


def test_the_training_sets_are_found_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gtsdb_folder(tmp_path / "gtsdb" / "TrainIJCNN2013", pictures_of("judge"))
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "figures.json"
    evaluate.main(["detector", "--data", "gtsdb", "--json", str(target)])
    assert json.loads(target.read_text())["n_images"] == 3


def test_pictures_that_the_model_was_trained_on_are_told(
    tmp_path: Path, models: dict[str, Spec], caplog: pytest.LogCaptureFixture
) -> None:
    folder = gtsdb_folder(tmp_path / "train", [*pictures_of("judge"), *pictures_of("train")])
    models["detector"] = spec("detector", "detect", Pair("classifier" * 4, 0.4), ["train"])
    assert run("detector", "--data", folder)["trained_on"] == 3
    assert "3 of 6 pictures were trained on by detector" in caplog.text
    caplog.clear()
    assert run("system", "--data", folder, "--part", "judge")["trained_on"] == 0
    assert caplog.text == ""


def test_the_training_folder_of_a_yolo_set_is_known_by_the_sets_name(tmp_path: Path) -> None:
    files = {f"images/{part}/a.jpg": picture(40, 40) for part in ("train", "val")}
    labels = {f"labels/{part}/a.txt": "0 0.5 0.5 0.5 0.5" for part in ("train", "val")}
    dataset = open_dataset(store(files | labels, tmp_path / "mine"))
    plain = spec("detector", "detect")
    learnt = [{"data": "gtsdb", "parts": ["train"]}, {"data": "yolo", "name": "mine"}]
    origin = dataclasses.replace(plain.origin, data=learnt)
    mixed = dataclasses.replace(plain, origin=origin)
    assert trained_on(mixed, dataset, dataset.examples) == {"images/train/a.jpg"}
    assert trained_on(plain, dataset, dataset.examples) == set()


def test_a_full_set_counts_its_training_pictures_and_passes_over_its_test_pictures(
    tmp_path: Path, models: dict[str, Spec]
) -> None:
    folder = gtsdb_folder(tmp_path / "Full", [*pictures_of("train"), 600, 601])
    models["detector"] = spec("detector", "detect", None, ["train", "judge"])
    assert run("detector", "--data", folder)["trained_on"] == 3


def test_the_test_part_by_itself_is_numbered_from_zero_and_was_not_trained_on() -> None:
    examples = tuple(Example(f"{number:05d}.ppm") for number in range(300))
    test_part = Dataset("TestIJCNN2013", "gtsdb", None, examples)
    paper = spec("detector", "detect", None, ["train", "judge"])
    assert trained_on(paper, test_part, examples) == set()
    partial = dataclasses.replace(test_part, examples=examples[:299])
    assert len(trained_on(paper, partial, partial.examples)) == 299


# --- what bad input gets --------------------------------------------------------------------------


def test_an_unreadable_picture_is_named_and_left_out(
    gtsdb_test: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (gtsdb_test / "00601.ppm").write_bytes(b"no picture")
    figures = run("detector", "--data", gtsdb_test)
    assert (figures["n_images"], figures["n_boxes"]) == (2, 2)
    assert figures["data"]["unreadable"] == ["00601.ppm"]
    assert "left out 1 unreadable pictures" in caplog.text
    assert "00601.ppm" in caplog.text


def test_nothing_but_unreadable_pictures_is_an_error(gtsdb_test: Path) -> None:
    for path in gtsdb_test.glob("*.ppm"):
        path.write_bytes(b"")
    with pytest.raises(SourceError, match="none of the 3 pictures can be read"):
        evaluate.main(["detector", "--data", str(gtsdb_test)])


@pytest.mark.parametrize("task", ["detector", "system", "sign-free"])
def test_cut_out_signs_are_no_pictures_to_search(task: str, gtsrb_test: Path) -> None:
    with pytest.raises(UsageError, match="expected whole pictures"):
        evaluate.main([task, "--data", str(gtsrb_test)])


def test_a_folder_that_is_missing_or_empty_is_a_source_error(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(SourceError):
            evaluate.main(["detector", "--data", str(path)])


def test_models_that_are_no_pair_have_no_threshold(
    gtsdb_test: Path, models: dict[str, Spec]
) -> None:
    models["detector"] = spec("detector", "detect", Pair("another", 0.4))
    with pytest.raises(ModelError, match="detector and classifier"):
        evaluate.main(["system", "--data", str(gtsdb_test)])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["guess", "--data", "x"], "guess"),
        (["detector"], "--data"),
        (["detector", "--data", "x", "--limit", "0"], "--limit"),
        (["detector", "--data", "x", "--threads", "-1"], "--threads"),
        (["detector", "--data", "x", "--model", "a", "--detector", "b"], "found both"),
        (["classifier", "--data", "x", "--detector", "b"], "--detector"),
        (["detector", "--data", "x", "--jsn", "y"], "--json"),
        (["detector", "--data", "x", "--corruptions"], "--corruptions: expected for classifier"),
        (["system", "--data", "x", "--cameras"], "--cameras: expected for classifier"),
        (["detector", "--data", "x", "--margin", "0.1"], "--margin: expected for classifier"),
        (["classifier", "--data", "x", "--margin", "-0.1"], "--margin: expected 0 to"),
        (["classifier", "--data", "x", "--roi", "0.2,0.8"], "--roi: expected for detector"),
        (["detector", "--data", "x", "--roi", "0.2"], "roi: expected TOP,BOTTOM"),
        (["detector", "--data", "x", "--kinds"], "--kinds: expected for classifier"),
        (["classifier", "--data", "x", "--cross-fit"], "--cross-fit: expected for detector and"),
        (["classifier", "--data", "x", "--gallery", "y"], "--gallery: expected for detector and"),
        (["sign-free", "--data", "x", "--gallery", "y"], "--gallery: expected for detector and"),
        (["sign-free", "--data", "x", "--cross-fit"], "--cross-fit: expected for detector and"),
        (["system", "--data", "x", "--names", "y"], "--names: expected for sign-free only"),
        (["system", "--data", "x", "--score", "0.5"], "--score: expected for detector only"),
        (["system", "--data", "x", "--heights", "9"], "--heights: expected for detector only"),
        (["system", "--data", "x", "--score", "0"], "--score: expected for detector only"),
        (["detector", "--data", "x", "--margin", "0"], "--margin: expected for classifier"),
        (["detector", "--data", "x", "--score", "1.5"], "--score: expected 0 to 1, found 1.5"),
        (["detector", "--data", "x", "--heights", "9,9"], "--heights: expected ascending pixels"),
        (["detector", "--data", "x", "--heights", "0,9"], "--heights: expected ascending pixels"),
        (["detector", "--data", "x", "--heights", "9,x"], "--heights: expected ascending pixels"),
    ],
)
def test_wrong_flags_are_usage_errors(flags: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        evaluate.main(flags)


def test_the_json_is_proven_writable_before_any_work(gtsdb_test: Path, tmp_path: Path) -> None:
    (gtsdb_test / "gt.txt").unlink()  # it must not come to reading the set
    taken = tmp_path / "taken"
    taken.write_text("a file")
    before = sorted(tmp_path.rglob("*"))
    for target in (tmp_path, taken / "figures.json"):
        with pytest.raises(OutputError, match=str(tmp_path)):
            evaluate.main(["detector", "--data", str(gtsdb_test), "--json", str(target)])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_fails_leaves_an_earlier_json_alone(gtsdb_test: Path, tmp_path: Path) -> None:
    target = tmp_path / "figures.json"
    target.write_text("{}")
    (gtsdb_test / "gt.txt").write_text("00600.ppm;1;2\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SourceError):
        evaluate.main(["detector", "--data", str(gtsdb_test), "--json", str(target)])
    assert target.read_text() == "{}"
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "calibration.evaluate", "system", "--data", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_the_table_is_short_and_says_what_was_measured(
    gtsdb_test: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate.main(["detector", "--data", str(gtsdb_test)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "detector 1.2.3 on FullIJCNN2013, 3 pictures, 4 annotated signs"
    assert any(line.split()[:2] == ["ap50", "1.0000"] for line in lines)
    assert len(lines) < 30
