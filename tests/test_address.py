"""What people write for a place to listen at."""

from __future__ import annotations

import pytest

from edge.address import split_address
from models.errors import UsageError

DEFAULT = "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
        ("pi.local:0", ("pi.local", 0)),
        ("pi.local", ("pi.local", 8080)),
        ("65535", ("127.0.0.1", 65535)),
        (":9000", ("127.0.0.1", 9000)),
        ("[::1]:80", ("::1", 80)),
        ("[::1]", ("::1", 8080)),
        ("::1", ("::1", 8080)),
        ("fe80::1%eth0", ("fe80::1%eth0", 8080)),
    ],
)
def test_what_is_left_out_is_the_default(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text, DEFAULT, "web") == expected


@pytest.mark.parametrize("text", ["", "pi:", ":", "pi:x", "pi:-1", "pi:65536", "65536", "[::1]:x"])
def test_what_is_no_address_is_refused_by_its_setting(text: str) -> None:
    with pytest.raises(UsageError, match=r"web: expected HOST:PORT such as 127\.0\.0\.1:8080"):
        split_address(text, DEFAULT, "web")
