"""The page's server on a thread of its own; it ends when the run does, whoever still watches."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64  # that are answered
MOST_SOCKETS = 2 * MOST_CONNECTIONS  # with those that are told to come again
SILENT_S = 10.0  # for a whole request, and from an answer to the next
KEEP_ALIVE_S = 15  # uvicorn's own limit from an answer to the next, where SILENT_S is longer
GOODBYE_S = 1  # for answers that are on their way
ABANDON_S = 1.7  # then the thread is left to itself


class Impatient(H11Protocol):
    """uvicorn's HTTP, which also ends connections on which nobody asks for anything.

    A phone that leaves the network says no goodbye; each would hold one of the process's files.
    """

    _timer: asyncio.TimerHandle | None = None
    _answered: Any = None  # the request whose answer was whole at the last look
    _left = 0  # bytes of it that were still to be sent then

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_SOCKETS:
            transport.abort()
        else:
            self._timer = self.loop.call_later(SILENT_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        request, left = self.cycle, self.transport.get_write_buffer_size()
        moves = left != self._left  # of an answer to one who takes it slowly
        self._left = left
        silent = request is None or (request.response_complete and request is self._answered)
        if silent and not (left and moves):
            self.transport.abort()
            return
        self._answered = request if request is not None and request.response_complete else None
        self._timer = self.loop.call_later(SILENT_S, self._look)


class PageServer:
    """Serves `app` on an open socket from now on. A failure in it never ends the run."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Impatient,
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GOODBYE_S,
            )
        )
        self._thread = threading.Thread(target=self._run, name="page server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more visitors and see out those who are there; about a second at most."""
        self._server.should_exit = True
        self._thread.join(ABANDON_S)
        if self._thread.is_alive():
            log.warning("the page's server hangs and was abandoned after %g s", ABANDON_S)
        self._listener.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except Exception:
            log.exception("the page's server failed; the run goes on without it")
