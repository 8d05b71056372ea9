"""Hints for the driver: what is said, how often, and that nobody ever waits for it."""

from __future__ import annotations

import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from edge.announce import CAUTION, ROAD, WARNINGS, AnnounceSink, Voice, print_hint, spoken
from edge.core import Event, EventKind, Frame, Road, Scene, Sign
from models.errors import UsageError
from models.signs import sign_table
from tests.scenes import UNKNOWN, grey, make_event
from tests.waiting import PATIENCE_S, eventually

IDS = {"foreign": UNKNOWN, **{sign.stvo: sign.id for sign in sign_table()}}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No speaker is taken to hang because the machine is busy."""
    monkeypatch.setattr("edge.announce.ABANDON_S", PATIENCE_S)
    monkeypatch.setattr("edge.announce.SPEECH_S", 2 * PATIENCE_S)


def read(stvo: str, kind: EventKind = "new") -> Event:
    return replace(make_event(kind), sign=Sign(IDS[stvo], 0.95, 5))


def scene(time: float, *events: Event, road: Road | None = None) -> Scene:
    return Scene(Frame(grey(8, 8), 0, time), (), events, road=road or Road())


def hints(*scenes: Scene, language: str = "en") -> list[str]:
    said: list[str] = []
    sink = AnnounceSink(said.append, language)
    for each in scenes:
        sink.write(each)
    sink.finish([])
    sink.close()
    return said


FIFTY = Road(50, 1.0)


@pytest.mark.parametrize(
    ("stvo", "road", "language", "expected"),
    [
        ("274-50", FIFTY, "en", ["Speed limit 50"]),
        ("274-50", FIFTY, "de", ["Tempo 50"]),
        ("282", Road(free=True), "de", ["Ende aller Verbote"]),
        ("205", Road(priority=False), "en", ["Give way"]),
        ("136-10", Road(), "en", ["Caution: Children"]),
        ("136-10", Road(), "de", ["Achtung: Kinder"]),
        ("267", Road(), "en", ["Caution: No entry"]),
        ("222-20", Road(), "en", []),
        ("foreign", Road(), "en", []),
    ],
)
def test_what_is_said_of_a_sign(stvo: str, road: Road, language: str, expected: list[str]) -> None:
    assert hints(scene(1.0, read(stvo), road=road), language=language) == expected


def test_a_sign_that_changes_nothing_is_not_said() -> None:
    again = replace(FIFTY, limit_since=200.0)

    said = hints(
        scene(1, read("274-50"), road=FIFTY), scene(200, read("274-50", "new"), road=again)
    )

    assert said == ["Speed limit 50"]


def test_a_sign_that_has_passed_is_not_said_again() -> None:
    assert hints(scene(1.0, read("136-10", "end"))) == []


def test_a_correction_is_said() -> None:
    said = hints(
        scene(1, read("274-80"), road=Road(80, 1.0)),
        scene(9, read("274-60", "update"), road=Road(60, 1.0)),
    )

    assert said == ["Speed limit 80", "Speed limit 60"]


def test_the_same_warning_left_and_right_is_said_once() -> None:
    left, right = scene(1, read("136-10")), scene(4, read("136-10"))

    assert hints(left, right) == ["Caution: Children"]
    assert len(hints(left, right, scene(24, read("136-10")))) == 2


def test_what_comes_close_together_is_said_together() -> None:
    said = hints(
        scene(1.0, read("123")),
        scene(1.5, read("274-80"), road=Road(80, 1.5)),
        scene(1.9, read("276"), road=Road(80, 1.5, no_overtaking=True)),
        scene(2.9),
        scene(3.0),
        scene(9.0),
    )

    assert said == ["Caution: Roadworks", "Speed limit 80, No overtaking"]


def test_of_too_much_at_once_the_latest_is_said() -> None:
    many = [read(stvo) for stvo in ("101", "112", "114", "123", "131")]

    assert hints(scene(1.0, *many)) == [
        "Caution: Slippery road, Caution: Roadworks, Caution: Traffic signals"
    ]


def test_every_phrase_belongs_to_a_sign_and_no_sign_has_two() -> None:
    assert set(ROAD) | set(WARNINGS) <= set(IDS)
    assert not set(ROAD) & set(WARNINGS)
    assert set(CAUTION) == {"en", "de"}


def test_a_text_hint_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    print_hint("Speed limit 50")

    assert caplog.messages == ["▶ Speed limit 50"]


# --- the voice: a real program, that writes down what it is told ---


def speaker(tmp_path: Path, script: str) -> str:
    program = tmp_path / "speaker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_the_text_reaches_the_speaker_by_stdin_and_never_a_shell(tmp_path: Path) -> None:
    heard, arguments = tmp_path / "heard", tmp_path / "arguments"
    sink = spoken(
        "de",
        speaker(tmp_path, f'echo "$@" > {arguments}; cat > {heard}.new; mv {heard}.new {heard}'),
    )
    sink.write(scene(1.0, read("274-50"), road=FIFTY))
    assert eventually(heard.exists)
    sink.close()

    assert heard.read_text() == "Tempo 50"
    assert arguments.read_text() == "-v de --stdin\n"


@pytest.mark.parametrize("last", ["exec sleep 600", "sleep 600", "sleep 600; true", "sleep 600 &"])
def test_whoever_speaks_slowly_holds_nobody_up_and_ends_at_once(tmp_path: Path, last: str) -> None:
    started = tmp_path / "started"
    voice = Voice("en", speaker(tmp_path, f"touch {started}; {last}"))
    voice.say("one")
    assert eventually(started.exists)
    for number in range(1000):
        voice.say(f"text {number}")
    voice.close()
    voice.say("too late")

    assert not any(thread.name == "voice" for thread in threading.enumerate())


@pytest.mark.parametrize("code", [3, 0])
def test_a_speaker_that_fails_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    script = f"echo ALSA; echo error: no sound card; exit {code}"
    voice = Voice("en", speaker(tmp_path, f"exec >&2; {script}"))
    voice.say("one")
    assert eventually(lambda: bool(caplog.messages))
    voice.say("two")
    voice.close()

    (message,) = caplog.messages
    assert "hints are no longer spoken" in message
    assert f"exit code {code}: error: no sound card" in message


def test_a_speaker_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(UsageError, match="sudo apt install espeak-ng"):
        Voice("en", "no-such-speaker")
