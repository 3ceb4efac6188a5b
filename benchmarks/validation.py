"""All rules of the family survey on a landed snapshot: the product against GX on pandas.

Every side runs the suites of `expectations/` in a process of its own, and all must count the same failing rows for
every expectation. Two do the same work: read the landed cells, judge them, list the failing rows (`rules` of the
product, `pandas`, see `gx_on_pandas.py`). The third, `step`, is the validate step as the nightly load calls it, which
also writes accepted rows, quarantine with keyed pseudonyms and checks by village. The imports (Great Expectations takes
seconds) are timed apart: they are the same for all. How the snapshot is made stands in `landed.py`.

    python -m benchmarks.validation --families 580000 --members 2100000
"""

import argparse
import importlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kampungkb.engine.duckdb import connect
from kampungkb.refs import Snapshot
from kampungkb.run import FAMILY_SURVEY, Run, today
from kampungkb.settings import EXPECTATIONS, PROJECT_ROOT, Settings
from kampungkb.validation import staging, validate
from kampungkb.validation.judging import judge
from kampungkb.validation.results import FILE, read_results
from kampungkb.validation.suites import read_suite

SIDES = {
    "rules": "kampungkb: all rules, GX on DuckDB",
    "step": "kampungkb: the whole validate step",
    "pandas": "all rules, GX on pandas",
}
JUDGED = ("keluarga", "anggota", "family_heads")


def _settings(home: Path) -> Settings:
    return Settings(home=home, pseudonym_key=SecretStr("a key for benchmarks only"))


def _run(as_of: date, home: Path) -> Run:
    return Run("benchmark", as_of, _settings(home), sources=(FAMILY_SURVEY,))


def rules(snapshot: Snapshot, as_of: date, home: Path) -> dict[str, list[int]]:
    """What the validate step does until every failing row is found; failing rows, a table and expectation."""
    run = _run(as_of, home)
    found = {}
    with connect(run, in_memory=True) as database:
        staging.create_macros(database, run)
        staging.create_region(database, run)
        for table in staging.TABLES[FAMILY_SURVEY]:
            landed = snapshot.path / f"{table}.parquet"
            staging.stage(database, FAMILY_SURVEY, table, landed if landed.is_file() else None)
            declared = staging.contract_table(FAMILY_SURVEY, table)
            outcomes = judge(database, run, table, read_suite(EXPECTATIONS, table), declared)
            found[table] = [outcome.unexpected for outcome in outcomes]
    return found


def step(snapshot: Snapshot, as_of: date, home: Path) -> dict[str, list[int]]:
    """The validate step as the nightly load calls it; failing rows, a table and expectation."""
    validated = validate(_run(as_of, home), snapshot)
    tables = read_results(validated.path / FILE).tables
    return {table.suite.name: [outcome.unexpected for outcome in table.outcomes] for table in tables}


def pandas(snapshot: Snapshot, as_of: date, home: Path) -> dict[str, list[int]]:
    """The other side; failing rows, a table and expectation."""
    from benchmarks import gx_on_pandas

    return gx_on_pandas.judge(snapshot.path, _settings(home).reference("regions.csv"), as_of, home)


def run_side(side: str, snapshot: Snapshot, as_of: date, home: Path) -> None:
    """Run one side in this process and print what it found, its time and its peak memory as JSON."""
    begun = time.monotonic()
    importlib.import_module("benchmarks.gx_on_pandas" if side == "pandas" else "kampungkb.validation.gx_duckdb")
    ready, used = time.monotonic(), time.process_time()
    counts = {"rules": rules, "step": step, "pandas": pandas}[side](snapshot, as_of, home)
    figures = {
        "imports": ready - begun,
        "seconds": time.monotonic() - ready,
        "cpu_seconds": time.process_time() - used,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "counts": {name: counts[name] for name in JUDGED},
    }
    print(json.dumps(figures))


def measure(side: str, snapshot: Snapshot, as_of: date, home: Path) -> dict[str, Any]:
    """One side in a process of its own."""
    given = ["--side", side, "--home", str(home), "--as-of", as_of.isoformat()]
    command = [sys.executable, "-m", "benchmarks.validation", *given]
    environment = os.environ | {"GX_ANALYTICS_ENABLED": "false"}
    done = subprocess.run(
        command, input=snapshot.model_dump_json(), env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def report(figures: dict[str, Any]) -> str:
    """The figures as Markdown."""
    sides = figures["sides"]
    lines = ["# Validation, measured", "", figures["machine"], ""]
    lines += [f"{figures['families']:,} families, {figures['members']:,} members, {figures['rules']} expectations; "]
    lines[-1] += f"{figures['failures']:,} failures, the same on all sides for every expectation."
    measures = {"seconds": "seconds", "cpu_seconds": "processor, s", "imports": "imports, s", "peak_mib": "peak MiB"}
    lines += ["", f"| side | {' | '.join(measures.values())} |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | {' | '.join(f'{sides[side][measure]:,.1f}' for measure in measures)} |"
        for side, name in SIDES.items()
    ]
    for side, name in (("rules", "ratio, all rules"), ("step", "ratio, the whole step")):
        ratios = (f"{sides['pandas'][measure] / sides[side][measure]:.1f}" for measure in measures)
        lines += [f"| {name} | {' | '.join(ratios)} |"]
    return "\n".join(lines) + "\n"


def compare(families: int, members: int, work: Path) -> dict[str, Any]:
    """Make the snapshot, run all sides on it and hold their counts against each other."""
    from benchmarks.landed import land_sample, repeat

    as_of = today()
    sample = land_sample(_settings(work), as_of, max(200, families // 60))
    snapshot = repeat(sample, families, members, work / "landed")
    sides = {side: measure(side, snapshot, as_of, work) for side in SIDES}
    counts = [sides[side].pop("counts") for side in SIDES]
    ours = counts[0]
    off = [
        (table, number)
        for table in JUDGED
        for number, found in enumerate(zip(*(count[table] for count in counts), strict=True))
        if len(set(found)) > 1
    ]
    if off:
        raise SystemExit(f"The sides disagree about {off[:10]} (suite, number of the expectation).")
    return {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}",
        "families": snapshot.read["KELUARGA"],
        "members": snapshot.read["ANGGOTA"],
        "rules": sum(map(len, ours.values())),
        "failures": sum(map(sum, ours.values())),
        "sides": sides,
    }


def main() -> int:
    """Measure all sides and write `validation.md` and `validation.json` to the output folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=580_000)
    parser.add_argument("--members", type=int, default=2_100_000)
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "var" / "bench")
    parser.add_argument("--side", choices=SIDES, help="run one side on the snapshot named on standard input")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--as-of", type=date.fromisoformat)
    given = parser.parse_args()
    if given.side:
        run_side(given.side, Snapshot.model_validate_json(sys.stdin.read()), given.as_of, given.home)
        return 0
    given.out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="validation-", dir=given.out))
    try:
        figures = compare(given.families, given.members, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = report(figures)
    (given.out / "validation.md").write_text(text, encoding="utf-8")
    (given.out / "validation.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
