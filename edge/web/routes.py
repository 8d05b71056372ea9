"""The page's addresses and what each answers. Nothing a client says ever becomes a file's path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edge.history import History, StoredSign
from edge.web.guard import Guard, Rules, refusal
from edge.web.reading import MAX_BYTES, Busy, PictureReader
from edge.web.sink import PageSink, class_facts, rounded
from models.errors import AppError, OutputError, SourceError

FILES = Path(__file__).with_name("files")
SIGNS = Path(__file__).with_name("signs")
TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
PATIENCE_S = 20.0  # for a picture; then the browser asks again
UPLOAD_S = 60.0
PAGE = 24  # signs of the history at a time
LARGEST_PAGE = 200
HIGHEST = 2**62  # SQLite has no larger numbers
BOUNDARY = "frame"


class Parts(NamedTuple):
    """What the page shows. `kept`: the history outlives this run."""

    sink: PageSink
    history: History
    reader: PictureReader
    kept: bool


def build_app(parts: Parts, rules: Callable[[str], Rules]) -> Guard:
    """The whole page; `rules` makes the guard's rules around the login form."""
    files = {file.name: file.read_bytes() for file in FILES.iterdir() if file.suffix in TYPES}
    signs = {file.stem: file.read_bytes() for file in SIGNS.glob("*.webp")}
    routes = [
        Route("/", _file(files["page.html"], ".html")),
        *(Route(f"/{name}", _file(files[name], Path(name).suffix)) for name in files),
        Route("/signs/{name}.webp", _sign_picture(signs)),
        *_live_routes(parts),
        *_history_routes(parts.history),
        Route("/api/read", _read(parts.reader), methods=["POST"]),
    ]
    handlers: Mapping[Any, Any] = {404: _refuse, 405: _refuse, AppError: _refuse_error}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(app, rules(files["login.html"].decode("utf-8")))


def _file(data: bytes, suffix: str) -> Callable[[Request], Response]:
    return lambda _request: Response(data, media_type=TYPES[suffix])


def _sign_picture(signs: Mapping[str, bytes]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        data = signs.get(request.path_params["name"])
        if data is None:
            return refusal(404, "there is no such sign")
        headers = {"Cache-Control": "private, max-age=86400"}  # drawn once, shown often
        return Response(data, headers=headers, media_type=TYPES[".webp"])

    return answer


def _live_routes(parts: Parts) -> list[Route]:
    sink = parts.sink

    async def state(_request: Request) -> Response:
        newest = await to_thread.run_sync(parts.history.newest)
        history = {"newest": newest, "kept": parts.kept}
        return JSONResponse({**sink.state(), "history": history})

    async def picture(request: Request) -> Response:
        after = _number(request, "after", -1)
        found = await sink.picture.after(-1 if after is None else after, PATIENCE_S)
        if found is None:
            return Response(status_code=204)
        headers = {"X-Picture": str(found.number)}
        return Response(found.jpeg, media_type="image/jpeg", headers=headers)

    async def stream(_request: Request) -> Response:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return StreamingResponse(_parts(sink), media_type=kind)

    return [
        Route("/api/state", state),
        Route("/live.jpg", picture),
        Route("/live.mjpg", stream),
    ]


async def _parts(sink: PageSink) -> AsyncIterator[bytes]:
    """Motion JPEG, for other programs: one picture after the other while somebody takes them."""
    number = -1
    while not sink.picture.closed:
        found = await sink.picture.after(number, PATIENCE_S)
        if found is not None:
            number = found.number
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: "
            yield f"{head}{len(found.jpeg)}\r\n\r\n".encode() + found.jpeg + b"\r\n"


def _history_routes(history: History) -> list[Route]:
    def signs(request: Request) -> Response:
        limit = max(1, min(_number(request, "limit", PAGE) or PAGE, LARGEST_PAGE))
        before, label = _number(request, "before"), _number(request, "class")
        found = history.signs(limit, before, label)
        return JSONResponse({"signs": [stored_facts(sign) for sign in found]})

    def counts(_request: Request) -> Response:
        ordered = sorted(history.counts().items(), key=lambda item: (-item[1], item[0]))
        return JSONResponse(
            {"classes": [{**class_facts(label), "count": count} for label, count in ordered]}
        )

    def crop(request: Request) -> Response:
        number = _whole(request.path_params["number"])
        jpeg = history.crop(number) if number is not None else None
        if jpeg is None:
            return refusal(404, "there is no picture of this sign")
        return Response(jpeg, media_type="image/jpeg")

    return [
        Route("/api/signs", signs),
        Route("/api/counts", counts),
        Route("/crops/{number}.jpg", crop),
    ]


def stored_facts(sign: StoredSign) -> dict[str, Any]:
    """One sign of the history as JSON can hold it; times in seconds, as in `StoredSign`."""
    return {
        "number": sign.number,
        **class_facts(sign.label),
        "probability": rounded(sign.probability),
        "source": sign.source,
        "time": round(sign.time, 2),
        "wall": sign.wall if sign.wall is not None else sign.stored,
        "seen_s": round(sign.last_seen - sign.first_seen, 2),
        "ended": sign.ended,
        "crop": f"/crops/{sign.number}.jpg" if sign.has_crop else None,
    }


def _read(reader: PictureReader) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        if request.headers.get("content-type", "").startswith("multipart/"):
            return refusal(415, "send the picture itself: curl --data-binary @picture.jpg")
        try:
            with reader.place():
                data = await asyncio.wait_for(_body(request), UPLOAD_S)
                if data is None:
                    return refusal(413, f"the picture is over {MAX_BYTES / 1e6:g} MB")
                return JSONResponse(await reader.read(data))
        except (asyncio.TimeoutError, ClientDisconnect):
            return refusal(408, f"the picture did not arrive within {UPLOAD_S:g} s")
        except Busy:
            return refusal(503, "other pictures are being read; try again in a moment")
        except SourceError as error:
            return refusal(415, str(error))

    return answer


async def _body(request: Request) -> bytes | None:
    """The whole body, or None as soon as it is known to be too long."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BYTES:
        return None
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BYTES:
            return None
    return bytes(data)


def _number(request: Request, name: str, default: int | None = None) -> int | None:
    """A whole number of the query, `default` for anything else."""
    value = _whole(request.query_params.get(name, ""))
    return default if value is None else value


def _whole(text: str) -> int | None:
    """The whole number that it is, None for anything else and for what SQLite does not know."""
    try:
        value = int(text)
    except ValueError:  # also thousands of digits
        return None
    return value if abs(value) <= HIGHEST else None


async def _refuse(_request: Request, error: Any) -> Response:
    words = "there is nothing here" if error.status_code == 404 else "not this way"
    return refusal(error.status_code, words)


async def _refuse_error(_request: Request, error: Any) -> Response:
    words = "the history cannot be read" if isinstance(error, OutputError) else "this failed"
    return refusal(500, words)
