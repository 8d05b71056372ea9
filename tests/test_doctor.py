"""The doctor: each thing it looks at, well and ill, and the report as a user gets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.config import Config
from edge.core import Box, Detection
from edge.doctor.__main__ import settings_findings
from edge.doctor.child import Answer, failure_of, run_python
from edge.doctor.devices import camera_findings, display_finding, voice_finding
from edge.doctor.finding import Finding, as_record, as_text, can_run, ok, problem, warning
from edge.doctor.golden import GoldenPicture, GoldenSign, differences, load_golden
from edge.doctor.machine import (
    clock_findings,
    disk_findings,
    heat_findings,
    memory_findings,
    processor_findings,
)
from edge.doctor.nets import model_findings, selftest_findings
from edge.doctor.settings import settings_problem
from edge.doctor.software import opencv_findings, package_findings, version_findings
from models.spec import find_model, load_spec
from tests.commands import ROOT, execute
from tests.fakes import make_reading

# --- the report ---

FINDINGS = [ok("disk", "plenty"), warning("cameras", "none", "connect one"), ok("clock", "right")]


def test_a_report_has_a_line_for_each_finding_and_its_cure_below() -> None:
    assert as_text(FINDINGS).splitlines() == [
        "ok       disk       plenty",
        "warning  cameras    none",
        "                    → connect one",
        "ok       clock      right",
        "the app can run: 1 warning",
    ]


def test_one_problem_is_enough_for_the_app_not_to_run() -> None:
    record = as_record([*FINDINGS, problem("models", "gone", "copy them")])

    assert record["can_run"] is False
    assert record["verdict"] == "the app cannot run: 1 problem, 1 warning"
    assert record["findings"][-1] == {
        "topic": "models",
        "state": "problem",
        "text": "gone",
        "cure": "copy them",
    }


# --- children ---


def test_a_child_that_fails_is_quoted_with_its_last_line() -> None:
    answer = run_python(["-c", "import sys; print('seen'); sys.exit('no such thing')"])

    assert answer == Answer("seen\n", "no such thing")


def test_a_child_that_crashes_takes_nobody_with_it() -> None:
    answer = run_python(["-c", "import os; os.kill(os.getpid(), 11)"])

    assert answer.failure == "it crashes (SIGSEGV)"


@pytest.mark.parametrize(
    ("code", "stderr", "words"),
    [
        (0, "noise", ""),
        (-4, "", "it crashes (SIGILL)"),
        (-200, "", "it crashes (signal 200)"),
        (1, "Traceback\nImportError: no\n", "ImportError: no"),
        (3, "", "exit code 3"),
    ],
)
def test_how_a_process_ended_in_words(code: int, stderr: str, words: str) -> None:
    assert failure_of(code, stderr) == words


class FakePython:
    """Answers by the first key that the arguments contain."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    def __call__(self, arguments: Sequence[str]) -> Answer:
        asked = " ".join(arguments)
        return next((a for key, a in self._answers.items() if key in asked), Answer("", ""))


# --- software ---


def states(findings: Sequence[Finding]) -> list[str]:
    return [finding.state for finding in findings]


def test_versions_are_told_of_the_packages_there_are() -> None:
    *_, packages = version_findings({"numpy": "2.1", "av": "14"}.get)

    assert packages.text == "numpy 2.1, av 14"


def test_a_missing_package_is_a_problem_and_a_broken_one_another() -> None:
    python = FakePython(
        {
            "import av": Answer("", "ModuleNotFoundError: No module named 'av'"),
            "import cv2": Answer("", "it crashes (SIGILL)"),
        }
    )
    missing, broken = package_findings(python)

    assert (missing.state, broken.state) == ("problem", "problem")
    assert "av cannot be used: ModuleNotFoundError" in missing.text
    assert "pip install" in missing.cure
    assert "another processor" in broken.cure


