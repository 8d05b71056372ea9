"""`python -m edge.run` as a user runs it: good input, every kind of bad input, signals."""

from __future__ import annotations

import json
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from edge.config import Config, read_toml
from edge.run import main
from models.errors import UsageError
from models.spec import FOLDER
from tests.commands import (
    ROOT,
    TIMEOUT_S,
    command,
    environment,
    execute,
    failure,
    patient_command,
)
from tests.media import cut, noise, steady, write_video

FRAMES = 12


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of noise with its index at the front, as a phone or a camera writes it."""
    path = tmp_path_factory.mktemp("video") / "noise.mp4"
    return write_video(path, steady(FRAMES), picture=noise, options={"movflags": "faststart"})


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return execute("edge.run", *arguments, cwd=cwd)


def frame_times(path: Path) -> list[float]:
    """Decode all of a video: the seconds of its frames."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]  # type: ignore[arg-type]


def records(text: str) -> list[dict[str, Any]]:
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_a_video_becomes_an_annotated_video_and_an_event_log(video: Path, tmp_path: Path) -> None:
    done = run("--video", video, "-o", "out/seen.mp4", "--events", "out/seen.jsonl", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"{FRAMES} frames in" in done.stderr
    assert "wrote out/seen.mp4, out/seen.jsonl" in done.stderr
    assert "Traceback" not in done.stderr
    times = frame_times(tmp_path / "out" / "seen.mp4")
    assert times == pytest.approx([index / 25 for index in range(FRAMES)], abs=0.001)
    records((tmp_path / "out" / "seen.jsonl").read_text())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"seen.mp4", "seen.jsonl"}


