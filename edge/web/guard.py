"""Who may see the page: the host they ask for, where they come from, the token they know."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all, browsers hide the form's origin from us
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
OPEN_PATHS = frozenset({"/page.css", "/icon.svg"})  # what the form needs
FORM_PATHS = frozenset({"/", "/login"})
SESSION_S = 30 * 86_400
ROUNDS = 200_000  # of PBKDF2: a stolen cookie gives the token away no faster than this
WRONG_S = 0.5  # what a wrong token costs
MOST_PUNISHED = 32  # clients at once; when there are more, nobody new is let in
LARGEST_FORM = 4_000  # bytes
NO_HOST = re.compile(r"[/?#@\\]")  # what would make a path, a query or a user of it


class Rules(NamedTuple):
    """What the guard goes by.

    `hosts`: names that may be asked for, in lower case. `loopback`: only this machine's own
    addresses besides. `token`: empty where none is needed. `login`: the form, in HTML, with the
    comment `<!--message-->` where a message goes. `wrong_s`: what a wrong token costs.
    """

    hosts: frozenset[str]
    loopback: bool
    token: str
    login: str
    wrong_s: float = WRONG_S


class Guard:
    """Stands before the app: refuses strangers, lets in who knows the token, sets the headers.

    The token comes in `Authorization: Bearer`, from the form, or once as `/?token=`; the browser
    then keeps a cookie that is made from it.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._digest = _digest(rules.token)
        salt = b"traffic-sign-edge page"
        made = hashlib.pbkdf2_hmac("sha256", rules.token.encode(), salt, ROUNDS)
        self._session = made.hex() if rules.token else ""
        self._punished: set[str] = set()  # clients that have just shown a wrong token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:  # no web sockets here
                await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._stranger(request) or await self._unknown(request)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _stranger(self, request: Request) -> Response | None:
        """The refusal of a request that another site has caused, or that asks for another host."""
        headers = request.headers
        host = headers.get("host", "")
        if not self._is_own_host(host):
            return refusal(
                421, f"this page is not served as {host[:80]!r}; --web-names NAME allows a name"
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return refusal(403, "this request was sent by another site")
        visit = request.method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not visit:
            return refusal(403, "this request was sent by another site")
        return None

    def _is_own_host(self, host: str) -> bool:
        if NO_HOST.search(host):
            return False
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._rules.hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._rules.loopback

    async def _unknown(self, request: Request) -> Response | None:
        """The answer to one who has not shown the token; None for one who has."""
        path = request.scope["path"]  # some Starlettes make that of `url` from the Host, too
        if self._rules.token and path in FORM_PATHS:
            token = request.query_params.get("token") if path == "/" else None
            if path == "/login" and request.method == "POST":
                token = await _form_token(request)
            if token is not None:
                return await self._log_in(request, token)
        status = await self._doubt(request)
        if status is None and path == "/login":
            return RedirectResponse("/", 303)
        if status is None or path in OPEN_PATHS:
            return None
        return self._form("", status) if path in FORM_PATHS else refusal(status, "wrong token")

    async def _doubt(self, request: Request) -> int | None:
        """None for one who is known; else 401, or 429 while another is trying."""
        if not self._rules.token:
            return None
        kind, _, shown = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            right = await self._try(request, shown.strip())
            return None if right else 401 if right is False else 429
        return None if self._knows_cookie(request.headers) else 401

    async def _log_in(self, request: Request, token: str) -> Response:
        right = await self._try(request, token)
        if right is None:
            return self._form("Too many tries at once. Wait a moment.", 429)
        if not right:
            return self._form("That is not the token.", 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            _cookie_name(request.headers),
            self._session,
            max_age=SESSION_S,
            httponly=True,
            samesite="lax",  # strict would lose it on the way back from a link
            secure=request.scope["scheme"] == "https",
        )
        return answer

    async def _try(self, request: Request, token: str) -> bool | None:
        """Is it the token? A wrong one costs its sender some time, in which none is looked at.

        None for a token that was not looked at.
        """
        client = request.client.host if request.client else ""
        if client in self._punished or len(self._punished) >= MOST_PUNISHED:
            return None
        if hmac.compare_digest(_digest(token), self._digest):
            return True
        self._punished.add(client)
        try:
            await asyncio.sleep(self._rules.wrong_s)
        finally:
            self._punished.discard(client)
        return False

    def _knows_cookie(self, headers: Headers) -> bool:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(headers))
        except CookieError:
            return False
        shown = morsel.value if morsel else ""
        return hmac.compare_digest(_digest(shown), _digest(self._session))

    def _form(self, message: str, status: int) -> Response:
        return HTMLResponse(self._rules.login.replace("<!--message-->", message), status)


def refusal(status: int, words: str) -> Response:
    """An error as every program and the page's own script can read it."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": words}, status, headers)


async def _form_token(request: Request) -> str:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_FORM:
            return ""
    return parse_qs(data.decode("utf-8", "replace")).get("token", [""])[0]


def _cookie_name(headers: Headers) -> str:
    """Ports share their cookies: two pages of one machine must not log each other out."""
    port = headers.get("host", "").rpartition(":")[2]
    return f"signs-{port}" if port.isdecimal() else "signs"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
