"""MQTT: every event in order, one a kill twice at most, and what holds now, retained."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.core import Event, Health, Scene
from edge.sinks.broker import Broker
from edge.sinks.courier import ClientFactory, Courier, new_client
from edge.sinks.jsonl import PLACES, event_record, road_record
from edge.sinks.spool import Spool
from models.errors import OutputError
from models.signs import sign_class

log = logging.getLogger(__name__)

HEALTH_EVERY_S = 1.0  # looked at
DRAIN_S = 1.0  # for events that still wait at the end of a run that was told to stop
REPEAT_S = 30.0  # and said again, with its counters, though nothing has changed


class MqttSink:
    """Puts events into a spool on disk, from where a thread of its own sends them.

    Below the broker's prefix: `events` (each as one line of the jsonl, not retained), and retained
    `signs` (those seen now), `road` (what is in force), `source` (how the source is) and `status`
    (`online`, `offline`). A disk that takes no more events costs these, with a count, until it
    does again. `close` gives those that still wait as long as `patience_s` says then, and raises
    OutputError where some are left: they wait for the next run.
    """

    lossless = True

    def __init__(
        self,
        broker: Broker,
        spool: Path,
        health: Callable[[], Health],
        patience_s: Callable[[], float] = lambda: DRAIN_S,
        client: ClientFactory = new_client,
    ) -> None:
        self._patience_s = patience_s
        self._broker = broker
        self._health = health
        self._spool = Spool(spool)
        self._courier = Courier(broker, self._spool, client)
        self._lost = 0
        self._full = False
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="mqtt health", daemon=True)
        self._watcher.start()

    def write(self, scene: Scene) -> None:
        self._courier.keep(f"{self._broker.prefix}/signs", json.dumps(signs_record(scene)))
        self._courier.keep(f"{self._broker.prefix}/road", json.dumps(road_record(scene.road)))
        self._post(scene.events)

    def finish(self, events: Sequence[Event]) -> None:
        self._courier.keep(f"{self._broker.prefix}/signs", json.dumps({"signs": []}))
        self._post(events)

    def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._watcher.join(HEALTH_EVERY_S)
        self._tell_health(time.monotonic())
        self._courier.close(self._patience_s())
        left, lost = len(self._spool), self._lost + self._spool.lost
        self._spool.close()
        if lost:
            raise OutputError(f"{self._broker}: {lost} events were lost for want of room")
        if left:
            raise OutputError(
                f"{self._broker}: {left} events could not be delivered; the next run sends them"
            )

    def __len__(self) -> int:
        """How many events still wait."""
        return len(self._spool)

    @property
    def connected(self) -> bool:
        """Whether the broker is there right now."""
        return self._courier.connected

    def _post(self, events: Sequence[Event]) -> None:
        if not events:
            return
        try:
            self._spool.put((event.id, json.dumps(event_record(event))) for event in events)
            self._full = False
        except OutputError as error:
            self._lost += len(events)
            if not self._full:
                log.warning("%s; they are lost until there is room again", error)
            self._full = True

    def _watch(self) -> None:
        said: tuple[Any, ...] = ()
        last = -REPEAT_S
        while not self._closed.wait(HEALTH_EVERY_S if said else 0):
            now = time.monotonic()
            health = self._health()
            facts = health.state, health.reconnects, health.detail
            if facts != said or now - last >= REPEAT_S:
                said, last = facts, now
                self._tell_health(now)

    def _tell_health(self, now: float) -> None:
        record = health_record(self._health(), now)
        self._courier.keep(f"{self._broker.prefix}/source", json.dumps(record))


def signs_record(scene: Scene) -> dict[str, Any]:
    """The decided signs in a scene as JSON can hold them, in the order of their tracks."""
    signs = []
    for track in sorted(scene.tracks, key=lambda track: track.id):
        if track.sign is not None and track.state == "confirmed":
            sign = sign_class(track.sign.label)
            signs.append(
                {
                    "track": track.id,
                    "class_id": sign.id,
                    "name": sign.name,
                    "category": sign.category,
                    "stvo": sign.stvo,
                    "probability": round(track.sign.probability, PLACES + 1),
                }
            )
    return {"signs": signs}


def health_record(health: Health, now: float) -> dict[str, Any]:
    """How the source is, with the age in seconds of its state and of its last frame."""
    last = health.last_frame
    return {
        "state": health.state,
        "since_s": round(now - health.since, 1),
        "last_frame_s": None if last is None else round(now - last, 1),
        "frames": health.frames,
        "dropped": health.dropped,
        "reconnects": health.reconnects,
        "detail": health.detail,
    }
