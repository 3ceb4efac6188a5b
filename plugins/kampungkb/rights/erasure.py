"""Erasing one person from the lake and the warehouse, for good.

The order makes it repeatable: first one transaction writes what is looked for, the block list and the record of the
erasure; then every folder of the lake is rewritten; last one transaction cleans the warehouse and forgets what was
looked for. Killed anywhere, `resume` goes through all of it again. No step of a load runs meanwhile.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection
from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from kampungkb import lake
from kampungkb.engine import duckdb as engine_of_lake
from kampungkb.errors import DecisionError, WarehouseError
from kampungkb.key_guard import guard_key
from kampungkb.key_ring import keys_of
from kampungkb.rights import blocking, tables
from kampungkb.rights.files import clean_files
from kampungkb.rights.subject import Subject, Wanted, fill, find, plainly
from kampungkb.rights.traces import condition, fits, load_traces
from kampungkb.run import Run
from kampungkb.warehouse import content
from kampungkb.warehouse.connect import reason as reason_of
from kampungkb.warehouse.connect import warehouse
from kampungkb.warehouse.locks import PUBLISH, wait_for
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.privacy_models import Erasure, ErasureSubject
from kampungkb.warehouse.staging import drop_leftovers

log = logging.getLogger(__name__)

_WORKBOOK_ROWS = "landing/family_survey/*/anggota.parquet"
_DIGITS_OF_A_NUMBER = re.compile(r"\d{10}")
Place = tuple[str, str, int]
"""Workbook, sheet and row as the spreadsheet shows it."""


@dataclass(frozen=True)
class Found:
    """A person as far as may be told: records by source, what is the person's alone, where the workbooks hold it."""

    records: dict[str, int]
    families_alone: int
    shared_nik: int
    places: tuple[Place, ...] = field(repr=False)


@dataclass(frozen=True)
class Erased:
    """What one erasure removed: rows by kind of file and by table, and the digests added to the block list."""

    erasure_id: int
    lake: dict[str, int]
    warehouse: dict[str, int]


def look(run: Run, wanted: Wanted) -> Found:
    """Find the person and change nothing; raises like :func:`kampungkb.rights.subject.find`."""
    with (
        lake.in_use(run.settings),
        opened_warehouse(run) as opened,
        engine_of_lake.connect(run, in_memory=True) as database,
    ):
        with opened.connect() as connection:
            subject = find(run, connection, database, wanted)
        paths = [path for path in run.settings.lake.rglob("anggota.parquet") if _is_landed(run, path.as_posix())]
        return _told(subject, _places(database, [max(map(str, paths))] if paths else []))


def erase(run: Run, wanted: Wanted, by: str, reason: str) -> list[Erased]:
    """Erase the person, after finishing what was left unfinished; returns every erasure that was done, this one last.

    Raises :class:`DecisionError` where nobody or no reason is named or the reason names the person, the errors of
    :func:`kampungkb.rights.subject.find`, and :class:`WarehouseError` where the warehouse fails: then `resume`.
    """
    if not by.strip() or not reason.strip():
        raise DecisionError("An erasure says who ordered it and why: give both, in a few words. Nothing was erased.")
    with _alone(run) as opened:
        done = _finish_all(run, opened)
        with engine_of_lake.connect(run, in_memory=True) as database, opened.begin() as connection:
            subject = find(run, connection, database, wanted)
            _refuse_naming(subject, f"{by} {reason}")
            _begin(run, connection, subject, by.strip(), reason.strip())
        return [*done, *_finish_all(run, opened)]


def resume(run: Run) -> list[Erased]:
    """Finish erasures that did not end; none where all have."""
    with _alone(run) as opened:
        return _finish_all(run, opened)


def _told(subject: Subject, places: tuple[Place, ...]) -> Found:
    records: dict[str, int] = {}
    for source, _ in subject.records:
        records[source] = records.get(source, 0) + 1
    return Found(records, len(subject.of("family")), subject.shared_nik, places)


