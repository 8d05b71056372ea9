"""A container's own sizes tell whether the end of the file is missing."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import pytest

from edge.sources.containers import ends_whole, file_extent


@pytest.mark.parametrize(
    ("content", "is_cut"),
    [
        (b"\0\0\0\x08ftyp\0\0\0\x08moov", False),
        (b"\0\0\0\x08moov\0\0\0\x01mdat" + struct.pack(">Q", 20) + b"1234", False),
        (b"\0\0\0\x08moov\0\0\0\x01mdat" + struct.pack(">Q", 21) + b"1234", True),
        (b"\0\0\0\x08moov\0\0\0\0mdat1234", False),
        (b"\0\0\0\x08moov\0\0\0", True),
        (b"\0\0\0\x08ftyp\0\0\0\x08moovand what a recorder appends", False),
        (b"\0\0\0\x08ftyp\0\0\0\x0cjunk1234\0\0\0\x09moov", True),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x82ab", False),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\x83ab", True),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\xff\xec\x82ab", False),
        (b"\x1a\x45\xdf\xa3\x81x\x18\x53\x80\x67\xff\xec\x83ab", True),
        (b"RIFF\x08\0\0\0AVI 1234", False),
        (b"RIFF\x09\0\0\0AVI 1234", True),
        ((b"G" + b"\0" * 187) * 5, False),
        ((b"G" + b"\0" * 187) * 5 + b"G", True),
        ((b"\0\0\0\0G" + b"\0" * 187) * 5, False),
        (b"something else", False),
    ],
)
def test_a_file_is_cut_where_its_last_part_is_longer_than_the_file(
    tmp_path: Path, content: bytes, is_cut: bool
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)

    assert file_extent(path).cut is is_cut


def test_a_fragmented_video_is_whole_with_its_table_only(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    with av.open(str(whole), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame(640, 480, "yuv420p")))
        container.mux(stream.encode(None))
    assert ends_whole(whole)
    data = whole.read_bytes()
    for cut in (data[:-1], data[:-16], data[: len(data) // 2], b"", b"short"):
        (tmp_path / "cut.mp4").write_bytes(cut)
        assert not ends_whole(tmp_path / "cut.mp4")
