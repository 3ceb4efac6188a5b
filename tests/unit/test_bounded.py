"""Work in processes of bounded memory and time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def test_the_program_that_calls_is_not_run_again_in_the_processes(tmp_path: Path) -> None:
    program = tmp_path / "unguarded.py"
    program.write_text(
        "from os.path import basename\n"
        "from kampungkb.sources.bounded import run_each\n"
        "print('begun')\n"
        "print(run_each(basename, ['a/b'], processes=1, memory=8 << 30, seconds=60))\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "begun\n['b']\n"


def test_a_daemon_as_the_workers_of_celery_are_may_call_too(tmp_path: Path) -> None:
    program = tmp_path / "worker.py"
    program.write_text(
        "import multiprocessing\n"
        "from os.path import basename\n"
        "from kampungkb.sources.bounded import run_each\n"
        "def work():\n"
        "    print(run_each(basename, ['a/b'], processes=1, memory=8 << 30, seconds=60), flush=True)\n"
        "worker = multiprocessing.get_context('fork').Process(target=work, daemon=True)\n"
        "worker.start()\n"
        "worker.join()\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "['b']\n", done.stderr


def test_a_process_that_ends_at_its_start_is_not_taken_for_a_file_too_large(tmp_path: Path) -> None:
    (tmp_path / "stumbling.py").write_text(
        "import multiprocessing\n"
        "def work(task):\n"
        "    return task\n"
        "if multiprocessing.current_process().name != 'MainProcess':\n"
        "    raise SystemExit(1)\n"
    )
    program = tmp_path / "program.py"
    program.write_text(
        "from kampungkb.errors import KampungkbError\n"
        "from kampungkb.sources.bounded import run_each\n"
        "from stumbling import work\n"
        "try:\n"
        "    run_each(work, ['a'], processes=1, memory=8 << 30, seconds=60)\n"
        "except KampungkbError as fault:\n"
        "    print(fault)\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=120)
    assert "ended at its start (exit code 1)" in done.stdout
