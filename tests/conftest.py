"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.waiting import PATIENCE_S

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # the tests of training have no need of it
    pass
else:
    # How long an example takes says how busy the machine is, and nothing else.
    settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy")


@pytest.fixture(autouse=True)
def patient_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No output of a camera is given up because the machine is busy."""
    for module in ("threaded", "store"):
        monkeypatch.setattr(f"edge.sinks.{module}.LIVE_PATIENCE_S", PATIENCE_S)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Ctrl-C reaches the processes that tests start, also where a shell started this one aside."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # which they would inherit
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder of the tests' own, for the processes they start as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
