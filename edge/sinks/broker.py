"""Where MQTT messages go: one URL, and a password that need not stand in it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edge.sources.uri import redact
from models.errors import UsageError

PORTS: Mapping[str, int] = {"mqtt": 1883, "mqtts": 8883}
PREFIX = "traffic-signs"
PASSWORD = "EDGE_MQTT_PASSWORD"  # the variable
EXPECTED = "expected mqtt(s)://user@host:port/prefix"


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker and the topic below which everything is published. `tls`: None for plain TCP."""

    host: str
    port: int
    prefix: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}/{self.prefix}"


def parse_broker(
    url: str,
    password_file: str = "",
    ca_file: str = "",
    environment: Mapping[str, str] = os.environ,
) -> Broker:
    """The broker of a URL; UsageError, without the password in it, for any that makes no sense.

    A password is taken from the URL (which everybody sees in the list of processes), else from the
    first line of the file, else from the environment variable EDGE_MQTT_PASSWORD. `ca_file` holds
    the certificates to trust in the place of the system's.
    """
    shown = redact(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"mqtt {shown}: {EXPECTED}, found {_wrong(error)}") from None
    if parts.scheme not in PORTS or not parts.hostname or "?" in url or "#" in url:
        raise UsageError(f"mqtt {shown}: {EXPECTED}")
    prefix = unquote(parts.path).strip("/") or PREFIX
    if any(letter in prefix for letter in "+#\0") or len(prefix.encode()) > 1000:
        raise UsageError(f"mqtt {shown}: a prefix holds no + and no #")
    password = unquote(parts.password) if parts.password is not None else None
    if password is None and password_file:
        password = _first_line(password_file)
    if password is None:
        password = environment.get(PASSWORD)
    user = unquote(parts.username) if parts.username else None
    if password is not None and user is None:
        raise UsageError(f"mqtt {shown}: expected a user for the password: mqtt://user@host")
    tls = _tls(ca_file) if parts.scheme == "mqtts" else None
    if ca_file and tls is None:
        raise UsageError(f"mqtt {shown}: certificates are for mqtts://")
    return Broker(parts.hostname, port or PORTS[parts.scheme], prefix, user, password, tls)


def _first_line(file: str) -> str:
    try:
        lines = Path(file).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:  # Runtime: there is no such home
        why = getattr(error, "strerror", None) or "no text"
        raise UsageError(f"mqtt_password_file {file}: cannot be read: {why}") from error
    if not lines or not lines[0]:
        raise UsageError(f"mqtt_password_file {file}: expected a password in its first line")
    return lines[0]


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or error
        raise UsageError(f"mqtt_ca {ca_file}: cannot be read as certificates: {why}") from error


def _wrong(error: ValueError) -> str:
    """What is wrong with a port, or with an address; never anything out of the URL itself."""
    return "no such port" if "ort" in str(error) else "no address"