@pytest.mark.parametrize("package", ["numpy", "av", "PIL", "cv2"])
def test_a_missing_package_is_cured_by_the_commands_of_the_readme(package: str) -> None:
    python = FakePython({f"import {package}": Answer("", "ModuleNotFoundError")})
    (missing,) = package_findings(python)

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("Without make")[2].partition("```\n")[2]
    commands = [line.partition("#")[0].strip() for line in block.splitlines()[:2]]
    assert all(command in missing.cure for command in commands)


def test_the_older_litert_is_enough() -> None:
    python = FakePython({"import ai_edge_litert": Answer("", "no")})
    assert list(package_findings(python)) == []

    none = FakePython({"interpreter": Answer("", "no")})
    assert states(list(package_findings(none))) == ["problem"]


BUILD = """4.10.0
/usr/lib/python3/dist-packages/cv2.so
General configuration for OpenCV 4.10.0
  GUI:                           {gui}
    FFMPEG:                      YES
    GStreamer:                   NO
    v4l/v4l2:                    YES (linux/videodev2.h)
"""


@pytest.mark.parametrize(
    ("gui", "words"),
    [("NONE", "no windows"), ("QT5", "windows by QT5"), ("\n    GTK+:  YES", "windows by GTK")],
)
def test_what_opencv_can_do_is_told(gui: str, words: str) -> None:
    python = FakePython({"import cv2": Answer(BUILD.format(gui=gui), "")})
    (finding,) = opencv_findings(python, {"opencv-python": "4.10"}.get)

    assert finding.state == "ok"
    assert finding.text == (
        f"4.10.0 (opencv-python): {words}, GStreamer NO, FFMPEG YES, "
        "v4l/v4l2 YES (linux/videodev2.h)"
    )


def test_the_system_s_opencv_is_named_by_its_place() -> None:
    python = FakePython({"import cv2": Answer(BUILD.format(gui="NONE"), "")})
    (finding,) = opencv_findings(python, {}.get)

    assert "the system's, /usr/lib/python3" in finding.text


def test_two_wheels_of_opencv_are_in_each_other_s_way() -> None:
    python = FakePython({"import cv2": Answer("", "ImportError")})
    both = {"opencv-python": "4.10", "opencv-python-headless": "4.9"}
    (finding,) = opencv_findings(python, both.get)

    assert finding.state == "warning"
    assert finding.cure.startswith("pip uninstall -y opencv-python opencv-python-headless")


# --- the board ---

ARM = "processor\t: 0\nFeatures\t: fp asimd {more}\n\nModel\t\t: Raspberry Pi 5 Model B\n"


@pytest.mark.parametrize(
    ("cpuinfo", "state", "words"),
    [
        (ARM.format(more="asimddp"), "ok", "Raspberry Pi 5 Model B, 4 cores; int8 dot products"),
        (ARM.format(more=""), "warning", "no int8 dot products: the nets run, but slowly"),
        ("model name : EPYC\nflags : avx2 avx512_vnni\n", "ok", "int8 dot products: avx512_vnni"),
        ("model name : Xeon\nflags : avx2\n", "ok", "Xeon, 4 cores; no int8 dot products"),
        ("", "ok", "processor, 4 cores"),
    ],
)
def test_the_processor(cpuinfo: str, state: str, words: str) -> None:
    (finding,) = processor_findings(cpuinfo, cores=4)

    assert (finding.state, words in finding.text) == (state, True)


@pytest.mark.parametrize(
    ("meminfo", "expected"),
    [("MemAvailable:  900000 kB\n", ["ok"]), ("MemAvailable:  90000 kB\n", ["warning"]), ("", [])],
)
def test_memory(meminfo: str, expected: list[str]) -> None:
    assert states(list(memory_findings(meminfo))) == expected


@pytest.mark.parametrize(
    ("free_mb", "state"), [(9000, "ok"), (499, "warning"), (19, "problem"), (0, "problem")]
)
def test_disk(tmp_path: Path, free_mb: int, state: str) -> None:
    (finding,) = disk_findings(tmp_path, lambda _: (0, 0, free_mb * 2**20))

    assert finding.state == state


