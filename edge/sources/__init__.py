"""One string names any source: a camera, a video, pictures or the demo; frames come out."""

from __future__ import annotations

from pathlib import Path

from edge.demo import VIDEO
from edge.sources.csi import CsiCamera
from edge.sources.info import OpenSource, SourceInfo, SourceOptions, arrivals
from edge.sources.live import open_live
from edge.sources.pattern import Pattern, parse_pattern
from edge.sources.pictures import folder_pictures, glob_pictures, is_picture, open_pictures
from edge.sources.recorded import open_video
from edge.sources.settings import source_options
from edge.sources.stream import Stream
from edge.sources.turn import turn_device
from edge.sources.uri import Uri, parse_uri, redact
from edge.sources.usb import CaptureFactory, UsbCamera, lasting_names, list_cameras, open_capture
from models.errors import SourceError, UsageError

__all__ = [
    "OpenSource",
    "SourceInfo",
    "SourceOptions",
    "Uri",
    "arrivals",
    "lasting_names",
    "list_cameras",
    "open_source",
    "parse_uri",
    "redact",
    "source_options",
]


def open_source(
    text: str, options: SourceOptions | None = None, capture: CaptureFactory = open_capture
) -> tuple[SourceInfo, OpenSource]:
    """Open what the string names and prove that a first frame comes.

    A stream that is not there yet is waited for, see `open_live`. UsageError if the string names
    nothing that is allowed, SourceError if it cannot be opened. Close the source when done: its
    thread runs from now on.
    """
    options = options or SourceOptions()
    uri = parse_uri(text)
    if uri.kind in ("camera", "csi", "stream", "test"):
        return _open_live(uri, options, capture)
    if uri.kind == "demo":
        if not VIDEO.is_file():
            raise SourceError(f"the demo drive is not there: expected {VIDEO}")
        return open_video(VIDEO, options)
    if uri.kind == "glob":
        pattern = str(Path(uri.target).expanduser())
        return open_pictures(glob_pictures(pattern), uri.target, options)
    try:
        path = Path(uri.target).expanduser()
        is_folder = path.is_dir()
    except (OSError, RuntimeError) as error:  # too long, not ours to look at; no such home
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{uri.target} cannot be opened: {why}") from error
    if is_folder:
        return open_pictures(folder_pictures(path), uri.target, options)
    if not path.exists():
        raise SourceError(f"{path} does not exist")
    if not path.is_file():
        raise SourceError(f"{path} is neither a file nor a folder")
    if is_picture(path):
        return open_pictures([path], uri.target, options)
    return open_video(path, options)


def _open_live(
    uri: Uri, options: SourceOptions, capture: CaptureFactory
) -> tuple[SourceInfo, OpenSource]:
    if options.loop:
        raise UsageError("loop: expected a file or pictures as the source, found a live one")
    device: UsbCamera | CsiCamera | Stream | Pattern
    if uri.kind == "camera":
        device = UsbCamera(uri.target, options, capture)
    elif uri.kind == "csi":
        device = CsiCamera(int(uri.target), options)
    elif uri.kind == "stream":
        device = Stream(uri.target, options)
    else:
        device = parse_pattern(uri.target)
    patient = uri.kind == "stream"
    return open_live(device.name, turn_device(device, options), options.timeout_s, patient)
