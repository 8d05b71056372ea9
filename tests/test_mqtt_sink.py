"""MQTT against a broker by hand: what is sent, what is repeated, and what never is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt")

from edge.core import Health, Road, Scene
from edge.sinks import courier
from edge.sinks.broker import Broker
from edge.sinks.mqtt import MqttSink, health_record, signs_record
from models.errors import OutputError
from tests.scenes import grey, make_event, make_scene, make_track, with_events
from tests.waiting import PATIENCE_S, eventually

BROKER = Broker("pi.local", 1883, "car")
LOST = 7  # MQTT_ERR_CONN_LOST


class FakeBroker:
    """Keeps what it is told, and the session of one client, while it is `up`.

    `deaf_at`: after so many events it passes the next one on, then dies without confirming it.
    """

    def __init__(self, up: bool = True, echoes: bool = True) -> None:
        self.up = up
        self.echoes = echoes
        self.deaf_at = -1
        self.refuses = ""
        self.told: list[tuple[str, str, bool]] = []
        self.waiting: list[tuple[str, bytes]] = []  # for the client's own subscriptions
        self.will = ""
        self.connections = 0

    def __call__(self, identity: str) -> FakeClient:
        return FakeClient(self, identity)

    def events(self) -> list[str]:
        return [json.loads(text)["id"] for topic, text, _ in tuple(self.told) if "events" in topic]

    def of(self, topic: str) -> list[str]:
        return [text for name, text, _ in tuple(self.told) if name == topic]


class Answer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.is_failure = bool(text)

    def __str__(self) -> str:
        return self.text


class Message(NamedTuple):
    topic: str
    payload: bytes


class Info:
    def __init__(self, mid: int) -> None:
        self.mid = mid
        self.done = False

    def is_published(self) -> bool:
        return self.done


class FakeClient:
    """The part of paho's client that is used, without a network."""

    on_connect: Any = None
    on_message: Any = None
    on_publish: Any = None
    connect_timeout = 0.0

    def __init__(self, broker: FakeBroker, identity: str) -> None:
        self._broker = broker
        self._calls: list[Callable[[], None]] = []
        self._count = 0
        self._lost = False
        self.identity = identity

    def will_set(self, topic: str, text: str, qos: int, retain: bool) -> None:
        assert (topic, text, qos, retain) == ("car/status", "offline", 1, True)

    def connect(self, host: str, port: int, keepalive: int) -> None:
        assert (host, port) == ("pi.local", 1883)
        assert keepalive > 0
        if not self._broker.up:
            raise ConnectionRefusedError(111, "Connection refused")
        self._broker.connections += 1
        answer = Answer(self._broker.refuses)
        self._calls.append(lambda: self.on_connect(self, None, None, answer, None))

    def subscribe(self, topics: list[tuple[str, int]]) -> None:
        assert topics == [("car/events", 1), ("car/sync", 1)]

    def publish(self, topic: str, text: str, qos: int, retain: bool = False) -> Info:
        assert qos == 1
        self._count += 1
        info = Info(self._count)
        if self._lost:
            return info
        self._broker.told.append((topic, text, retain))
        if topic in ("car/events", "car/sync") and self._broker.echoes:
            self._broker.waiting.append((topic, text.encode()))
        if topic == "car/events" and len(self._broker.events()) == self._broker.deaf_at:
            self._lost = True
            return info

        def confirm() -> None:
            info.done = True
            if self.on_publish is not None:
                self.on_publish(self, None, info.mid, None, None)

        self._calls.append(confirm)
        return info

    def loop(self, timeout: float) -> int:
        if self._lost or not self._broker.up:
            return LOST
        assert timeout > 0
        calls, self._calls = self._calls, []
        for call in calls:
            call()
        while self._broker.waiting and self.on_message is not None:
            self.on_message(self, None, Message(*self._broker.waiting.pop(0)))
        if not calls:
            time.sleep(0.001)
        return 0

    def disconnect(self) -> None:
        self._lost = True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "RETRY_S", (0.001, 0.01))
    for limit in ("CONNECT_S", "GOODBYE_S"):  # it only waits so long if it must
        monkeypatch.setattr(courier, limit, PATIENCE_S)


def online() -> Health:
    return Health("online", 0.0)


def scene(*numbers: int) -> Scene:
    return with_events(*(replace(make_event(), id=f"run-{number}") for number in numbers))


def ids(*numbers: int) -> list[str]:
    return [f"run-{number}" for number in numbers]


def test_events_are_sent_in_order_and_leave_the_disk(tmp_path: Path) -> None:
    broker = FakeBroker()
    sink = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    sink.write(scene(1, 2))
    sink.write(scene(3))
    sink.finish([replace(make_event("end"), id="run-4")])
    assert eventually(lambda: len(sink) == 0)
    sink.close()

    assert broker.events() == ids(1, 2, 3, 4)
    assert all(not retained for topic, _, retained in broker.told if topic == "car/events")
    assert broker.of("car/status") == ["online", "offline"]


