"""Reading the warehouse, always read-only: any query as CSV, and the figures of a load for its summary."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, TextIO

import psycopg
from psycopg import pq, sql
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.errors import WarehouseError
from kampungkb.warehouse.connect import libpq_uri, reason


def to_csv(engine: Engine, query: str, out: TextIO, *, recorded: bool = False) -> None:
    """Stream the rows of one query to `out` as CSV with a header, values as PostgreSQL writes them.

    `recorded`: the read may be written into `ops.access_log`, so the transaction cannot be read-only; a query that
    itself writes is refused by its plan. Raises :class:`WarehouseError` with PostgreSQL's message, line and column
    where the query is wrong, returns no rows (only queries are exported) or tries to write.
    """
    try:
        with psycopg.connect(libpq_uri(engine), client_encoding="utf8") as connection:
            connection.read_only = not recorded
            cleaned = _single_query(connection, query)
            if recorded:
                _refuse_writing(connection, cleaned)
            copy = sql.SQL("copy ({}\n) to stdout with (format csv, header)").format(sql.SQL(cleaned))
            with connection.cursor() as cursor, cursor.copy(copy) as rows:
                for block in rows:
                    out.write(bytes(block).decode())  # COPY hands over whole rows
    except psycopg.Error as fault:
        raise WarehouseError(f"PostgreSQL refuses the query: {_message(fault, query)}") from None


def _single_query(connection: psycopg.Connection[Any], query: str) -> str:
    """The query without a closing semicolon, once PostgreSQL has parsed it as exactly one statement that returns rows.

    It is parsed alone before it is put inside COPY, so faults carry the position in the user's own text and nothing
    can reach beyond the parentheses.
    """
    cleaned = query.strip().rstrip(";").rstrip()
    server = connection.pgconn
    parsed = server.prepare(b"", cleaned.encode())
    if parsed.status != pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(parsed, "utf-8")
    if server.describe_prepared(b"").nfields == 0:
        raise WarehouseError("The statement returns no rows; only queries (select, with, values, table) are exported.")
    return cleaned


def _refuse_writing(connection: psycopg.Connection[Any], query: str) -> None:
    """Raise where the plan of a query changes a table, as `with … (insert …) select` does."""
    planned = connection.execute(sql.SQL("explain (format json) {}").format(sql.SQL(query))).fetchone()
    if '"ModifyTable"' in json.dumps(planned):
        raise WarehouseError("The query changes a table; only queries that read are exported.")


def _message(fault: psycopg.Error, query: str) -> str:
    """PostgreSQL's sentence with the hint and, where it names one, the place in the query."""
    diagnosis = fault.diag
    primary = diagnosis.message_primary or " ".join(str(fault).split())
    position = diagnosis.statement_position
    place = ""
    if position and diagnosis.internal_query is None:
        before = query.lstrip()[: int(position) - 1]
        skipped = query[: len(query) - len(query.lstrip())].count("\n")
        line = skipped + before.count("\n") + 1
        place = f" (line {line}, column {len(before) - before.rfind(chr(10))})"
    hint = f" {diagnosis.message_hint}" if diagnosis.message_hint else ""
    return f"{primary}{place}.{hint}"


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Counts(_Figures):
    """Rows of a source table (or of all its tables); `nulled` counts values."""

    read: int
    accepted: int
    rejected: int
    nulled: int


class SourceSummary(_Figures):
    """One source of a load. `parsed` workbooks were read anew; None where the source has none or nobody said."""

    tables: dict[str, Counts]
    total: Counts
    files_rejected: int
    parsed: int | None
    records: int
    linked: int
    stale: bool
    reason: str | None

    @property
    def linked_share(self) -> float | None:
        """Share of the person records that are linked to another source's record, 0-1; None without records."""
        return self.linked / self.records if self.records else None


class Gate(_Figures):
    """A gate that was not open. `decision` is null where it only reports."""

    source: str
    gate: str
    level: str
    report_only: bool
    reason: str
    decision: str | None
    decided_by: str | None


class IndexFigures(_Figures):
    """The index of an area on one basis: means over its families with a value, 0-100.

    `area` is the name of a regency, None for the Kampung KB villages together; their dimensions and category are not
    kept, so they are None.
    """

    area: str | None
    basis: str
    families: int
    ketentraman: float | None = None
    kemandirian: float | None = None
    kebahagiaan: float | None = None
    ibangga: float | None
    category: str | None = None


