"""How many threads: measured against a clock of the tests' own, remembered, never an error."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest

from edge import threads
from edge.threads import (
    BUDGET_S,
    FILE,
    Plan,
    counts,
    measure,
    opencv_beside,
    plan_for,
    remembered,
)
from models.errors import ModelError
from models.processors import available_threads
from tests.small_models import detector_bytes, detector_spec, save

KEY = "some processor, some model"


class Machine:
    """Tells how long calls take: `seconds` by their threads, `together` where several run."""

    def __init__(self, seconds: dict[int, float], together: float = 9.0) -> None:
        self.calls: list[int] = []  # the threads of each call, 0 for several calls at once
        self.spent = 0.0
        self._seconds = {**seconds, 0: together}
        self._counts: dict[threads.Invoke, int] = {}

    def make(self, count: int) -> threads.Invoke:
        def invoke() -> None:
            raise AssertionError("it is for `timed` to call")

        self._counts[invoke] = count
        return invoke

    def timed(self, invokes: Sequence[threads.Invoke]) -> float:
        if len(invokes) > 1:
            assert {self._counts[invoke] for invoke in invokes} == {1}
        self.calls.append(self._counts[invokes[0]] if len(invokes) == 1 else 0)
        self.spent += self._seconds[self.calls[-1]]
        return self._seconds[self.calls[-1]]


@pytest.mark.parametrize(
    ("processors", "expected"),
    [
        (1, [1]),
        (2, [1, 2]),
        (4, [1, 2, 3, 4]),
        (6, [1, 2, 3, 4, 6]),
        (8, [1, 2, 3, 4, 8]),
        (64, [1, 2, 3, 4, 8]),
    ],
)
def test_the_counts_worth_trying(processors: int, expected: list[int]) -> None:
    assert counts(processors) == expected


@pytest.mark.parametrize(
    ("seconds", "threads"),
    [
        ({1: 0.04, 2: 0.03}, 2),
        ({1: 0.04, 2: 0.05}, 1),  # a board whose cores share too little
        ({1: 0.04, 2: 0.0395}, 1),  # not worth a core
        ({1: 0.04, 2: 0.03, 3: 0.029, 4: 0.02}, 4),
    ],
)
def test_the_quickest_count_is_taken(seconds: dict[int, float], threads: int) -> None:
    machine = Machine(seconds)

    assert measure(machine.make, max(seconds), timed=machine.timed).threads == threads


def test_the_measuring_ends_with_its_budget_and_tries_each_count_equally() -> None:
    machine = Machine({1: 0.04, 2: 0.03}, together=0.06)

    measure(machine.make, 2, timed=machine.timed)

    warm_up = 0.04 + 0.03 + 0.04
    assert BUDGET_S <= machine.spent - warm_up <= BUDGET_S + 0.13
    calls = machine.calls[3:]
    assert calls.count(1) == calls.count(2) == calls.count(0) > 3


def test_a_slow_model_is_tried_twice_all_the_same() -> None:
    machine = Machine({1: 3.0, 2: 2.0})

    assert measure(machine.make, 2, timed=machine.timed).threads == 2
    assert machine.calls.count(2) == 3  # once to warm up


@pytest.mark.parametrize(
    ("together", "plan"),
    [
        (0.04, Plan(2, 2)),  # two frames in 40 ms against one in 30
        (0.071, Plan(2, 2)),  # fewer than one after the other, but nobody waits for what follows
        (0.073, Plan(2, 1)),  # clearly fewer
    ],
)
def test_workers_are_used_where_they_do_more_frames(together: float, plan: Plan) -> None:
    machine = Machine({1: 0.04, 2: 0.03}, together)

    assert measure(machine.make, 2, timed=machine.timed) == plan


def test_one_processor_needs_no_choice() -> None:
    machine = Machine({1: 0.04})

    assert measure(machine.make, 1, timed=machine.timed) == Plan(1, 1)
    assert 0 not in machine.calls


def test_a_camera_needs_one_interpreter_and_no_more_are_made() -> None:
    machine = Machine({1: 0.04, 2: 0.03}, together=0.01)

    assert measure(machine.make, 2, patient=False, timed=machine.timed) == Plan(2, 1)
    assert 0 not in machine.calls
    assert list(machine._counts.values()) == [1, 2]


def test_a_plan_is_found_once_and_then_remembered(tmp_path: Path) -> None:
    assert remembered(KEY, lambda: Plan(3, 2), tmp_path) == Plan(3, 2)
    assert remembered("another", lambda: Plan(1, 1), tmp_path) == Plan(1, 1)

    assert remembered(KEY, lambda: pytest.fail("measured again"), tmp_path) == Plan(3, 2)
    assert json.loads((tmp_path / FILE).read_text()) == {KEY: [3, 2], "another": [1, 1]}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"x": 3}', '{"x": [1]}', '{"x": [0, 1]}', '{"x": ["2", 1]}', "\x00\xff"],
)
def test_a_file_that_is_none_of_ours_is_measured_over(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)

    assert remembered(KEY, lambda: Plan(2, 1), tmp_path) == Plan(2, 1)
    assert json.loads((tmp_path / FILE).read_text()) == {KEY: [2, 1]}


def test_bytes_that_are_no_text_are_measured_over(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe\x00")

    assert remembered(KEY, lambda: Plan(2, 1), tmp_path) == Plan(2, 1)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    assert remembered(KEY, lambda: Plan(2, 2), tmp_path / "file" / "cache") == Plan(2, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_plan_that_cannot_be_kept_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()

    assert remembered(KEY, lambda: Plan(2, 2), tmp_path) == Plan(2, 2)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_user_without_a_home_has_it_measured_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("edge.threads.cache_folder", homeless)

    assert remembered(KEY, lambda: Plan(2, 2)) == Plan(2, 2)


def test_a_real_model_is_measured_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = detector_bytes()
    path = save(detector_spec(data), data, tmp_path)

    plan = plan_for(str(path), patient=True)

    assert 1 <= plan.threads <= available_threads()
    assert 1 <= plan.workers <= available_threads()
    (entry,) = json.loads((tmp_path / "cache" / "traffic-sign-edge" / FILE).read_text()).items()
    assert entry[1] == list(plan)
    assert detector_spec(data).sha256 in entry[0]


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="no model called 'gone'"):
        plan_for("gone", patient=True)


@pytest.mark.parametrize(("workers", "own"), [(4, 1), (5, 1), (3, 3)])
def test_opencv_has_no_threads_beside_workers_on_all_processors(
    workers: int, own: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.threads.available_threads", lambda: 4)
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with pytest.raises(KeyError), opencv_beside(workers):
            assert cv2.getNumThreads() == own
            raise KeyError
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
