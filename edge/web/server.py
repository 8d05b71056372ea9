"""The page's server on a thread of its own; it ends when the run does, whoever still watches."""

from __future__ import annotations

import logging
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
GOODBYE_S = 1  # for answers that are on their way
ABANDON_S = 1.7  # then the thread is left to itself


class PageServer:
    """Serves `app` on an open socket from now on. A failure in it never ends the run."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=15,
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
