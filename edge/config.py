"""Config: every choice of a deployment, its default, and where it may be set.

The command line wins over `edge.toml`, which wins over the defaults below. What belongs to a model
(its input, its labels, its thresholds) stands in the model's own JSON and never here.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from models.command import nearest
from models.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

log = logging.getLogger(__name__)

DEFAULT_FILE = Path("edge.toml")  # read from the current folder where it exists

ROTATIONS = (0, 90, 180, 270)
SIDES = (16, 8192)  # pixels of a picture that a camera or the test picture can have
MOST_THREADS = 1024
FLIPS = ("none", "horizontal", "vertical", "both")

Value = str | int | float | bool | None


LEAST = {
    **dict.fromkeys(("threads", "max_frames", "pictures_mb", "pictures_hours", "store_days"), 0),
    "detect_every": 1,
    "max_reads": 1,
    "store_mb": 2,
}


@dataclass(frozen=True, slots=True)
class Config:
    """One deployment. Every default stands here once; `SETTINGS` says what each means."""

    source: str = ""
    output: str = ""
    events: str = ""
    show: bool = False
    csv: str = ""
    crops: str = ""
    snapshots: str = ""
    pictures_mb: int = 1000
    pictures_hours: int = 0
    mqtt: str = ""
    mqtt_password_file: str = ""
    mqtt_ca: str = ""
    mqtt_spool: str = ""
    metrics: str = ""
    store: str = ""
    store_days: int = 30
    store_mb: int = 200
    web: str = ""
    web_token: str = ""
    web_names: str = ""
    detector: str = "detector"
    classifier: str = "classifier"
    threads: int = 0
    conf: float | None = None
    roi: str = ""
    detect_every: int = 1
    max_reads: int = 4
    max_frames: int = 0
    resolution: str = "1280x720"
    fps: float = 30.0
    rotate: int = 0
    flip: str = "none"
    loop: bool = False
    road_expiry_s: float = 300.0
    announce: str = ""
    announce_language: str = "en"
    log_file: str = ""

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise UsageError(f"{name}: expected {least} or more, found {getattr(self, name)}")
        if self.threads > MOST_THREADS:
            raise UsageError(f"threads: expected at most {MOST_THREADS}, found {self.threads}")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                words = ", ".join(f'"{word}"' for word in allowed)
                raise UsageError(f'{name}: expected {words}, found "{getattr(self, name)}"')
        if not 0 <= self.road_expiry_s < math.inf:
            found = self.road_expiry_s
            raise UsageError(f"road_expiry_s: expected 0 or more seconds, found {found:g}")
        if self.conf is not None and not 0.0 < self.conf < 1.0:
            raise UsageError(f"conf: expected a score between 0 and 1, found {self.conf:g}")
        if self.rotate not in ROTATIONS:
            expected = ", ".join(map(str, ROTATIONS))
            raise UsageError(f"rotate: expected {expected}, found {self.rotate}")
        parse_size(self.resolution)
        if not 0.0 < self.fps <= 1000.0:
            raise UsageError(f"fps: expected frames a second, up to 1000, found {self.fps:g}")
        if self.roi:
            # Here, so that the doctor can read settings where numpy is broken.
            from edge.roi import parse_roi  # noqa: PLC0415

            parse_roi(self.roi)


# What each setting means: the comment in `--print-config` and the help of its flag.
SETTINGS: Mapping[str, str] = {
    "source": "what to watch: camera number, /dev/…, csi://N, rtsp://…, http://…, udp://…, "
    "file, folder or glob of pictures, test: or demo:",
    "output": "annotated result: an .mp4 or .mkv file, NAME.part.mp4 until the run ends, or a "
    "folder for pictures",
    "events": "events, one JSON object a line: a file, NAME.part.jsonl until the run ends, or - "
    "for stdout",
    "show": "open a window (q or Esc closes it)",
    "csv": "events, one row each with a header: a file, NAME.part.csv until the run ends",
    "crops": "a folder for a JPEG of each sign, cut out where it was seen best",
    "snapshots": "a folder for a JPEG of the whole picture in which each sign was seen best",
    "pictures_mb": "most MB in the folder of crops and in that of snapshots; the oldest go; 0: any",
    "pictures_hours": "older crops and snapshots are removed when the next is written; 0: never",
    "mqtt": "publish events and state: mqtt(s)://user@host:port/prefix",
    "mqtt_password_file": "a file with the password; else $EDGE_MQTT_PASSWORD",
    "mqtt_ca": "a file of certificates to trust for mqtts:// in the place of the system's",
    "mqtt_spool": "where events wait while the broker is away; unset: in the user's state folder",
    "metrics": "serve Prometheus metrics: HOST:PORT, of which 127.0.0.1 and 9464 may be left out",
    "store": "event store that keeps the history: an .sqlite file",
    "store_days": "days that the store remembers; 0: for ever",
    "store_mb": "most MB of the store; the oldest events make room",
    "web": "serve a page: HOST:PORT, of which 127.0.0.1 and 8080 may be left out; other machines "
    "reach it only with a token",
    "web_token": "what lets people see the page: the token, or @FILE that holds it; else "
    "$EDGE_WEB_TOKEN",
    "web_names": "further host names of the page, separated by commas",
    "detector": "the detector: a published model's name, or a model's .json",
    "classifier": "the classifier: a published model's name, or a model's .json",
    "threads": "inference threads; 0: what a short measurement finds best, once",
    "conf": "least score of a sign; unset takes the published thresholds",
    "roi": "detect only between TOP,BOTTOM or in L,T,R,B, fractions of the frame; empty: all of it",
    "detect_every": "detect in every n-th frame only and follow in between",
    "max_reads": "most signs read in one frame",
    "max_frames": "stop after so many frames; 0 goes on to the end",
    "resolution": "what a camera is asked for, as WIDTHxHEIGHT",
    "fps": "frames a second that a camera is asked for",
    "rotate": "turn the picture clockwise: 0, 90, 180 or 270 degrees",
    "flip": "mirror the picture, after turning it: none, horizontal, vertical or both",
    "loop": "start a file again at its end",
    "road_expiry_s": "a limit read so many seconds ago is shown as stale; 0: never",
    "announce": "hints for the driver: text on the console, or voice, spoken by espeak-ng",
    "announce_language": "of the hints: en or de",
    "log_file": "a file for the log besides the console; set aside and begun anew at 2 MB",
}


def meaning(name: str) -> str:
    """What the help of a setting's flag says: its meaning, and its default where it has one."""
    default = getattr(Config(), name)
    return SETTINGS[name] + ("" if default in ("", None, False) else f" (default: {default})")


