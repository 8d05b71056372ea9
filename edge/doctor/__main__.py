"""Whether the app can run on this machine: one report to read, or to paste into an issue.

  python -m edge.doctor              a line for each thing looked at, each problem with its cure
  python -m edge.doctor --json       the same for programs

The exit code is 0 where the app can run, else 1. Nothing is changed, and no camera is opened.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.config import PLACES, Config, load, meaning
from edge.doctor.child import Child, run_python
from edge.doctor.devices import camera_findings, display_finding, voice_finding
from edge.doctor.finding import Finding, as_record, as_text, can_run, ok, problem
from edge.doctor.machine import (
    clock_findings,
    disk_findings,
    heat_findings,
    memory_findings,
    processor_findings,
    text_of,
    vcgencmd,
)
from edge.doctor.nets import model_findings, selftest_findings
from edge.doctor.software import opencv_findings, package_findings, version_findings
from models.command import CommandParser
from models.errors import UsageError, run_command
from models.redaction import redact_text, secrets_in

WINDOW = "from edge.sinks.window import window_problem; print(window_problem())"
SPEAKER = "espeak-ng"  # as in edge.announce, which needs packages that may be missing
CURE = "python -m edge.run --print-config"


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at everything; 0 where the app can run, else 1."""
    parser = CommandParser("edge.doctor", __doc__)
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings to look at")
    for name in ("detector", "classifier"):
        parser.add_argument(f"--{name}", metavar="NAME", help=meaning(name))
    flags = parser.parse(arguments)
    findings = list(examine(flags))
    if flags.json:
        print(json.dumps(as_record(findings), indent=2, ensure_ascii=False))
    else:
        print(as_text(findings))
    return 0 if can_run(findings) else 1


def examine(flags: argparse.Namespace) -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    yield from version_findings()
    broken = list(package_findings(run_python))
    yield from broken
    yield from opencv_findings(run_python)
    config = Config()
    try:
        given = {name: getattr(flags, name) for name in ("detector", "classifier")}
        config = load(flags.config, {k: v for k, v in given.items() if v is not None})
    except UsageError as error:
        yield problem("settings", redact_text(str(error)), CURE)
    else:
        source = redact_text(config.source, secrets_in(config.source)) or "none set"
        yield ok("settings", f"source: {source}; models: {config.detector}, {config.classifier}")
        if not broken:
            yield from settings_findings(run_python, flags.config)
    yield from model_findings(config.detector, config.classifier)
    if not broken:
        yield from selftest_findings(run_python, config.detector, config.classifier)
    yield from processor_findings(text_of(Path("/proc/cpuinfo")), os.cpu_count() or 1)
    yield from memory_findings(text_of(Path("/proc/meminfo")))
    yield from heat_findings(Path("/sys/class/thermal"), vcgencmd)
    yield from clock_findings(time.time())
    for folder in sorted(_written_to(config)):
        yield from disk_findings(folder)
    yield from camera_findings(Path("/sys/class/video4linux"), Path("/dev"))
    window = run_python(["-c", WINDOW])
    yield display_finding(window.failure or window.output.strip())
    yield voice_finding(shutil.which, SPEAKER)


def settings_findings(child: Child, file: Path | None) -> Iterator[Finding]:
    """A problem where the app would refuse these settings; nothing where it would start."""
    answer = child(["-m", "edge.doctor.settings", *([str(file)] if file else [])])
    if words := answer.failure or answer.output.strip():
        yield problem("settings", redact_text(words), CURE)


def _written_to(config: Config) -> set[Path]:
    """The nearest folders of every output that are there, or that nobody may ask about; this one
    where there is no output."""
    names = (getattr(config, name) for name in PLACES)
    outputs = [Path(name) for name in names if name not in ("", "-")]
    folders = set()
    for output in outputs or [Path("here")]:
        place = output.resolve().parent
        folders.add(next(folder for folder in (place, *place.parents) if _stands(folder)))
    return folders


def _stands(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # `disk_findings` tells why
        return True


if __name__ == "__main__":
    run_command(main)
