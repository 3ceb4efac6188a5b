"""Action lists by name: which family of a village needs which service, for those allowed; every read is recorded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from duckdb import DuckDBPyRelation
from psycopg import sql
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.engine.accepted import SOURCE_OF_TABLE, attach
from kampungkb.engine.duckdb import connect, sql_text
from kampungkb.errors import WarehouseError
from kampungkb.refs import Linked, Validated
from kampungkb.run import Run
from kampungkb.warehouse.connect import reason
from kampungkb.warehouse.query import to_csv

ACTION_LIST = "service.action_list"
_ACCEPTED = ("keluarga", "anggota")


def contact_files(validated: Sequence[Validated], linked: Linked) -> list[Path]:
    """The files that :func:`family_contacts` reads."""
    sources = {SOURCE_OF_TABLE[name] for name in _ACCEPTED}
    return [
        *(source.path / f"{name}.parquet" for source in validated if source.source in sources for name in _ACCEPTED),
        linked.path / "family_link.parquet",
    ]


@contextmanager
def family_contacts(run: Run, validated: Sequence[Validated], linked: Linked) -> Iterator[DuckDBPyRelation]:
    """The rows of `service.family_contact` (names and addresses of accepted families)."""
    with connect(run) as connection:
        attach(connection, validated, *_ACCEPTED)
        connection.read_parquet(str(linked.path / "family_link.parquet")).create_view("family_link")
        connection.execute(f"create temp table family_contact as {sql_text('family_contact')}")
        yield connection.table("family_contact")


def record_read(connection: Connection, purpose: str) -> None:
    """Write into `ops.access_log` who reads the action list and what for, with the transaction of `connection`.

    Raises :class:`WarehouseError` where that is not possible: then nothing may be read.
    """
    try:
        connection.execute(text("select set_config('kampungkb.purpose', :purpose, true)"), {"purpose": purpose})
        connection.execute(text("select ops.note_access(:subject)"), {"subject": ACTION_LIST})
    except SQLAlchemyError as fault:
        raise WarehouseError(
            f"The read of the action list cannot be recorded, so nothing was read: {reason(fault)}. "
            "Load once with this version, with a user that may write."
        ) from None


def export_actions(engine: Engine, out: TextIO, village: str, sector: str | None, purpose: str) -> None:
    """Write the action list of a village (a code, or the beginning of one) as CSV, after recording who reads and why.

    `sector` is one of `core.dim_indicator`; None means all. Raises :class:`WarehouseError` where the warehouse cannot
    be read, or is older than the record of reads.
    """
    with engine.begin() as connection:
        record_read(connection, purpose)
    query = sql.SQL(
        "select * from service.action_list where starts_with(village_code, {village})"
        " and sector = coalesce({sector}, sector) order by village_code, rt, rw, family_code, need"
    ).format(village=sql.Literal(village), sector=sql.Literal(sector))
    to_csv(engine, query.as_string(None), out)
