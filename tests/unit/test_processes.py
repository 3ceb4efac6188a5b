"""Children never outlive what started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kampungkb.orchestration.processes import Interrupted, interruptible, running, start, stop
from kampungkb.settings import PROJECT_ROOT

pytestmark = pytest.mark.integration

# A child that starts a child of its own, says so, and waits.
FAMILY = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(120)"
)


def _first_line(log: Path) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if log.exists() and log.read_text().endswith("\n"):
            return log.read_text().splitlines()[0]
        time.sleep(0.02)
    raise AssertionError("the child said nothing")


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_stopping_a_process_stops_its_children_too(tmp_path: Path) -> None:
    process = start([sys.executable, "-c", FAMILY], os.environ, tmp_path / "log")
    grandchild = int(_first_line(tmp_path / "log"))
    stop(process)
    assert process.poll() is not None
    assert _gone(grandchild)


def test_a_process_is_stopped_when_its_block_ends_in_a_fault(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), running([sys.executable, "-c", FAMILY], os.environ, tmp_path / "log") as process:
        raise RuntimeError
    assert process.poll() is not None


def test_the_log_of_a_process_is_for_the_owner_alone(tmp_path: Path) -> None:
    with running([sys.executable, "-c", "print('done')"], os.environ, tmp_path / "logs" / "log") as process:
        process.wait()
    assert (tmp_path / "logs" / "log").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys, time\n"
        "from kampungkb.orchestration.processes import start\n"
        "child = start([sys.executable, '-c', 'import time; time.sleep(120)'], os.environ, pathlib.Path(sys.argv[1]))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(120)"
    )
    environ = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True, env=environ
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert _gone(child)


@pytest.mark.parametrize("received", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_becomes_an_exception_with_the_exit_code_that_a_shell_expects(received: signal.Signals) -> None:
    before = signal.getsignal(received)
    with pytest.raises(Interrupted) as caught, interruptible():
        os.kill(os.getpid(), received)
        time.sleep(5)
    assert caught.value.code == 128 + received
    assert signal.getsignal(received) is before
