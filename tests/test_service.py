"""The unit, how it is installed, and what systemd is told."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.config import Config
from edge.service import __main__ as service
from edge.service.notify import EVERY_S, Notifier, Pulse
from edge.service.unit import NAME, unit_text
from models.errors import OutputError, UsageError
from tests.scenes import grey, make_scene

CONFIG = Path("/etc/traffic-sign-edge/edge.toml")
SCENE = make_scene(grey(8, 8))

# --- what systemd is told ---


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Systemd:
    """A socket that listens as systemd does."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        said = []
        while select.select([self.socket], [], [], 0)[0]:
            said.append(self.socket.recv(4096).decode())
        return said


def test_the_loop_s_turns_are_told_but_not_each(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    systemd, clock = Systemd(address), Clock()
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    pulse = Pulse(notifier, lambda: "27 fps\nWATCHDOG=trigger", clock)

    assert notifier.listening
    assert systemd.heard() == []  # not before the loop turns
    pulse.write(SCENE)
    assert systemd.heard() == ["READY=1\nWATCHDOG=1\nSTATUS=27 fps WATCHDOG=trigger"]
    clock.now += 14.9
    pulse.write(SCENE)
    assert systemd.heard() == []
    clock.now += 0.1
    pulse.idle()
    assert systemd.heard() == ["WATCHDOG=1\nSTATUS=27 fps WATCHDOG=trigger"]
    pulse.finish([])
    pulse.close()
    pulse.close()
    assert systemd.heard() == ["STOPPING=1\nSTATUS=finishing the outputs"]


def test_an_abstract_socket_is_found() -> None:
    name = f"traffic-sign-edge-{os.getpid()}"
    systemd = Systemd("\0" + name)
    Notifier({"NOTIFY_SOCKET": "@" + name}).send("READY=1")

    assert systemd.heard() == ["READY=1"]


def test_a_systemd_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    systemd = Systemd(str(tmp_path / "notify"))
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for _ in range(10_000):
        notifier.send("WATCHDOG=1")

    assert 0 < len(systemd.heard()) < 10_000


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_systemd_nothing_is_told(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    notifier.send("READY=1")

    assert not notifier.listening


def test_a_socket_that_is_gone_is_no_error(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).send("READY=1")


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({"WATCHDOG_USEC": "8000000"}, 4.0),
        ({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())}, 4.0),
        ({"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"}, EVERY_S),
        ({"WATCHDOG_USEC": "soon"}, EVERY_S),
        ({}, EVERY_S),
    ],
)
def test_how_often_it_is_told(environment: dict[str, str], every_s: float) -> None:
    assert Notifier(environment).every_s == every_s


# --- the unit ---


def test_the_unit_runs_the_app_guarded_and_again() -> None:
    lines = unit_text(CONFIG, python="/opt/x/python").splitlines()

    for line in (
        f"ExecStart=/opt/x/python -m edge.run --config {CONFIG}",
        "Type=notify",
        "Restart=always",
        "SuccessExitStatus=143",
        "WatchdogSec=30",
        "User=traffic-sign-edge",
        "SupplementaryGroups=video",
        "ProtectSystem=strict",
        "Environment=HOME=%S/traffic-sign-edge XDG_STATE_HOME=%S XDG_CACHE_HOME=%C",
        "EnvironmentFile=-/etc/traffic-sign-edge/environment",
        "NoNewPrivileges=yes",
        "ExecReload=/bin/kill -HUP $MAINPID",
    ):
        assert line in lines


def test_nothing_in_a_path_means_anything_to_systemd() -> None:
    odd = Path('/etc/a "b" $HOME %h\\/edge.toml')
    (start,) = (
        line for line in unit_text(odd, python="/p").splitlines() if line.startswith("ExecStart")
    )

    assert start == ('ExecStart=/p -m edge.run --config "/etc/a \\"b\\" $$HOME %%h\\\\/edge.toml"')


