"""Where what can be measured or made again is kept between two runs: the user's cache folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

NAME = "traffic-sign-edge"


def cache_folder() -> Path:
    """The project's folder in the user's cache; it need not be there yet.

    `$XDG_CACHE_HOME` where that is set, else the system's usual place.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    if given:
        return Path(given) / NAME
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / NAME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / NAME
    return Path.home() / ".cache" / NAME
