"""Hundreds of broken inputs: none crashes the process, none hangs it, each gets a clear error."""

from __future__ import annotations

import hashlib
import json
import queue
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edge.config import Config, to_toml
from models.spec import FOLDER
from tests.commands import ROOT, environment
from tests.media import noise, steady, write_video

pytestmark = pytest.mark.live

SEED = 20
PATIENCE_S = 120  # one input takes milliseconds; the machine may be busy
COUNTS = {"mp4": 100, "mkv": 80, "jpg": 80, "png": 80, "tflite": 100, "json": 80, "toml": 80}


def mutated(data: bytes, random_source: random.Random) -> bytes:
    """Cut off, with flipped bits, or with a stretch that was lost, zeroed, doubled or scrambled."""
    broken = bytearray(data)
    how = random_source.choice(("cut", "flip", "flip", "head", "lose", "zero", "double", "noise"))
    start = random_source.randrange(len(broken))
    end = min(len(broken), start + random_source.randint(1, 1 + len(broken) // 8))
    if how == "cut":
        return bytes(broken[:start])
    if how in ("flip", "head"):
        reach = min(len(broken), 256) if how == "head" else len(broken)
        for _ in range(random_source.randint(1, 12)):
            broken[random_source.randrange(reach)] ^= 1 << random_source.randrange(8)
    elif how == "lose":
        del broken[start:end]
    elif how == "zero":
        broken[start:end] = bytes(end - start)
    elif how == "double":
        broken[start:start] = broken[start:end]
    else:
        broken[start:end] = random_source.randbytes(end - start)
    return bytes(broken)


class Reader:
    """The child that reads; a fresh one after it has died."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.mutant"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line.strip())
        self._answers.put(f"crash: exit code {self._process.wait()}")

    def read(self, kind: str, path: Path) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{kind}\t{path}\n")
        self._process.stdin.flush()
        try:
            return self._answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            return "hang"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A good input of every kind."""
    folder = tmp_path_factory.mktemp("whole")
    for kind in ("mp4", "mkv"):
        write_video(folder / f"a.{kind}", steady(12), picture=noise)
    for kind in ("jpg", "png"):
        cv2.imwrite(str(folder / f"a.{kind}"), cv2.resize(noise(1), (200, 150)))
    settings = Config(source="drive.mp4", events="seen.jsonl", conf=0.4, threads=2)
    (folder / "a.toml").write_text(to_toml(settings), encoding="utf-8")
    files = {kind: (folder / f"a.{kind}").read_bytes() for kind in ("mp4", "mkv", "jpg", "png")}
    files["toml"] = (folder / "a.toml").read_bytes()
    files["tflite"] = (FOLDER / "classifier.tflite").read_bytes()
    files["json"] = (FOLDER / "classifier.json").read_bytes()
    return files


def written(kind: str, data: bytes, folder: Path) -> Path:
    """The input on disk, with what belongs to it; the hash of a broken net is made to fit."""
    folder.mkdir()
    path = folder / f"input.{kind}"
    path.write_bytes(data)
    if kind == "tflite":
        spec = json.loads((FOLDER / "classifier.json").read_text(encoding="utf-8"))
        spec |= {"file": path.name, "sha256": hashlib.sha256(data).hexdigest()}
        path = folder / "input.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
    elif kind == "json":
        net = folder / "classifier.tflite"
        net.symlink_to(FOLDER / "classifier.tflite")
    return path


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    """The children that a test starts, the last of which is alive."""
    started = [Reader()]
    yield started
    for reader in started:
        reader.close()


@pytest.mark.parametrize("kind", COUNTS)
def test_no_broken_input_does_harm(
    kind: str, whole: dict[str, bytes], tmp_path: Path, readers: list[Reader]
) -> None:
    seen: Counter[str] = Counter()
    bad = []
    good = readers[-1].read(kind, written(kind, whole[kind], tmp_path / "whole"))
    assert good == "clean", f"the whole input: {good}"
    for number in range(COUNTS[kind]):
        data = mutated(whole[kind], random.Random(f"{SEED} {kind} {number}"))
        path = written(kind, data, tmp_path / str(number))
        answer = readers[-1].read(kind, path)
        word = answer.partition(":")[0]
        seen[word] += 1
        if word in ("bug", "crash", "hang"):
            bad.append(f"number {number}: {answer[-400:]}")
        if word in ("crash", "hang"):
            readers.append(Reader())
    print(kind, dict(seen))

    assert bad == []


def test_there_are_enough_of_them() -> None:
    assert sum(COUNTS.values()) >= 500
