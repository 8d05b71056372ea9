"""What the app looks with and shows with: cameras, their permissions, the display, the voice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.doctor.finding import Finding, ok, warning

May = Callable[[Path], bool]  # whether this user may read and write a device

DISPLAY_CURE = "the app runs without a window; for one, start it on the desktop"


def may_use(device: Path) -> bool:
    return os.access(device, os.R_OK | os.W_OK)


def camera_findings(system: Path, devices: Path, may: May = may_use) -> Iterator[Finding]:
    """The cameras Linux knows. `system`: /sys/class/video4linux, `devices`: /dev."""
    if not system.parent.is_dir():
        yield ok("cameras", "not told by this system; try --camera 0")
        return
    found = sorted(system.glob("video*"), key=lambda entry: (len(entry.name), entry.name))
    if not found:
        yield warning(
            "cameras",
            "none is connected",
            "connect one (a ribbon cable needs its camera enabled in the board's settings), or "
            "read a file or a stream",
        )
    for entry in found:
        device = devices / entry.name
        label = entry / "name"
        name = label.read_text(errors="replace").strip() if label.is_file() else "no name"
        text = f"{device} ({name})"
        if not device.exists():
            cure = "in a container, hand the device in (--device)"
            yield warning("cameras", f"{text} is not there", cure)
        elif not may(device):
            cure = "sudo usermod -aG video $USER, then log in again"
            yield warning("cameras", f"{text}: no permission", cure)
        else:
            yield ok("cameras", text)


def display_finding(window_problem: str) -> Finding:
    """`window_problem`: why no window can be opened, as `edge.sinks.window` says it."""
    if window_problem:
        return warning("display", window_problem, DISPLAY_CURE)
    return ok("display", "a window can be opened")


def voice_finding(which: Callable[[str], str | None], speaker: str) -> Finding:
    """Whether hints can be spoken."""
    program = which(speaker)
    if program:
        return ok("voice", program)
    return ok("voice", f"{speaker} is not installed: --announce text prints, voice cannot")
