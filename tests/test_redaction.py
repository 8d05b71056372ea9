"""What a log may never hold, in whatever words it comes."""

from __future__ import annotations

import pytest

from models.redaction import redact_text, secrets_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to hide", "nothing to hide"),
        ("rtsp://cam/1 is silent", "rtsp://cam/1 is silent"),
        ("rtsp://me:word@cam/1 is silent", "rtsp://***@cam/1 is silent"),
        ("rtsp://me@cam/1", "rtsp://***@cam/1"),
        ("rtsp://me:a@b/c@cam:554/1?x=1", "rtsp://***@cam:554/1?***"),
        ("a rtsp://u:p@x and http://v:q@y.", "a rtsp://***@x and http://***@y."),
        ("open 'http://cam/s?token=abc&x=2' failed", "open 'http://cam/s?***' failed"),
        ("rtsp://cam:554/0/admin:word99/main is silent", "rtsp://cam:554/0/***/main is silent"),
        ("rtsp://cam/admin:word99", "rtsp://cam/***"),
        ("rtsp://cam:554/live/1: refused", "rtsp://cam:554/live/1: refused"),
        ("rtsp://[::1]:554/live", "rtsp://[::1]:554/live"),
        ("rtsp://cam/user=admin&pwd=word99&channel=1", "rtsp://cam/user=admin&pwd=***&channel=1"),
        ("rtsp://cam/user=a_psw=word99_channel=1", "rtsp://cam/user=a_psw=***"),
        ("pass=word99, bypass=1", "pass=***, bypass=1"),
        ("second pass: 12 ms, pwd: /home/pi", "second pass: 12 ms, pwd: /home/pi"),
        ("rtsp://cam/admin:word99/ch:1/main", "rtsp://cam/***/***/main"),
        ("rtsp://cam/:word99/live", "rtsp://cam/***/live"),
        ("GET /page?token=abc&x=2 200", "GET /page?token=***&x=2 200"),
        ("mqtt_password = 'abc'", "mqtt_password = '***'"),
        ('{"password": "abc", "x": 1}', '{"password": "***", "x": 1}'),
        ("Authorization: Bearer abcdef123", "Authorization: Bearer ***"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("write to me@example.org", "write to me@example.org"),
        ("what is this? a basic question", "what is this? a basic question"),
    ],
)
def test_credentials_are_hidden(text: str, expected: str) -> None:
    assert redact_text(text) == expected


@pytest.mark.parametrize("piece", ["x", "a.", "x://", "a b ", "token=", "://@", "?", "x://a/b:"])
def test_a_long_line_takes_no_longer_than_it_must(piece: str) -> None:
    text = piece * 5_000  # a pattern that goes back and forth would take hours

    assert redact_text(text)


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    secrets = secrets_in("rtsp://me:two words@cam/1")

    assert redact_text("login two words refused, me:two words", secrets) == "login *** refused, ***"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("0", []),
        ("demo:", []),
        ("rtsp://cam/1", []),
        ("rtsp://me:word@cam/1", ["me:word", "word"]),
        ("rtsp://token@cam/1", ["token", "token"]),
        ("rtsp://a:b@cam/1", []),  # so short that hiding it would garble everything
    ],
)
def test_the_secrets_of_a_url(url: str, expected: list[str]) -> None:
    assert secrets_in(url) == expected
