"""Fill the civil registry's two tables in a database from the sample's Parquet files."""

import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from sqlalchemy import (
    CHAR,
    URL,
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    MetaData,
    SmallInteger,
    String,
    Table,
    create_engine,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeEngine

from kampungkb.errors import ConfigurationError, SourceUnavailable

log = logging.getLogger(__name__)

REGISTRY_FOLDER = "civil_registry"
TABLES = ("biodata_wni", "data_keluarga")
BATCH = 20_000
_IDENTITY = {"nik", "no_kk"}


def _column_type(field: "pa.Field[Any]") -> TypeEngine[Any]:
    if pa.types.is_date(field.type):
        return Date()
    if pa.types.is_timestamp(field.type):
        # MariaDB drops the fraction of a second unless told to keep it.
        return DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    if pa.types.is_integer(field.type):
        return SmallInteger()
    return CHAR(16) if field.name in _IDENTITY else String(120)


def registry_table(name: str, schema: pa.Schema, metadata: MetaData) -> Table:
    """The table as a registry office has it: identity numbers as char, codes as smallint, no unique key on `nik`."""
    return Table(
        name,
        metadata,
        *(Column(field.name, _column_type(field), index=field.name in _IDENTITY | {"tgl_ubah"}) for field in schema),
    )


def _copy(connection: Connection, table: Table, batches: Iterator[pa.RecordBatch]) -> None:
    """PostgreSQL's COPY: a null is an empty field, an empty text a quoted one."""
    driver: Any = connection.connection.driver_connection
    named = ", ".join(connection.dialect.identifier_preparer.quote(column.name) for column in table.columns)
    target = connection.dialect.identifier_preparer.format_table(table)
    options = pacsv.WriteOptions(include_header=False)
    with driver.cursor() as cursor, cursor.copy(f"copy {target} ({named}) from stdin (format csv)") as copy:
        for batch in batches:
            buffer = io.BytesIO()
            pacsv.write_csv(batch, buffer, options)
            copy.write(buffer.getbuffer())


def _insert(connection: Connection, table: Table, batches: Iterator[pa.RecordBatch]) -> None:
    for batch in batches:
        rows = batch.to_pylist()
        if rows:
            connection.execute(table.insert(), rows)


@contextmanager
def _engine(url: str | URL | Engine) -> Iterator[Engine]:
    if isinstance(url, Engine):
        yield url
        return
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def load_registry(sample: Path, url: str | URL | Engine, schema: str | None = None) -> None:
    """Create and fill `biodata_wni` and `data_keluarga` from `<sample>/civil_registry`, replacing what stands there.

    `url` is an SQLAlchemy URL or engine (PostgreSQL through psycopg, MariaDB, SQLite, …), `schema` the database
    schema (default: the connection's own). Raises :class:`ConfigurationError` where the sample has no registry,
    :class:`SourceUnavailable` where the database refuses.
    """
    files = {name: sample / REGISTRY_FOLDER / f"{name}.parquet" for name in TABLES}
    missing = [path.name for path in files.values() if not path.exists()]
    if missing:
        raise ConfigurationError(
            f"The sample {sample} has no {', '.join(missing)}: make one with `kampungkb sample --out`."
        )
    started = time.monotonic()
    metadata = MetaData(schema=schema)
    tables = {name: registry_table(name, pq.read_schema(path), metadata) for name, path in files.items()}
    try:
        with _engine(url) as engine, engine.begin() as connection:
            metadata.drop_all(connection)
            metadata.create_all(connection)
            fill = _copy if connection.dialect.driver == "psycopg" else _insert
            for name, table in tables.items():
                fill(connection, table, pq.ParquetFile(files[name]).iter_batches(BATCH))
            if connection.dialect.name == "postgresql":
                for table in tables.values():
                    connection.execute(text(f"analyze {connection.dialect.identifier_preparer.format_table(table)}"))
    except (SQLAlchemyError, psycopg.Error) as fault:
        raise SourceUnavailable(
            f"The registry database does not take the sample ({type(fault).__name__}): check that it runs, that the "
            "address is right and that the user may create tables."
        ) from None
    rows = sum(pq.read_metadata(path).num_rows for path in files.values())
    log.info("Registry filled: %d rows in %.1f s", rows, time.monotonic() - started)