class Problems(_Figures):
    """Problems in quarantine of a source, against its load before (`compared_with`; None for its first)."""

    compared_with: date | None = None
    new_problems: int = 0
    still_open: int = 0
    resolved: int = 0


class LoadSummary(_Figures):
    """The figures of one published load. `latest` says whether marts without `as_of` show it."""

    run_id: str
    as_of: date
    latest: bool
    seconds: float
    stale_sources: list[str]
    sources: dict[str, SourceSummary]
    problems: dict[str, Problems]
    gates: list[Gate]
    index: list[IndexFigures]


_LOAD = """
select
    run_id, as_of, stale_sources, counts,
    extract(epoch from finished_at - started_at)::float8 as seconds,
    as_of = (select max(as_of) from ops.load_run) as latest
from ops.load_run
where (cast(:run_id as text) is null or run_id = :run_id) and (cast(:as_of as date) is null or as_of = :as_of)
order by finished_at desc
limit 1
"""

_PROBLEMS = """
select
    source, max(compared_with) as compared_with, sum(new_problems) as new_problems, sum(still_open) as still_open,
    sum(resolved) as resolved
from mart.data_quality_change
where as_of = :as_of
group by source
"""

_GATES = """
select source, gate, level, report_only, reason, decision, decided_by
from ops.gate_result
where run_id = :run_id and level <> 'open'
order by report_only, array_position(array['closed', 'suspicious'], level), source, gate, subject
"""

_REGENCIES = """
select regency as area, basis, families, ketentraman, kemandirian, kebahagiaan, ibangga, category
from mart.regency_index
where as_of = :as_of
order by regency_code, basis desc
"""

# The mean over families is the villages' mean weighted by their scored families.
_KAMPUNG_KB = """
select
    null as area,
    basis,
    sum(families) as families,
    sum(ibangga * (rentan + berkembang + tangguh)) / nullif(sum(rentan + berkembang + tangguh), 0) as ibangga
from mart.village_index
where as_of = :as_of and kampung_kb
group by basis
order by basis desc
"""


_PUBLISHED = """
select distinct on (as_of) as_of, counts
from ops.load_run
order by as_of, finished_at desc
"""


def published_snapshots(engine: Engine) -> dict[date, dict[str, date]]:
    """For each published `as_of` the date of the snapshot of every source; nothing for an empty warehouse."""
    with _reading(engine) as connection:
        if connection.execute(text("select to_regclass('ops.load_run')")).scalar_one() is None:
            return {}
        loads = connection.execute(text(_PUBLISHED)).all()
    return {
        as_of: {
            source: date.fromisoformat(figures["snapshot"])
            for source, figures in counts.items()
            if figures.get("snapshot")
        }
        for as_of, counts in loads
    }


def load_summary(engine: Engine, run_id: str | None = None, as_of: date | None = None) -> LoadSummary:
    """The figures of a published load: of a run, of the last run for a date, or (neither given) of the last run.

    Raises :class:`WarehouseError` where there is no such load.
    """
    with _reading(engine) as connection:
        load = connection.execute(text(_LOAD), {"run_id": run_id, "as_of": as_of}).mappings().one_or_none()
        if load is None:
            wanted = f" with the id {run_id}" if run_id else f" for {as_of}" if as_of else ""
            raise WarehouseError(f"The warehouse holds no published load{wanted}: run `make run` first.")
        on = {"as_of": load["as_of"]}
        return LoadSummary.model_validate(
            {
                **load,
                "sources": load["counts"],
                "problems": {row["source"]: row for row in connection.execute(text(_PROBLEMS), on).mappings()},
                "gates": connection.execute(text(_GATES), {"run_id": load["run_id"]}).mappings().all(),
                "index": [
                    row for query in (_REGENCIES, _KAMPUNG_KB) for row in connection.execute(text(query), on).mappings()
                ],
            }
        )


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the warehouse, whatever is published meanwhile."""
    try:
        with (
            engine.connect().execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            ) as connection,
            connection.begin(),
        ):
            yield connection
    except SQLAlchemyError as fault:
        if getattr(getattr(fault, "orig", None), "sqlstate", None) in ("42P01", "3F000"):
            raise WarehouseError(
                "The warehouse is empty: nothing has been published yet. Run `make run` first."
            ) from None
        raise WarehouseError(f"The warehouse cannot be read: {reason(fault)}.") from None
