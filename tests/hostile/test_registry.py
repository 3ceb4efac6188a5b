"""A registry as nobody should keep it: nothing but NULL, wrong encodings, dates as text in two formats."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from psycopg import sql

from kampungkb.connections import CIVIL_REGISTRY, Connection
from kampungkb.contracts import contract
from kampungkb.landing import extract
from kampungkb.refs import Snapshot
from kampungkb.run import Run
from kampungkb.warehouse import embedded
from tests.integration.conftest import embedded_server, embedded_settings  # noqa: F401
from tests.integration.validation_landing import good_card, good_person, run_validation

pytestmark = pytest.mark.integration

TABLES = {table.name: list(table.names) for table in contract(CIVIL_REGISTRY).tables}
Row = dict[str, Any]


def create(file: Path, types: str = "") -> sqlite3.Connection:
    database = sqlite3.connect(file)
    for name, columns in TABLES.items():
        database.execute(f"create table {name} ({', '.join(f'{column} {types}' for column in columns)})")
    return database


def add(database: sqlite3.Connection, table: str, *rows: Row) -> None:
    with database:
        for row in rows:
            names = list(row)
            marks = ", ".join("?" * len(names))
            database.execute(f"insert into {table} ({', '.join(names)}) values ({marks})", [row[n] for n in names])


def land(run: Run, file: Path) -> Snapshot:
    connection = Connection(conn_type="sqlite", host=str(file))
    return extract(replace(run, connections={CIVIL_REGISTRY: connection}), CIVIL_REGISTRY)


def column(snapshot: Snapshot, name: str, table: str = "biodata_wni") -> list[Any]:
    values: list[Any] = pq.read_table(snapshot.path / f"{table}.parquet")[name].to_pylist()
    return values


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


def test_rows_of_nothing_but_null_are_rejected_one_by_one_and_the_others_load(run: Run, file: Path) -> None:
    database = create(file)
    add(database, "biodata_wni", *[dict.fromkeys(TABLES["biodata_wni"])] * 3, good_person(1))
    add(database, "data_keluarga", *[dict.fromkeys(TABLES["data_keluarga"])] * 3, good_card())
    snapshot = land(run, file)
    assert snapshot.read == {"biodata_wni": 4, "data_keluarga": 4}
    validated = run_validation(run, snapshot)
    assert validated.rows("select nik from biodata_wni") == [(f"{1:016d}",)]
    rejected = validated.rows("select rule, count(*) from quarantine where action = 'row' group by rule order by rule")
    assert dict(rejected) == {"R01": 3, "R03": 3}


def test_tables_without_a_row_are_an_empty_source(run: Run, file: Path) -> None:
    create(file)
    validated = run_validation(run, land(run, file))
    assert validated.rows("select count(*) from biodata_wni") == [(0,)]


def test_columns_of_null_in_rows_that_count_are_missing_and_not_invalid(run: Run, file: Path) -> None:
    database = create(file)
    bare = dict.fromkeys(TABLES["biodata_wni"]) | {"nik": f"{1:016d}", "nama_lgkp": "ANI"}
    add(database, "biodata_wni", bare)
    validated = run_validation(run, land(run, file))
    assert validated.rows("select nik, nama_lgkp, tgl_lhr, jenis_klmin from biodata_wni") == [
        (f"{1:016d}", "ANI", None, None)
    ]
    assert validated.quarantine("biodata_wni") == []


@pytest.mark.parametrize(
    ("stored", "landed"),
    [
        ("SITI NURBAYÁ".encode(), "SITI NURBAYÁ"),
        ("JOSÉ".encode("latin-1"), "JOSÉ"),
        (b"A\xff\xfeNI", "AÿþNI"),
        (b"A\xc3", "AÃ"),
        (b"A\xed\xa0\x80", "Aí\xa0\x80"),
        ("ANI".encode("utf-16-le"), "A\ufffdN\ufffdI\ufffd"),
        (b"", ""),
    ],
    ids=["UTF-8", "latin-1", "neither", "half a character", "half a pair", "UTF-16", "nothing"],
)
@pytest.mark.parametrize("how", ["text", "blob"])
def test_bytes_in_any_encoding_land_as_text(run: Run, file: Path, stored: bytes, landed: str, how: str) -> None:
    database = create(file)
    kind = "cast(? as text)" if how == "text" else "?"
    with database:
        database.execute(f"insert into biodata_wni (nik, nama_lgkp) values ('{1:016d}', {kind})", [stored])
    snapshot = land(run, file)
    assert column(snapshot, "nama_lgkp") == [landed]
    run_validation(run, snapshot)


def test_values_of_every_storage_class_in_one_column_land(run: Run, file: Path) -> None:
    """SQLite keeps what is written, whatever the column's type says."""
    database = create(file, "integer")
    odd: list[Any] = [2104010101900001, 2104010101900001.0, "2104010101900001", b"2104010101900001", -1, 1e300, None]
    add(database, "biodata_wni", *({"nik": value, "nama_lgkp": "x" * 40_000} for value in odd))
    assert column(land(run, file), "nik") == [*["2104010101900001"] * 4, "-1", "1" + "0" * 300, None]


