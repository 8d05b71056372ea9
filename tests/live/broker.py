"""A real mosquitto that can be killed and started again, and somebody who listens to it."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.live.servers import free_port
from tests.waiting import PATIENCE_S, eventually

mqtt = pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt")


class Mosquitto:
    """One broker on a port of its own; a kill takes everything it had in memory."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        self._program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if self._program is None:
            pytest.skip("mosquitto is not installed (tools/live_setup.sh)")
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        user = f"user {getpass.getuser()}\n"  # else root becomes one that cannot read its files
        self._file.write_text(f"{user}listener {self.port} 127.0.0.1\n{settings}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(self._program), "-c", str(self._file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert eventually(self._listens)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Listener:
    """Subscribes to everything below a prefix and keeps what it is told, in order."""

    def __init__(self, port: int, topics: str = "#", **login: str) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self.ready = threading.Event()  # subscribed on the connection that is up now
        self._topics = topics
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        if login:
            self._client.username_pw_set(**login)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topics)
        self._client.on_subscribe = lambda *_: self.ready.set()
        self._client.on_disconnect = lambda *_: self.ready.clear()
        self._client.on_message = self._keep
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.ready.wait(PATIENCE_S)

    def ids(self, topic: str) -> list[str]:
        """Of the events that came, in order."""
        return [json.loads(text)["id"] for name, text, _ in self.of(topic)]

    def of(self, topic: str) -> list[tuple[str, str, bool]]:
        return [message for message in tuple(self.messages) if message[0] == topic]

    def last(self, topic: str) -> str:
        found = self.of(topic)
        return found[-1][1] if found else ""

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _keep(self, _client: Any, _data: Any, message: Any) -> None:
        self.messages.append((message.topic, message.payload.decode(), bool(message.retain)))
