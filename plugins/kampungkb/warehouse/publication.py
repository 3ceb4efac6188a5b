"""Publication: stage, audit, and apply the differences in one transaction. Readers see the old state or the new one.

Tables keyed by `as_of` keep their history, and so do `core.quarantine_spell` and the tables with spells
(`spells.HISTORIES`), in which every load has its place; `mart.kampung_kb_effect` compares all loads with the first; all
others show the greatest `as_of` ever published, so a backfill leaves them alone. The history of the crosswalk is one of
them: it tells how what they show came about.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import adbc_driver_manager
import pyarrow as pa
from sqlalchemy import Connection, Engine, Table, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DataError, DBAPIError, OperationalError, SQLAlchemyError

from kampungkb.errors import AuditError, ConfigurationError, WarehouseError, WarehouseUnreachable
from kampungkb.progress import through
from kampungkb.refs import Linked, Published, Scored, Snapshot, Validated
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.scoring.methodology import Methodology
from kampungkb.scoring.reading import load_methodology
from kampungkb.warehouse import content, reference, release
from kampungkb.warehouse.audit import audit, prepare
from kampungkb.warehouse.connect import reason, warehouse
from kampungkb.warehouse.differences import Scope, apply
from kampungkb.warehouse.gates import gate_results
from kampungkb.warehouse.history import (
    EFFECT,
    compare_kampung_kb,
    place_in_history,
    place_linkage,
    place_spells,
)
from kampungkb.warehouse.locks import PUBLISH, wait_for
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import Base, LoadRun
from kampungkb.warehouse.moved import CAME
from kampungkb.warehouse.programme import load_programme
from kampungkb.warehouse.service import contact_files, family_contacts
from kampungkb.warehouse.spells import HISTORIES
from kampungkb.warehouse.staging import JUDGED_ONLY, Staging, settle, staging

log = logging.getLogger(__name__)

PROGRAMME_MARTS = (
    *("source_agreement", "survey_coverage", "sector_action", "life_cycle", "programme_coverage", "family_function"),
    "kampung_kb_candidate",
)
COMPUTED = (
    *("dim_date", "dim_region", "kampung_kb", "village", "village_measure", "fact_village_day", "region_measure"),
    *("village_index", "district_index", "regency_index", "indicator_count", "indicator_coverage"),
    *("agreement_count", "data_quality"),
    *PROGRAMME_MARTS,
    "duplicate_count",
)
PARTS = ("lake staged", *COMPUTED, "audited", "applied")
BY_AS_OF = (
    *("mart.village_index", "mart.district_index", "mart.regency_index", "mart.data_quality"),
    "core.fact_village_day",
)
BY_RUN = ("ops.check_result", "ops.gate_result")
LATEST = tuple(name for name in content.LATEST.values() if name != release.MEANS)


class _OvertakenError(Exception):
    """What is published is not what it was when it was staged."""


def publish(
    run: Run,
    validated: Sequence[Validated],
    linked: Linked,
    scored: Scored,
    started_at: datetime | None = None,
    snapshots: Sequence[Snapshot] = (),
) -> Published:
    """Publish a scored run to the warehouse of `run.connections`, or the embedded one where none is configured.

    `snapshots` add to `ops.load_run` how many workbooks were parsed. Raises :class:`AuditError` where the staged
    tables are wrong and :class:`WarehouseError` where the warehouse fails; either leaves it as it was.
    """
    begun = time.monotonic()
    started = started_at or datetime.now(UTC)
    stale = sorted(source.source for source in validated if source.stale)
    record = {
        **{"as_of": run.as_of, "status": "success", "stale_sources": stale, "started_at": started},
        "counts": load_counts(validated, linked, snapshots),
    }

    def once(engine: Engine, known: content.Known) -> Published:
        done = through(run.tell, "publish", PARTS)
        if not known.digests:
            prepare()
        with staging(engine, run, known) as staged:
            rows = _stage(staged, run, validated, linked, scored, stale, done)
            taken = f"{len(staged.same)} tables as they are published, {len(staged.moved)} by what moved"
            log.info("Staged %d rows, %s, %.1f s", rows, taken, time.monotonic() - begun)
            if known.digests:
                applied = _apply_beside_audit(engine, staged, run, record, done)
            else:
                _audit(staged)
                done()
                migrate(engine)
                applied = _apply(engine, staged, run, record)
            done()
            return applied

    with _clear_faults(), warehouse(run.settings, run.connections) as engine:
        try:
            published = once(engine, content.known(engine, run))
        except _OvertakenError:
            log.info("Another load has published meanwhile: everything is staged again")
            published = once(engine, content.Known())
    log.info(
        "Published as_of %s: %d rows changed, %.1f s",
        run.as_of,
        sum(published.changed.values()),
        time.monotonic() - begun,
    )
    return published


def load_counts(
    validated: Sequence[Validated], linked: Linked, snapshots: Sequence[Snapshot] = ()
) -> dict[str, dict[str, Any]]:
    """What a run read, accepted, rejected and nulled by source and table, as `ops.load_run.counts` keeps it."""
    parsed = {snapshot.source: snapshot.parsed for snapshot in snapshots}
    return {
        source.source: {
            "tables": {table: _measures(source, table) for table in sorted(source.read)},
            "total": _measures(source),
            "files_rejected": source.files_rejected,
            "parsed": parsed.get(source.source),
            "records": linked.records.get(source.source, 0),
            "linked": linked.linked.get(source.source, 0),
            "snapshot": source.snapshot_date and source.snapshot_date.isoformat(),
            "last_change": source.last_change and source.last_change.isoformat(),
            "stale": source.stale,
            "reason": source.reason,
        }
        for source in validated
    }


def _measures(source: Validated, table: str | None = None) -> dict[str, int]:
    counted: dict[str, Mapping[str, int]] = {
        "read": source.read,
        "accepted": source.accepted,
        "rejected": source.rejected,
        "nulled": source.nulled,
    }
    return {name: sum(n for t, n in tables.items() if table in (None, t)) for name, tables in counted.items()}


def _stage(
    staged: Staging,
    run: Run,
    validated: Sequence[Validated],
    linked: Linked,
    scored: Scored,
    stale: Sequence[str],
    done: Callable[[], None],
) -> int:
    """Load the lake and the reference into the staging schema and compute the marts there; returns the rows."""
    indicators = scored.path / "indicator.parquet"
    checked = [*(source.path for source in validated), linked.path]
    rows = sum(
        (
            staged.load_parquet("family_score", [scored.path / "family_score.parquet"]),
            staged.load_parquet("family_profile", [scored.path / "family_profile.parquet"]),
            staged.load_parquet("person_profile", [scored.path / "person_profile.parquet"]),
            staged.load_parquet("dim_indicator", [indicators]),
            staged.load_parquet("person_link", [linked.path / "person_link.parquet"]),
            staged.load_parquet("family_link", [linked.path / "family_link.parquet"]),
            staged.load_parquet("reviewed_pair", [linked.path / "match_review.parquet"]),
            staged.load_parquet("duplicate_record", [linked.path / "duplicate_record.parquet"]),
            staged.load_parquet("check_result", [folder / "checks.parquet" for folder in checked]),
            staged.load_parquet("quarantine_row", [source.path / "quarantine.parquet" for source in validated]),
        )
    )
    staged.load("gate_result", gate_results(run, [source.source for source in validated]))
    rows += staged.load_made(
        "family_contact", contact_files(validated, linked), lambda: family_contacts(run, validated, linked)
    )
    staged.load("raw_region", reference.regions(run.settings))
    staged.load("raw_kampung_kb", reference.kampung_kb(run.settings))
    methodology = _methodology(staged)
    staged.load("category_level", _category_levels(methodology))
    rows += load_programme(staged, scored.path, methodology)
    staged.load("source_state", _source_states(validated))
    staged.load("expected_count", _expected_counts(validated, linked, scored))
    done()
    prepare(staged.anew())
    for name in COMPUTED:
        rows += staged.compute(name, stale)
        done()
    return rows


def _methodology(staged: Staging) -> Methodology:
    """The one methodology of the staged scores."""
    with staged.engine.connect() as connection:
        used = connection.execute(select(staged.tables["dim_indicator"].c.methodology).distinct()).scalars().all()
    if len(used) != 1:
        raise WarehouseError(f"The scores name {len(used)} methodologies, one is expected: run the load again.")
    return load_methodology(used[0])


def _category_levels(methodology: Methodology) -> pa.Table:
    """The methodology's categories with their bounds, from low to high."""
    categories = methodology.categories
    return pa.table(
        {
            "position": pa.array(range(1, len(categories.levels) + 1), pa.int32()),
            "category": pa.array([level.id for level in categories.levels], pa.string()),
            "below": pa.array([level.below for level in categories.levels], pa.float64()),
            "up_to": pa.array([level.up_to for level in categories.levels], pa.float64()),
            "digits": pa.array([categories.digits] * len(categories.levels), pa.int32()),
        }
    )


