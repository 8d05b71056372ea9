"""One string names a source; what is not on the list is refused and never shown with passwords."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources.uri import Kind, Uri, parse_uri, redact
from models.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", Uri("camera", "0")),
        ("07", Uri("camera", "7")),
        ("/dev/video2", Uri("camera", "2")),
        ("/dev/v4l/by-id/usb-HD_Cam-index0", Uri("camera", "/dev/v4l/by-id/usb-HD_Cam-index0")),
        ("/dev/v4l/by-path/pci-0:1.0", Uri("camera", "/dev/v4l/by-path/pci-0:1.0")),
        ("csi://0", Uri("csi", "0")),
        ("CSI://1", Uri("csi", "1")),
        ("rtsp://me:p%40w@cam:8554/live?a=b", Uri("stream", "rtsp://me:p%40w@cam:8554/live?a=b")),
        ("RTSPS://cam/x", Uri("stream", "rtsps://cam/x")),
        ("http://[::1]:80/video.mjpg", Uri("stream", "http://[::1]:80/video.mjpg")),
        ("https://cam/live.m3u8", Uri("stream", "https://cam/live.m3u8")),
        ("udp://0.0.0.0:5000", Uri("stream", "udp://0.0.0.0:5000")),
        ("udp://@239.0.0.1:5000", Uri("stream", "udp://@239.0.0.1:5000")),
        ("test:", Uri("test", "")),
        ("test:?size=64x48&fps=9", Uri("test", "size=64x48&fps=9")),
        ("./0", Uri("path", "./0")),
        ("demo:", Uri("demo", "")),
        ("drive.mp4", Uri("path", "drive.mp4")),
        ("pictures/", Uri("path", "pictures/")),
        ("C:\\drive.mp4", Uri("path", "C:\\drive.mp4")),
        ("Fahrt nach Köln.mkv", Uri("path", "Fahrt nach Köln.mkv")),
        ("pictures/*.jpg", Uri("glob", "pictures/*.jpg")),
        ("**/[0-9]?.png", Uri("glob", "**/[0-9]?.png")),
    ],
)
def test_a_string_names_one_kind_of_source(text: str, expected: Uri) -> None:
    assert parse_uri(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "a\0b",
        "gopher://host/x",
        "FTP://host/x",
        "concat:a.mp4|b.mp4",
        "pipe:0",
        "file:///etc/passwd",
        "demo:other",
        "test:other",
        "test://host",
        "csi://",
        "csi://0 ! filesink location=x",
        "csi://0/1",
        "csi://٣",
        "rtsp:/cam",
        "rtmp://cam/x",
        "tcp://cam:1",
        "srt://cam:1",
    ],
)
def test_anything_else_is_refused_naming_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match=r"expected a camera number .* demo:"):
        parse_uri(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rtsp://", "expected a host"),
        ("http:///path", "expected a host"),
        ("rtsp://cam:port/x", "expected host:port"),
        ("rtsp://me:ge/heim@cam/x", "written %2F %40 %3A"),
        ("http://cam/a b", "without blanks"),
        ("http://cam/x\r\nHost: other", "without blanks"),
        ("udp://0.0.0.0", "expected udp://address:port"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as error:
        parse_uri(text)

    assert "heim" not in str(error.value)


def test_a_file_that_is_there_wins_over_the_look_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("trip[1].mp4", "cam:1.mp4"):
        Path(name).touch()

        assert parse_uri(name) == Uri("path", name)


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(UsageError) as error:
        parse_uri("gopher://me:geheim@camera.local/live?token=geheim")

    assert "geheim" not in str(error.value)
    assert "camera.local/live" in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://camera/live", "rtsp://camera/live"),
        ("rtsp://me:pw@camera/live", "rtsp://***@camera/live"),
        ("rtsp://me:p@/w@camera/live", "rtsp://***@camera/live"),
        ("http://camera/x?key=1&b=2", "http://camera/x?***"),
        (
            "rtsp://dvr/user=me&password=pw&channel=1.sdp",
            "rtsp://dvr/user=me&password=***&channel=1.sdp",
        ),
        ("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000"),
        ("me@home?.mp4", "me@home?.mp4"),
    ],
)
def test_user_password_and_query_are_redacted(text: str, expected: str) -> None:
    assert redact(text) == expected


@given(st.text("07adv:/.@?*[]~\\ -+\n\0é"))
def test_any_string_is_parsed_or_refused(text: str) -> None:
    try:
        uri = parse_uri(text)
    except UsageError:
        return
    assert uri.kind in get_args(Kind)
