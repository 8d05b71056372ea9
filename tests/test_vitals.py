"""The health of a live source: which state follows which, since when, and what is counted."""

from __future__ import annotations

from fakes import Clock

from edge.core import Health
from edge.sources.vitals import STALL_S, Vitals


def test_it_connects_until_the_first_picture() -> None:
    clock = Clock(10.0)
    vitals = Vitals(clock)
    clock.now = 13.0
    vitals.lost("refused")
    waiting = vitals.health()
    clock.now = 15.0
    vitals.picture(14.9)

    assert waiting == Health("connecting", 10.0, detail="refused")
    assert vitals.health() == Health("online", 15.0, last_frame=14.9, frames=1)


def test_a_loss_counts_from_its_first_try_and_a_return_once() -> None:
    clock = Clock(10.0)
    vitals = Vitals(clock)
    vitals.picture(10.0)
    for now, why in ((20.0, "gone"), (25.0, "refused")):
        clock.now = now
        vitals.lost(why)
    away = vitals.health()
    clock.now = 30.0
    for _ in range(2):
        vitals.picture(30.0)

    assert away == Health("reconnecting", 20.0, 10.0, frames=1, detail="refused")
    assert vitals.health() == Health("online", 30.0, 30.0, frames=3, reconnects=1)


def test_online_with_an_old_picture_is_stalled_since_it_became_too_old() -> None:
    clock = Clock(10.0)
    vitals = Vitals(clock)
    vitals.picture(10.0)
    clock.now = 10.0 + STALL_S
    still = vitals.health().state
    clock.now += 0.5

    assert still == "online"
    stalled = vitals.health()
    assert (stalled.state, stalled.since) == ("stalled", 10.0 + STALL_S)


def test_what_has_ended_or_failed_does_not_stall() -> None:
    clock = Clock(10.0)
    for say, state in ((Vitals.ended, "ended"), (lambda v: v.failed("hangs"), "failed")):
        vitals = Vitals(clock)
        vitals.picture(10.0)
        say(vitals)
        clock.now += 100

        assert vitals.health().state == state


def test_what_was_dropped_is_told_by_whoever_drops() -> None:
    assert Vitals(Clock()).health(dropped=7).dropped == 7
