"""A run with its page, and a browser before it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import end, page_run
from tests.live.browser import Browser, chromium

TOKEN = "a-token-for-the-test"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run on the drive, over and over, with a store and a page behind a token."""
    flags = ("--store", "s.sqlite", "--web-token", TOKEN)
    with page_run(*flags, cwd=tmp_path_factory.mktemp("run")) as (process, url):
        yield url
        end(process, signal.SIGTERM)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "profile", 1280, 800) as browser:
        yield browser
        refused = [each for each in browser.complaints() if "401" not in each]
        assert refused == []
