"""The broker's URL: what it may be, where the password comes from, and that nobody sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import Config
from edge.outputs import default_spool
from edge.sinks.broker import parse_broker
from edge.sinks.discovery import discovery
from models.errors import UsageError

NOTHING: dict[str, str] = {}


def test_a_url_says_where_who_and_below_what() -> None:
    broker = parse_broker("mqtt://me:s%40cret@pi.local:1884/car/1/", environment=NOTHING)

    found = (broker.host, broker.port, broker.prefix, broker.user, broker.password, broker.tls)
    assert found == ("pi.local", 1884, "car/1", "me", "s@cret", None)


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [("mqtt://pi", 1883, False), ("mqtts://pi", 8883, True), ("mqtt://[::1]:7/x", 7, False)],
)
def test_the_port_follows_the_scheme(url: str, port: int, tls: bool) -> None:
    broker = parse_broker(url, environment=NOTHING)

    assert (broker.port, broker.tls is not None) == (port, tls)


def test_a_password_comes_from_the_url_else_the_file_else_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\nand more\n")
    there = {"EDGE_MQTT_PASSWORD": "from the environment"}

    def password(url: str, name: str) -> str | None:
        return parse_broker(url, name, environment=there).password

    assert password("mqtt://me:here@pi", str(file)) == "here"
    assert password("mqtt://me@pi", str(file)) == "from the file"
    assert password("mqtt://me@pi", "") == "from the environment"


def test_nothing_that_is_printed_shows_the_password() -> None:
    broker = parse_broker("mqtts://me:hush@pi/x", environment=NOTHING)

    assert "hush" not in f"{broker} {broker!r}"


@pytest.mark.parametrize(
    "url",
    [
        *("pi.local", "http://me:hush@pi", "mqtt://", "mqtt://me:hush@pi:x/y", "mqtt://pi:99999"),
        *("mqtt://me:hush@[pi/x", "mqtt://pi/a/#", "mqtt://pi/+/a", "mqtt://pi/a?b=hush"),
        "mqtt://pi/a%00",
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="mqtt") as caught:
        parse_broker(url, environment=NOTHING)

    assert "hush" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    for url, password, ca, message in (
        ("mqtt://me@pi", str(tmp_path / "gone"), "", "gone: cannot be read: No such file"),
        ("mqtt://me@pi", str(empty), "", "empty: expected a password"),
        ("mqtts://pi", "", str(empty), "empty: cannot be read as certificates"),
        ("mqtts://pi", "", str(tmp_path / "gone"), "gone: cannot be read as certificates"),
        ("mqtt://pi", "", str(empty), "certificates are for mqtts"),
    ):
        with pytest.raises(UsageError, match=message):
            parse_broker(url, password, ca, environment=NOTHING)


def test_a_password_for_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a user for the password"):
        parse_broker("mqtt://pi", environment={"EDGE_MQTT_PASSWORD": "x"})


def test_a_spool_belongs_to_one_broker_and_prefix(tmp_path: Path) -> None:
    state = {"STATE_DIRECTORY": str(tmp_path)}
    one, other = (parse_broker(f"mqtt://me:{n}@pi/{n}", environment=NOTHING) for n in "ab")
    again = parse_broker("mqtt://you@pi/a", environment=NOTHING)

    assert default_spool(one, state) == default_spool(again, state)
    assert default_spool(one, state) != default_spool(other, state)
    assert default_spool(one, state).parent == tmp_path
    home = default_spool(one, {"XDG_STATE_HOME": str(tmp_path)})
    assert home.parent == tmp_path / "traffic-sign-edge"


def test_a_user_without_a_home_has_to_name_a_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    broker = parse_broker("mqtt://pi", environment=NOTHING)

    with pytest.raises(UsageError, match="mqtt_spool: expected a file"):
        default_spool(broker, NOTHING)
    assert default_spool(broker, {"STATE_DIRECTORY": str(tmp_path)}).parent == tmp_path


def test_home_assistant_is_told_of_three_values_with_ids_of_their_own() -> None:
    told = discovery("car/1")

    assert sorted(told) == [
        f"homeassistant/sensor/car-1/{name}/config" for name in ("limit", "sign", "state")
    ]


def test_a_quota_is_no_negative_number() -> None:
    with pytest.raises(UsageError, match="pictures_mb: expected 0 or more"):
        Config(pictures_mb=-1)
