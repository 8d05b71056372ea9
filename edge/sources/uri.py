"""One string names any source: parsed against an allowlist, redacted for the logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from models.errors import UsageError

Kind = Literal["camera", "path", "glob", "demo"]

ALLOWED = (
    "a camera number (0), /dev/videoN, a video file, a picture, a folder of pictures, "
    "a quoted pattern ('*.jpg') or demo:"
)

# Two characters at least, so that the drive in C:\drive.mp4 is none.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(//)?", re.IGNORECASE | re.ASCII)
# Up to the last @, because passwords may hold @ and / themselves.
_USER = re.compile(r"(?<=://).*@", re.DOTALL)
_QUERY = re.compile(r"\?.*", re.DOTALL)


class Uri(NamedTuple):
    """What a source is named by: the number of a camera, a path, a pattern, or nothing (demo)."""

    kind: Kind
    target: str


def parse_uri(text: str) -> Uri:
    """What this string names, without touching any device; UsageError if none of the allowed.

    A file whose name looks like something else is meant when it is there, and `./0` always is one.
    """
    if not text.strip() or "\0" in text:
        raise UsageError(f"no source in {text!r}: expected {ALLOWED}")
    if re.fullmatch(r"[0-9]{1,4}", text):
        return Uri("camera", str(int(text)))
    if device := re.fullmatch(r"/dev/video([0-9]{1,4})", text):
        return Uri("camera", str(int(device[1])))
    if text == "demo:":
        return Uri("demo", "")
    scheme = _SCHEME.match(text)
    if scheme and (scheme[2] or not _exists(text)):
        raise UsageError(
            f"cannot read a source of the kind {scheme[0]!r} ({redact(text)}): expected {ALLOWED}"
        )
    if re.search(r"[*?\[]", text) and not _exists(text):
        return Uri("glob", text)
    return Uri("path", text)


def redact(text: str) -> str:
    """The same string fit for a log: a URL's user, password and query are replaced by ***."""
    if "://" not in text:
        return text
    return _QUERY.sub("?***", _USER.sub("***@", text))


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError):  # a name too long for the system; no home
        return False
