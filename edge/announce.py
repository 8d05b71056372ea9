"""The driver's hint: what a passenger would say, as a line of text or spoken by espeak-ng."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from edge.core import UNKNOWN, Event, Road, Scene
from edge.handover import ABANDON_S, Closed, Slot
from models.errors import UsageError
from models.signs import sign_class

log = logging.getLogger(__name__)

SPEAKER = "espeak-ng"
SPEECH_S = 15.0  # a phrase takes two or three; whatever takes longer hangs
GAP_S = 2.0  # from one hint to the next; what comes up in between is said together
AGAIN_S = 20.0  # the same sign, left and right of the road or once more, is not said again so soon
TOGETHER = 3  # phrases in one hint, the latest ones

CAUTION: Mapping[str, str] = {"en": "Caution: ", "de": "Achtung: "}

# What changes the road is said when the road has changed; the English phrase is the sign's name.
ROAD: Mapping[str, str] = {
    "274-20": "Tempo 20",
    "274-30": "Tempo 30",
    "274-50": "Tempo 50",
    "274-60": "Tempo 60",
    "274-70": "Tempo 70",
    "274-80": "Tempo 80",
    "274-100": "Tempo 100",
    "274-120": "Tempo 120",
    "278-80": "Ende von Tempo 80",
    "276": "Überholverbot",
    "277": "Überholverbot für Lkw",
    "280": "Ende des Überholverbots",
    "281": "Ende des Überholverbots für Lkw",
    "282": "Ende aller Verbote",
    "301": "Vorfahrt an der nächsten Kreuzung",
    "306": "Vorfahrtstraße",
    "205": "Vorfahrt gewähren",
    "206": "Stoppschild",
}
WARNINGS: Mapping[str, str] = {
    "267": "Einfahrt verboten",
    "101": "Gefahrstelle",
    "103-10": "Linkskurve",
    "103-20": "Rechtskurve",
    "105-10": "Doppelkurve",
    "112": "unebene Fahrbahn",
    "114": "Schleudergefahr",
    "121-10": "Engstelle rechts",
    "123": "Baustelle",
    "131": "Ampel",
    "133-10": "Fußgänger",
    "136-10": "Kinder",
    "138-10": "Radfahrer",
    "101-51": "Schnee- oder Eisglätte",
    "142-10": "Wildwechsel",
}

Say = Callable[[str], None]  # never waits


class AnnounceSink:
    """Gives `say` a hint when a sign changes the road or warns; in English or German.

    Hints keep a distance, on the source's clock, and nothing is said twice in a row.
    """

    lossless = True

    def __init__(self, say: Say, language: str, close: Callable[[], None] | None = None) -> None:
        self._say = say
        self._language = language
        self._close = close
        self._road = Road()
        self._waiting: list[str] = []
        self._said: dict[str, float] = {}  # phrase → when it came up last
        self._next = float("-inf")

    def write(self, scene: Scene) -> None:
        time = scene.frame.time
        road = replace(scene.road, limit_since=None)
        changed, self._road = road != self._road, road
        for phrase in self._phrases(scene.events, changed):
            if time - self._said.get(phrase, float("-inf")) >= AGAIN_S:
                self._waiting = [*self._waiting, phrase][-TOGETHER:]
            self._said[phrase] = time
        if self._waiting and time >= self._next:
            self._say(", ".join(self._waiting))
            self._waiting = []
            self._next = time + GAP_S

    def finish(self, events: Sequence[Event]) -> None:
        """Nothing: the drive is over."""

    def close(self) -> None:
        if self._close is not None:
            self._close()

    def _phrases(self, events: Sequence[Event], road_changed: bool) -> Iterator[str]:
        for event in events:
            if event.kind == "end" or event.sign.label == UNKNOWN:
                continue
            sign = sign_class(event.sign.label)
            if sign.stvo in WARNINGS:
                name = WARNINGS[sign.stvo] if self._language == "de" else sign.name
                yield CAUTION[self._language] + name
            elif sign.stvo in ROAD and road_changed:
                yield ROAD[sign.stvo] if self._language == "de" else sign.name


def print_hint(text: str) -> None:
    """A hint as a line of the log, which the status line makes room for."""
    log.info("▶ %s", text)


def spoken(language: str, speaker: str = SPEAKER) -> AnnounceSink:
    """A sink that speaks; UsageError where there is no espeak-ng."""
    voice = Voice(language, speaker)
    return AnnounceSink(voice.say, language, voice.close)


class Voice:
    """Speaks on a thread of its own: the latest text, once it has finished the one before.

    UsageError at once where the speaker is not installed. One that fails is told once and then
    left alone; the text goes to its stdin, so that nothing in it is ever an option or a command.
    """

    def __init__(self, language: str, speaker: str = SPEAKER) -> None:
        program = shutil.which(speaker)
        if program is None:
            raise UsageError(
                f"announce voice: {speaker} is not installed: sudo apt install {SPEAKER}, "
                "or --announce text"
            )
        self._command = [program, "-v", language, "--stdin"]
        self._texts: Slot[str] = Slot()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="voice", daemon=True)
        self._thread.start()

    def say(self, text: str) -> None:
        """Speak this next, in place of what has not been begun; never waits."""
        try:
            self._texts.put(text)
        except Closed:
            log.debug("not spoken: %s", text)

    def close(self) -> None:
        """Silence, also in the middle of a word."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                _silence(self._process)
        self._texts.close()
        self._thread.join(ABANDON_S)

    def _run(self) -> None:
        try:
            while True:
                self._speak(self._texts.take())
        except Closed:
            pass
        except OSError as error:
            self._give_up(str(error))
        except subprocess.TimeoutExpired:
            self._give_up(f"it did not finish in {SPEECH_S:g} s")

    def _speak(self, text: str) -> None:
        with self._lock:
            if self._closed:
                raise Closed
            process = self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        with process:
            try:
                _, complaint = process.communicate(text.encode(), SPEECH_S)
            except subprocess.TimeoutExpired:
                _silence(process)
                raise
        with self._lock:
            self._process = None
            words = complaint.decode(errors="replace").strip().splitlines() or [""]
            # Without a sound card espeak-ng says so and ends as if all were well.
            failed = process.returncode or words[-1].startswith("error")
            if failed and not self._closed:
                raise OSError(f"exit code {process.returncode}: {words[-1] or 'no reason given'}")

    def _give_up(self, why: str) -> None:
        self._texts.end()
        log.warning("hints are no longer spoken: %s failed: %s", self._command[0], why)


def _silence(process: subprocess.Popen[bytes]) -> None:
    """End it with all that it has started: the speaker may be a script around one."""
    if sys.platform == "win32":
        process.kill()
    else:  # also where it has ended itself: what it left behind speaks on
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
