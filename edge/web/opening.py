"""Opens what remembers and what shows: the event store and the page, if they were asked for."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from edge.classifier import SignClassifier
from edge.config import Config
from edge.core import Sink
from edge.history import History
from edge.patience import Ending
from edge.reader import Reader
from edge.sinks.store import Retention, Store, StoreSink
from edge.sources import SourceInfo
from edge.web.address import (
    Address,
    allowed_hosts,
    check_token,
    listen,
    page_url,
    parse_address,
    read_token,
)
from models.errors import OutputError, UsageError

log = logging.getLogger(__name__)

TEMPORARY = Retention(days=0, megabytes=32)  # the history of a page without a store


class Nets(NamedTuple):
    """What the page knows of the nets, which a reload may change.

    `words`: their names now; `load`: makes those that read uploads, by the `settings` of now.
    """

    words: Callable[[], str]
    load: Callable[[], tuple[Reader, SignClassifier]]
    settings: Callable[[], Config]


def open_store_and_page(
    config: Config,
    info: SourceInfo,
    nets: Nets,
    ending: Ending,
) -> Iterator[Sink]:
    """The sinks of `store` and `web`, the first to be closed last; none where neither is set.

    Each is opened when it is taken, so that it can be closed where the next one fails.

    Without a store the page remembers this run, in a temporary file. UsageError where the page
    would be open to all or its packages are missing, OutputError where the file or the port cannot
    be had.
    """
    address = check_web(config)
    listener = None
    if address is not None:
        listener = listen(address)
        ending.stack.callback(listener.close)
    if config.store:
        path, keep = Path(config.store), Retention(config.store_days, config.store_mb)
    elif address is not None:
        path, keep = _temporary_folder(ending.stack) / "history.sqlite", TEMPORARY
    else:
        return
    yield StoreSink(Store(path, info.name, keep), info.live, ending.patience)
    if address is None or listener is None:
        return

    from edge.web.guard import Rules  # noqa: PLC0415 - with the server's packages, only if wanted
    from edge.web.reading import PictureReader  # noqa: PLC0415
    from edge.web.routes import Parts, build_app  # noqa: PLC0415
    from edge.web.server import PageServer  # noqa: PLC0415
    from edge.web.sink import About, PageSink  # noqa: PLC0415

    token, hosts = read_token(config.web_token), allowed_hosts(address, config.web_names)
    history = History(path)
    sink = PageSink(About(info.name, info.live, nets.words), info.health)
    parts = Parts(sink, history, PictureReader(nets.load, nets.settings), kept=bool(config.store))
    app = build_app(parts, lambda login: Rules(hosts, address.is_loopback, token, login))
    sink.closing.callback(history.close)
    sink.closing.callback(PageServer(app, listener).close)
    log.info("page: %s", page_url(address, listener))
    yield sink


def check_web(config: Config) -> Address | None:
    """Where the page goes, None where none is wanted; UsageError where that cannot be."""
    if not config.web:
        return None
    address = parse_address(config.web)
    check_token(address, read_token(config.web_token))
    try:
        import starlette  # noqa: F401, PLC0415
        import uvicorn  # noqa: F401, PLC0415
    except ImportError as error:
        raise UsageError(f'the page needs {error.name}: pip install -e ".[web]"') from error
    return address


def _temporary_folder(stack: ExitStack) -> Path:
    try:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="traffic-signs-")))
    except OSError as error:
        raise OutputError(
            f"the page finds no place for its history: {error.strerror}; name one with --store"
        ) from error
