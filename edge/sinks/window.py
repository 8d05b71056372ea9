"""A window on the desktop that shows the latest scene."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import cv2

from edge.core import Event, Image, Scene
from models.errors import UsageError

QUIT_KEYS = (ord("q"), ord("Q"), 27)  # 27: Esc
LARGEST = (1280, 800)  # of a fresh window; the user may make it larger


class WindowClosed(Exception):  # noqa: N818 - a wish of the user, not an error
    """The user has closed the window, or pressed q or Esc: time to end the run."""


class Screen(Protocol):
    """The part of OpenCV that has to do with windows."""

    def namedWindow(self, name: str, flags: int) -> None: ...  # noqa: N802 - OpenCV's names
    def resizeWindow(self, name: str, width: int, height: int) -> None: ...  # noqa: N802
    def imshow(self, name: str, picture: Image) -> None: ...
    def waitKey(self, delay: int) -> int: ...  # noqa: N802
    def getWindowProperty(self, name: str, what: int) -> float: ...  # noqa: N802
    def destroyWindow(self, name: str) -> None: ...  # noqa: N802


class WindowSink:
    """Shows every scene it is given; it belongs on the main thread, where windows live.

    While no scene comes, `redraw` draws the last one again, with what is to be said of that.
    UsageError at once where there can be no window; WindowClosed when the user has had enough.
    """

    lossless = False

    def __init__(
        self,
        render: Callable[[Scene], Image],
        title: str,
        screen: Screen | None = None,
        redraw: Callable[[Scene], Image] | None = None,
    ) -> None:
        if screen is None:
            problem = window_problem()
            if problem:
                raise UsageError(problem)
        self._screen: Any = screen or cv2
        self._render = render
        self._redraw = redraw or render
        self._last: Scene | None = None
        self._title = title
        self._open = False

    def write(self, scene: Scene) -> None:
        self._last = scene
        self._show(self._render(scene))

    def idle(self) -> None:
        if self._last is not None:
            self._show(self._redraw(self._last))

    def _show(self, picture: Image) -> None:
        if not self._open:
            self._create(picture)
        self._screen.imshow(self._title, picture)
        key = self._screen.waitKey(1) & 0xFF
        visible = self._screen.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        self._open = visible
        if key in QUIT_KEYS or not visible:
            raise WindowClosed

    def finish(self, events: Sequence[Event]) -> None:
        """Nothing: the window goes when it is closed."""

    def close(self) -> None:
        if self._open:
            self._open = False
            self._screen.destroyWindow(self._title)

    def _create(self, picture: Image) -> None:
        height, width = picture.shape[:2]
        scale = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
        self._screen.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        self._screen.resizeWindow(self._title, round(width * scale), round(height * scale))
        self._open = True


def window_problem(
    build: str | None = None,
    environment: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> str:
    """Why no window can be opened here and what to do about it; empty where one can be.

    `build`: OpenCV's build information, by default that of the one in use.
    """
    gui = re.search(r"^ *GUI: *(.*)$", cv2.getBuildInformation() if build is None else build, re.M)
    if gui is None or gui[1].strip() == "NONE":
        return (
            "this OpenCV was built without windows: pip uninstall opencv-python-headless, "
            'then pip install -e ".[desktop]"'
        )
    if platform.startswith("linux") and not (
        environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    ):
        return "a window needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set"
    return ""