def _source_states(validated: Sequence[Validated]) -> pa.Table:
    """How fresh each source of the load is."""
    return pa.table(
        {
            "source": pa.array([source.source for source in validated], pa.string()),
            "stale": pa.array([source.stale for source in validated], pa.bool_()),
            "snapshot_date": pa.array([source.snapshot_date for source in validated], pa.date32()),
            "last_change": pa.array([source.last_change for source in validated], pa.date32()),
        }
    )


def _expected_counts(validated: Sequence[Validated], linked: Linked, scored: Scored) -> pa.Table:
    """What the earlier steps counted, one row a source, measure and table."""
    counts = [
        (source.source, measure, table, counted)
        for source in validated
        for table in source.read
        for measure, counted in _measures(source, table).items()
    ]
    counts += [(source, "records", "", counted) for source, counted in linked.records.items()]
    counts += [(FAMILY_SURVEY, "families", "", scored.families), (FAMILY_SURVEY, "rows", "", scored.rows)]
    sources, measures, tables, counted = zip(*counts, strict=True)
    return pa.table(
        {
            "source": pa.array(sources, pa.string()),
            "measure": pa.array(measures, pa.string()),
            "source_table": pa.array(tables, pa.string()),
            "counted": pa.array(counted, pa.int32()),
        }
    )