def test_a_place_that_nobody_can_ask_about_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(f'source = "0"\nstore = "{tmp_path}/{"x" * 300}/a.sqlite"\n')

    done = execute("edge.doctor", "--config", str(file), "--json", cwd=tmp_path)

    assert done.stderr == ""
    assert "File name too long" in done.stdout


def test_a_disk_that_is_not_there(tmp_path: Path) -> None:
    assert states(list(disk_findings(tmp_path / "gone"))) == ["problem"]


@pytest.mark.parametrize(("now", "state"), [(0.0, "warning"), (1_800_000_000.0, "ok")])
def test_the_clock(now: float, state: str) -> None:
    assert states(list(clock_findings(now))) == [state]


def zones(tmp_path: Path, *milli_degrees: str) -> Path:
    for number, text in enumerate(milli_degrees):
        zone = tmp_path / f"thermal_zone{number}"
        zone.mkdir()
        (zone / "temp").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("temperatures", "throttled", "expected"),
    [
        (["51234\n", "45000\n"], None, [("ok", "51 °C")]),
        (["51234\n", "85100\n"], None, [("warning", "85 °C")]),
        (["", "0\n"], None, []),
        ([], None, []),
        ([], "throttled=0x0\n", [("ok", "never throttled since the start")]),
        (
            [],
            "throttled=0x50001\n",
            [
                (
                    "warning",
                    "the voltage is too low now; the voltage has been too low since the start; "
                    "it has been throttled since the start",
                )
            ],
        ),
        ([], "error", []),
    ],
)
def test_heat_and_throttling(
    tmp_path: Path, temperatures: list[str], throttled: str | None, expected: list[tuple[str, str]]
) -> None:
    found = heat_findings(zones(tmp_path, *temperatures), lambda: throttled)

    assert [(finding.state, finding.text) for finding in found] == expected


# --- devices ---


def cameras(tmp_path: Path, devices: bool = True) -> tuple[Path, Path]:
    system, dev = tmp_path / "class" / "video4linux", tmp_path / "dev"
    for number in (0, 10, 2):
        entry = system / f"video{number}"
        entry.mkdir(parents=True)
        (entry / "name").write_text(f"Camera {number}\n")
        dev.mkdir(exist_ok=True)
        if devices:
            (dev / f"video{number}").touch()
    return system, dev


def test_cameras_by_name_and_number(tmp_path: Path) -> None:
    system, dev = cameras(tmp_path)
    found = list(camera_findings(system, dev, lambda _: True))

    assert [finding.text for finding in found] == [
        f"{dev}/video{number} (Camera {number})" for number in (0, 2, 10)
    ]
    assert states(found) == ["ok"] * 3


def test_a_camera_without_permission_names_the_group(tmp_path: Path) -> None:
    first, *_ = camera_findings(*cameras(tmp_path), lambda _: False)

    assert first.state == "warning"
    assert "usermod -aG video" in first.cure


def test_a_camera_that_a_container_does_not_see(tmp_path: Path) -> None:
    first, *_ = camera_findings(*cameras(tmp_path, devices=False))

    assert "is not there" in first.text


