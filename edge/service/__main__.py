"""Install the app as a systemd service, which starts it at boot and again whenever it ends, unless
its settings make no sense.

  sudo install -d /etc/traffic-sign-edge
  python -m edge.run --source 0 --print-config | sudo tee /etc/traffic-sign-edge/edge.toml
  sudo .venv/bin/python -m edge.service install --config /etc/traffic-sign-edge/edge.toml
  sudo .venv/bin/python -m edge.service uninstall

Each step is printed before it is done; `install --print` shows the unit and does nothing. The
service runs as a user of its own, which can read the settings and their secrets, and write to
/var/lib/traffic-sign-edge. `sudo systemctl reload traffic-sign-edge` makes it read its settings
again; `journalctl -u traffic-sign-edge` shows what it says.
"""

from __future__ import annotations

import grp
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge.config import PLACES, Config, read_toml
from edge.service.unit import NAME, USER, unit_text
from models.command import CommandParser
from models.errors import OutputError, UsageError, run_command

UNIT = Path("/etc/systemd/system") / f"{NAME}.service"

Do = Callable[[Sequence[str]], None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse and do; UsageError for what cannot work, OutputError for a step that failed."""
    parser = CommandParser("edge.service", __doc__)
    parser.add_argument("action", choices=("install", "uninstall"))
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="the service's settings")
    parser.add_argument("--print", action="store_true", help="only show the unit")
    flags = parser.parse(arguments)
    if flags.action == "uninstall":
        uninstall(UNIT, do)
        return
    if flags.config is None:
        raise UsageError("install: expected --config FILE.toml, the service's settings")
    config = flags.config.absolute()
    settings = checked(config)
    text = unit_text(config, device_groups(), folders_of(settings))
    if flags.print:
        print(text, end="")
        return
    install(text, [config, *secret_files(settings)], UNIT, do)


def checked(config: Path) -> Config:
    """The settings; UsageError where the service could not start with them."""
    settings = Config(**read_toml(config))  # type: ignore[arg-type]
    if not settings.source:
        raise UsageError(f"{config}: expected a source, found none")
    for file in (*secret_files(settings), Path(settings.mqtt_ca or "/")):
        if not file.is_absolute():  # the service has another folder and another home
            raise UsageError(f"{config}: expected a whole path from / on, found {file}")
    return settings


def folders_of(settings: Config) -> list[Path]:
    """Where the outputs go that have an absolute path; others go to the service's own folder."""
    places = [Path(getattr(settings, name)) for name in PLACES]
    folders = {place if place.is_dir() else place.parent for place in places if place.is_absolute()}
    return sorted(folders)


def secret_files(settings: Config) -> list[Path]:
    """The files that the settings name for what is not to stand in them."""
    names = [settings.mqtt_password_file]
    if settings.web_token.startswith("@"):
        names.append(settings.web_token[1:])
    return [Path(name) for name in names if name]


def device_groups() -> list[str]:
    """Groups besides video whose devices are used, where this system has them."""
    return [name for name in ("render", "audio") if _known(grp.getgrnam, name)]


def install(text: str, readable: Sequence[Path], unit: Path, do: Do) -> None:
    """Make the user, let it read the settings and their secrets, write the unit, start it."""
    check_reachable(Path(sys.executable))
    if not _known(pwd.getpwnam, USER):
        login = shutil.which("nologin") or "/usr/sbin/nologin"
        do(["useradd", "--system", "--user-group", "--no-create-home", "--shell", login, USER])
    for file in readable:
        do(["chown", f"root:{USER}", str(file)])
        do(["chmod", "640", str(file)])
    print(f"write {unit}")
    try:
        unit.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{unit}: cannot be written: {error.strerror} (sudo?)") from error
    do(["systemctl", "daemon-reload"])
    do(["systemctl", "enable", "--now", unit.name])


def uninstall(unit: Path, do: Do) -> None:
    """Stop it and take the unit away; settings, recordings and the user stay."""
    do(["systemctl", "disable", "--now", unit.name])
    print(f"remove {unit}")
    try:
        unit.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{unit}: cannot be removed: {error.strerror} (sudo?)") from error
    do(["systemctl", "daemon-reload"])


def check_reachable(program: Path) -> None:
    """UsageError where another user cannot get at this Python, or at the one that it links to."""
    for place in dict.fromkeys((program, program.resolve())):
        for folder in place.parents:
            if not folder.stat().st_mode & 0o001:
                raise UsageError(
                    f"{place}: other users may not enter {folder}: install Python and the project "
                    f"somewhere else, such as /opt/{NAME}"
                )


def do(command: Sequence[str]) -> None:
    """Print a command and run it; OutputError where it fails."""
    print(shlex.join(command), flush=True)
    try:
        subprocess.run(command, check=True)
    except OSError as error:
        raise OutputError(f"{command[0]}: cannot be run: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise OutputError(
            f"{shlex.join(command)} failed with exit code {error.returncode} (sudo?)"
        ) from error


def _known(look: Callable[[str], object], name: str) -> bool:
    try:
        look(name)
    except KeyError:
        return False
    return True


if __name__ == "__main__":
    run_command(main)