def _audit(staged: Staging) -> None:
    """Compute what only the audit reads, and audit."""
    for name in JUDGED_ONLY:
        staged.compute(name)
    audit(staged.engine, staged.schema, staged.judged(), staged.moved)


def _apply_beside_audit(
    engine: Engine, staged: Staging, run: Run, record: dict[str, Any], done: Callable[[], None]
) -> Published:
    """Audit and write at once, each on a connection of its own; nothing is committed before the audit has held.

    It judges what is staged, and sees of what is published the state before: neither waits for a lock of the other's,
    since no table that a suite looks at is staged within the transaction.
    """
    with ThreadPoolExecutor(1) as beside:
        verdict = beside.submit(_audit, staged)

        def held() -> None:
            verdict.result()
            done()

        try:
            return _apply(engine, staged, run, record, held)
        except Exception:
            if isinstance(verdict.exception(), AuditError):
                with engine.connect() as connection:  # it may have judged a mixture of two loads
                    _refuse_overtaken(connection, staged.known)
                verdict.result()
            raise


def _apply(
    engine: Engine, staged: Staging, run: Run, record: dict[str, Any], held: Callable[[], None] = lambda: None
) -> Published:
    """The one transaction of a publication; raises where another has replaced what the staged tables rely on.

    `held` is called at its end and raises where nothing may be committed.
    """
    tables = Base.metadata.tables
    with engine.begin() as connection:
        wait_for(connection, PUBLISH)
        settle(connection)
        before = _refuse_overtaken(connection, staged.known)
        latest = before.as_of is None or run.as_of >= before.as_of
        linkage = place_linkage(connection, staged, run.as_of) if latest else {}
        scopes: dict[str, dict[str, Any] | None] = {
            **{name: {"as_of": run.as_of} for name in BY_AS_OF},
            **{name: {"run_id": run.run_id} for name in BY_RUN},
            **({name: None for name in LATEST if tables[name].name not in staged.same} if latest else {}),
        }
        changed = {name: _replace(connection, staged, tables[name], scope) for name, scope in scopes.items()}
        changed |= release.release(connection, staged, run.as_of) if latest else {}
        changed |= {**place_in_history(connection, staged, run.as_of), **linkage}
        changed |= {name: place_spells(connection, staged, name, run.as_of) for name in HISTORIES}
        _analyze(connection, changed)
        changed[EFFECT] = compare_kampung_kb(connection, staged, run.as_of)
        _record(connection, run.run_id, record)
        if latest:
            content.record(connection, before, staged.digests)
        _analyze(connection, {EFFECT: changed[EFFECT]})
        held()
    return Published(as_of=run.as_of, latest=latest, changed=changed)


