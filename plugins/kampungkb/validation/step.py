"""The step between extract and link: one landed snapshot in, accepted rows, quarantine and checks out."""

import logging
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import duckdb
import pyarrow.parquet as pq

from kampungkb import carrying, lake
from kampungkb.beforehand import import_beforehand
from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine, connect, write
from kampungkb.errors import ConfigurationError, ContractError, ReconciliationError
from kampungkb.progress import through
from kampungkb.refs import Snapshot, Validated
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation import staging
from kampungkb.validation.dated import write_dated
from kampungkb.validation.judging import judge
from kampungkb.validation.recording import create_records, record, write_accepted
from kampungkb.validation.results import Results, TableResults, write_results
from kampungkb.validation.suites import Suite, read_suite
from kampungkb.validation.unchanged import CHECKS, carried_files, recipe_of, take_over

log = logging.getLogger(__name__)

# Tables that exist only here, made from those validated before them.
DERIVED = ("family_heads",)


def validate(run: Run, snapshot: Snapshot, *, expectations: Path = EXPECTATIONS) -> Validated:
    """Judge a landed snapshot by the suites and write `lake/accepted/<as_of>/<source>/`.

    Writes for each contract table `<table>.parquet` (accepted rows, typed), and `quarantine.parquet`, `checks.parquet`,
    `dated_<table>.parquet` (of all landed rows, what the next night asks the date about), `results.json` (what Great
    Expectations found, in counts), `result.json` and `made_of.json`. What an earlier night found in the same landed
    rows is taken over, unless the run is forced. Raises :class:`ContractError` where landing lacks a table or column,
    :class:`ConfigurationError` for a suite or reference that cannot be used, :class:`KampungkbError` for a rule that
    cannot be checked, and :class:`ReconciliationError` where counts disagree; nothing is written then.
    """
    started = monotonic()
    source = snapshot.source
    if source not in staging.TABLES:
        raise ConfigurationError(f"Unknown source: {source}. Known are {', '.join(staging.TABLES)}.")
    import_beforehand("kampungkb.validation.gx_duckdb")  # while the source is staged
    suites = {table: read_suite(expectations, table) for table in staging.TABLES[source]}
    target = lake.accepted(run.settings, run.as_of, source)
    with connect(run, in_memory=True) as database, lake.replacing(target) as folder:
        staging.create_macros(database, run)
        staging.create_region(database, run)
        made_by, landed = recipe_of(run, source, suites), carrying.digests(snapshot.path.glob("*.parquet"))
        nights = target.parents[1].glob(f"????-??-??/{source}")
        before = None if run.force else carrying.earlier(nights, made_by, landed, run.as_of)
        taken_over = take_over(database, run, source, suites, before, folder) if before else None
        tables = taken_over or _judge(database, run, snapshot, suites, folder)
        last_change = database.execute(sql_text(f"last_change_of_{source}")).fetchone()
        result = _counts(snapshot, folder, target).model_copy(update={"last_change": last_change and last_change[0]})
        write_results(folder, Results(source=source, as_of=run.as_of, stale=snapshot.stale, tables=tables))
        (folder / "result.json").write_text(result.model_dump_json(indent=2), encoding="utf-8")
        known = before.digests(carried_files(before)) if before and taken_over else None
        carrying.sign(folder, made_by, run.as_of, landed, known=known)
    how = f"taken over from {before.as_of}" if before and taken_over else "judged"
    log.info("%s %s in %.1f s", source, how, monotonic() - started)
    return result


def _judge(
    database: Engine, run: Run, snapshot: Snapshot, suites: Mapping[str, Suite], folder: Path
) -> tuple[TableResults, ...]:
    """Judge every row by every rule."""
    create_records(database)
    done = through(run.tell, snapshot.source, tuple(suites))
    tables = []
    for table, suite in suites.items():
        tables.append(_validate_table(database, run, snapshot, table, suite, folder))
        done()
    write(database, "select * from quarantine order by all", folder / "quarantine.parquet")
    write(database, "select * from checks order by all", folder / CHECKS)
    return tuple(tables)


def _validate_table(
    database: Engine, run: Run, snapshot: Snapshot, table: str, suite: Suite, folder: Path
) -> TableResults:
    started = monotonic()
    declared = staging.contract_table(snapshot.source, table)
    landed = None if table in DERIVED else snapshot.path / f"{table}.parquet"
    if landed is not None and not landed.is_file():
        raise ContractError(
            f"The landed snapshot {snapshot.snapshot_id} of {snapshot.source} has no table {table}. "
            "Extract the source anew (force)."
        )
    staging.stage(database, snapshot.source, table, landed)
    write_dated(database, snapshot.source, table, suite, folder)
    outcomes = judge(database, run, table, suite, declared)
    record(database, snapshot.source, table, suite, declared)
    if declared is not None:
        write_accepted(database, table, suite, declared, folder)
    log.info("%s.%s judged in %.1f s", snapshot.source, table, monotonic() - started)
    return TableResults(suite=suite, outcomes=tuple(outcomes))


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)


def _counts(snapshot: Snapshot, folder: Path, target: Path) -> Validated:
    """Count what was landed and what was written, each from its own file, and hold them against each other."""
    tables = [
        table for table in staging.TABLES[snapshot.source] if staging.contract_table(snapshot.source, table) is not None
    ]
    quarantined = _quarantine_counts(folder / "quarantine.parquet")
    result = Validated(
        source=snapshot.source,
        path=target,
        read={table: _rows(snapshot.path / f"{table}.parquet") for table in tables},
        accepted={table: _rows(folder / f"{table}.parquet") for table in tables},
        rejected={table: quarantined.get((table, "row"), 0) for table in tables},
        nulled={table: quarantined.get((table, "value"), 0) for table in tables},
        files_rejected=quarantined.get(("workbooks", "file"), 0),
        snapshot_date=snapshot.as_of,
        stale=snapshot.stale,
        reason=snapshot.reason,
    )
    extracted = {table.lower(): rows for table, rows in snapshot.read.items()}
    for table in tables:
        read, accepted, rejected = result.read[table], result.accepted[table], result.rejected[table]
        if read != accepted + rejected or read != extracted.get(table, read):
            raise ReconciliationError(
                f"{snapshot.source}.{table}: {extracted.get(table, read)} rows extracted, {read} landed, "
                f"{accepted} accepted, {rejected} rejected do not add up. Nothing is published; extract the source "
                "anew (force), and report this if it happens again."
            )
        log.info(
            "%s.%s: %d rows read, %d accepted, %d rejected, %d values nulled",
            snapshot.source, table, read, accepted, rejected, result.nulled[table],
        )  # fmt: skip
    return result


def _quarantine_counts(path: Path) -> dict[tuple[str, str], int]:
    """Distinct rows (actions `row` and `file`) and distinct values (action `value`), a table and action."""
    with duckdb.connect() as counter:
        rows = counter.execute(
            "select source_table, action, count(distinct row_key || case action when 'value' then column_name "
            "else '' end) from read_parquet($path) group by source_table, action",
            {"path": str(path)},
        ).fetchall()
    return {(str(table), str(action)): int(count) for table, action, count in rows}
