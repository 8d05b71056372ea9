"""Download the official archives: resumed where it broke off, checked before it counts."""

from __future__ import annotations

import hashlib
import http
import http.client
import logging
import re
import shutil
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from models.errors import OutputError, SourceError, UsageError
from training.progress import progress

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0  # without a byte
ATTEMPTS = 5  # in a row that bring nothing new
FIRST_PAUSE_S = 1.0  # doubled after each further attempt
CHUNK = 1 << 16
GONE_FOR_GOOD = frozenset({400, 401, 403, 404, 405, 410, 451})

TRUTH_LINE = re.compile(rb"\d{5}\.ppm(;\d+){5}\s")  # gt.txt has no other mark to know it by

Wait = Callable[[float], None]


class Archive(NamedTuple):
    """One file to fetch; `md5` is empty where none has been published."""

    name: str
    md5: str = ""
    test: bool = False


class Origin(NamedTuple):
    """Where a data set's archives lie."""

    base: str
    archives: tuple[Archive, ...]


# The MD5 sums of GTSRB's test archives are those torchvision publishes for these very files; that
# of the training archive is given alike by several independent public loaders. None is published
# for GTSDB: its archives are checked by the CRCs inside them.
ORIGINS = {
    "gtsrb": Origin(
        "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370",
        (
            Archive("GTSRB_Final_Training_Images.zip", "f33fd80ac59bff73c82d25ab499e03a3"),
            Archive("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185", test=True),
            Archive("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5", test=True),
        ),
    ),
    "gtsdb": Origin(
        "https://sid.erda.dk/public/archives/ff17dc924eba88d5d01a807357d6614c",
        (
            Archive("TrainIJCNN2013.zip"),
            Archive("TestIJCNN2013.zip", test=True),
            Archive("gt.txt", test=True),
        ),
    ),
}


def fetch(archive: Archive, base: str, folder: Path, wait: Wait = time.sleep) -> Path:
    """The archive in `folder`, downloaded unless it is there already, and checked either way.

    What has arrived waits in `<name>.part` for the next attempt or the next run; the final name
    appears only after the check. A file `<name>.sha256` beside it records what was fetched.
    `SourceError` if the address does not give the file, `OutputError` if it cannot be stored.
    """
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"expected an address with http:// or https://, found {base}")
    target = folder / archive.name
    if target.exists():
        _check(target, target, archive.md5)
        log.info("%s is there already and in order", target)
        return target
    part = folder / f"{archive.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.open("ab").close()
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error}") from error
    _download(f"{base.rstrip('/')}/{archive.name}", part, wait)
    try:
        digest = _check(part, target, archive.md5)
    except SourceError:
        part.unlink()
        raise
    try:
        _record(target).write_text(f"{digest}  {target.name}\n", encoding="utf-8")
        part.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error}") from error
    return target


def _download(url: str, part: Path, wait: Wait) -> None:
    """Bring `part` to its full length, however often the connection breaks."""
    most, fruitless = part.stat().st_size, 0
    while True:
        try:
            _attempt(url, part)
            return
        except urllib.error.HTTPError as error:
            if error.code in GONE_FOR_GOOD:
                _forget_if_empty(part)
                raise SourceError(f"{url}: expected the file, found {error}") from error
            failure: Exception = error
        except (OSError, http.client.HTTPException) as error:
            failure = error
        have = part.stat().st_size
        fruitless = 0 if have > most else fruitless + 1
        most = max(most, have)
        if fruitless >= ATTEMPTS:
            _forget_if_empty(part)
            raise SourceError(
                f"{url}: gave up after {ATTEMPTS} attempts without a new byte, {most} bytes are "
                f"kept for the next run: {failure}"
            ) from failure
        log.warning("%s broke off at %d bytes (%s), trying again", url, have, failure)
        wait(FIRST_PAUSE_S * 2**fruitless)


def _attempt(url: str, part: Path) -> None:
    """One connection; an error of the network leaves what has arrived in `part`."""
    start = part.stat().st_size
    request = urllib.request.Request(url, headers={"User-Agent": "traffic-sign-edge"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        if _total(error.headers.get("Content-Range")) != start:  # not what `part` began with
            part.open("wb").close()
            raise ConnectionError("the file has changed, starting over") from error
        return  # the earlier run had everything
    with answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.open("wb").close()
            raise ConnectionError("resumed at the wrong place, starting over")
        have = start if resumed else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        _store(answer, part, have, total)


def _store(answer: Any, part: Path, have: int, total: int | None) -> None:
    """Append the answer to the first `have` bytes of `part`; ConnectionError if it ends early."""
    free = shutil.disk_usage(part.parent).free
    if total and total - have > free:
        raise OutputError(f"{part}: expected {total - have} bytes of free space, found {free}")
    with part.open("ab") as file, progress(part.stem, total, "B", have) as advance:
        file.truncate(have)
        for chunk in _chunks(answer):
            try:
                file.write(chunk)
                file.flush()
            except OSError as error:
                raise OutputError(f"cannot write {part}: {error}") from error
            have += len(chunk)
            advance(len(chunk))
    if total is not None and have < total:
        raise ConnectionError(f"expected {total} bytes, found {have}")


def _chunks(answer: Any) -> Iterator[bytes]:
    while chunk := answer.read(CHUNK):
        yield chunk


def _total(content_range: str | None) -> int | None:
    """The file's length from `bytes */1234`, as sent when a range lies beyond the end."""
    found = re.search(r"/(\d+)$", content_range or "")
    return int(found[1]) if found else None


def _check(path: Path, target: Path, md5: str) -> str:
    """The SHA-256 of what lies at `path`; `SourceError` if that is not the archive `target`."""
    sha256, found_md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    try:
        size = path.stat().st_size
        with path.open("rb") as file, progress(f"check {target.name}", size, "B") as advance:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                found_md5.update(chunk)
                advance(len(chunk))
        digest = sha256.hexdigest()
        recorded = _record(target)
        known = recorded.read_text(encoding="utf-8").split()[:1] if recorded.is_file() else []
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error}") from error
    if known and known != [digest]:
        raise SourceError(
            f"{target}: expected sha256 {known[0]} ({recorded.name}), found {digest}; "
            "delete both to fetch it afresh"
        )
    if not known and md5 and found_md5.hexdigest() != md5:
        raise SourceError(
            f"{target}: expected the published md5 {md5}, found {found_md5.hexdigest()}"
        )
    if target.suffix == ".zip":
        _check_zip(path, target)
    elif not TRUTH_LINE.match(path.read_bytes()[:100]):
        raise SourceError(f"{target}: expected lines like 00600.ppm;1;2;3;4;5, found none")
    return digest


def _check_zip(path: Path, target: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            damaged = packed.testzip()
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(f"{target}: expected a whole zip, found none: {error}") from error
    if damaged:
        raise SourceError(f"{target}: expected a whole zip, found {damaged} damaged in it")


def _record(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _forget_if_empty(part: Path) -> None:
    if part.stat().st_size == 0:
        part.unlink()