def _replace(connection: Connection, staged: Staging, table: Table, scope: Scope) -> int:
    """Make a published table what is staged of it, of its moved units where only they are staged; the rows changed."""
    if table.name in staged.moved:
        came = staged.tables[CAME + table.name]
        return apply(connection, table, came, staged.within_moved(table.name, table))
    return apply(connection, table, staged.tables[table.name], scope)


def _analyze(connection: Connection, changed: Mapping[str, int]) -> None:
    """Fresh statistics of the tables that changed, for what is computed from them next, now and by readers."""
    for name in (name for name, rows in changed.items() if rows):
        connection.execute(text(f"analyze {name}"))


def _refuse_overtaken(connection: Connection, known: content.Known) -> content.Known:
    """What is on record; raises where it is not what the staged tables rely on."""
    found = content.recorded(connection)
    if known.digests and known != found:
        raise _OvertakenError
    return found


def _record(connection: Connection, run_id: str, record: dict[str, Any]) -> None:
    """Write the run's row of `ops.load_run`, over the one of an earlier try."""
    values = {**record, "finished_at": func.clock_timestamp()}
    statement = insert(LoadRun).values(run_id=run_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id"], set_=values))


@contextmanager
def _clear_faults() -> Iterator[None]:
    """Turn what PostgreSQL or its driver raises into one sentence without values."""
    try:
        yield
    except DataError as fault:
        raise ConfigurationError(
            f"A region reference file holds a value that is no date ({getattr(fault.orig, 'sqlstate', '')}): correct "
            "valid_from and valid_to in regions.csv and kampung_kb.csv (YYYY-MM-DD). Nothing was published."
        ) from None
    except SQLAlchemyError as fault:
        if _lost_connection(fault):
            raise WarehouseUnreachable(
                f"The connection to the warehouse was lost: {reason(fault)}. It holds the load before or the whole of "
                "this one, nothing between: check that the server runs, then run again."
            ) from None
        raise WarehouseError(f"The publication failed and nothing was published: {reason(fault)}.") from None
    except ConnectionError:  # of the audit, which has engines of its own
        raise WarehouseUnreachable(
            "The connection to the warehouse was lost during the audit. Nothing was published: check that the server "
            "runs, then run again."
        ) from None
    except adbc_driver_manager.Error as fault:
        state = fault.sqlstate or type(fault).__name__
        raise WarehouseError(
            f"Loading the staging tables failed ({state}) and nothing was published: check that the warehouse has room "
            "and still runs, then run again."
        ) from None


def _lost_connection(fault: SQLAlchemyError) -> bool:
    """Whether the session is gone, going or never came about: whether a COMMIT on its way arrived is then unknown."""
    state = getattr(getattr(fault, "orig", None), "sqlstate", None) or ""
    refused = isinstance(fault, OperationalError) and not state
    gone = isinstance(fault, DBAPIError) and fault.connection_invalidated
    return refused or gone or state.startswith(("08", "57P"))