def test_while_the_broker_is_away_events_wait_and_the_line_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = FakeBroker(up=False)
    sink = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    for number in range(20):
        sink.write(scene(number))
    assert eventually(lambda: "cannot be reached" in caplog.text)
    broker.up = True
    assert eventually(lambda: len(sink) == 0)
    sink.close()

    assert broker.events() == ids(*range(20))
    assert caplog.text.count("cannot be reached: Connection refused") == 1
    assert "connected, 20 events waited" in caplog.text


def test_what_arrived_without_being_confirmed_is_not_sent_again(tmp_path: Path) -> None:
    broker = FakeBroker()
    broker.deaf_at = 2
    sink = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    sink.write(scene(1, 2, 3))
    assert eventually(lambda: len(sink) == 0)
    sink.close()

    assert broker.events() == ids(1, 2, 3)
    assert broker.connections == 2


def test_a_broker_that_lets_nobody_listen_gets_everything_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "CONNECT_S", 0.05)
    broker = FakeBroker(echoes=False)
    sink = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    sink.write(scene(1, 2))
    assert eventually(lambda: len(sink) == 0)
    sink.close()

    assert broker.events() == ids(1, 2)


def test_every_connection_hears_everything_that_holds(tmp_path: Path) -> None:
    broker = FakeBroker()
    sink = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    sink.write(replace(scene(1), road=Road(limit=30)))
    assert eventually(lambda: len(broker.of("car/road")) == 1 and len(sink) == 0)
    broker.up = False
    assert eventually(lambda: not sink.connected)
    broker.up = True
    assert eventually(lambda: len(broker.of("car/road")) == 2)
    sink.close()

    assert broker.of("car/status") == ["online", "online", "offline"]
    assert [json.loads(text)["limit"] for text in broker.of("car/road")] == [30, 30]
    assert len(broker.of("homeassistant/sensor/car/limit/config")) == 2
    held = {"status", "signs", "road", "source"}
    for topic, _, retained in broker.told:
        assert retained == (topic.split("/")[-1] in held or topic.startswith("homeassistant/"))


def test_a_broker_that_refuses_us_is_told_of_once_and_the_events_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = FakeBroker()
    broker.refuses = "Not authorized"
    sink = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    sink.write(scene(1, 2))
    assert eventually(lambda: broker.connections >= 3)
    with pytest.raises(OutputError, match="2 events could not be delivered; the next run sends"):
        sink.close()
    sink.close()

    assert caplog.text.count("it refused us: Not authorized") == 1
    broker.refuses = ""
    again = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    assert eventually(lambda: len(again) == 0)
    again.close()
    assert broker.events() == ids(1, 2)


def test_a_disk_that_takes_no_more_costs_events_with_a_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = FakeBroker()
    sink = MqttSink(BROKER, tmp_path / "spool", online, client=broker)
    put = sink._spool.put

    def full(_letters: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(sink._spool, "put", full)
    sink.write(scene(1))
    sink.write(scene(2, 3))
    monkeypatch.setattr(sink._spool, "put", put)
    sink.write(scene(4))
    assert eventually(lambda: len(sink) == 0)
    with pytest.raises(OutputError, match="3 events were lost for want of room"):
        sink.close()

    assert broker.events() == ids(4)
    assert caplog.text.count("they are lost until there is room again") == 1


def test_a_change_of_the_source_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.sinks.mqtt.HEALTH_EVERY_S", 0.002)
    state = [online()]
    broker = FakeBroker()
    sink = MqttSink(BROKER, tmp_path / "spool", lambda: state[0], client=broker)
    assert eventually(lambda: broker.of("car/source") != [])
    state[0] = Health("stalled", 0.0, detail="no frame for 5 s")
    assert eventually(lambda: len(broker.of("car/source")) >= 2)
    sink.close()

    told = [json.loads(text) for text in broker.of("car/source")]
    assert (told[0]["state"], told[1]["state"]) == ("online", "stalled")
    assert told[1]["detail"] == "no frame for 5 s"


def test_no_thread_is_left_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    MqttSink(BROKER, tmp_path / "spool", online, client=FakeBroker()).close()

    assert eventually(lambda: set(threading.enumerate()) <= before)


def test_only_decided_signs_are_seen_now() -> None:
    box = make_event().box
    tracks = (
        make_track(box, number=2),
        replace(make_track(box, number=1), state="tentative"),
        replace(make_track(box, number=3), sign=None),
    )
    record = signs_record(make_scene(grey(4, 4), tracks))

    assert [(sign["track"], sign["name"]) for sign in record["signs"]] == [(2, "Speed limit 50")]


def test_ages_are_told_not_clock_readings() -> None:
    record = health_record(Health("stalled", 90.0, 95.5, frames=3), now=100.0)

    assert (record["since_s"], record["last_frame_s"]) == (10.0, 4.5)
    assert health_record(Health("connecting", 90.0), now=100.0)["last_frame_s"] is None
