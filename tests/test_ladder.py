"""The ladder with trainings that only pretend: what is run, what is skipped, what is shown."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recipes import recipe_fields
from small_sets import gtsrb_training, picture, store

from models.errors import SourceError, UsageError
from models.signs import COUNT
from training import ladder
from training.rungs import CIFAR10, CLASSICAL, CLASSIFIER, OTHERS, QUICK, SIGNS, Rung
from training.series import TrainingsError, train_all
from training.standing import Standing, chart, csv_table, markdown, read_standing, table
from training.watched import Answers, write_answers

PRETENDER = """
import json, sys
from pathlib import Path
import numpy as np
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
run = Path(words["--run"])
run.mkdir(parents=True, exist_ok=True)
with (run.parent / "order").open("a") as order:
    print(run.name, words.get("--pretrained", words.get("--teachers", "-")), file=order)
if words.get("--fail"):
    sys.exit(3)
logits = np.eye(2, dtype=np.float32)[[0, 1, 1, 1]]
names = [f"{name}.png" for name in ("cat/0", "dog/1", "cat/2", "dog/3")]
np.savez(run / "watched.npz", logits=logits, labels=[0, 1, 0, 1], names=names, part="choose")
(run / "log.json").write_text(json.dumps([{"seconds": 4.0}, {"seconds": 5.0}]))
(run / "recipe.json").write_text("{}")
"""


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set of two classes, and the folder from which `pretender` can be run."""
    (tmp_path / "pretender.py").write_text(PRETENDER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    names = [f"{name}/{n}.png" for name, n in (("cat", 0), ("dog", 1), ("cat", 2), ("dog", 3))]
    return str(store({name: picture(8, 8, ".png") for name in names}, tmp_path / "pets"))


def rung(name: str, *flags: str, after: str = "", teachers: tuple[str, ...] = ()) -> Rung:
    return Rung(name, f"the idea of {name}", "pretender", flags, after, teachers)


def climb(rungs: list[tuple[Rung, str]], out: Path) -> list[str]:
    return train_all(ladder.jobs(rungs, out, quick=False), "rung")


def order(out: Path) -> list[str]:
    return (out / "order").read_text().splitlines()


def test_rungs_are_trained_in_order_each_in_its_folder(pets: str, tmp_path: Path) -> None:
    rungs = [(rung("a"), pets), (rung("b", after="a"), pets)]
    assert climb(rungs, tmp_path / "out") == []
    assert order(tmp_path / "out") == ["a -", f"b {tmp_path / 'out' / 'a'}"]


def test_a_rung_imitates_its_teachers_and_is_left_out_where_one_failed(
    pets: str, tmp_path: Path
) -> None:
    rungs = [(rung(name), pets) for name in ("a", "b")]
    taught = [(rung(name, teachers=("a", teacher)), pets) for name, teacher in ("cb", "ed")]
    failing = [(rung("d", "--fail", "yes"), pets)]
    out = tmp_path / "out"
    assert climb([*rungs, *failing, *taught], out) == ["d", "e"]
    assert order(out) == ["a -", "b -", "d -", f"c {out / 'a'},{out / 'b'}"]


def test_a_rung_that_is_asked_for_brings_what_it_imitates(pets: str, tmp_path: Path) -> None:
    found = [each.name for each, _ in ladder.plan(pets, ("pooled-taught",), tmp_path, tmp_path)]
    assert found == ["pooled-wide", "pooled-wide-1", "pooled-taught"]


def test_a_finished_rung_is_not_trained_again(pets: str, tmp_path: Path) -> None:
    rungs = [(rung(name), pets) for name in ("a", "b")]
    climb(rungs[:1], tmp_path / "out")
    climb(rungs, tmp_path / "out")
    assert order(tmp_path / "out") == ["a -", "b -"]


def test_a_failed_rung_keeps_only_those_from_being_trained_that_start_from_it(
    pets: str, tmp_path: Path
) -> None:
    names = [rung("a", "--fail", "yes"), rung("b", after="a"), rung("c")]
    failed = climb([(each, pets) for each in names], tmp_path / "out")
    assert failed == ["a", "b"]
    assert order(tmp_path / "out") == ["a -", "c -"]


def test_the_whole_command_trains_shows_and_writes(
    pets: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ladder, "OTHERS", (rung("a"), rung("b", "--fail", "yes"), rung("c")))
    with pytest.raises(TrainingsError, match="every rung to be trained, found b failing"):
        ladder.main(["--data", pets, "--out", "out"])
    out = capfd.readouterr().out
    assert f"rung 1 of 3: the idea of a\npython -m pretender --data {pets} --run out/a" in out
    lines = [line for line in out.splitlines() if line.startswith("the idea")]
    assert [line.split()[-8:] for line in lines] == [
        ["–", "–", "75.00", "25.00", "–", "100.00", "9", "s"]
    ] * 2
    rows = list(csv.DictReader((tmp_path / "out" / "ladder.csv").open()))
    assert [row["rung"] for row in rows] == ["a", "c"]
    assert rows[0]["top1"] == "0.750000"
    assert Image.open(tmp_path / "out" / "ladder.png").format == "PNG"
    assert "| the idea of c |" in (tmp_path / "out" / "ladder.md").read_text()


def test_without_finished_rungs_there_is_no_table(pets: str) -> None:
    with pytest.raises(SourceError, match="out: expected finished rungs, found none"):
        ladder.main(["--data", pets, "--out", "out", "--table"])


def test_a_quick_climb_has_folders_of_its_own(
    pets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ladder.main(["--data", pets, "--out", "out", "--quick", "--list", "--only", "naive"])
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"python -m training.classifier --data {pets} --architecture naive")
    assert line.endswith("--limit 2000 --epochs 2 --samples 4000 --run out/quick/naive")


def test_an_unknown_rung_is_refused(pets: str) -> None:
    with pytest.raises(UsageError, match=r"--only: expected some of colour-svm, .*, found lenin"):
        ladder.main(["--data", pets, "--only", "lenin"])


def test_what_starts_from_cifar_10_needs_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nothing = tmp_path / "none"
    without = [each.name for each, _ in ladder.plan("gtsrb", (), nothing, tmp_path)]
    assert "mobilenet-pretrained" not in without
    assert "left out what starts from CIFAR-10" in caplog.text
    with pytest.raises(SourceError, match="none"):
        ladder.plan("gtsrb", ("mobilenet-pretrained",), nothing, tmp_path)
    store({f"{name}/a.png": picture(8, 8, ".png") for name in ("cat", "dog")}, tmp_path / "c")
    rungs = ladder.plan("gtsrb", ("mobilenet-pretrained",), tmp_path / "c", tmp_path)
    assert [(each.name, data) for each, data in rungs] == [
        (CIFAR10.name, str(tmp_path / "c")),
        ("mobilenet-pretrained", "gtsrb"),
    ]


def test_what_started_from_cifar_10_and_is_finished_needs_it_no_more(tmp_path: Path) -> None:
    for name in (CIFAR10.name, "mobilenet-pretrained"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text("{}")
    found = [each.name for each, _ in ladder.plan("gtsrb", (), tmp_path / "none", tmp_path)]
    assert {CIFAR10.name, "mobilenet-pretrained"} <= set(found)
    (tmp_path / CIFAR10.name / "recipe.json").unlink()
    found = [each.name for each, _ in ladder.plan("gtsrb", (), tmp_path / "none", tmp_path)]
    assert "mobilenet-pretrained" in found
    assert CIFAR10.name not in found


def test_a_table_of_nothing_leaves_no_folder(pets: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected finished rungs, found none"):
        ladder.main(["--data", pets, "--out", str(tmp_path / "typo"), "--table"])
    assert not (tmp_path / "typo").exists()


def test_signs_in_class_folders_climb_the_ladder_of_signs(tmp_path: Path) -> None:
    path = store({"14/a.png": picture(8, 8, ".png")}, tmp_path / "signs")
    assert ladder.plan(str(path), ("plain",), tmp_path, tmp_path)[0][0] in SIGNS


@pytest.mark.parametrize("ladder_of", [SIGNS, OTHERS], ids=["signs", "others"])
def test_each_rung_has_a_folder_of_its_own_and_starts_from_an_earlier_one(
    ladder_of: tuple[Rung, ...],
) -> None:
    names = [each.name for each in ladder_of]
    assert len(set(names)) == len(names)
    for place, each in enumerate(ladder_of):
        assert set(each.needed()) <= {CIFAR10.name, *names[:place]}


@pytest.mark.parametrize("each", [*SIGNS, *OTHERS, CIFAR10], ids=lambda each: each.name)
def test_the_flags_of_a_rung_are_those_of_its_training(each: Rung) -> None:
    fields = recipe_fields(each.module)
    flags = (*each.flags, *QUICK[each.module])
    for flag, value in zip(flags[::2], flags[1::2], strict=True):
        fields[flag](value)
    assert each.module in (CLASSICAL, CLASSIFIER)
    assert not each.after or "--pretrained" in fields
    assert not each.teachers or "--teachers" in fields
    assert each.flags[::2].count("--decay") <= 1


def test_the_interval_is_drawn_over_tracks(tmp_path: Path) -> None:
    """Two tracks, one read right and one wrong in all frames: nothing between 0 and 1 is known."""
    labels = np.repeat([0, 1], 10)
    logits = np.tile(np.eye(COUNT + 2, dtype=np.float32)[0], (20, 1))
    names = tuple(f"{n:02d}" for n in range(20))
    write_answers(tmp_path / "watched.npz", Answers(logits, labels, names, "choose"))
    (tmp_path / "log.json").write_text(json.dumps([{"seconds": 90}]))
    (tmp_path / "cost.json").write_text(json.dumps({"parameters": 9400, "multiply_adds": 2.7e5}))
    tracks = {name: str(label) for name, label in zip(names, labels, strict=True)}
    found = read_standing(tmp_path, "idea", "python", tracks)
    assert (found.top1, found.interval, found.watched) == (0.5, (0, 1), 20)
    assert (found.parameters, found.multiply_adds, found.seconds) == (9400, 270_000, 90)
    alone = read_standing(tmp_path, "idea", "python", {name: name for name in names})
    assert alone.interval == pytest.approx((0.3, 0.7), abs=0.1)


def test_foreign_and_background_are_no_answer_to_which_sign(tmp_path: Path) -> None:
    logits = np.zeros((1, COUNT + 2), np.float32)
    logits[0, [7, COUNT, COUNT + 1]] = 1, 2, 3
    write_answers(tmp_path / "watched.npz", Answers(logits, np.array([7]), ("a",), "choose"))
    (tmp_path / "log.json").write_text("[]")
    assert read_standing(tmp_path, "", "", {"a": "a"}).top1 == 1


def test_a_picture_that_the_data_set_does_not_have_is_refused(tmp_path: Path) -> None:
    """Taken for a sign of its own it would make the interval too narrow."""
    logits = np.zeros((1, 2), np.float32)
    write_answers(tmp_path / "watched.npz", Answers(logits, np.array([0]), ("a",), "choose"))
    with pytest.raises(SourceError, match=r"data set .* such as b, found a"):
        read_standing(tmp_path, "", "", {"b": "b"})


@pytest.mark.parametrize("content", ["", "[1]", '[{"loss": 1}]'])
def test_a_broken_log_is_named(tmp_path: Path, content: str) -> None:
    logits = np.zeros((1, 2), np.float32)
    write_answers(tmp_path / "watched.npz", Answers(logits, np.array([0]), ("a",), "choose"))
    (tmp_path / "log.json").write_text(content)
    with pytest.raises(SourceError, match=r"log\.json: expected a run's log"):
        read_standing(tmp_path, "", "", {"a": "a"})


def test_broken_answers_are_named(tmp_path: Path) -> None:
    (tmp_path / "watched.npz").write_bytes(b"none")
    with pytest.raises(SourceError, match=r"watched\.npz: expected the answers of a run"):
        read_standing(tmp_path, "", "", {})


STANDINGS = [
    Standing("a", "an idea", "python -m a", 9_400, 270_000, 0.5, (0.4, 0.6), 100, "choose", 9),
    Standing("b", "a better one", "python -m b", 271_000, 18e6, 0.95, (0.9, 1), 100, "choose", 900),
    Standing("c", "the best one", "python -m c", None, None, 1.0, (1, 1), 100, "choose", 7200),
]


def test_the_table_is_for_people() -> None:
    lines = table(STANDINGS).splitlines()
    assert lines[0].split() == [
        "idea",
        "parameters",
        "multiply-adds",
        "top1",
        "%",
        "95",
        "%",
        "time",
    ]
    assert lines[2].split() == [
        "an",
        "idea",
        "9.4",
        "k",
        "0.27",
        "M",
        "50.00",
        "40.00",
        "–",
        "60.00",
        "9",
        "s",
    ]
    assert lines[3].split()[3:7] == ["0.27", "M", "18", "M"]
    assert lines[4].split()[3:] == ["–", "–", "100.00", "100.00", "–", "100.00", "2.0", "h"]
    assert "95 % bootstrap interval" in lines[5]


def test_the_page_holds_the_commands() -> None:
    page = markdown("signs", STANDINGS)
    assert page.startswith("# signs\n")
    assert page.count("\n| ") == 5
    assert "a better one:\n```\npython -m b\n```" in page


def test_the_file_for_programs_keeps_unknown_costs_empty() -> None:
    *_, last = csv.DictReader(csv_table(STANDINGS).splitlines())
    assert (last["parameters"], last["multiply_adds"], last["seconds"]) == ("", "", "7200.0")


def test_in_the_picture_the_better_one_has_the_shorter_bar(tmp_path: Path) -> None:
    (tmp_path / "chart.png").write_bytes(chart("signs", STANDINGS[:2]))
    pixels = np.asarray(Image.open(tmp_path / "chart.png"))
    worse = (pixels == (25, 113, 194)).all(axis=2).sum(axis=1).max()
    better = (pixels == (43, 138, 62)).all(axis=2).sum(axis=1).max()
    assert 0 < better < worse / 2


def test_the_real_layout_gives_tracks_to_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGN_DATA", str(tmp_path))
    store(gtsrb_training({3: 2}, frames=10), tmp_path / "gtsrb")
    run = tmp_path / "out" / "plain"
    run.mkdir(parents=True)
    (run / "recipe.json").write_text("{}")
    (run / "log.json").write_text("[]")
    names = [f"00003/{t:05d}_{f:05d}.ppm" for t in (0, 1) for f in range(10)]
    logits = np.eye(COUNT + 2, dtype=np.float32)[np.repeat([3, 0], 10)]
    write_answers(run / "watched.npz", Answers(logits, np.full(20, 3), tuple(names), "choose"))
    (plain,) = (each for each in SIGNS if each.name == "plain")
    (found,) = ladder.standings([(plain, "gtsrb")], tmp_path / "out", quick=False)
    assert (found.top1, found.interval) == (0.5, (0, 1))


def test_a_run_that_was_trained_with_other_flags_is_refused(tmp_path: Path) -> None:
    (tmp_path / "naive").mkdir()
    recipe = {"data": "x", "architecture": "naive", "epochs": 20, "rate": 0.001}
    flags = ("--architecture", "naive", "--epochs", "20", "--rate", "1e-3")
    naive = Rung("naive", "a first net", CLASSIFIER, flags)
    (job,) = ladder.jobs([(naive, "x")], tmp_path, quick=False)
    (job.run / "recipe.json").write_text(json.dumps({"recipe": recipe}))
    ladder.refuse_other_flags(job)
    here = job._replace(words=tuple(str(tmp_path) if w == "x" else w for w in job.words))
    other = {"data": f"{tmp_path}/naive/.."}  # the same folder
    (job.run / "recipe.json").write_text(json.dumps({"recipe": recipe | other}))
    ladder.refuse_other_flags(here)
    (job.run / "recipe.json").write_text(json.dumps({"recipe": recipe | {"epochs": 99}}))
    with pytest.raises(SourceError, match="a training with --epochs 20, found 99"):
        ladder.refuse_other_flags(job)
    (job.run / "recipe.json").write_text(json.dumps({"recipe": recipe | {"flips": 0.3}}))
    with pytest.raises(SourceError, match=r"a training with --flips 0\.0, found 0\.3"):
        ladder.refuse_other_flags(job)  # by defaults of before


def test_importing_it_loads_no_framework() -> None:
    code = (
        "import sys, training.ladder; "
        "print({'keras', 'tensorflow', 'torch', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
