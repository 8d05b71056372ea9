"""What a service tells systemd: that it is ready, that it lives, how it is, that it stops.

sd_notify(3): lines of NAME=value in a datagram to the socket that $NOTIFY_SOCKET names.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence

from edge.core import Event, Scene

log = logging.getLogger(__name__)

SOCKET = "NOTIFY_SOCKET"
WATCHDOG = "WATCHDOG_USEC"
WATCHDOG_PID = "WATCHDOG_PID"
EVERY_S = 5.0  # without a watchdog the state is still told this often


class Notifier:
    """Sends to systemd; does nothing where nobody listens. It never waits and never fails."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get(SOCKET, "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if self._address.startswith(("/", "\0")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        self.every_s = _watchdog_s(environment)

    @property
    def listening(self) -> bool:
        return self._socket is not None

    def send(self, *lines: str) -> None:
        """Each line is `NAME=value`; a full or closed socket loses them."""
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.debug("systemd was not told %s: %s", lines[0], error)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Half the time after which systemd gives up on this process."""
    text, pid = environment.get(WATCHDOG, ""), environment.get(WATCHDOG_PID, "")
    if not text.isdecimal() or int(text) == 0 or (pid and pid != str(os.getpid())):
        return EVERY_S
    return int(text) / 2e6


class Pulse:
    """A sink that lets systemd know that the main loop turns, by being called from it.

    The loop calls it for every scene, and about once a second where none comes; where it hangs
    nothing is sent, and systemd starts the service anew. `status` says how things are.
    """

    lossless = True

    def __init__(
        self,
        notifier: Notifier,
        status: Callable[[], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notifier = notifier
        self._status = status
        self._clock = clock
        self._next: float | None = None

    def write(self, scene: Scene) -> None:  # noqa: ARG002 - that it is called is all that counts
        self._beat()

    def idle(self) -> None:
        self._beat()

    def finish(self, events: Sequence[Event]) -> None:  # noqa: ARG002
        self._notifier.send("STOPPING=1", "STATUS=finishing the outputs")

    def close(self) -> None:
        self._notifier.close()

    def _beat(self) -> None:
        now = self._clock()
        if self._next is not None and now < self._next:
            return
        ready = ("READY=1",) if self._next is None else ()
        self._next = now + self._notifier.every_s
        status = " ".join(self._status().split())
        self._notifier.send(*ready, "WATCHDOG=1", f"STATUS={status}")
