"""Config: every choice of a deployment, its default, and where it may be set.

The command line wins over `edge.toml`, which wins over the defaults below. What belongs to a model
(its input, its labels, its thresholds) stands in the model's own JSON and never here.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from models.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_FILE = Path("edge.toml")  # read from the current folder where it exists

Value = str | int | float | bool | None


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
    detector: str = "detector"
    classifier: str = "classifier"
    threads: int = 0
    conf: float | None = None
    max_reads: int = 4
    max_frames: int = 0

    def __post_init__(self) -> None:
        least_of = {"threads": 0, "max_reads": 1, "max_frames": 0}
        for name, least in {**least_of, "pictures_mb": 0, "pictures_hours": 0}.items():
            if getattr(self, name) < least:
                raise UsageError(f"{name}: expected {least} or more, found {getattr(self, name)}")
        if self.conf is not None and not 0.0 < self.conf < 1.0:
            raise UsageError(f"conf: expected a score between 0 and 1, found {self.conf:g}")


# What each setting means: the comment in `--print-config` and the help of its flag.
SETTINGS: Mapping[str, str] = {
    "source": "what to watch: camera number, /dev/video*, file, folder, glob, or demo:",
    "output": "annotated result: an .mp4 or .mkv file, or a folder for pictures",
    "events": "events, one JSON object a line: a file, or - for stdout",
    "show": "open a window (q or Esc closes it)",
    "csv": "events, one row each with a header: a file",
    "crops": "a folder for a JPEG of each sign, cut out where it was seen best",
    "snapshots": "a folder for a JPEG of the whole picture in which each sign was seen best",
    "pictures_mb": "most MB in the folder of crops and in that of snapshots; the oldest go; 0: any",
    "pictures_hours": "crops and snapshots older than this are removed; 0: none",
    "mqtt": "publish events and state: mqtt(s)://user@host:port/prefix",
    "mqtt_password_file": "a file with the password; else $EDGE_MQTT_PASSWORD",
    "mqtt_ca": "a file of certificates to trust for mqtts:// in the place of the system's",
    "mqtt_spool": "where events wait while the broker is away; unset: in the user's state folder",
    "metrics": "serve Prometheus metrics at HOST:PORT",
    "detector": "the detector: a published model's name, or a model's .json",
    "classifier": "the classifier: a published model's name, or a model's .json",
    "threads": "inference threads; 0: all processors",
    "conf": "least score of a sign; unset takes the published thresholds",
    "max_reads": "most signs read in one frame",
    "max_frames": "stop after so many frames; 0 goes on to the end",
}

# What a value may be, in words and as types. TOML knows integers where a score is meant: 1 is 1.0.
_KINDS: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "str": ("text", (str,)),
    "bool": ("true or false", (bool,)),
    "int": ("a whole number", (int,)),
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
    if file is None and DEFAULT_FILE.is_file():
        file = DEFAULT_FILE
    values = read_toml(file) if file else {}
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
    """The configuration as a TOML file that `read_toml` reads back to the same."""
    lines = []
    for name, value in asdict(config).items():
        lines.append(f"# {SETTINGS[name]}")
        # JSON writes text, numbers and true/false the way TOML does, but for DEL in a text.
        text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        lines.append(f"# {name} =\n" if value is None else f"{name} = {text}\n")
    return "\n".join(lines)


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` for the known word that is most like this one, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f'; did you mean "{close[0]}"?' if close else ""


def _checked(file: Path, key: str, value: Any) -> Value:
    kinds = {field.name: str(field.type) for field in fields(Config)}
    if key not in kinds:
        hint = nearest(key, kinds) or f"; known are {', '.join(kinds)}"
        raise UsageError(f'{file}: unknown key "{key}"{hint}')
    words, types = _KINDS[kinds[key]]
    if type(value) not in types:  # not isinstance: true is an int in Python
        found = _FOUND.get(type(value), type(value).__name__)
        raise UsageError(f"{file}: {key}: expected {words}, found {found}")
    return float(value) if kinds[key] == "float | None" else value
