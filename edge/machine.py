"""What the machine is, for figures that were measured on it."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from edge import __version__
from models.processors import available_threads

PACKAGES = (
    *("ai-edge-litert", "tflite-runtime", "numpy", "av"),
    *("opencv-python", "opencv-python-headless"),
)


def machine() -> dict[str, Any]:
    """What it was measured on."""
    packages = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            packages[package] = metadata.version(package)
    return {
        "cpu": cpu_name(),
        "processors": available_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "edge": __version__,
        "packages": packages,
    }


def cpu_name(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name as the system tells it; its kind where it tells none."""
    if info.is_file():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        parted = (line.partition(":") for line in lines)
        facts = {key.strip(): value.strip() for key, _, value in parted}
        for key in ("model name", "Model", "Hardware"):  # x86, Raspberry Pi, older ARM
            if facts.get(key):
                return facts[key]
    return platform.processor() or platform.machine()
