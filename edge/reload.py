"""Settings that are read again while the app runs (SIGHUP): what can change at once does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace

from edge.config import Config
from edge.core import Event, Frame, Line, Scene
from edge.road import RoadLine
from models.errors import AppError

log = logging.getLogger(__name__)

# What makes the line anew. The models are kept unless one of theirs has changed; all other settings
# belong to a source or an output that is open.
MODEL_SETTINGS = frozenset({"detector", "classifier", "threads", "conf"})
AHEAD_SETTINGS = frozenset({"detector", "threads", "conf", "roi", "detect_every"})
LINE_SETTINGS = MODEL_SETTINGS | {"max_reads", "road_expiry_s", "roi", "detect_every"}


class ReloadingLine:
    """A line that is made anew, between two frames, when its settings have changed.

    `asked` says whether the settings are to be read again, `reread` reads them. Settings or models
    that are broken are reported, and everything goes on as it was. Signs in sight are ended by the
    line of before and read afresh; what is in force on the road stays so. While no frame comes the
    settings are read again all the same; what that ends is told with the next frame.
    """

    def __init__(
        self,
        line: Line,
        config: Config,
        asked: Callable[[], bool],
        reread: Callable[[], Config],
        rebuild: Callable[[Config], Line],
    ) -> None:
        self._line = line
        self._config = config
        self._asked = asked
        self._reread = reread
        self._rebuild = rebuild
        self._ended: tuple[Event, ...] = ()  # not told yet

    def __call__(self, frame: Frame) -> Scene:
        self.idle()
        scene = self._line(frame)
        ended, self._ended = self._ended, ()
        return replace(scene, events=ended + scene.events) if ended else scene

    def idle(self) -> None:
        """Read the settings again if that was asked for, also where no frame comes."""
        if self._asked():
            self._ended += self._reload()

    def finish(self) -> tuple[Event, ...]:
        ended, self._ended = self._ended, ()
        return ended + self._line.finish()

    def _reload(self) -> tuple[Event, ...]:
        """Take the new settings; the last events of a line that they replace."""
        try:
            new = self._reread()
            names = changed(self._config, new)
            ours, others = sorted(names & LINE_SETTINGS), sorted(names - LINE_SETTINGS)
            config = replace(self._config, **{name: getattr(new, name) for name in ours})
            line = self._rebuild(config) if ours else None
        except AppError as error:
            log.error("the settings stay as they were: %s", error)
            return ()
        if others:
            log.warning("only a restart changes %s", ", ".join(others))
        if line is None:
            log.info("settings read again: nothing to change")
            return ()
        log.info("settings read again: changed %s", ", ".join(ours))
        ended = self._line.finish()
        if isinstance(line, RoadLine) and isinstance(self._line, RoadLine):
            line.take_over(self._line, ended)
        self._line, self._config = line, config
        return ended


def changed(old: Config, new: Config) -> frozenset[str]:
    """The names of the settings that differ."""
    names = (field.name for field in fields(Config))
    return frozenset(name for name in names if getattr(old, name) != getattr(new, name))
