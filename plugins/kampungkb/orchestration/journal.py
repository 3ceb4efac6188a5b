"""The journal of a run: one line when a step starts and one when it ends, in `<home>/runs/<run id>.jsonl`.

It serves the progress lines, the summary, the reason of a failure and the benchmark. It holds counts, paths and
messages, never rows or personal values, and is readable by the owner alone.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_jsonable_python

from kampungkb.errors import KampungkbError
from kampungkb.lake import private_folder
from kampungkb.orchestration.faults import describe
from kampungkb.refs import Linked, Published, Scored, Snapshot, Validated
from kampungkb.settings import Settings


class Entry(BaseModel):
    """One line of the journal. `seconds`, counts and `peak_mib` (memory of the process) stand on `finished` lines.

    `result` is the reference that the step returned, as JSON. `expected` tells a fault that the library announced
    from one that nobody foresaw.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    step: str
    source: str | None = None
    event: Literal["started", "finished"]
    outcome: Literal["ok", "failed"] | None = None
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    seconds: float | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    peak_mib: float | None = None
    error: str | None = None
    expected: bool = True
    result: Any = None


def runs_folder(settings: Settings) -> Path:
    """The folder of the journals and logs of runs."""
    return settings.root / "runs"


def journal_path(settings: Settings, run_id: str) -> Path:
    """The journal of a run; characters that a file name should not hold are replaced."""
    return runs_folder(settings) / f"{re.sub(r'[^A-Za-z0-9._-]', '-', run_id)}.jsonl"


def read_journal(path: Path) -> list[Entry]:
    """The lines of a journal in the order of writing, none where there is no file; a torn last line is left out."""
    if not path.exists():
        return []
    complete = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [Entry.model_validate_json(line) for line in complete.splitlines()]


def append(path: Path, entry: Entry) -> None:
    """Add one line; lines of steps that run at the same time do not mix."""
    private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, (entry.model_dump_json(exclude_none=True) + "\n").encode())
    finally:
        os.close(descriptor)


def counts(result: Any) -> tuple[int | None, int | None]:
    """Rows that a step took in and gave out, read from its reference (None where it has no such count)."""
    match result:
        case Snapshot():
            return None, sum(result.read.values())
        case Validated():
            return sum(result.read.values()), sum(result.accepted.values())
        case Linked():
            return sum(result.records.values()), result.persons
        case Scored():
            return result.families, result.rows
        case Published():
            return None, sum(result.changed.values())
        case _:
            return None, None


_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def _restart_peak() -> None:
    """Let the kernel count the peak of memory anew (Linux), so that each step has its own."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def _peak_mib() -> float | None:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    except OSError:
        return None
    return round(int(found[1]) / 1024, 1) if found else None


class Step:
    """A step that is going on: `done` keeps what it returned, `entry` is its last line once it has ended."""

    def __init__(self) -> None:
        self.result: Any = None
        self.entry: Entry | None = None

    def done(self, result: Any) -> None:
        """Keep the reference that the step returned."""
        self.result = result


@contextmanager
def recording(settings: Settings, run_id: str, step: str, source: str | None = None) -> Iterator[Step]:
    """Record one step: its start, and at its end duration, counts, memory and outcome. Faults pass through."""
    path = journal_path(settings, run_id)
    append(path, Entry(run_id=run_id, step=step, source=source, event="started"))
    _restart_peak()
    begun = time.monotonic()
    current = Step()
    fault: BaseException | None = None
    try:
        yield current
    except BaseException as raised:
        fault = raised
        raise
    finally:
        rows_in, rows_out = counts(current.result)
        current.entry = Entry(
            run_id=run_id,
            step=step,
            source=source,
            event="finished",
            outcome="failed" if fault else "ok",
            seconds=round(time.monotonic() - begun, 3),
            rows_in=rows_in,
            rows_out=rows_out,
            peak_mib=_peak_mib(),
            error=describe(fault) if fault else None,
            expected=fault is None or isinstance(fault, KampungkbError),
            result=to_jsonable_python(current.result),
        )
        append(path, current.entry)


def sentence(entry: Entry) -> str:
    """A finished step in one line, for logs: rows, seconds, memory."""
    name = f"{entry.step} {entry.source}" if entry.source else entry.step
    rows = [
        f"{count:,} rows {way}" for count, way in ((entry.rows_in, "in"), (entry.rows_out, "out")) if count is not None
    ]
    memory = [f"peak {entry.peak_mib:,.0f} MiB"] if entry.peak_mib is not None else []
    return f"{name}: " + ", ".join([*rows, f"{entry.seconds or 0:.1f} s", *memory])
