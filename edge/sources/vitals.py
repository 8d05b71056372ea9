"""How a live source is: told by the thread that reads, asked by whoever shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from edge.core import Health, SourceState

STALL_S = 2.0  # a picture older than this is not what is in front of the camera


class Vitals:
    """The `Health` of one live source. Every method may be called from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._health = Health("connecting", clock())

    def health(self, dropped: int = 0) -> Health:
        """How it is now. `stalled` is worked out here: whoever hangs cannot tell."""
        with self._lock:
            health = replace(self._health, dropped=dropped)
        heard = health.last_frame
        if health.state != "online" or heard is None:
            return health
        silent = self._clock() - heard
        if silent <= STALL_S:
            return health
        return replace(
            health, state="stalled", since=heard + STALL_S, detail=f"no picture for {silent:.0f} s"
        )

    @property
    def was_online(self) -> bool:
        """Whether a picture has ever come."""
        return self._health.last_frame is not None

    def picture(self, time: float) -> Health:
        """A picture came at that second; how it was before."""
        with self._lock:
            before = self._health
            again = before.state != "online" and before.last_frame is not None
            self._health = Health(
                "online",
                before.since if before.state == "online" else self._clock(),
                last_frame=time,
                frames=before.frames + 1,
                reconnects=before.reconnects + again,
            )
            return before

    def lost(self, why: str) -> Health:
        """It is gone, or was not reached, and will be tried again; how it was before."""
        return self._enter("reconnecting" if self.was_online else "connecting", why)

    def failed(self, why: str) -> Health:
        """There is nothing left to try for now; how it was before."""
        return self._enter("failed", why)

    def ended(self) -> Health:
        """Nothing more will come, as it should be; how it was before."""
        return self._enter("ended", "")

    def _enter(self, state: SourceState, why: str) -> Health:
        with self._lock:
            before = self._health
            since = before.since if before.state == state else self._clock()
            self._health = replace(before, state=state, since=since, detail=why)
            return before
