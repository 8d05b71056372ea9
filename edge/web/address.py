"""Where the page is served, who may reach it there, and the token that lets them in."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge.address import split_address
from models.errors import OutputError, UsageError

DEFAULT = "127.0.0.1:8080"
TOKEN_VARIABLE = "EDGE_WEB_TOKEN"
SHORTEST_TOKEN = 12
BACKLOG = 64
_MAKE_ONE = "python -c 'import secrets; print(secrets.token_urlsafe())' makes one"


class Address(NamedTuple):
    """A resolved place to listen: the host as it was written, and as the system knows it."""

    host: str
    port: int
    family: socket.AddressFamily
    place: tuple[Any, ...]

    @property
    def is_loopback(self) -> bool:
        """Only this machine reaches it."""
        return self._ip.is_loopback

    @property
    def is_everywhere(self) -> bool:
        """Every address of this machine, as 0.0.0.0 is."""
        return self._ip.is_unspecified

    @property
    def _ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        return ipaddress.ip_address(str(self.place[0]).partition("%")[0])


def parse_address(text: str) -> Address:
    """Whatever `split_address` takes, resolved; UsageError for anything else.

    OutputError for a name that is not known, which may be known later, as when a machine starts.
    """
    host, port = split_address(text, DEFAULT, "web")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise UsageError(f"web: there is no host {host!r} to listen on: {error}") from error
    except OSError as error:
        raise OutputError(f"web: there is no host {host!r} to listen on: {error}") from error
    found.sort(key=lambda each: each[0] != socket.AF_INET)  # localhost is both; most ask for IPv4
    family, _, _, _, place = found[0]
    return Address(host, port, family, place)


def read_token(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The token: as given, of the file behind an `@`, or of the environment; empty if none.

    UsageError for a file that cannot be read and for a token that could be guessed.
    """
    origin = "--web-token"
    if text.startswith("@"):
        origin = text[1:]
        try:
            text = Path(origin).expanduser().read_text(encoding="utf-8")
        except (OSError, RuntimeError, ValueError) as error:
            no_text = isinstance(error, UnicodeDecodeError)
            why = "it is no text" if no_text else getattr(error, "strerror", None) or error
            raise UsageError(f"web: cannot read {origin}: {why}") from error
        text = text.strip() or " "
    elif not text:
        origin = f"${TOKEN_VARIABLE}"
        text = environment.get(TOKEN_VARIABLE, "").strip()
        if not text:
            return ""
    if len(text) < SHORTEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(
            f"web: expected at least {SHORTEST_TOKEN} letters, digits and signs in {origin}; "
            f"{_MAKE_ONE}"
        )
    return text


def check_token(address: Address, token: str) -> None:
    """UsageError for an address that others reach, without a token."""
    if not token and not address.is_loopback:
        raise UsageError(
            f"web: {address.host} can be reached by others, so the page needs a token, by "
            f"--web-token or by ${TOKEN_VARIABLE}; {_MAKE_ONE}"
        )


def allowed_hosts(address: Address, names: str) -> frozenset[str]:
    """The host names by which a browser may ask for the page, in lower case.

    Other names are those of strangers who let their name point here (DNS rebinding). Plain IP
    addresses cannot be misused that way and are judged by `is_own_address`. `names`: further
    ones, separated by commas.
    """
    own = {"localhost", address.host.lower()}
    if not address.is_loopback:
        own |= {socket.gethostname().lower(), _local_name()}
    return frozenset(own | {name.strip().lower() for name in names.split(",") if name.strip()})


def listen(address: Address) -> socket.socket:
    """An open socket there; OutputError where the port is taken or not ours to take."""
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs have the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address.place)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        where = f"{address.host}:{address.port}"
        raise OutputError(
            f"the page cannot be served at {where}: {error.strerror}; name another place with "
            "--web HOST:PORT"
        ) from error
    return listener


def page_url(address: Address, listener: socket.socket) -> str:
    """What to type into a browser; where every address of this machine is served, its name."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    if address.is_everywhere:
        host = _local_name()
    return f"http://{host}:{listener.getsockname()[1]}/"


def _local_name() -> str:
    """This machine's name as multicast DNS knows it, in lower case."""
    return f"{socket.gethostname().partition('.')[0].lower()}.local"
