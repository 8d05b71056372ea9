"""Versions, packages, and what this OpenCV was built with."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata

from edge import __version__
from edge.doctor.child import Answer, Child
from edge.doctor.finding import Finding, ok, problem, warning

OLDEST = (3, 10)
INSTALL = (  # the README's two commands
    "in the project folder: python3 -m venv .venv, then .venv/bin/python -m pip install -e "
    '".[desktop]" ([headless] for a server or a board without a screen)'
)

# Import name → how to get it. Each is tried by itself, in a process of its own.
NEEDED: Mapping[str, str] = {
    "numpy": INSTALL,
    "av": INSTALL,
    "PIL": INSTALL,
    "ai_edge_litert.interpreter": INSTALL,
    "cv2": f"{INSTALL}, or take the system's own OpenCV: add --system-site-packages to the first "
    "and no extra to the second",
}
LITERT = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")  # one is enough
CRASH_CURE = (
    "this package was built for another processor or system: reinstall it "
    "(pip install --force-reinstall …); on 32-bit systems use a 64-bit one"
)

PACKAGES = (  # whose versions are told
    *("numpy", "av", "pillow", "ai-edge-litert", "tflite-runtime"),
    *("starlette", "uvicorn", "paho-mqtt", "prometheus_client"),
)
WHEELS = (
    *("opencv-python", "opencv-python-headless"),
    *("opencv-contrib-python", "opencv-contrib-python-headless"),
)
OPENCV = "import cv2; print(cv2.__version__); print(cv2.__file__); print(cv2.getBuildInformation())"

Version = Callable[[str], str | None]  # a package's name → its version, None where it is missing


def installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def version_findings(version: Version = installed) -> Iterator[Finding]:
    """This app, this Python, and the packages there are."""
    yield ok("app", f"traffic-sign-edge {__version__}")
    text = f"{platform.python_version()} ({sys.executable}) on {platform.platform()}"
    if sys.version_info < OLDEST:
        yield problem("python", text, "Python 3.10 or newer is needed")
    else:
        yield ok("python", text)
    found = [f"{name} {number}" for name in PACKAGES if (number := version(name))]
    yield ok("packages", ", ".join(found) or "none")


def package_findings(python: Child) -> Iterator[Finding]:
    """The packages that cannot be imported; nothing of those that can."""
    for name, cure in NEEDED.items():
        answer = python(["-c", f"import {name}"])
        if answer.failure and name == LITERT[0]:  # 32-bit ARM has only the older one
            other = python(["-c", f"import {LITERT[1]}"])
            answer = answer if other.failure else other
        if answer.failure:
            crashed = "crashes" in answer.failure
            text = f"{name.partition('.')[0]} cannot be used: {answer.failure}"
            yield problem("packages", text, CRASH_CURE if crashed else cure)


def opencv_findings(python: Child, version: Version = installed) -> Iterator[Finding]:
    """Which OpenCV this is, what it can do, and whether two of its wheels are in each other's way.

    One that cannot be imported is told by `package_findings`.
    """
    wheels = [f"{name} {number}" for name in WHEELS if (number := version(name))]
    if len(wheels) > 1:
        yield warning(
            "opencv",
            f"{' and '.join(wheels)} are both installed: they share their files, and which one "
            "works is a matter of luck",
            f"pip uninstall -y {' '.join(wheel.split()[0] for wheel in wheels)}, then install one",
        )
    answer = python(["-c", OPENCV])
    if not answer.failure:
        yield _build(answer, wheels)


def _build(answer: Answer, wheels: list[str]) -> Finding:
    number, place, build = [*answer.output.split("\n", 2), "", ""][:3]
    origin = wheels[0].split()[0] if wheels else f"the system's, {place}"
    gui = _entry(build, "GUI")
    window = "no windows" if gui in ("NONE", "?") else f"windows by {gui or 'GTK'}"
    parts = [f"{name} {_entry(build, name)}" for name in ("GStreamer", "FFMPEG", "v4l/v4l2")]
    return ok("opencv", f"{number} ({origin}): {window}, {', '.join(parts)}")


def _entry(build: str, name: str) -> str:
    """What the build information says of a part, `?` where it says nothing."""
    found = re.search(rf"^ *{re.escape(name)}: *(.*)$", build, re.MULTILINE)
    return found[1].strip() if found else "?"