def test_no_camera_is_a_warning_and_no_linux_is_none(tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()

    assert states(list(camera_findings(tmp_path / "class" / "v", tmp_path))) == ["warning"]
    assert states(list(camera_findings(tmp_path / "no" / "v", tmp_path))) == ["ok"]


def test_a_display_that_cannot_be_is_a_warning() -> None:
    assert display_finding("").state == "ok"
    assert display_finding("no screen").state == "warning"


def test_the_voice_is_told_and_never_a_problem() -> None:
    assert voice_finding(lambda _: None, "espeak-ng").state == "ok"
    assert voice_finding(lambda name: f"/usr/bin/{name}", "espeak-ng").text == "/usr/bin/espeak-ng"


# --- models ---


def test_both_published_models_are_what_they_claim() -> None:
    assert states(list(model_findings("detector", "classifier"))) == ["ok", "ok"]


def test_two_models_that_the_app_would_not_take_together_are_a_problem() -> None:
    *alone, together = model_findings("detector", "classifier-twin")

    assert states(alone) == ["ok", "ok"]
    assert together.state == "problem"
    assert "expected a pair published together" in together.text


def test_a_damaged_model_is_a_problem(tmp_path: Path) -> None:
    path = find_model("classifier")
    (tmp_path / "classifier.json").write_bytes(path.read_bytes())
    data = bytearray(path.with_name("classifier.tflite").read_bytes())
    data[1000] ^= 1
    (tmp_path / "classifier.tflite").write_bytes(data)

    _, damaged = model_findings("detector", str(tmp_path / "classifier.json"))

    assert damaged.state == "problem"
    assert "expected sha256" in damaged.text


def test_the_golden_outputs_are_those_of_the_published_models() -> None:
    golden = load_golden()

    for name, sha256 in (("detector", golden.detector), ("classifier", golden.classifier)):
        assert load_spec(find_model(name)).sha256 == sha256, "run python -m calibration.golden"
    assert all(picture.signs for picture in golden.pictures)
    assert sum(len(picture.signs) for picture in golden.pictures) >= 5


def test_the_published_models_read_the_golden_pictures_here() -> None:
    runtime, selftest = selftest_findings(run_python, "detector", "classifier")

    assert "LiteRT on the CPU" in runtime.text
    assert selftest.state == "ok", selftest.text
    assert selftest.text == "both models read the golden pictures as they should"


REPORT = {"known": True, "differences": [], "detect_ms": 9, "classify_ms": 1, "delegated": True}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("", "it crashes (SIGSEGV)"), ["problem"]),
        (Answer(json.dumps(REPORT), ""), ["ok", "ok"]),
        (Answer(json.dumps({**REPORT, "known": False}), ""), ["ok", "ok"]),
        (Answer(json.dumps({**REPORT, "differences": ["the sign at 1,2"]}), ""), ["ok", "problem"]),
        (Answer(json.dumps({**REPORT, "delegated": False}), ""), ["warning", "ok"]),
        (Answer(json.dumps({**REPORT, "detect_ms": 921}), ""), ["warning", "ok"]),
    ],
)
def test_what_the_self_test_says_of_its_child(answer: Answer, expected: list[str]) -> None:
    python = FakePython({"edge.doctor.selftest detector classifier": answer})

    assert states(list(selftest_findings(python, "detector", "classifier"))) == expected


@pytest.mark.parametrize(
    ("detector", "cure"),
    [
        ("detector", "end other work on this machine, or take --detector detector-fast"),
        ("detector-fast", "end other work on this machine"),
    ],
)
def test_a_machine_that_is_slow_is_told_why_and_can_still_run(detector: str, cure: str) -> None:
    python = FakePython({"selftest": Answer(json.dumps({**REPORT, "detect_ms": 921}), "")})
    found = list(selftest_findings(python, detector, "classifier"))

    assert "one thread: 921.0 ms a frame, 1.0 ms a sign: more than 200 ms" in found[0].text
    assert found[0].cure == cure
    assert can_run(found)


SIGN = GoldenSign(Box(10, 10, 50, 50), 2, 0.9, 0.99)
PICTURE = GoldenPicture("a.png", (SIGN,), (Box(100, 100, 120, 120),))
THERE = Detection(SIGN.box, 0.9)
WEAK = Detection(Box(100, 100, 121, 120), 0.85)


