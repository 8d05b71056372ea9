"""The annotated picture of a scene, drawn once for everybody who asks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from edge.core import Image, Scene

KEPT = 8  # pictures kept for a sink that lags behind; one more lag and it draws its own


class RenderOnce:
    """Draws each scene once for `askers` sinks, whichever threads they ask from.

    A picture is forgotten as soon as so many have asked for it. It is read-only, because the
    others see the same one.
    """

    def __init__(self, draw: Callable[[Scene], Image], askers: int = 1) -> None:
        self._draw = draw
        self._askers = askers
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, _Drawn] = OrderedDict()  # by the identity of the scene

    def __call__(self, scene: Scene) -> Image:
        with self._lock:
            drawn = self._kept.get(id(scene))
            if drawn is None:
                drawn = self._kept[id(scene)] = _Drawn(scene, self._draw(scene))
            drawn.asked += 1
            if drawn.asked >= self._askers:
                del self._kept[id(scene)]
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return drawn.picture


class _Drawn:
    """A picture and how often it was asked for. It holds on to the scene: ids are used again."""

    def __init__(self, scene: Scene, picture: Image) -> None:
        self.scene = scene
        self.picture = picture
        self.picture.flags.writeable = False
        self.asked = 0
