"""Prints which OpenCV this machine wants: `system`, `desktop` or `headless`.

`system`: a Jetson or a Raspberry Pi, whose own OpenCV has GStreamer. `desktop`: a screen and the
libraries that a window needs. `headless`: everything else.
"""

import ctypes.util
import os
import platform
import sys


def main() -> str:
    if platform.machine() in ("aarch64", "armv7l"):
        try:
            import cv2  # noqa: PLC0415

            if "GStreamer:                   YES" in cv2.getBuildInformation():
                return "system"
        except ImportError:
            pass
    if sys.platform in ("win32", "darwin"):
        return "desktop"
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if screen and ctypes.util.find_library("GL") and ctypes.util.find_library("xcb"):
        return "desktop"
    return "headless"


if __name__ == "__main__":
    print(main())
