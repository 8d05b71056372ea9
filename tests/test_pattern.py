"""The test picture: a number for every moment, by the clock, and nothing drawn for those missed."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import Clock

from edge.sources import open_source
from edge.sources.pattern import Pattern, parse_pattern
from models.errors import UsageError


def test_pictures_come_when_they_are_due() -> None:
    clock = Clock(50.0)
    waits = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        clock.now += seconds
        return False

    shots = Pattern((64, 48), 10.0, clock)(pause)
    times = [next(shots).time for _ in range(4)]

    assert times == pytest.approx([50.0, 50.1, 50.2, 50.3])
    assert waits == pytest.approx([0.1, 0.1, 0.1])


def test_those_missed_are_left_out() -> None:
    clock = Clock(50.0)
    shots = Pattern((64, 48), 10.0, clock)(lambda _: False)
    first = next(shots)
    clock.now += 0.55

    second = next(shots)

    assert (first.time, second.time) == (50.0, pytest.approx(50.5))
    assert not np.array_equal(first.image, second.image)


def test_it_ends_when_nobody_wants_more() -> None:
    assert len(list(Pattern((64, 48), 10.0, Clock())(lambda _: True))) == 1


def test_it_is_a_live_source_of_the_size_that_it_is_told() -> None:
    info, source = open_source("test:?size=320x200&fps=100")
    frames = [next(source) for _ in range(3)]
    source.close()

    assert (info.live, info.size, info.name) == (True, (320, 200), "test:?size=320x200&fps=100")
    assert frames[0].index < frames[1].index < frames[2].index


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", Pattern()),
        ("fps=5", Pattern(fps=5.0)),
        ("size=640x480&fps=59.94", Pattern((640, 480), 59.94)),
    ],
)
def test_its_options_are_read(options: str, expected: Pattern) -> None:
    assert parse_pattern(options) == expected


@pytest.mark.parametrize(
    "options",
    [
        *("size", "fps=", "fps=fast", "fps=0", "fps=nan", "fps=1e9", "size=9x9"),
        *("size=99999x9999", "speed=3", "fps=1&fps=2", "size=640x480;fps=1", "&"),
    ],
)
def test_other_options_are_refused(options: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        parse_pattern(options)
