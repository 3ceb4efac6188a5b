"""Work on content that nobody vouches for, in processes of bounded memory and time.

What comes in: a function and its tasks. What goes out: for each task its result, or which bound it broke. The bounds
are the operating system's, so they also hold inside a library's own code; a process that ends over a task is replaced
by another for the next one and takes nobody along.
"""

import multiprocessing
import resource
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from multiprocessing.connection import Connection, wait
from multiprocessing.process import AuthenticationString, BaseProcess  # type: ignore[attr-defined]  # of typeshed
from types import ModuleType
from typing import TypeVar, cast

from kampungkb.errors import KampungkbError

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class Exceeded(Enum):
    """The bound that a task broke. A process that died over a task, and not of its time, has died of memory."""

    MEMORY = "memory"
    TIME = "time"


def run_each(
    function: Callable[[_Task], _Result],
    tasks: Sequence[_Task],
    *,
    processes: int,
    memory: int,
    seconds: float,
    done: Callable[[int], None] = lambda count: None,
) -> list[_Result | Exceeded]:
    """The function's result for each task, in order; at most `processes` at once.

    `memory` bounds the address space of a process in bytes, `seconds` the time of a task on the clock. The function
    must be importable by name and return something picklable; what it raises ends its process. `done` is told how many
    tasks have ended, each time that one has. Raises
    :class:`KampungkbError` where a process ends before it takes a task.
    """
    results: dict[int, _Result | Exceeded] = {}
    waiting = deque(enumerate(tasks))
    at_work: dict[Connection, tuple[BaseProcess, int]] = {}

    def hand_out(pipe: Connection, process: BaseProcess) -> None:
        number, task = waiting.popleft()
        at_work[pipe] = process, number
        with suppress(OSError):  # a process already gone is noticed by its silence
            pipe.send(task)

    try:
        while waiting or at_work:
            while waiting and len(at_work) < processes:
                hand_out(*_start(function, memory, seconds))
            for pipe in cast(list[Connection], wait(list(at_work))):
                process, number = at_work.pop(pipe)
                try:
                    results[number] = pipe.recv()
                except (EOFError, OSError):
                    process.join()
                    results[number] = Exceeded.TIME if process.exitcode == -signal.SIGALRM else Exceeded.MEMORY
                done(len(results))
                if waiting and process.exitcode is None:
                    hand_out(pipe, process)
                else:
                    pipe.close()
                    process.join()
    finally:
        for pipe, (process, _) in at_work.items():
            process.kill()
            process.join()
            pipe.close()
    return [results[number] for number in range(len(tasks))]


def _start(function: Callable[[_Task], _Result], memory: int, seconds: float) -> tuple[Connection, BaseProcess]:
    # One server process imports what the function needs once; every worker is a fork of it, never of a process with
    # threads. pyarrow asks for pandas at its first conversion.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([function.__module__, "pandas"])
    ours, theirs = context.Pipe()
    with theirs, _without_program():
        process = context.Process(target=_work, args=(theirs, function, memory, seconds), daemon=True)
        process.start()
    try:
        ours.recv()
    except (EOFError, OSError):
        process.join()
        raise KampungkbError(
            f"A process that reads files ended at its start (exit code {process.exitcode}); nothing was read. "
            f"See whether the machine lets a process have {memory >> 20} MiB (ulimit -v) and start others (ulimit -u)."
        ) from None
    return ours, process


@contextmanager
def _without_program() -> Iterator[None]:
    """Let a new process import the function's module and not also the program that this process runs.

    That may do anything: the command `airflow` opens its metadata database, which it forbids to a task. And let one
    start at all where this process is a worker of Celery: a daemon, which Python otherwise gives no children, and of
    another package, whose key the standard library cannot hand on.
    """
    program, itself = sys.modules["__main__"], multiprocessing.current_process()
    state = vars(itself)["_config"]
    before = dict(state)
    sys.modules["__main__"] = ModuleType("__main__")
    state |= {"daemon": False, "authkey": AuthenticationString(itself.authkey)}
    try:
        yield
    finally:
        sys.modules["__main__"] = program
        state.clear()
        state |= before


def _work(pipe: Connection, function: Callable[[_Task], _Result], memory: int, seconds: float) -> None:
    # The alarm's default action ends the process at once, whatever code it is in.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for limit, wanted in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        with suppress(ValueError):  # the machine's own bound is narrower
            resource.setrlimit(limit, (wanted, hard))
    with suppress(EOFError):
        pipe.send(None)  # at work
        while True:
            task = pipe.recv()
            signal.setitimer(signal.ITIMER_REAL, seconds)
            result = function(task)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(result)
