"""The thread that talks to the MQTT broker: connects for ever, sends what waits, loses nothing."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.sinks.broker import Broker
from edge.sinks.discovery import discovery
from edge.sinks.spool import Spool
from models.errors import OutputError

log = logging.getLogger(__name__)

CONNECT_S = 5.0  # for the connection, and again for the broker's word that it is welcome
KEEP_ALIVE_S = 20  # a broker that has frozen is given up after one and a half times this
LOOP_S = 0.1  # the longest that a new event waits while nothing comes in
RETRY_S = (1.0, 30.0)  # the first and the longest pause before the next attempt
GOODBYE_S = 0.5  # for the last word

ClientFactory = Callable[[str], Any]


def new_client(identity: str) -> mqtt.Client:
    """A client whose session the broker keeps, so that nothing it has confirmed is repeated."""
    return mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=identity,
        clean_session=False,
        reconnect_on_failure=False,
    )


class Courier:
    """Publishes the letters of a spool in order, and the latest of what `keep` is given.

    An event leaves the spool when the broker has confirmed it (QoS 1), and only then the next one
    is sent. To tell after a broken connection, or after our own death, whether the one on its way
    had arrived, we also listen to our own events: what comes back has arrived and is not sent
    again. Only a broker that dies in the moment between passing an event on and confirming it can
    make this one arrive twice, with the same id.

    The broker says `offline` on `<prefix>/status` when we vanish (last will); at every connection
    we say `online` and repeat everything that is retained.
    """

    def __init__(self, broker: Broker, spool: Spool, client: ClientFactory = new_client) -> None:
        self._broker = broker
        self._spool = spool
        self._client = client
        self._kept: dict[str, str] = discovery(broker.prefix)
        self._fresh = set(self._kept)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._complained = ""
        self.connected = False
        self._thread = threading.Thread(target=self._run, name=f"mqtt {broker.host}", daemon=True)
        self._thread.start()

    def keep(self, topic: str, text: str) -> None:
        """Publish this, retained, when there is a connection; a later one takes its place."""
        with self._lock:
            if self._kept.get(topic) != text:
                self._kept[topic] = text
                self._fresh.add(topic)

    def close(self, patience_s: float) -> None:
        """Send what can be sent in this time, say goodbye, end the thread.

        Without a connection nothing is waited for: the rest stays in the spool.
        """
        self._deadline = time.monotonic() + patience_s
        self._closing.set()
        self._thread.join(patience_s + GOODBYE_S)

    def _run(self) -> None:
        pause = RETRY_S[0]
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                _Session(self._broker, self._spool, self._client, self).run()
            except OutputError as error:  # the spool's
                self._complain(str(error))
            except (OSError, ValueError) as error:
                self._complain(f"cannot be reached: {getattr(error, 'strerror', None) or error}")
            self.connected = False
            if time.monotonic() - began > RETRY_S[1]:
                pause = RETRY_S[0]
            self._closing.wait(pause * random.uniform(0.7, 1.3))
            pause = min(2 * pause, RETRY_S[1])

    def _complain(self, why: str) -> None:
        """Once an outage, not once an attempt."""
        if not self._complained and not self._closing.is_set():
            log.warning("%s: %s; events wait on disk, trying again", self._broker, why)
        self._complained = why

    def welcome(self) -> None:
        """There is a connection: everything that is kept has to be said again."""
        waiting = len(self._spool)
        log.log(
            logging.WARNING if self._complained else logging.INFO,
            "%s: connected%s",
            self._broker,
            f", {waiting} events waited" if waiting else "",
        )
        self._complained = ""
        self.connected = True
        with self._lock:
            self._fresh = set(self._kept)

    def news(self) -> Mapping[str, str]:
        """What is kept and was not said on this connection yet."""
        with self._lock:
            fresh, self._fresh = self._fresh, set()
            return {topic: self._kept[topic] for topic in sorted(fresh)}

    @property
    def closing(self) -> bool:
        """Whether the run has ended."""
        return self._closing.is_set()

    @property
    def late(self) -> bool:
        """Whether the time for what still waits is over."""
        return time.monotonic() > self._deadline


class _Session:
    """One connection, from the attempt to its end."""

    def __init__(
        self, broker: Broker, spool: Spool, client: ClientFactory, courier: Courier
    ) -> None:
        self._broker = broker
        self._spool = spool
        self._courier = courier
        self._status = f"{broker.prefix}/status"
        self._events = f"{broker.prefix}/events"
        self._sync = f"{broker.prefix}/sync"
        self._token = uuid4().hex
        self._answer: Any = None  # the broker's to our wish to connect
        self._synced = False
        self._flying: tuple[int, str] | None = None  # message number, event id
        self._arrived: list[str] = []
        self._client = client(spool.identity)
        self._client.connect_timeout = CONNECT_S
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        if broker.user is not None:
            self._client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            self._client.tls_set_context(broker.tls)
        self._client.will_set(self._status, "offline", qos=1, retain=True)

    def run(self) -> None:
        """Connect, then send until the connection breaks (OSError) or the run ends."""
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S)
            self._wait(lambda: self._answer is not None)
            if self._answer is None or self._answer.is_failure:
                raise OSError(f"it refused us: {self._answer or 'no answer'}")
            self._courier.welcome()
            self._client.publish(self._status, "online", qos=1, retain=True)
            self._catch_up()
            while not (self._courier.closing and (not len(self._spool) or self._courier.late)):
                self._send()
                self._turn()
            self._leave()
        finally:
            self._client.disconnect()
            # It and we hold each other: without this its sockets would wait for the collector.
            self._client.on_connect = self._client.on_publish = self._client.on_message = None
            self._settle()

    def _catch_up(self) -> None:
        """Hear which events arrived on an earlier connection: all that come back before a token."""
        self._client.subscribe([(self._events, 1), (self._sync, 1)])
        self._client.publish(self._sync, self._token, qos=1)
        self._wait(lambda: self._synced)
        self._synced = True  # a broker that does not let us listen is believed as it is

    def _wait(self, what: Callable[[], bool]) -> None:
        end = time.monotonic() + CONNECT_S
        while not what() and time.monotonic() < end and not self._courier.late:
            self._turn()

    def _turn(self) -> None:
        code = self._client.loop(LOOP_S)
        self._settle()
        if code != mqtt.MQTT_ERR_SUCCESS and (self._answer is None or not self._answer.is_failure):
            raise OSError(f"the connection was lost ({mqtt.error_string(code)})")

    def _settle(self) -> None:
        if self._arrived:
            self._spool.remove(self._arrived)
            self._arrived.clear()

    def _send(self) -> None:
        for topic, text in self._courier.news().items():
            self._client.publish(topic, text, qos=1, retain=True)
        letter = self._spool.first() if self._flying is None else None
        if letter is not None:
            info = self._client.publish(self._events, letter.text, qos=1)
            self._flying = info.mid, letter.id

    def _leave(self) -> None:
        """A clean goodbye: the broker keeps our last will to itself, so we say it ourselves."""
        info = self._client.publish(self._status, "offline", qos=1, retain=True)
        end = time.monotonic() + GOODBYE_S
        while not info.is_published() and time.monotonic() < end:
            self._turn()

    def _on_connect(self, _c: Any, _u: Any, _flags: Any, answer: Any, _p: Any) -> None:
        self._answer = answer

    def _on_message(self, _c: Any, _u: Any, message: Any) -> None:
        if message.topic == self._sync:
            self._synced = self._synced or message.payload == self._token.encode()
            return
        try:
            self._arrived.append(str(json.loads(message.payload)["id"]))
        except (ValueError, KeyError, TypeError):
            log.debug("%s: a strange message on our own topic", self._broker)

    def _on_publish(self, _c: Any, _u: Any, number: int, _r: Any, _p: Any) -> None:
        if self._flying is not None and self._flying[0] == number:
            self._arrived.append(self._flying[1])
            self._flying = None
