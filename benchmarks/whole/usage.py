"""Memory and processor time of a program with its children, and of the PostgreSQL beside it, sampled while it runs.

Memory is the proportional share (PSS): a page that several processes share counts once. Processor time counts on a
machine that has other work, too: what each process has used since it was last looked at, so that the sum never falls
where one ends. What a process used in its last half second is lost.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil

from kampungkb.settings import Settings
from kampungkb.warehouse.place import place_of

EVERY_SECONDS = 0.5
SOURCES = "serve-insurance"
"""A process with this argument plays a source and is no part of a load."""


@dataclass(frozen=True)
class Sample:
    """MiB at a moment, and the processor seconds until then, PostgreSQL's included."""

    at: datetime
    program: float
    postgres: float
    processor: float


@dataclass
class Usage:
    """What was sampled, in order."""

    samples: list[Sample] = field(default_factory=list)

    def peak(self, since: datetime | None = None, until: datetime | None = None) -> tuple[float, float]:
        """The greatest memory of the program and of PostgreSQL, MiB, between two moments."""
        within = [s for s in self.samples if (not since or since <= s.at) and (not until or s.at <= until)]
        return max((s.program for s in within), default=0.0), max((s.postgres for s in within), default=0.0)

    def processor(self, since: datetime, until: datetime) -> float:
        """Processor seconds between two moments, to the sample."""
        before = [s.processor for s in self.samples if s.at <= since]
        within = [s.processor for s in self.samples if s.at <= until]
        return max(within, default=0.0) - max(before, default=0.0)


@contextmanager
def watched(settings: Settings, process: int) -> Iterator[Usage]:
    """Sample a process and the embedded server of that home until the end of the block."""
    usage, over = Usage(), threading.Event()
    used: dict[psutil.Process, float] = {}

    def sample() -> None:
        while not over.wait(EVERY_SECONDS):
            program, postgres = _program(process), _postgres(settings)
            used.update({each: max(used.get(each, 0.0), _seconds(each)) for each in (*program, *postgres)})
            processor = sum(used.values())
            memory = (sum(map(_mib, program)), sum(map(_mib, postgres)))
            usage.samples.append(Sample(datetime.now(UTC), *memory, processor))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        over.set()
        thread.join()


def _program(process: int) -> list[psutil.Process]:
    try:
        family = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    except psutil.Error:
        return []
    return [member for member in family if not _is_other(member)]


def postgres_seconds(settings: Settings) -> float:
    """The processor time of the embedded server of that home until now, with its processes that have ended."""
    return sum(sum(each.cpu_times()[:4]) for each in _postgres(settings))


def _postgres(settings: Settings) -> list[psutil.Process]:
    """The embedded server of that home, with its children."""
    file = place_of(settings).data / "postmaster.pid"
    try:
        server = psutil.Process(int(file.read_text(encoding="ascii").split()[0]))
        return [server, *server.children()] if server.name() == "postgres" else []
    except (OSError, ValueError, IndexError, psutil.Error):
        return []


def _is_other(process: psutil.Process) -> bool:
    try:
        return SOURCES in process.cmdline() or process.name() == "postgres"
    except psutil.Error:
        return True


def _seconds(process: psutil.Process) -> float:
    """What a process used itself, without the children that it has waited for."""
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.Error:
        return 0.0


def _mib(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 2**20
    except psutil.Error:
        return 0.0
