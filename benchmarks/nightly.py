"""Whole nightly loads of the sample at given sizes: what each step took, and the whole command.

For each size a fresh KAMPUNGKB_HOME and two nights: the first makes the sample, the embedded server and Airflow's
database, then loads; the second loads the next day with nothing changed. Figures come from the journal of the run
(`<home>/runs/*.jsonl`) and from the clock around the command; nothing is asserted.

    python benchmarks/nightly.py 32000 58000
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from kampungkb.orchestration.journal import read_journal
from kampungkb.run import today
from kampungkb.settings import PROJECT_ROOT


@dataclass(frozen=True)
class Stage:
    """One step of one night. `rows` went in (or out, where a step only writes); memory is the task's own peak."""

    step: str
    source: str | None
    seconds: float
    rows: int | None
    rows_per_second: float | None
    peak_mib: float | None


@dataclass(frozen=True)
class Night:
    """One run of the command. `seconds` is the whole command, `largest_mib` the largest process it started."""

    families: int
    night: str
    as_of: str
    exit_code: int
    seconds: float
    largest_mib: float
    stages: list[Stage]


def _stages(home: Path) -> Iterator[Stage]:
    """The finished steps of the latest journal."""
    journal = max((home / "runs").glob("*.jsonl"), key=lambda path: path.stat().st_mtime, default=None)
    for entry in read_journal(journal) if journal else ():
        if entry.event == "finished":
            rows = entry.rows_in if entry.rows_in is not None else entry.rows_out
            seconds = entry.seconds or 0.0
            speed = rows / seconds if rows is not None and seconds > 0 else None
            yield Stage(entry.step, entry.source, seconds, rows, speed, entry.peak_mib)


def measure(families: int, night: str, as_of: date, home: Path) -> Night:
    """Run the command once and collect its figures; what it prints is shown on standard error."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW_CONN_", "KAMPUNGKB_PSEUDONYM_KEY"))
    }
    command = [sys.executable, "-m", "kampungkb", "run", "--as-of", as_of.isoformat(), "--families", str(families)]
    begun = time.monotonic()
    code = subprocess.run(
        command, env=environment | {"KAMPUNGKB_HOME": str(home)}, stdout=sys.stderr, check=False
    ).returncode
    seconds = time.monotonic() - begun
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Night(families, night, as_of.isoformat(), code, seconds, largest, list(_stages(home)))


def _figure(value: float | None, decimals: int = 0) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def report(nights: list[Night], machine: str) -> str:
    """The figures as Markdown."""
    lines = ["# Nightly load, measured", "", machine, ""]
    lines += ["| families | night | exit code | whole command, s | steps, s | largest process, MiB |"]
    lines += ["|---:|---|---:|---:|---:|---:|"]
    for night in nights:
        steps = sum(stage.seconds for stage in night.stages)
        lines.append(
            f"| {night.families:,} | {night.night} | {night.exit_code} | {night.seconds:.1f} | {steps:.1f} "
            f"| {night.largest_mib:,.0f} |"
        )
    for night in nights:
        lines += ["", f"## {night.families:,} families, {night.night} night ({night.as_of})", ""]
        lines += ["| step | source | seconds | rows | rows/s | peak MiB |", "|---|---|---:|---:|---:|---:|"]
        lines += [
            f"| {stage.step} | {stage.source or ''} | {stage.seconds:.1f} | {_figure(stage.rows)} "
            f"| {_figure(stage.rows_per_second)} | {_figure(stage.peak_mib)} |"
            for stage in night.stages
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure every size given and write `nightly.md` and `nightly.json` to the output folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", type=int, default=[32_000, 58_000])
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "bench")
    parser.add_argument("--keep", action="store_true", help="keep the homes of the runs, under the output folder")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    first = today() - timedelta(days=1)
    nights: list[Night] = []
    for families in given.families:
        home = Path(tempfile.mkdtemp(prefix=f"home-{families}-", dir=given.out))
        try:
            nights.append(measure(families, "first", first, home))
            nights.append(measure(families, "second", first + timedelta(days=1), home))
        finally:
            if not given.keep:
                shutil.rmtree(home, ignore_errors=True)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    text = report(nights, machine)
    (given.out / "nightly.md").write_text(text, encoding="utf-8")
    figures = {"machine": machine, "nights": [asdict(night) for night in nights]}
    (given.out / "nightly.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    print(text)
    return max(night.exit_code for night in nights)


if __name__ == "__main__":
    sys.exit(main())
