"""`kampungkb run`: the whole nightly load, once, through Airflow, with a line for each step.

Comes in: settings, the caller's environment, an order. Goes out: the journal of the run, the loaded warehouse. Can go
wrong: whatever a step says; :class:`LoadFailed` carries the reason.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import Popen

from kampungkb.connections import Connection
from kampungkb.errors import KampungkbError
from kampungkb.lake import private_folder
from kampungkb.orchestration.environment import (
    DAGS,
    airflow_environment,
    airflow_home,
    metadata_file,
    migrated_marker,
)
from kampungkb.orchestration.journal import Entry, journal_path, read_journal
from kampungkb.orchestration.lock import alone
from kampungkb.orchestration.processes import running
from kampungkb.orchestration.surroundings import Say, surroundings
from kampungkb.progress import PROGRESS_FILE, Tell, from_file, progress_file
from kampungkb.run import JAKARTA, SOURCES
from kampungkb.settings import Settings

_POLL_SECONDS = 0.2
LOCAL_RUN = DAGS / "support" / "local_run.py"


class LoadFailed(KampungkbError):
    """A load that did not end well; the message is the reason, `log` the full log."""

    def __init__(self, reason: str, log: Path) -> None:
        super().__init__(reason)
        self.log = log


@dataclass(frozen=True)
class Order:
    """What to load. `families` is the size of the sample, where one has to be made."""

    as_of: date | None = None
    sources: Sequence[str] = SOURCES
    force: bool = False
    families: int = 32_000


@dataclass(frozen=True)
class Loaded:
    """A load that ended well. `warehouse` is where it was published, `configured` whether that is the user's own."""

    run_id: str
    as_of: date
    entries: list[Entry]
    seconds: float
    log: Path
    warehouse: Connection
    configured: bool


def prepare_airflow(settings: Settings, environ: Mapping[str, str], log: Path, say: Say) -> None:
    """Create or migrate Airflow's metadata database where the installed version has not done so, or it was lost."""
    marker = migrated_marker(settings)
    if marker.exists() and metadata_file(settings).exists():
        return
    say("airflow_migrate")
    private_folder(airflow_home(settings))
    with running([sys.executable, "-m", "airflow", "db", "migrate"], environ, log) as process:
        if process.wait() != 0:
            raise LoadFailed("Airflow's metadata database could not be prepared.", log)
    marker.touch(mode=0o600)


def load(
    settings: Settings,
    environ: Mapping[str, str],
    order: Order,
    say: Say,
    progress: Callable[[Entry], None],
    moving: Tell,
    finish: Callable[[Loaded], None],
) -> None:
    """Run `nightly_load` once; `finish` is called while the warehouse is still up.

    `progress` gets every line of the journal as it is written, `moving` how far the step is that is going on. Raises
    :class:`LoadFailed`, or another :class:`KampungkbError` where it could not even start.
    """
    begun, instant = time.monotonic(), datetime.now(UTC)
    run_id = f"manual__{instant.isoformat()}"
    as_of = order.as_of or instant.astimezone(JAKARTA).date()
    log = journal_path(settings, run_id).with_suffix(".log")
    with (
        alone(settings, "run"),
        surroundings(settings, environ, as_of, order.families, say, order.sources) as around,
    ):
        variables = airflow_environment(settings, environ) | around.variables
        prepare_airflow(settings, variables, log, say)
        say("airflow_start")
        conf = {
            "as_of": order.as_of.isoformat() if order.as_of else None,
            "sources": list(order.sources),
            "force": order.force or around.new_sample,
        }
        command = [sys.executable, str(LOCAL_RUN), "run", instant.isoformat(), json.dumps(conf)]
        with (
            progress_file(log.with_suffix(".progress")) as bar,
            running(command, variables | {PROGRESS_FILE: str(bar)}, log) as process,
        ):
            code = _follow(process, journal_path(settings, run_id), progress, bar, moving)
        entries = read_journal(journal_path(settings, run_id))
        if code != 0:
            raise LoadFailed(_reason(entries, code), log)
        seconds = time.monotonic() - begun
        finish(Loaded(run_id, as_of, entries, seconds, log, around.warehouse, configured=not around.embedded))


def _follow(process: Popen[bytes], journal: Path, progress: Callable[[Entry], None], bar: Path, moving: Tell) -> int:
    """Hand over the journal's lines, and what is told meanwhile, until the process ends; the exit code."""
    seen, told = 0, None
    while True:
        code = process.poll()
        entries = read_journal(journal)
        for entry in entries[seen:]:
            progress(entry)
        seen = len(entries)
        if (now := from_file(bar)) is not None and now != told:
            moving(now)
            told = now
        if code is not None:
            return code
        time.sleep(_POLL_SECONDS)


def latest(entries: Sequence[Entry]) -> dict[tuple[str, str | None], Entry]:
    """The last line of each step (and source): what counts where a step was tried again."""
    return {(entry.step, entry.source): entry for entry in entries}


def _reason(entries: Sequence[Entry], code: int) -> str:
    """One sentence a failed step; what is known where no step said anything."""
    reasons = []
    for (step, source), entry in latest(entries).items():
        name = f"{step} {source}" if source else step
        if entry.outcome == "failed" and entry.expected:
            reasons.append(f"{name}: {(entry.error or '').removeprefix(f'{source}: ')}")
        elif entry.outcome == "failed":
            reasons.append(f"{name}: unforeseen fault {entry.error}.")
        elif entry.event == "started":
            reasons.append(f"{name}: ended without a word (exit code {code}); was it killed, is memory short?")
    return " | ".join(reasons) or f"Airflow ended with exit code {code} before any step failed."
