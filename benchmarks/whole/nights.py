"""Our side: `kampungkb run`, through Airflow, on the sample of a home that is kept from night to night.

The seconds of the stages are those of the journal: what the library took, without Airflow and without the start of the
sample's servers, which the whole command has too.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.whole.results import Load, Stage
from benchmarks.whole.usage import Usage, watched
from kampungkb.orchestration.journal import Entry, read_journal
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded

SIDE = "kampungkb"
CASES = ("full", "unchanged", "changed")
STAGES = ("extract", "validate", "link", "score", "publish")


def night(home: Path, families: int, case: str, as_of: date) -> Load:
    """Run the command once; what it prints goes to standard error. Raises where it fails."""
    settings = Settings(home=home)
    command = ["-m", "kampungkb", "run", "--as-of", as_of.isoformat(), "--families", str(families)]
    begun = time.monotonic()
    with (
        subprocess.Popen([sys.executable, *command], env=environment(home), stdout=sys.stderr) as process,
        watched(settings, process.pid) as usage,
    ):
        code = process.wait()
    if code:
        raise SystemExit(f"The load of {families} families failed (exit code {code}).")
    seconds = time.monotonic() - begun
    entries = read_journal(max((home / "runs").glob("*.jsonl"), key=lambda path: path.stat().st_mtime))
    return Load(
        side=SIDE,
        case=case,
        families=families,
        command=f"python -m benchmarks.whole {families} --parts sample {' '.join(_until(case))}",
        seconds=seconds,
        stages=list(_stages(entries, usage)),
        counts={"peak_program_mib": usage.peak()[0], "peak_postgres_mib": usage.peak()[1], **_warehouse(settings)},
    )


def _until(case: str) -> tuple[str, ...]:
    """The nights up to this one, for each builds on those before."""
    return CASES[: CASES.index(case) + 1]


def environment(home: Path) -> dict[str, str]:
    """The caller's environment without connections or a key of its own, for a home with a sample."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW_CONN_", "KAMPUNGKB_PSEUDONYM_KEY"))
    }
    return kept | {"KAMPUNGKB_HOME": str(home)}


def _stages(entries: list[Entry], usage: Usage) -> Iterator[Stage]:
    """The stages of a run; what is none of them (checks, gates, Data Docs) is one, too."""
    started = {(e.step, e.source): e.at for e in entries if e.event == "started"}
    beside = 0.0
    for entry in (entry for entry in entries if entry.event == "finished"):
        if entry.step not in STAGES:
            beside += entry.seconds or 0.0
            continue
        begun = started[entry.step, entry.source]
        program, postgres = usage.peak(begun, entry.at)
        yield Stage(
            stage=entry.step,
            part=entry.source,
            seconds=entry.seconds or 0.0,
            processor=usage.processor(begun, entry.at),
            rows=entry.rows_in if entry.rows_in is not None else entry.rows_out,
            bytes=size_of(entry.result),
            program_mib=max(program, entry.peak_mib or 0.0),
            postgres_mib=postgres,
        )
    yield Stage(stage="beside", seconds=beside)


def size_of(reference: Any) -> int | None:
    """The bytes of what a step wrote into the lake."""
    path = Path(reference["path"]) if isinstance(reference, dict) and "path" in reference else None
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path else None


def _warehouse(settings: Settings) -> dict[str, float]:
    """What stands in the warehouse after the night."""
    with embedded.running(settings) as server, psycopg.connect(server.uri()) as connection:
        size = connection.execute("select pg_database_size(current_database())").fetchone()
        families = connection.execute("select count(*) from core.fact_family_score where valid_to is null").fetchone()
    return {"warehouse_bytes": float((size or [0])[0]), "scores": float((families or [0])[0])}