def test_pictures_become_annotated_pictures(tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    for name in ("1.png", "2.png"):
        (shots / name).write_bytes(png(64, 48))

    done = run("--source", "shots/*.png", "-o", "out", "--events", "-", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == ["1", "2"]
    records(done.stdout)


def test_it_stops_after_max_frames(video: Path, tmp_path: Path) -> None:
    done = run("--video", video, "-o", "seen.mkv", "--max-frames", "5", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(frame_times(tmp_path / "seen.mkv")) == 5


def test_without_an_output_the_events_go_to_the_console(video: Path, tmp_path: Path) -> None:
    done = run("--video", video, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "no output was asked for; events are printed here" in done.stderr


def test_the_printed_configuration_loads_again(tmp_path: Path) -> None:
    given = ("--source", "a 'b'.mp4", "--conf", "0.3", "--roi", "0.2", "0.8")
    first = run(*given, "--print-config", cwd=tmp_path)
    (tmp_path / "edge.toml").write_text(first.stdout)
    second = run("--threads", "2", "--print-config", cwd=tmp_path)
    (tmp_path / "edge.toml").write_text(second.stdout)

    assert (first.returncode, second.returncode) == (0, 0)
    expected = Config(source="a 'b'.mp4", conf=0.3, roi="0.2,0.8", threads=2)
    assert Config(**read_toml(tmp_path / "edge.toml")) == expected  # type: ignore[arg-type]


def test_the_cameras_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-cameras"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines == ["no cameras found"] or all(line.startswith("--camera ") for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_a_live_source_is_read_and_turned(tmp_path: Path) -> None:
    source = ("--source", "test:?size=160x96&fps=50", "--rotate", "90", "--flip", "horizontal")
    done = run(*source, "-o", "seen.mp4", "--max-frames", "5", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "seen.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(96, 160)] * 5


def test_a_stream_that_is_not_there_is_waited_for_until_a_signal(tmp_path: Path) -> None:
    address = "rtsp://me:geheim@127.0.0.1:9/live"
    with subprocess.Popen(
        command("edge.run", "--source", address, "--events", "seen.jsonl", "-o", "seen.mp4"),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=TIMEOUT_S)

    assert "rtsp://***@127.0.0.1:9/live: Connection refused; trying again until it comes" in first
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in rest
    assert "geheim" not in first + rest


def test_the_version_is_told(tmp_path: Path) -> None:
    done = run("--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, "traffic-sign-edge 0.1.0\n")


# --- what bad input gets: one line, the right exit code, nothing under the final name ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no source given: expected --camera N, --video FILE or --source URI"),
        (["--source", "demo:", "stray"], "unknown argument stray"),
        (["--camera", "0", "--video", "x"], "argument --video: not allowed with argument --camera"),
        (["--video", "a.mp4", "--video", "b.mp4"], "--video: expected once, found twice"),
        (["--source", "0", "--source=1"], "--source: expected once, found twice"),
        (["--camera", "front"], "argument --camera: invalid int value: 'front'"),
        (["--camera", "-1"], "--camera: expected 0 or more, found -1"),
        (["--source", "demo:", "--threads", "-2"], "threads: expected 0 or more, found -2"),
        (["--source", "demo:", "--conf", "7"], "conf: expected a score between 0 and 1, found 7"),
        (
            ["--source", "demo:", "--roi", "0.8", "0.2"],
            "each edge before the one across, found 0.8",
        ),
        (["--source", "demo:", "--detect-every", "0"], "detect_every: expected 1 or more, found 0"),
        (["--source", "gopher://x"], "cannot read a source of the kind 'gopher://'"),
        (["--source", "demo:", "-o", "out.avi"], "expected .mp4, .mkv or a folder, found .avi"),
        (["--source", "demo:", "-o", "x.mp4", "--events", "x.mp4"], "x.mp4 is given twice"),
        (["--source", "rtsp://me:geheim@"], "rtsp://***@: expected a host"),
        (["--source", "test:?speed=3"], "test:?speed=3: expected test:?size=WxH&fps=N"),
        (["--source", "test:", "--loop"], "loop: expected a file or pictures as the source"),
        (["--source", "demo:", "--rotate", "45"], "rotate: expected 0, 90, 180, 270, found 45"),
        (["--source", "demo:", "--resolution", "big"], "expected a size such as 1280x720"),
        (["--config", "none.toml"], "none.toml: cannot read the configuration"),
    ],
)
def test_wrong_use_is_named(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError) as error:
        main(arguments)

    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_flag_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = run("--detectr", "x", cwd=tmp_path)

    assert 'unknown argument --detectr; did you mean "--detector"?' in failure(done, 2)


def test_an_unknown_key_of_the_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text("maxframes = 3\n")

    done = run("--source", "demo:", cwd=tmp_path)

    assert 'edge.toml: unknown key "maxframes"; did you mean "max_frames"?' in failure(done, 2)


def test_an_output_over_its_own_source_is_refused(video: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(video, tmp_path / "drive.mp4"))

    done = run("--video", "drive.mp4", "-o", copy, cwd=tmp_path)

    assert "would overwrite the source" in failure(done, 2)
    assert copy.read_bytes() == video.read_bytes()


def test_a_camera_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run("--camera", "97", "-o", "out.mp4", cwd=tmp_path)

    assert "camera 97 cannot be opened" in failure(done, 3)
    assert list(tmp_path.iterdir()) == []


def png(width: int, height: int, real: bool = True) -> bytes:
    """A grey PNG; one that is not `real` has only the header of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = (b"\0" + b"\x80" * width) * height if real else b"\0"
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.mp4", b"this is no video\n" * 99, "text.mp4 is not a video that can be read"),
        ("zero.mp4", b"", "zero.mp4 is empty: expected a video, found 0 bytes"),
        ("zero.png", b"", "zero.png is empty: expected a picture, found 0 bytes"),
        ("huge.png", png(60_000, 60_000, real=False), "huge.png is too large: "),
        ("text.jpg", b"no picture", "text.jpg is not a picture: expected BMP"),
        ("folder", None, "no pictures in folder"),
        ("gone.mp4", ..., "gone.mp4 does not exist"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isascii() else "",
)
def test_a_source_that_cannot_be_read_is_named(
    name: str, content: Any, message: str, tmp_path: Path
) -> None:
    source = tmp_path / name
    if content is None:
        source.mkdir()
    elif content is not ...:
        source.write_bytes(content)

    output = tmp_path / "out" / "seen.mp4"
    done = run("--source", name, "-o", output, cwd=tmp_path)

    assert message in failure(done, 3)
    assert not output.exists()


def test_a_video_that_is_cut_off_is_kept_up_to_the_cut(video: Path, tmp_path: Path) -> None:
    cut(Path(shutil.copy(video, tmp_path / "cut.mp4")), 0.6)

    done = run("--video", "cut.mp4", "-o", "seen.mp4", "--events", "seen.jsonl", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "cut.mp4 is cut off: it ends at" in done.stderr
    assert 3 <= len(frame_times(tmp_path / "seen.mp4")) < FRAMES
    records((tmp_path / "seen.jsonl").read_text())


def test_a_video_without_its_index_is_named(tmp_path: Path) -> None:
    cut(write_video(tmp_path / "cut.mp4", steady(FRAMES), picture=noise), 0.6)

    done = run("--video", "cut.mp4", "-o", "seen.mp4", cwd=tmp_path)

    assert "cut.mp4 is cut off: its index" in failure(done, 3)
    assert not (tmp_path / "seen.mp4").exists()


@pytest.mark.parametrize("output", ["seen.mp4", "pictures", "seen.jsonl"])
def test_a_folder_that_cannot_be_written_to_is_named(
    output: str, video: Path, read_only: Path
) -> None:
    flag = "--events" if output.endswith("jsonl") else "-o"

    done = run("--video", video, flag, read_only / output, cwd=read_only)

    assert output in failure(done, 5)
    assert list(read_only.iterdir()) == []


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system mounted read-only: root may write into any other."""
    with mounted(tmp_path / "locked", "ro") as folder:
        yield folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 64 kB."""
    with mounted(tmp_path / "small", "size=64k") as folder:
        yield folder


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    if sys.platform != "linux" or shutil.which("mount") is None:
        pytest.skip("needs Linux's tmpfs")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_what_was_written_is_kept(small_disk: Path) -> None:
    long = write_video(small_disk.parent / "long.mp4", steady(150), picture=noise)

    done = run("--video", long, "-o", small_disk / "seen.mp4", cwd=small_disk.parent)

    told = failure(done, 5)
    assert "seen.mp4: cannot write the video: No space left on device" in told
    for left in small_disk.iterdir():
        assert left.name == "seen.part.mp4"
        assert "what was written until then is in" in told


def test_a_full_disk_for_one_output_does_not_cost_the_other(small_disk: Path) -> None:
    long = write_video(small_disk.parent / "long.mp4", steady(60), picture=noise)
    events = small_disk.parent / "seen.jsonl"

    done = run(
        "--video", long, "-o", small_disk / "seen.mp4", "--events", events, cwd=small_disk.parent
    )

    assert done.returncode == 5
    warning, error = done.stderr.splitlines()
    assert warning.startswith("WARNING: ") and warning.endswith("; the other outputs go on")
    assert error.startswith("error: ") and "No space left on device" in error
    records(events.read_text())


# --- models that are not what they claim to be ---

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """A copy of the published detector, to be spoilt; its JSON."""
    for suffix in (".json", ".tflite"):
        shutil.copy(FOLDER / f"detector{suffix}", tmp_path / f"mine{suffix}")
    spec = tmp_path / "mine.json"
    edit(spec, lambda content: content.update(file="mine.tflite"))
    return spec


def edit(spec: Path, change: Edit) -> None:
    content = json.loads(spec.read_text(encoding="utf-8"))
    change(content)
    spec.write_text(json.dumps(content), encoding="utf-8")


def run_with(detector: Path, video: Path) -> subprocess.CompletedProcess[str]:
    out = detector.with_name("seen.mp4")
    done = run("--video", video, "--detector", detector, "-o", out, cwd=detector.parent)
    assert not out.exists() or done.returncode == 0
    return done


def test_a_model_outside_of_the_published_ones_is_used(detector: Path, video: Path) -> None:
    assert run_with(detector, video).returncode == 0


def test_a_model_with_one_flipped_byte_is_refused(detector: Path, video: Path) -> None:
    model = detector.with_suffix(".tflite")
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)

    assert "mine.tflite: expected sha256" in failure(run_with(detector, video), 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("thresholds"), "thresholds missing"),
        (lambda content: content.update(colour="rgb"), "colour unknown"),
        (lambda content: content["input"].update(width=96), "mine.tflite: expected one input (1,"),
    ],
    ids=["missing key", "unknown key", "wrong input shape"],
)
def test_a_model_whose_json_is_wrong_is_refused(
    change: Edit, message: str, detector: Path, video: Path
) -> None:
    edit(detector, change)

    assert message in failure(run_with(detector, video), 4)


def test_a_model_that_is_not_there_is_answered_with_those_that_are(
    video: Path, tmp_path: Path
) -> None:
    done = run("--video", video, "--detector", "detektor", cwd=tmp_path)

    error = failure(done, 4)
    assert "no model called 'detektor': published are classifier, " in error
    assert ", detector, " in error


# --- signals, to a real process in the middle of the real drive ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_video_and_the_event_log(
    number: signal.Signals, tmp_path: Path
) -> None:
    with subprocess.Popen(
        patient_command("edge.run", "--source", "demo:", "-o", "seen.mp4", "--events", "-"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()  # comes in the middle of the drive
            process.send_signal(number)
            rest, errors = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()  # if it has not ended

    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    events = records(first + rest)
    started = {event["sign_id"] for event in events if event["kind"] == "new"}
    assert started == {event["sign_id"] for event in events if event["kind"] == "end"}
    times = frame_times(tmp_path / "seen.mp4")
    assert 0 < len(times) < 600
    assert events[-1]["frame"] == len(times) - 1
    assert [path.name for path in tmp_path.iterdir()] == ["seen.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such shell")
def test_a_run_needs_no_stderr(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    words = [sys.executable, "-m", "edge.run", "--source", "demo:", "--threads", "1"]
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *words, "--max-frames", "1", "--events", str(events)],
        cwd=ROOT,
        env=environment(),
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0
    assert events.read_text() == ""