# The settings that name a file or folder to write to.
PLACES = ("output", "events", "csv", "crops", "snapshots", "mqtt_spool", "store", "log_file")

# The settings that are one of a few words.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "flip": FLIPS,
    "announce": ("", "text", "voice"),
    "announce_language": ("en", "de"),
}

SECRETS = frozenset({"web_token"})  # never printed; the name of a file that holds one is

# What a value may be, in words and as types. TOML knows integers where a score is meant: 1 is 1.0.
_KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "str": ("text", (str,)),
    "bool": ("true or false", (bool,)),
    "int": ("a whole number", (int,)),
    "float": ("a number", (float, int)),
    "float | None": ("a number", (float, int)),
}
_FOUND: Mapping[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    list: "a list",
    dict: "a table",
}


def load(file: Path | None, flags: Mapping[str, Value]) -> Config:
    """The flags over the file over the defaults.

    Without a `file`, `edge.toml` of the current folder is read where there is one. A key that is
    not known or a value of the wrong type is a UsageError that names it.
    """
    unasked = file is None and DEFAULT_FILE.is_file()
    file = DEFAULT_FILE if unasked else file
    values = read_toml(file) if file else {}
    if unasked:
        log.info("settings: %s", file)
    return Config(**{**values, **flags})  # type: ignore[arg-type]


def read_toml(file: Path) -> dict[str, Value]:
    """The settings of one file, each checked; UsageError names the file and the key."""
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot read the configuration: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: expected a TOML file: {error}") from error
    return {key: _checked(file, key, value) for key, value in table.items()}


def to_toml(config: Config) -> str:
    """The configuration as a TOML file that `read_toml` reads back to the same, but for secrets.

    A password within an address stays there: without it the settings would open nothing.
    """
    lines = []
    for name, value in asdict(config).items():
        lines.append(f"# {SETTINGS[name]}")
        if name in SECRETS and value and not value.startswith("@"):
            lines.append(f"# {name} is set and not shown\n")
            continue
        # JSON writes text, numbers and true/false the way TOML does, but for DEL in a text.
        text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        lines.append(f"# {name} =\n" if value is None else f"{name} = {text}\n")
    return "\n".join(lines)


def parse_size(text: str) -> tuple[int, int]:
    """(width, height) of `1280x720`; UsageError for anything else."""
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text, re.ASCII)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if not all(SIDES[0] <= side <= SIDES[1] for side in size):
        raise UsageError(f"resolution: expected a size such as 1280x720, found {text!r}")
    return size


def _checked(file: Path, key: str, value: Any) -> Value:
    kinds = {field.name: str(field.type) for field in fields(Config)}
    if key not in kinds:
        hint = nearest(key, kinds) or f"; known are {', '.join(kinds)}"
        raise UsageError(f'{file}: unknown key "{key}"{hint}')
    words, types = _KINDS[kinds[key]]
    if type(value) not in types:  # not isinstance: true is an int in Python
        found = _FOUND.get(type(value), type(value).__name__)
        raise UsageError(f"{file}: {key}: expected {words}, found {found}")
    return float(value) if kinds[key].startswith("float") else value