DATES = {
    "1980-03-05": "1980-03-05",
    "05-03-1980": "1980-03-05",
    "05/03/1980": "1980-03-05",
    " 1980-03-05 ": "1980-03-05",
    "1980-03-05 00:00:00": "1980-03-05",
    "31-02-1980": None,
    "5 Maret 1980": None,
    "0000-00-00": None,
    "": None,
}


def test_dates_as_text_in_two_formats_are_the_same_date(run: Run, file: Path) -> None:
    database = create(file)
    rows = [good_person(number, tgl_lhr=text, tgl_ubah=text) for number, text in enumerate(DATES, start=1)]
    add(database, "biodata_wni", *rows)
    snapshot = land(run, file)
    assert sorted(column(snapshot, "tgl_lhr")) == sorted(DATES)
    validated = run_validation(run, snapshot)
    found = validated.rows("select nik, cast(tgl_lhr as varchar) from biodata_wni order by nik")
    assert [day for _, day in found] == list(DATES.values())
    nulled = validated.rows("select count(*) from quarantine where rule = 'R04' and action = 'value'")
    assert nulled == [(sum(day is None and text != "" for text, day in DATES.items()),)]


def test_the_latest_change_stays_whatever_format_it_is_written_in(run: Run, file: Path) -> None:
    database = create(file)
    add(
        database,
        "biodata_wni",
        good_person(1, nama_lgkp="OLD", tgl_ubah="2026-05-31 10:00:00"),
        good_person(1, nama_lgkp="NEW", tgl_ubah="01-06-2026 09:00:00"),
        good_person(1, nama_lgkp="UNKNOWN", tgl_ubah="soon"),
    )
    validated = run_validation(run, land(run, file))
    assert validated.rows("select nama_lgkp from biodata_wni") == [("NEW",)]


# On servers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def byte_database(embedded_server: embedded.ServerInfo) -> Iterator[tuple[str, Connection]]:  # noqa: F811
    """A PostgreSQL database that keeps bytes and knows no encoding (SQL_ASCII), as old dumps are."""
    name = "registry_of_bytes"
    with psycopg.connect(embedded_server.uri("postgres"), autocommit=True) as server:
        server.execute(
            sql.SQL(
                "create database {} encoding 'SQL_ASCII' locale_provider libc locale 'C' template template0"
            ).format(sql.Identifier(name))
        )
        connection = embedded_server.connection(name)
        yield embedded_server.uri(name), connection
        server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_a_postgresql_that_knows_no_encoding_lands_as_text(run: Run, byte_database: tuple[str, Connection]) -> None:
    uri, connection = byte_database
    with psycopg.connect(uri) as database:
        for table, columns in TABLES.items():
            database.execute(f"create table {table} ({', '.join(f'{name} text' for name in columns)})")
        for number, name in enumerate(["JOSÉ".encode(), "JOSÉ".encode("latin-1"), b"ANI"], start=1):
            database.execute(
                f"insert into biodata_wni (nik, nama_lgkp) values ('{number:016d}', "
                f"convert_from(decode('{name.hex()}', 'hex'), 'SQL_ASCII'))"
            )
    snapshot = extract(replace(run, connections={CIVIL_REGISTRY: connection}), CIVIL_REGISTRY)
    assert sorted(column(snapshot, "nama_lgkp")) == ["ANI", "JOSÉ", "JOSÉ"]


@pytest.mark.services
@pytest.mark.parametrize("charset", ["latin1", "utf8mb3", "utf8mb4", "ucs2"])
def test_a_mariadb_table_in_any_encoding_lands_as_text(run: Run, mariadb_database: sa.URL, charset: str) -> None:
    engine = sa.create_engine(mariadb_database, poolclass=sa.NullPool)
    with engine.begin() as database:
        for table, columns in TABLES.items():
            declared = ", ".join(f"{name} {'binary(8)' if name == 'agama' else 'varchar(200)'}" for name in columns)
            declared = declared.replace("varchar(200)", "text") if charset == "ucs2" else declared
            database.execute(sa.text(f"create table {table} ({declared}) default charset {charset}"))
        database.execute(
            sa.text("insert into biodata_wni (nik, nama_lgkp, agama) values (:nik, :name, :bytes)"),
            [{"nik": f"{1:016d}", "name": "JOSÉ ÑO", "bytes": "É".encode("latin-1")}],
        )
    url = mariadb_database
    fields = {"host": url.host, "port": url.port, "login": url.username, "password": url.password}
    connection = Connection.model_validate({"conn_type": "mysql", "schema": url.database, **fields})
    snapshot = extract(replace(run, connections={CIVIL_REGISTRY: connection}), CIVIL_REGISTRY)
    assert column(snapshot, "nama_lgkp") == ["JOSÉ ÑO"]
    run_validation(run, snapshot)