@pytest.mark.parametrize(
    ("detections", "label", "probability", "words"),
    [
        ([THERE], 2, 0.99, []),
        ([THERE._replace(score=0.8)], 2, 0.85, []),
        ([THERE._replace(box=Box(12, 11, 51, 52))], 2, 0.99, []),
        ([THERE, WEAK], 2, 0.99, []),
        ([], 2, 0.99, ["a.png: the sign at 30,30 was not found"]),
        ([THERE._replace(box=Box(30, 10, 70, 50))], 2, 0.99, ["not found", "where there is none"]),
        ([THERE._replace(score=0.7)], 2, 0.99, ["with the score 0.70, expected 0.90"]),
        ([THERE], 3, 0.99, ["read as class 3 (0.99), expected 2 (0.99)"]),
        ([THERE], 2, 0.7, ["read as class"]),
        ([THERE, Detection(Box(60, 60, 90, 90), 0.9)], 2, 0.99, ["found at 75,75, where there"]),
        ([THERE, Detection(Box(60, 60, 90, 90), 0.7)], 2, 0.99, []),
    ],
)
def test_what_counts_as_read_otherwise(
    detections: list[Detection], label: int, probability: float, words: list[str]
) -> None:
    reading = make_reading(label, 1.0)._replace(label=label, score=probability)
    found = differences(PICTURE, detections, [reading] * len(detections))

    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


# --- the command ---


def test_the_report_as_a_user_gets_it(tmp_path: Path) -> None:
    done = execute("edge.doctor", cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for topic in ("app", "python", "opencv", "models", "runtime", "self-test", "disk", "clock"):
        assert f" {topic} " in done.stdout
    assert done.stdout.splitlines()[-1].startswith("the app can run: ")


def test_a_broken_setting_is_a_problem_and_its_password_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text('source = "rtsp://me:very secret@cam/1"\nthreads = "x"\n')
    done = execute("edge.doctor", "--json", cwd=tmp_path)

    record = json.loads(done.stdout)
    assert done.returncode == 1
    assert record["can_run"] is False
    (finding,) = (each for each in record["findings"] if each["topic"] == "settings")
    assert finding["state"] == "problem"
    assert "secret" not in done.stdout


def test_the_source_is_told_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text('source = "rtsp://me:very secret@cam/1"\n')
    done = execute("edge.doctor", cwd=tmp_path)

    assert "source: rtsp://***@cam/1;" in " ".join(done.stdout.split())
    assert "secret" not in done.stdout


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Config(source="test:", web="0.0.0.0:8080"), "token"),
        (Config(source="test:", mqtt="nonsense"), "mqtt"),
        (Config(source="test:", events="signs.csv"), "--csv"),
        (Config(source="ftp://camera/1"), "cannot read a source"),
        (Config(source="nowhere.mp4"), "nowhere.mp4 does not exist"),
        (Config(source="test:", announce="voice"), "espeak-ng is not installed"),
    ],
)
def test_settings_that_the_app_would_refuse_are_told(settings: Config, words: str) -> None:
    assert words in settings_problem(settings, lambda _: None)


def test_settings_that_the_app_would_take_are_no_problem() -> None:
    assert settings_problem(Config()) == ""
    assert settings_problem(Config(source="demo:", announce="voice"), lambda _: "/bin/x") == ""


def test_what_the_child_says_of_the_settings_is_a_problem() -> None:
    def child(arguments: Sequence[str]) -> Answer:
        assert arguments == ["-m", "edge.doctor.settings", "car.toml"]
        return Answer("mqtt: no address in mqtt://me:geheim@\n", "")

    (finding,) = settings_findings(child, Path("car.toml"))
    assert finding.state == "problem"
    assert "geheim" not in finding.text
    assert not list(settings_findings(lambda _: Answer("\n", ""), None))


def test_the_app_is_said_not_to_run_with_such_settings(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text('source = "nowhere.mp4"\n')
    done = execute("edge.doctor", cwd=tmp_path)

    assert done.returncode == 1
    assert "nowhere.mp4 does not exist" in done.stdout


ALONE = """
import sys
import edge.doctor.__main__
print(*sorted({"cv2", "av", "numpy", "PIL", "ai_edge_litert"} & set(sys.modules)))
"""


def test_the_doctor_itself_needs_none_of_the_packages_it_looks_at() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
