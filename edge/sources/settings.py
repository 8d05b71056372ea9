"""What the configuration says about the source."""

from __future__ import annotations

from typing import cast

from edge.config import Config, parse_size
from edge.sources.info import Flip, SourceOptions


def source_options(config: Config) -> SourceOptions:
    """How the source is to be opened."""
    return SourceOptions(
        size=parse_size(config.resolution),
        fps=config.fps,
        rotate=config.rotate,
        flip=cast(Flip, config.flip),  # Config has checked it
        loop=config.loop,
    )
