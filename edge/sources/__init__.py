"""One string names any source: a camera, a video, pictures or the demo; frames come out."""

from __future__ import annotations

from pathlib import Path

from edge.sources.info import OpenSource, SourceInfo, SourceOptions
from edge.sources.live import CaptureFactory, open_camera, open_capture
from edge.sources.pictures import folder_pictures, glob_pictures, is_picture, open_pictures
from edge.sources.recorded import open_video
from edge.sources.uri import Uri, parse_uri, redact
from models.errors import SourceError

__all__ = [
    "OpenSource",
    "SourceInfo",
    "SourceOptions",
    "Uri",
    "open_source",
    "parse_uri",
    "redact",
]

DEMO = Path(__file__).parents[1] / "demo" / "drive.mp4"


def open_source(
    text: str, options: SourceOptions | None = None, capture: CaptureFactory = open_capture
) -> tuple[SourceInfo, OpenSource]:
    """Open what the string names and prove that a first frame comes.

    UsageError if it names nothing that is allowed, SourceError if it cannot be opened. Close the
    source when done: its thread runs from now on.
    """
    options = options or SourceOptions()
    uri = parse_uri(text)
    if uri.kind == "camera":
        return open_camera(int(uri.target), options, capture)
    if uri.kind == "demo":
        if not DEMO.is_file():
            raise SourceError(f"the demo drive is not there: expected {DEMO}")
        return open_video(DEMO, options)
    if uri.kind == "glob":
        pattern = str(Path(uri.target).expanduser())
        return open_pictures(glob_pictures(pattern), uri.target, options)
    path = Path(uri.target).expanduser()
    if path.is_dir():
        return open_pictures(folder_pictures(path), uri.target, options)
    if not path.exists():
        raise SourceError(f"{path} does not exist")
    if not path.is_file():
        raise SourceError(f"{path} is neither a file nor a folder")
    if is_picture(path):
        return open_pictures([path], uri.target, options)
    return open_video(path, options)
