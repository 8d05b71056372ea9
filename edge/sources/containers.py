"""Whether all of a video file is there, told from the sizes that its container declares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_MP4_TYPES = (b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide")
# What is taken for a box that was cut off; of other bytes at the end, some recorder appended them.
_MP4_KNOWN = (*_MP4_TYPES, b"moof", b"mfra", b"sidx", b"ssix", b"emsg", b"prft", b"meta", b"uuid")
_TS_PACKETS = (188, 192, 204)  # plain, Blu-ray (time stamp before), with error correction
_TS_SYNC = 0x47
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067  # the two elements at the top of Matroska and WebM


class Extent(NamedTuple):
    """`cut`: the file ends before its last part does. `index_missing`: an MP4 without its moov."""

    cut: bool = False
    index_missing: bool = False


def file_extent(path: Path) -> Extent:
    """What MP4/MOV, Matroska/WebM, AVI and MPEG-TS say of their length; nothing of all others.

    A fragmented or streamed file that was cut exactly between two parts looks whole.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] in _MP4_TYPES:
            boxes = list(_mp4_boxes(file, size))
            return Extent(
                cut=any(end > size for _, end in boxes),
                index_missing=all(kind != b"moov" for kind, _ in boxes),
            )
        if int.from_bytes(head[:4], "big") == _EBML:
            return Extent(cut=_matroska_end(file, size) > size)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return Extent(cut=int.from_bytes(head[4:8], "little") + 8 > size)
        for packet in _TS_PACKETS:
            if size > packet and _is_ts(file, packet):
                return Extent(cut=size % packet != 0)
    return Extent()


def ends_whole(path: Path) -> bool:
    """Whether a fragmented MP4 ends with the table of its fragments, which is written last.

    Its last box says how long the table is; ISO/IEC 14496-12, 8.8.9 and 8.8.11.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 16))
        last = file.read()
        start = size - int.from_bytes(last[12:], "big")
        if last[4:8] != b"mfro" or start < 0:
            return False
        file.seek(start)
        return file.read(8)[4:] == b"mfra"


def _mp4_boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """(type, end) of each box at the top level; ISO/IEC 14496-12, 4.2."""
    start = 0
    while start < size:
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            yield b"", size + 1
            return
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # a 64-bit length follows the type
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:  # to the end of the file
            length = size - start
        if length < 8:  # not a box: what follows cannot be told
            return
        start += length
        if start > size and head[4:8] not in _MP4_KNOWN:
            return
        yield head[4:8], start


def _matroska_end(file: BinaryIO, size: int) -> int:
    """Where the last element ends; a Segment of unknown length is entered, RFC 8794, 5 and 6."""
    start = 0
    while start < size:
        file.seek(start)
        identity = _vint(file, keep_marker=True)
        length = _vint(file, keep_marker=False)
        if identity is None or length is None:
            return size + 1
        start = file.tell()
        if length >= 0:
            start += length
        elif identity != _SEGMENT:  # a streamed cluster: its end is not written anywhere
            return size
    return start


def _vint(file: BinaryIO, keep_marker: bool) -> int | None:
    """One variable-length integer; -1 if it says "unknown", None if the file ends within it."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    bits = 7 * length
    value &= (1 << bits) - 1
    return -1 if value == (1 << bits) - 1 else value


def _is_ts(file: BinaryIO, packet: int) -> bool:
    """The sync byte stands at the same place in the first packets."""
    file.seek(0)
    data = file.read(4 * packet)
    offset = 4 if packet == 192 else 0
    return len(data) > offset and all(byte == _TS_SYNC for byte in data[offset::packet])
