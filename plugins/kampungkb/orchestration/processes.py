"""Child processes that never outlive this one: each in its own group, stopped with TERM, then KILL."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from kampungkb.lake import private_folder

_STOP_SECONDS = 15.0


class Interrupted(BaseException):
    """TERM or INT arrived: everything started is being stopped. `code` is the exit code a shell expects."""

    def __init__(self, received: int) -> None:
        super().__init__(f"stopped by {signal.Signals(received).name}")
        self.code = 128 + received


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn TERM and INT into :class:`Interrupted`, so that every `finally` on the way out runs."""

    def raise_interrupted(received: int, _frame: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(received)

    before = {each: signal.signal(each, raise_interrupted) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _die_with_parent() -> None:
    """Ask the kernel (Linux) for TERM when the parent dies, even of KILL: no load goes on unseen."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)


def start(command: Sequence[str], environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command in its own process group; what it prints is added to `log` (owner-only)."""
    private_folder(log.parent)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603
            list(command),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    finally:
        os.close(descriptor)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def stop(*processes: subprocess.Popen[bytes]) -> None:
    """Stop the processes with all their children; return when none is left."""
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        _signal_group(process, signal.SIGKILL)
        process.wait()


@contextmanager
def running(command: Sequence[str], environ: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command for the time of the block and stop it at its end, whatever ends it."""
    process = start(command, environ, log)
    try:
        yield process
    finally:
        stop(process)
