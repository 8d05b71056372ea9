"""Who is let in: hosts, origins, tokens; and what every answer carries."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
from starlette.datastructures import Address
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from edge.web.guard import HEADERS, Guard, Rules
from tests.pages import TOKEN, page

PATHS = ("/", "/page.js", "/api/state", "/api/signs", "/api/counts", "/live.jpg", "/live.mjpg")


@pytest.fixture
def free(tmp_path: Path) -> Iterator[httpx.Client]:
    """A page for this machine only, without a token."""
    with page(tmp_path) as (client, _, _):
        yield client


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[httpx.Client]:
    """A page for the network, with a token."""
    with page(tmp_path, TOKEN, events=2, loopback=False) as (client, _, _):
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9000", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.168.1.5:8080", 421),  # nobody asks a page of this machine by that
        ("", 421),
        ("[::1", 421),
        ("127.0.0.1@evil.example", 421),
        ("evil.example@127.0.0.1", 421),
        ("localhost/page.css?", 421),  # some frameworks ask for another path then
        ("localhost\\", 421),
    ],
)
def test_only_this_machines_names_are_answered(free: httpx.Client, host: str, status: int) -> None:
    answer = free.get("/", headers={"host": host})

    assert answer.status_code == status


@pytest.mark.parametrize(("host", "status"), [("192.168.1.5", 200), ("evil.example", 421)])
def test_on_the_network_addresses_are_answered_and_strange_names_are_not(
    guarded: httpx.Client, host: str, status: int
) -> None:
    headers = {"host": host, "authorization": f"Bearer {TOKEN}"}

    assert guarded.get("/", headers=headers).status_code == status


def test_the_path_is_the_one_that_was_asked_for_whatever_the_host() -> None:
    asked: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.append(scope["path"])

    async def send(message: Message) -> None:
        asked.append(str(message.get("status", "")))

    guard = Guard(app, Rules(frozenset({"localhost"}), False, TOKEN, "<form>", 0.0))
    scope = {"type": "http", "method": "GET", "path": "/api/state", "query_string": b""}
    headers = [(b"host", b"localhost/page.css?")]
    scope |= {"headers": headers, "scheme": "http", "server": ("localhost", 80)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.web.guard.NO_HOST", re.compile("(?!)"))
        asyncio.run(guard(scope, cast(Receive, None), send))

    assert asked[0] == "401"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://localhost"}, 200),
        ({"origin": "https://localhost"}, 200),  # behind a proxy that speaks TLS
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:81"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200),
    ],
)
def test_another_site_causes_no_request(
    free: httpx.Client, method: str, headers: dict[str, str], status: int
) -> None:
    path = "/api/state" if method == "GET" else "/api/read"

    answer = free.request(method, path, headers=headers)

    assert answer.status_code == (415 if (method, status) == ("POST", 200) else status)


def test_a_link_from_another_site_opens_the_page(free: httpx.Client) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}

    assert free.get("/", headers=headers).status_code == 200
    assert free.post("/api/read", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/", "/page.css", "/api/state", "/nothing", "/login"])
def test_every_answer_carries_the_headers(guarded: httpx.Client, path: str) -> None:
    answer = guarded.get(path)

    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [*PATHS, "/crops/1.jpg", "/signs/1.webp", "/nothing"])
def test_without_the_token_there_is_nothing(guarded: httpx.Client, path: str) -> None:
    answer = guarded.get(path)

    assert answer.status_code == 401
    assert ("<form" in answer.text) == (path == "/")
    assert guarded.post("/api/read", content=b"picture").status_code == 401


@pytest.mark.parametrize("path", ["/page.css", "/icon.svg"])
def test_the_form_has_what_it_needs(guarded: httpx.Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_the_token_is_taken_from_the_header(guarded: httpx.Client) -> None:
    right = guarded.get("/api/state", headers={"authorization": f"Bearer {TOKEN}"})
    wrong = guarded.get("/api/state", headers={"authorization": f"Bearer {TOKEN}x"})

    assert (right.status_code, wrong.status_code) == (200, 401)


def test_the_form_lets_in_and_the_cookie_keeps_in(guarded: httpx.Client) -> None:
    answer = guarded.post("/login", data={"token": TOKEN})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert TOKEN not in cookie
    assert guarded.get("/api/signs").status_code == 200
    assert guarded.get("/login").status_code == 303
    guarded.cookies.clear()
    assert guarded.get("/api/signs").status_code == 401


@pytest.mark.parametrize("wrong", ["", "correct", f"{TOKEN}x", "ü" * 20, "x" * 5000])
def test_the_form_refuses_a_wrong_token(guarded: httpx.Client, wrong: str) -> None:
    answer = guarded.post("/login", data={"token": wrong})

    assert answer.status_code == 401
    assert "That is not the token." in answer.text
    assert "set-cookie" not in answer.headers


def test_a_link_with_the_token_lets_in_and_takes_it_out_of_the_address(
    guarded: httpx.Client,
) -> None:
    answer = guarded.get("/", params={"token": TOKEN})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert guarded.get("/").status_code == 200
    guarded.cookies.clear()
    assert guarded.get("/", params={"token": "wrong"}).status_code == 401
    assert guarded.get("/api/state", params={"token": TOKEN}).status_code == 401


def test_a_made_up_cookie_is_no_token(guarded: httpx.Client) -> None:
    for value in ("", "None", "0" * 64, TOKEN):
        answer = guarded.get("/api/state", headers={"cookie": f"signs={value}"})
        assert answer.status_code == 401


def test_the_cookie_outlives_a_restart(tmp_path: Path) -> None:
    with page(tmp_path, TOKEN) as (client, _, _):
        cookie = client.post("/login", data={"token": TOKEN}).headers["set-cookie"]
    with page(tmp_path, TOKEN) as (client, _, _):
        headers = {"cookie": cookie.partition(";")[0]}
        assert client.get("/api/state", headers=headers).status_code == 200
    with page(tmp_path, "another-token-now") as (client, _, _):
        assert client.get("/api/state", headers=headers).status_code == 401


def test_without_a_token_there_is_no_form(free: httpx.Client) -> None:
    assert free.get("/login").headers["location"] == "/"
    assert free.get("/").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
@pytest.mark.parametrize("path", ["/api/signs", "/crops/1.jpg", "/"])
def test_the_page_can_only_be_read(guarded: httpx.Client, method: str, path: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}

    assert guarded.request(method, path, headers=headers).status_code == 405


@pytest.mark.parametrize(
    "path", ["/signs/..%2f..%2fpage.html.webp", "/signs/%2e%2e.webp", "/../setup.cfg", "/files/x"]
)
def test_a_path_leads_nowhere(guarded: httpx.Client, path: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}

    assert guarded.get(path, headers=headers).status_code == 404


async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("nobody gets that far")


class Client:
    """What the guard may know of one who asks: where from."""

    def __init__(self, host: str) -> None:
        self.client = Address(host, 1)


def test_while_a_wrong_token_is_paid_for_no_other_is_looked_at() -> None:
    async def attack() -> list[bool | None]:
        guard = Guard(never, Rules(frozenset(), True, TOKEN, "", wrong_s=1e9))
        first, second = (cast(Request, Client(host)) for host in ("10.0.0.1", "10.0.0.2"))
        wrong = asyncio.create_task(guard._try(first, "wrong"))
        await asyncio.sleep(0)
        answers = [await guard._try(first, TOKEN), await guard._try(second, TOKEN)]
        wrong.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await wrong
        return [*answers, await guard._try(first, TOKEN)]

    assert asyncio.run(attack()) == [None, True, True]
