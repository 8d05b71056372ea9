"""Text fit for a log: whoever reads it learns no password, whatever error it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"

# Up to the last @ of what is written in one piece, because passwords may hold @ and / themselves.
# Everything is bounded, so that a long line takes no longer than it must.
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^\s\"'<>]{0,512}@", re.IGNORECASE)
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s\"'<>?]{0,1024})\?[^\s\"'<>]*", re.IGNORECASE)
_NAMED = re.compile(
    r"((?:token|password|passwd|secret|api_?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+",
    re.IGNORECASE,
)
# A camera's user and password as a piece of the path: rtsp://camera/user:password/stream.
_PATH = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s\"'<>/?]{1,256}/)([^\s\"'<>?]{1,1024})", re.IGNORECASE
)
_PIECE = re.compile(r"(^|(?<=/))[^/:]{0,64}:[^/]{1,64}")
# As such a path names a password; elsewhere these words may mean anything.
_SHORT = re.compile(r"((?<![a-z])(?:pass|pwd|psw)=)[^\s\"'&,;]+", re.IGNORECASE)
_BEARER = re.compile(
    r"(\b(?:bearer|authorization[\"']?\s*[:=]\s*[\"']?basic)\s+)[a-z0-9+/=._~-]{6,}", re.IGNORECASE
)


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """The same text without the users, passwords and queries of URLs, without what is called a
    token or a password, and without these secrets, wherever they stand."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, HIDDEN)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    text = redact_path(text)
    return _BEARER.sub(rf"\1{HIDDEN}", text)


def redact_path(text: str) -> str:
    """The same text without what is called a token or a password in it, or stands in an address's
    path as user:password does."""
    text = _PATH.sub(lambda found: found[1] + _PIECE.sub(HIDDEN, found[2]), text)
    for named in (_NAMED, _SHORT):
        text = named.sub(rf"\1{HIDDEN}", text)
    return text


def secrets_in(url: str) -> list[str]:
    """The password of a URL as it is written, and its user with it; empty where there is none.

    For what `redact_text` cannot see: a password with a space, or one that stands alone.
    """
    found = re.match(r"[a-z][a-z0-9+.-]*://(.*)@", url, re.IGNORECASE | re.DOTALL)
    if found is None:
        return []
    user, _, password = found[1].partition(":")
    return [secret for secret in (found[1], password or user) if len(secret) > 3]
