"""One string names any source: parsed against an allowlist, redacted for the logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from models.errors import UsageError
from models.redaction import redact_path

Kind = Literal["camera", "csi", "stream", "test", "path", "glob", "demo"]

STREAMS = ("rtsp", "rtsps", "http", "https", "udp")

ALLOWED = (
    "a camera number (0), /dev/videoN, /dev/v4l/by-id/…, csi://N, rtsp(s)://…, http(s)://…, "
    "udp://…, a video file, a picture, a folder of pictures, a quoted pattern ('*.jpg'), test: "
    "or demo:"
)

# Two characters at least, so that the drive in C:\drive.mp4 is none.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(//)?", re.IGNORECASE | re.ASCII)
# Up to the last @, because passwords may hold @ and / themselves.
_USER = re.compile(r"(?<=://).+@", re.DOTALL)
_QUERY = re.compile(r"\?.*", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)
# A line break in an address would end up in the request to the server.
_ODD = re.compile(r"[\x00-\x20\x7f]")


class Uri(NamedTuple):
    """What a source is named by.

    `target`: a camera's number or its link in /dev/v4l, the number of a board's camera, a whole
    address, the options of the test picture, a path, a pattern, or nothing (demo).
    """

    kind: Kind
    target: str


def parse_uri(text: str) -> Uri:
    """What this string names, without touching any device; UsageError if none of the allowed.

    A file whose name looks like something else is meant when it is there, and `./0` always is one.
    """
    if not text.strip() or "\0" in text:
        raise UsageError(f"no source in {text!r}: expected {ALLOWED}")
    if number := re.fullmatch(r"(?:/dev/video)?([0-9]{1,4})", text):
        return Uri("camera", str(int(number[1])))
    if re.fullmatch(r"/dev/v4l/by-(id|path)/[^/]+", text):
        return Uri("camera", text)
    if text == "demo:":
        return Uri("demo", "")
    scheme = _SCHEME.match(text)
    if scheme and (scheme[2] or not _exists(text)):
        return _parse_scheme(text, scheme[1].lower())
    if re.search(r"[*?\[]", text) and not _exists(text):
        return Uri("glob", text)
    return Uri("path", text)


def redact(text: str) -> str:
    """The same string fit for a log or a page: a URL's user, password and query are replaced by
    ***, and what looks like a password in its path."""
    if "://" not in text:
        return text
    return redact_path(_QUERY.sub("?***", _USER.sub("***@", text)))


def _parse_scheme(text: str, scheme: str) -> Uri:
    if scheme == "test" and re.fullmatch(r"test:(\?.*)?", text, re.IGNORECASE):
        return Uri("test", text[len("test:?") :])
    if scheme == "csi" and (number := _NUMBER.fullmatch(text, len("csi://"))):
        return Uri("csi", str(int(number[0])))
    if scheme in STREAMS and text[len(scheme) :].startswith("://"):
        return Uri("stream", _checked_address(text, scheme))
    raise UsageError(
        f"cannot read a source of the kind {scheme + text[len(scheme) :][:3]!r} ({redact(text)}): "
        f"expected {ALLOWED}"
    )


def _checked_address(text: str, scheme: str) -> str:
    """The address with its scheme in small letters; UsageError if it cannot be one."""
    problem = ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
        problem = "expected host:port"
    if _ODD.search(text):
        problem = "expected an address without blanks and control characters"
    elif scheme == "udp" and port is None:
        problem = "expected udp://address:port, for example udp://0.0.0.0:5000"
    elif scheme != "udp" and not host:
        problem = problem or "expected a host"
    if problem:
        hint = "; / @ : in a user name or password are written %2F %40 %3A" if "@" in text else ""
        raise UsageError(f"{redact(text)}: {problem}{hint}")
    return scheme + text[len(scheme) :]


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError):  # a name too long for the system; no home
        return False
