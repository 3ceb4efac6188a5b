"""Work in processes of bounded memory and time."""

import os
import signal
import time

import pytest

from kampungkb.sources.bounded import Exceeded, run_each

pytestmark = pytest.mark.unit

GIGABYTE = 1024**3


def behave(how: str | int) -> object:
    """What a task may do to its process."""
    match how:
        case "hang":
            time.sleep(600)
        case "eat":
            return len(bytearray(16 * GIGABYTE))
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave":
            os._exit(0)
    return how


def test_results_come_in_the_order_of_the_tasks() -> None:
    tasks: list[str | int] = list(range(9))
    assert run_each(behave, tasks, processes=2, memory=8 * GIGABYTE, seconds=60) == tasks


def test_no_task_is_no_process() -> None:
    assert run_each(behave, [], processes=2, memory=GIGABYTE, seconds=1) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_bound_is_kept_and_nobody_is_taken_along() -> None:
    tasks = ["a", "hang", "die", "b", "eat", "leave", "hang", "c"]
    started = time.monotonic()
    results = run_each(behave, tasks, processes=2, memory=8 * GIGABYTE, seconds=3)
    assert results == ["a", Exceeded.TIME, Exceeded.MEMORY, "b", *[Exceeded.MEMORY] * 2, Exceeded.TIME, "c"]
    assert time.monotonic() - started < 60