def _is_landed(run: Run, path: str) -> bool:
    return fits(path.removeprefix(f"{run.settings.lake.as_posix()}/"), _WORKBOOK_ROWS)


def _places(database: DuckDBPyConnection, paths: list[str]) -> tuple[Place, ...]:
    """Where the newest workbooks hold the person, on the connection that found it."""
    if not paths:
        return ()
    own = condition(load_traces().lake[_WORKBOOK_ROWS].delete, plainly)
    query = f"select distinct file, sheet, row_number from read_parquet(?) where {own} order by all"
    return tuple(database.execute(query, [paths]).fetchall())


def _refuse_naming(subject: Subject, words: str) -> None:
    """The record of an erasure must not say who was erased."""
    folded = f" {' '.join(words.upper().split())} "
    if _DIGITS_OF_A_NUMBER.search(words) or any(f" {name} " in folded for name in subject.names):
        raise DecisionError(
            "The reason names the person, or holds a number as long as an identity number; it stays on record when the "
            "person is erased. Say it without, for example by the number of the request. Nothing was erased."
        )


def _begin(run: Run, connection: Connection, subject: Subject, by: str, reason: str) -> None:
    """Record the erasure, what it looks for, and the block list."""
    started = insert(Erasure).values(requested_by=by, reason=reason).returning(Erasure.erasure_id)
    number = connection.execute(started).scalar_one()
    rows = [{"erasure_id": number, "kind": kind, "value": value} for kind, value in sorted(subject.values)]
    connection.execute(insert(ErasureSubject), rows)
    blocking.block(connection, keys_of(run), subject.values, run.as_of)


def _finish_all(run: Run, opened: Engine) -> list[Erased]:
    with opened.connect() as connection:
        unfinished = select(Erasure.erasure_id).where(Erasure.finished_at.is_(None)).order_by(Erasure.erasure_id)
        numbers = connection.execute(unfinished).scalars().all()
    return [_finish(run, opened, number) for number in numbers]


def _finish(run: Run, opened: Engine, number: int) -> Erased:
    """Remove what an erasure looks for; again from the start where an earlier try was killed."""
    with opened.connect() as connection:
        looked_for = select(ErasureSubject.kind, ErasureSubject.value).where(ErasureSubject.erasure_id == number)
        values = [(kind, value) for kind, value in connection.execute(looked_for)]
    lake.settle_all(run.settings)
    with engine_of_lake.connect(run, in_memory=True) as database:
        database.execute("set preserve_insertion_order = true")
        fill(database, values)
        files = dict(sorted(clean_files(run.settings, database, plainly).items()))
    with opened.connect().execution_options(isolation_level="AUTOCOMMIT") as keeper:
        drop_leftovers(keeper)
    with opened.begin() as connection:
        wait_for(connection, PUBLISH)
        touched = tables.clean_tables(connection, values)
        content.forget(connection)
        connection.execute(delete(ErasureSubject).where(ErasureSubject.erasure_id == number))
        counts = {"lake": files, "warehouse": touched}
        ended = update(Erasure).where(Erasure.erasure_id == number)
        connection.execute(ended.values(finished_at=func.clock_timestamp(), counts=counts))
    tables.vacuum(opened, [*touched, "vault.erasure_subject"])
    log.info("erasure %d: %d rows of the lake, %d of the warehouse", number, sum(files.values()), sum(touched.values()))
    return Erased(number, files, touched)


@contextmanager
def _alone(run: Run) -> Iterator[Engine]:
    with lake.alone(run.settings), opened_warehouse(run) as opened:
        yield opened


@contextmanager
def opened_warehouse(run: Run) -> Iterator[Engine]:
    """The warehouse, with its faults in one sentence; under the key that the lake was made with."""
    guard_key(run)
    try:
        with warehouse(run.settings, run.connections) as opened:
            migrate(opened)
            yield opened
    except SQLAlchemyError as fault:
        raise WarehouseError(
            f"The warehouse failed: {reason_of(fault)}. Run again; an erasure that had begun is finished by "
            "`kampungkb person resume`."
        ) from None
