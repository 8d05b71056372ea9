"""`HOST:PORT` as people write it, for everything that listens."""

from __future__ import annotations

from models.errors import UsageError

HIGHEST_PORT = 65535


def split_address(text: str, default: str, setting: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `HOST`, `PORT`, `:PORT`, `[IPV6]:PORT`, `[IPV6]` or `IPV6`.

    What is left out is that of `default`. UsageError, which names the `setting`, for anything else.
    """
    default_host, _, default_port = default.rpartition(":")
    if text.isdecimal():
        text = f":{text}"
    host, colon, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not colon or text.endswith("]") or (":" in host and not is_bracketed):
        host, port = text, default_port
    if not text or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise UsageError(f"{setting}: expected HOST:PORT such as {default}, found {text!r}")
    return host.removeprefix("[").removesuffix("]") or default_host, int(port)
