"""A real Chromium, told what to do by the WebDriver protocol over plain HTTP."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

PATIENCE_S = 240.0  # a loaded machine reads a frame a second
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One window of one browser."""

    def __init__(self, client: httpx.Client, session: str) -> None:
        self._client = client
        self._path = f"/session/{session}"

    def open(self, url: str) -> None:
        self._post("/url", url=url)

    def run(self, script: str) -> Any:
        """What the page's own JavaScript answers: `return document.title`."""
        return self._post("/execute/sync", script=script, args=[])

    def text(self, selector: str) -> str:
        """The text that can be seen there; empty where there is no such element."""
        return str(self.run(f"return document.querySelector({selector!r})?.innerText ?? ''"))

    def type(self, selector: str, text: str) -> None:
        """Keys into a field; for one that takes files, the path of a file."""
        self._post(f"/element/{self._find(selector)}/value", text=text)

    def click(self, selector: str) -> None:
        self._post(f"/element/{self._find(selector)}/click")

    def wait(self, what: Callable[[], Any], words: str) -> Any:
        """The first answer that is not empty."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            found = what()
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"{words}: never seen; the page says {self.text('body')!r}")

    def complaints(self) -> list[str]:
        """What the page has written to its console: errors, and breaches of its own policy."""
        entries = self._post("/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> None:
        answer = self._client.get(f"{self._path}/screenshot").json()["value"]
        path.write_bytes(base64.b64decode(answer))

    def close(self) -> None:
        self._client.delete(self._path)

    def _find(self, selector: str) -> str:
        found = self._post("/element", using="css selector", value=selector)
        return str(next(iter(found.values())))

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._client.post(self._path + path, json=body).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise AssertionError(f"{path}: {answer['message']}")
        return answer


@contextmanager
def chromium(profile: Path, width: int, height: int) -> Iterator[Browser]:
    """A fresh browser whose page is so large; one narrower than 500 is a phone.

    The test is skipped where there is none.
    """
    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or program is None:
        pytest.skip("there is no chromium with its chromedriver here: tools/live_setup.sh")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options: dict[str, Any] = {"binary": program, "args": [*FLAGS, f"--user-data-dir={profile}"]}
    metrics = {"width": width, "height": height, "pixelRatio": 2.0 if width < 500 else 1.0}
    options["mobileEmulation"] = {"deviceMetrics": {**metrics, "touch": width < 500}}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
            _wait_for_driver(client)
            body = {"capabilities": {"alwaysMatch": wanted}}
            session = client.post("/session", json=body).json()["value"]
            if "sessionId" not in session:
                raise AssertionError(session)
            browser = Browser(client, session["sessionId"])
            try:
                yield browser
            finally:
                browser.close()
    finally:
        process.terminate()
        process.wait()


def _wait_for_driver(client: httpx.Client) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            if client.get("/status").json()["value"]["ready"]:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("chromedriver never answered")
