"""The board: its processor, its memory and disk, its clock, how hot it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.doctor.finding import Finding, ok, problem, warning

# Instructions that multiply int8 four at a time, by their names in /proc/cpuinfo. An x86 with AVX2
# is quick enough without; an ARM is not.
INT8 = ("avx512_vnni", "avx_vnni", "asimddp", "i8mm")
QUICK = "avx2"

RELEASED = 1_763_000_000  # November 2025, UTC seconds: no clock is right that says less
HOT_C = 80.0  # a Raspberry Pi slows down from here on, most boards soon after
LITTLE_MB = 500
NOTHING_MB = 20
LITTLE_MEMORY_MB = 400  # the app takes about 220

# vcgencmd get_throttled, documentation of the Raspberry Pi OS: bit → what it means.
THROTTLED = {
    0: "the voltage is too low now",
    1: "the processor is held back now",
    2: "it is throttled now",
    3: "the soft temperature limit is reached now",
    16: "the voltage has been too low since the start",
    17: "the processor has been held back since the start",
    18: "it has been throttled since the start",
    19: "the soft temperature limit has been reached since the start",
}


def processor_findings(cpuinfo: str, cores: int) -> Iterator[Finding]:
    """`cpuinfo`: the text of /proc/cpuinfo, empty on other systems."""
    name = _line(cpuinfo, "model name") or _line(cpuinfo, "Model") or "processor"
    flags = set((_line(cpuinfo, "flags") or _line(cpuinfo, "Features")).split())
    fast = [flag for flag in INT8 if flag in flags]
    many = f"{cores} core{'s' if cores > 1 else ''}"
    if fast:
        yield ok("processor", f"{name}, {many}; int8 dot products: {', '.join(fast)}")
    elif not flags or QUICK in flags:
        yield ok("processor", f"{name}, {many}; no int8 dot products{' told' if not flags else ''}")
    else:
        yield warning(
            "processor",
            f"{name}, {many}; no int8 dot products: the nets run, but slowly",
            "python -m edge.bench says how fast; detect_every and roi help",
        )


def memory_findings(meminfo: str) -> Iterator[Finding]:
    """`meminfo`: the text of /proc/meminfo, empty on other systems."""
    found = re.search(r"^MemAvailable: +(\d+) kB$", meminfo, re.MULTILINE)
    if found is None:
        return
    free = int(found[1]) // 1024
    if free < LITTLE_MEMORY_MB:
        cure = f"end other programs: {LITTLE_MEMORY_MB} MB leave some room"
        yield warning("memory", f"{free} MB are free", cure)
    else:
        yield ok("memory", f"{free} MB are free")


def disk_findings(
    folder: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> Iterator[Finding]:
    """How much room there is where the app writes."""
    try:
        free = usage(folder)[2] // 2**20
    except OSError as error:
        yield problem("disk", f"{folder}: {error.strerror}", "name a folder that is there")
        return
    text = f"{free} MB are free at {folder}"
    if free < NOTHING_MB:
        yield problem("disk", text, "delete something: outputs cannot be written")
    elif free < LITTLE_MB:
        yield warning("disk", text, "delete something before recording")
    elif not os.access(folder, os.W_OK):
        yield warning("disk", f"{text}, but this user may not write there", "name another folder")
    else:
        yield ok("disk", text)


def clock_findings(now: float) -> Iterator[Finding]:
    """`now`: UTC seconds, as the system has them."""
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < RELEASED:
        yield warning(
            "clock",
            f"{text} lies in the past: events will carry a wrong time",
            "set the clock: sudo timedatectl set-ntp true, or add a battery to the board's clock",
        )
    else:
        yield ok("clock", text)


def heat_findings(zones: Path, throttled: Callable[[], str | None]) -> Iterator[Finding]:
    """The hottest of the thermal zones, and what a Raspberry Pi says of itself.

    `zones`: /sys/class/thermal. `throttled`: the answer of `vcgencmd get_throttled`, None where
    there is none. Nothing where the board tells nothing.
    """
    degrees = [found for zone in zones.glob("thermal_zone*") if (found := _degrees(zone))]
    if degrees:
        text = f"{max(degrees):.0f} °C"
        if max(degrees) >= HOT_C:
            yield warning("heat", text, "cool the board: it slows down when it is this hot")
        else:
            yield ok("heat", text)
    answer = throttled()
    bits = re.search(r"0x([0-9a-fA-F]+)", answer) if answer else None
    if bits is None:
        return
    said = [words for bit, words in THROTTLED.items() if int(bits[1], 16) >> bit & 1]
    if said:
        cure = "use the power supply made for this board, a short cable, and a cooler"
        yield warning("power", "; ".join(said), cure)
    else:
        yield ok("power", "never throttled since the start")


def vcgencmd() -> str | None:
    """What a Raspberry Pi says about being throttled; None on every other board."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "get_throttled"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def text_of(file: Path) -> str:
    """A file's text; empty where there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _degrees(zone: Path) -> float | None:
    try:
        value = int(text_of(zone / "temp"))
    except ValueError:  # a zone that is switched off
        return None
    return value / 1000 if value > 0 else None


def _line(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: *(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""