def test_folders_of_outputs_can_be_written_to() -> None:
    text = unit_text(CONFIG, ["audio"], [Path("/data/a b"), Path("/mnt")])

    assert 'ReadWritePaths="-/data/a b" -/mnt\n' in text
    assert "SupplementaryGroups=video audio\n" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / f"{NAME}.service"
    unit.write_text(unit_text(CONFIG, ["audio"], [Path("/data/a b")]))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


# --- installing ---


class Steps:
    def __init__(self) -> None:
        self.commands: list[str] = []

    def __call__(self, command: Sequence[str]) -> None:
        self.commands.append(" ".join(command))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "edge.toml"
    file.write_text(f'source = "0"\nevents = "{tmp_path}/out/e.jsonl"\noutput = "seen.mp4"\n')
    return file


def test_print_shows_the_unit_and_does_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.main(["install", "--config", str(config), "--print"])

    printed = capsys.readouterr().out
    assert f"--config {config}" in printed
    assert f"ReadWritePaths=-{config.parent}/out\n" in printed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("", "expected a source, found none"),
        ("source = '0'\nweb_token = '@token.txt'", "a whole path from / on, found token.txt"),
        ("source = '0'\nmqtt_password_file = '~/pw'", "a whole path from / on, found ~/pw"),
        ("source = '0'\nmqtt_ca = 'ca.pem'", "a whole path from / on, found ca.pem"),
        ("sauce = '0'", 'unknown key "sauce"'),
        (None, "cannot read the configuration"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    tmp_path: Path, settings: str | None, message: str
) -> None:
    file = tmp_path / "edge.toml"
    if settings is not None:
        file.write_text(settings)
    with pytest.raises(UsageError, match=message):
        service.main(["install", "--config", str(file)])


def test_settings_are_needed() -> None:
    with pytest.raises(UsageError, match="expected --config"):
        service.main(["install"])


def test_installing_makes_the_user_writes_the_unit_and_starts_it(
    tmp_path: Path,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(service, "check_reachable", lambda _: None)
    steps, unit = Steps(), tmp_path / "x.service"
    secret = tmp_path / "token"
    service.install("[Unit]\n", [config, secret], unit, steps)

    assert unit.read_text() == "[Unit]\n"
    assert steps.commands[0].startswith("useradd --system")
    assert steps.commands[1:] == [
        f"chown root:{NAME} {config}",
        f"chmod 640 {config}",
        f"chown root:{NAME} {secret}",
        f"chmod 640 {secret}",
        "systemctl daemon-reload",
        "systemctl enable --now x.service",
    ]
    assert f"write {unit}" in capsys.readouterr().out


def test_a_python_that_others_cannot_reach_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    with pytest.raises(UsageError, match="other users may not enter"):
        service.check_reachable(folder / "python")
    (tmp_path / "python").symlink_to(folder / "python")  # as that of a virtual environment
    with pytest.raises(UsageError, match="other users may not enter"):
        service.check_reachable(tmp_path / "python")


def test_the_files_of_secrets_are_known() -> None:
    assert service.secret_files(Config(web_token="a-token-that-stands-here")) == []
    settings = Config(web_token="@/etc/x/token", mqtt_password_file="/etc/x/mqtt")
    assert service.secret_files(settings) == [Path("/etc/x/mqtt"), Path("/etc/x/token")]


def test_uninstalling_takes_the_unit_away(tmp_path: Path) -> None:
    steps, unit = Steps(), tmp_path / "x.service"
    unit.touch()
    service.uninstall(unit, steps)
    service.uninstall(unit, steps)

    assert not unit.exists()
    assert steps.commands[:2] == ["systemctl disable --now x.service", "systemctl daemon-reload"]


@pytest.mark.parametrize(
    ("command", "message"),
    [(["false"], "false failed with exit code 1"), (["no-such-command"], "cannot be run")],
)
def test_a_step_that_fails_is_named(command: list[str], message: str) -> None:
    with pytest.raises(OutputError, match=message):
        service.do(command)
