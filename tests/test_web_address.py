"""Where the page is served, under which names, and when it asks for a token."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge.web.address import (
    allowed_hosts,
    check_token,
    listen,
    page_url,
    parse_address,
    read_token,
)
from models.errors import OutputError, UsageError

TOKEN = "abcdefghijkl"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("9000", "127.0.0.1", 9000),
        ("0", "127.0.0.1", 0),
        ("localhost", "localhost", 8080),
        ("localhost:81", "localhost", 81),
        ("0.0.0.0:8080", "0.0.0.0", 8080),
        ("[::1]:81", "::1", 81),
        ("[::1]", "::1", 8080),
        ("::1", "::1", 8080),
    ],
)
def test_an_address_is_a_host_a_port_or_both(text: str, host: str, port: int) -> None:
    address = parse_address(text)

    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize("text", ["localhost:x", "", "a..b:80", "x" * 300])
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="web: "):
        parse_address(text)


def test_a_name_that_nobody_knows_yet_may_be_known_later() -> None:
    with pytest.raises(OutputError, match=r"there is no host 'no\.such\.host\.invalid'"):
        parse_address("no.such.host.invalid:80")


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("localhost:1", True),
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.1.5:1", False),
    ],
)
def test_only_a_loopback_address_goes_without_a_token(text: str, is_loopback: bool) -> None:
    address = parse_address(text)

    assert address.is_loopback == is_loopback
    check_token(address, TOKEN)
    if is_loopback:
        check_token(address, "")
    else:
        with pytest.raises(UsageError, match=r"needs a token, by --web-token .* makes one"):
            check_token(address, "")


@pytest.mark.parametrize("name", ["@~nobody-at-home/token", "@a\0b", "@" + "x" * 300])
def test_a_token_file_that_cannot_be_is_one_error(name: str) -> None:
    with pytest.raises(UsageError, match="web: cannot read "):
        read_token(name)


def test_a_token_is_given_or_in_a_file_or_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    environment = {"EDGE_WEB_TOKEN": "of-the-environment"}

    assert read_token("", {}) == ""
    assert read_token("", environment) == "of-the-environment"
    assert read_token(TOKEN, environment) == TOKEN
    assert read_token(f"@{file}", environment) == TOKEN


@pytest.mark.parametrize("text", ["short", "two words are more", "zwölf-zeichen-ü", "a\nb" * 9])
def test_a_token_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UsageError, match="at least 12") as error:
        read_token(text, {})

    assert text not in str(error.value)


def test_a_token_file_without_a_token_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()

    with pytest.raises(UsageError, match=r"signs in .*empty"):
        read_token(f"@{tmp_path / 'empty'}", {"EDGE_WEB_TOKEN": TOKEN})
    with pytest.raises(UsageError, match="cannot read"):
        read_token(f"@{tmp_path / 'nowhere'}", {})


def test_a_page_for_others_knows_this_machines_name() -> None:
    machine = socket.gethostname().lower()

    assert machine not in allowed_hosts(parse_address("127.0.0.1:1"), "")
    hosts = allowed_hosts(parse_address("0.0.0.0:1"), "Signs.example, other")
    assert hosts >= {machine, "localhost", "signs.example", "other"}


def test_a_port_that_is_taken_is_one_error() -> None:
    with listen(parse_address("0")) as first:
        port = first.getsockname()[1]
        with pytest.raises(OutputError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            listen(parse_address(str(port)))


def test_the_url_of_all_addresses_names_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Car.example")
    for text in ("0.0.0.0:0", "[::]:0"):
        address = parse_address(text)
        with listen(address) as listener:
            assert page_url(address, listener) == f"http://car.local:{listener.getsockname()[1]}/"
            assert "car.local" in allowed_hosts(address, "")


def test_the_url_names_the_port_that_was_given() -> None:
    address = parse_address("0")
    with listen(address) as listener:
        assert page_url(address, listener) == f"http://127.0.0.1:{listener.getsockname()[1]}/"
