"""The app as systemd runs it: ready, alive, reloaded, stopped; with a real process and socket."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from tests.commands import environment, patient_command
from tests.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP"),
]


class Unattended:
    """A run on the demo drive, without a terminal, and the socket on which it reports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings(2)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._log = (folder / "err").open("w")
        self.process = subprocess.Popen(
            patient_command("edge.run", "--config", folder / "edge.toml"),
            cwd=folder,
            env={
                **environment(),
                "NOTIFY_SOCKET": str(folder / "notify"),
                "WATCHDOG_USEC": "1000000",  # reports that nobody fetches wait in a short queue
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )

    def settings(self, max_reads: int | str) -> None:
        (self.folder / "edge.toml").write_text(
            'source = "demo:"\nloop = true\noutput = "seen.mp4"\nevents = "seen.jsonl"\n'
            f'log_file = "edge.log"\nmax_reads = {max_reads}\n'
        )

    def report(self) -> str:
        """The next thing that systemd is told."""
        ready, _, _ = select.select([self._socket], [], [], PATIENCE_S)
        assert ready, "nothing was reported"
        return self._socket.recv(4096).decode()

    def hangup_until(self, said: Callable[[str], bool]) -> None:
        """Ask it to read its settings again, and follow its reports until the log says so."""
        self.process.send_signal(signal.SIGHUP)
        while not said((self.folder / "edge.log").read_text()):
            assert "WATCHDOG=1" in self.report()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()
        self._socket.close()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Unattended]:
    unattended = Unattended(tmp_path)
    yield unattended
    unattended.close()


def test_a_service_is_ready_alive_reloaded_and_stopped(run: Unattended, tmp_path: Path) -> None:
    assert run.report().startswith("READY=1\nWATCHDOG=1\nSTATUS=")
    assert run.report().startswith("WATCHDOG=1\nSTATUS=")

    run.settings(3)
    run.hangup_until(lambda log: "settings read again: changed max_reads" in log)
    run.settings("'many'")
    run.hangup_until(
        lambda log: "the settings stay as they were" in log and "max_reads: expected a" in log
    )
    assert run.process.poll() is None

    run.process.send_signal(signal.SIGTERM)
    while not run.report().startswith("STOPPING=1"):
        pass
    assert run.process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    records = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert all(record["road"] is not None for record in records)
    with av.open(str(tmp_path / "seen.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0
    assert "Traceback" not in (tmp_path / "err").read_text()
