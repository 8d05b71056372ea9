"""Config: every choice of a deployment, its default, and where it may be set.

The command line wins over `edge.toml`, which wins over the defaults below. What belongs to a model
(its input, its labels, its thresholds) stands in the model's own JSON and never here.
"""

from __future__ import annotations

import difflib
import json
import math
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
    detector: str = "detector"
    classifier: str = "classifier"
    threads: int = 0
    conf: float | None = None
    max_reads: int = 4
    max_frames: int = 0
    road_expiry_s: float = 300.0
    announce: str = ""
    announce_language: str = "en"
    log_file: str = ""

    def __post_init__(self) -> None:
        for name, least in (("threads", 0), ("max_reads", 1), ("max_frames", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name}: expected {least} or more, found {getattr(self, name)}")
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                words = ", ".join(f'"{word}"' for word in allowed)
                raise UsageError(f'{name}: expected {words}, found "{getattr(self, name)}"')
        if not 0 <= self.road_expiry_s < math.inf:
            found = self.road_expiry_s
            raise UsageError(f"road_expiry_s: expected 0 or more seconds, found {found:g}")
        if self.conf is not None and not 0.0 < self.conf < 1.0:
            raise UsageError(f"conf: expected a score between 0 and 1, found {self.conf:g}")


# What each setting means: the comment in `--print-config` and the help of its flag.
SETTINGS: Mapping[str, str] = {
    "source": "what to watch: camera number, /dev/video*, file, folder, glob, or demo:",
    "output": "annotated result: an .mp4 or .mkv file, or a folder for pictures",
    "events": "events, one JSON object a line: a file, or - for stdout",
    "show": "open a window (q or Esc closes it)",
    "detector": "the detector: a published model's name, or a model's .json",
    "classifier": "the classifier: a published model's name, or a model's .json",
    "threads": "inference threads; 0: all processors",
    "conf": "least score of a sign; unset takes the published thresholds",
    "max_reads": "most signs read in one frame",
    "max_frames": "stop after so many frames; 0 goes on to the end",
    "road_expiry_s": "a limit read so many seconds ago is shown as stale; 0: never",
    "announce": "hints for the driver: text on the console, or voice, spoken by espeak-ng",
    "announce_language": "of the hints: en or de",
    "log_file": "a file for the log besides the console; set aside and begun anew at 2 MB",
}

# The settings that are one of a few words.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "announce": ("", "text", "voice"),
    "announce_language": ("en", "de"),
}

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
    return float(value) if kinds[key].startswith("float") else value
