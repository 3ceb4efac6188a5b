"""What `python -m benchmarks.publication` measures; every part is a function that a process of its own can run."""

import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, MetaData, Table, cast, create_engine, select, text

from benchmarks.linkage_evaluation.measures import validated
from benchmarks.linkage_evaluation.samples import accept, settings_of
from benchmarks.publication.repeated import References, repeat
from kampungkb.connections import WAREHOUSE
from kampungkb.linkage import link
from kampungkb.run import Run, today
from kampungkb.scoring import score
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded, publish
from kampungkb.warehouse.differences import fill
from kampungkb.warehouse.place import place_of
from kampungkb.warehouse.staging import settle

SAMPLE_FAMILIES = 5_800
PANDAS_PART = 0.25
OURS, PSQL, PANDAS = "our load of the rows", "psql \\copy", "pandas to_sql"
PARTLY, BARELY = f", {PANDAS_PART:.0%} of the rows", " into tables without keys"
OTHERS = "others"  # schema of the tables that psql and pandas load


def sample(home: Path, families: int, as_of: date) -> References:
    """A sample night loaded up to its scores and repeated to about that many families."""
    copies = max(1, round(families / SAMPLE_FAMILIES))
    accept(home, families=families // copies, seed=2104, error_scale=1)
    run = Run("bench-publish", as_of, settings_of(home))
    accepted = validated(run.settings, as_of)
    linked = link(run, accepted)
    return repeat((accepted, linked, score(run, accepted, linked)), copies, home / "repeated")


def publish_once(home: Path, as_of: date, references: References) -> dict[str, float]:
    """Publish in this process: seconds, rows changed, peak memory in MiB."""
    settings = settings_of(home)
    with embedded.running(settings) as server:
        run = Run(f"bench-{as_of}", as_of, settings, {WAREHOUSE: server.connection()})
        with clocks(settings) as taken:
            published = publish(run, *references)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**taken, "rows": sum(published.changed.values()), "peak_mib": peak}


@contextmanager
def clocks(settings: Settings) -> Iterator[dict[str, float]]:
    """What passes within: `seconds` by the clock, and `processor` seconds of this process, its children and the server.

    A busy machine stretches the one and hardly the other.
    """
    taken: dict[str, float] = {}
    began, used = time.monotonic(), _processor(settings)
    yield taken
    taken |= {"seconds": time.monotonic() - began, "processor": _processor(settings) - used}


def _processor(settings: Settings) -> float:
    """Processor seconds until now: of this process and those it waited for, of the server and its sessions.

    A session that has ended counts with the server, which waited for it.
    """
    server = (place_of(settings).data / "postmaster.pid").read_text().split()[0]
    sessions = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ticks = sum(sum(_ticks(process)[:2]) for process in sessions) + sum(_ticks(server))
    return sum(each.ru_utime + each.ru_stime for each in used) + ticks / os.sysconf("SC_CLK_TCK")


def _ticks(process: str) -> list[int]:
    """utime, stime, cutime, cstime of `/proc/<process>/stat`; nothing of a process that has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return [0, 0, 0, 0]
    return [int(field) for field in fields[11:15]]


def in_process(function: Any, *arguments: Any) -> Any:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def published_tables(engine: Engine) -> dict[str, int]:
    """The tables of the warehouse that hold rows, with their number."""
    query = "select schemaname || '.' || relname from pg_stat_user_tables where schemaname <> 'public' order by 1"
    with engine.connect() as connection:
        names = connection.execute(text(query)).scalars().all()
        counted = {name: connection.execute(text(f"select count(*) from {name}")).scalar_one() for name in names}
    return {name: rows for name, rows in counted.items() if rows}


def psql(uri: str, *commands: str) -> None:
    """Run commands in one psql."""
    command = ["psql", "-qX", "-v", "ON_ERROR_STOP=1", uri]
    subprocess.run(command, input="\n".join(commands), text=True, check=True)


def text_files(uri: str, tables: dict[str, int], folder: Path) -> dict[str, Path]:
    """The rows of the tables as text files that a COPY reads."""
    folder.mkdir()
    files = {name: folder / f"{name}.text" for name in tables}
    psql(uri, *(f"\\copy {name} to '{file}'" for name, file in files.items()))
    return files


def parquet_files(uri: str, tables: dict[str, int], folder: Path, part: float = 1) -> dict[str, Path]:
    """The rows of the tables, or a part of each, as Parquet files: numbers as float, JSON as text."""
    folder.mkdir()
    files = {name: folder / f"{name}.parquet" for name in tables}
    with adbc.connect(uri) as connection, connection.cursor() as cursor:
        for name, file in files.items():
            cursor.execute(f"select {_in_parquet(uri, name)} from {name} limit {max(1, round(tables[name] * part))}")
            rows = cursor.fetch_record_batch()
            with pq.ParquetWriter(file, rows.schema, compression="zstd") as writer:
                for batch in rows:
                    writer.write_batch(batch)
    return files


def _in_parquet(uri: str, table: str) -> str:
    """The columns of a table, cast where Parquet has no such type."""
    schema, _, named = table.partition(".")
    with psycopg.connect(uri) as connection:
        columns = connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = %s and table_name = %s order by ordinal_position",
            (schema, named),
        ).fetchall()
    casts = {"numeric": "double precision", "jsonb": "text"}
    return ", ".join(
        f"cast({column} as {casts.get(kind, kind)})" if kind in casts else column for column, kind in columns
    )


def empty_tables(uri: str, tables: dict[str, int], *, keyed: bool) -> dict[str, str]:
    """Empty tables for the rows of the published ones, by the names of these; without the schema of them.

    Keyed ones have the types, keys and indexes of the published, the others the types of Parquet and no more.
    """
    here = {name: name.replace(".", "_") for name in tables}
    as_in_parquet = "as select {} from {} limit 0"
    psql(
        uri,
        f"set client_min_messages = warning; drop schema if exists {OTHERS} cascade; create schema {OTHERS};",
        *(
            f"create table {OTHERS}.{here[name]} "
            + (f"(like {name} including all);" if keyed else f"{as_in_parquet.format(_in_parquet(uri, name), name)};")
            for name in tables
        ),
    )
    return here


def copy_with_psql(uri: str, files: dict[str, Path], here: dict[str, str]) -> None:
    """Let psql copy text files into tables, in one transaction."""
    psql(uri, "begin;", *(f"\\copy {OTHERS}.{here[name]} from '{file}'" for name, file in files.items()), "commit;")


def load_as_we_do(engine: Engine, uri: str, files: dict[str, Path], here: dict[str, str]) -> None:
    """Load Parquet files into empty tables as a publication does, without what it computes, judges and records.

    By ADBC into unlogged tables, from there by `differences.fill` in one transaction.
    """
    staged = {name: f"staged_{table}" for name, table in here.items()}
    with adbc.connect(uri, autocommit=True) as bulk, bulk.cursor() as cursor:
        for name, table in staged.items():
            columns = _in_parquet(uri, name)
            cursor.execute(f"create unlogged table {OTHERS}.{table} as select {columns} from {name} limit 0")
    copy_with_adbc(uri, files, staged)
    with engine.begin() as connection:
        settle(connection)
        for name in files:
            source, filled = (
                Table(each, MetaData(schema=OTHERS), autoload_with=connection) for each in (staged[name], here[name])
            )
            fill(connection, filled, select(*(cast(source.c[c.name], c.type) for c in filled.columns)))
            connection.execute(text(f"drop table {OTHERS}.{staged[name]}"))


def copy_with_adbc(uri: str, files: dict[str, Path], here: dict[str, str]) -> None:
    """Copy Parquet files in PostgreSQL's binary form into tables, as the staging of a publication does."""
    with adbc.connect(uri, autocommit=True) as bulk, bulk.cursor() as cursor:
        for name, file in files.items():
            rows = pq.ParquetFile(file)
            batches = pa.RecordBatchReader.from_batches(rows.schema_arrow, rows.iter_batches(65_536))
            cursor.adbc_ingest(here[name], batches, mode="append", db_schema_name=OTHERS)
            cursor.execute(f"analyze {OTHERS}.{here[name]}")


def insert_with_pandas(engine: Engine, files: dict[str, Path], here: dict[str, str]) -> None:
    """Let pandas read Parquet files and insert their rows by `to_sql`."""
    for name, file in files.items():
        columns = Table(here[name], MetaData(schema=OTHERS), autoload_with=engine).columns
        kinds: dict[str, Any] = {c.name: c.type for c in columns}
        frame = pd.read_parquet(file)
        frame.to_sql(here[name], engine, schema=OTHERS, index=False, if_exists="append", dtype=kinds)


def rows_of(files: dict[str, Path]) -> int:
    """The rows of Parquet files."""
    return sum(pq.read_metadata(file).num_rows for file in files.values())


def measure(families: int, work: Path, note: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
    """All figures; `note` is told what is known after each part."""
    as_of, home = today(), work / "home"
    references = in_process(sample, home, families, as_of)
    found: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}",
        "families": references[2].families,
        "loads": {},
    }
    try:
        found["loads"]["whole publication"] = in_process(publish_once, home, as_of, references)
        note(found)
        found["unchanged"] = in_process(publish_once, home, as_of + timedelta(1), references)
        note(found)
        with embedded.running(settings_of(home)) as server:
            _measure_loads(server, settings_of(home), work, found, note)
    finally:
        embedded.discard(settings_of(home))
    return found


def _measure_loads(
    server: embedded.ServerInfo,
    settings: Settings,
    work: Path,
    found: dict[str, Any],
    note: Callable[[dict[str, Any]], None],
) -> None:
    engine, uri = create_engine(server.url()), server.uri()
    tables = published_tables(engine)
    found |= {"persons": tables["core.dim_person"], "rows": sum(tables.values()), "tables": tables}
    parquet = parquet_files(uri, tables, work / "parquet")
    some = parquet_files(uri, tables, work / "part", PANDAS_PART)
    copied = text_files(uri, tables, work / "text")
    loads: dict[str, tuple[int, Callable[[dict[str, str]], None]]] = {
        OURS: (found["rows"], lambda here: load_as_we_do(engine, uri, parquet, here)),
        PSQL: (found["rows"], lambda here: copy_with_psql(uri, copied, here)),
        OURS + PARTLY: (rows_of(some), lambda here: load_as_we_do(engine, uri, some, here)),
        PANDAS + PARTLY: (rows_of(some), lambda here: insert_with_pandas(engine, some, here)),
        OURS + BARELY: (found["rows"], lambda here: copy_with_adbc(uri, parquet, here)),
        PSQL + BARELY: (found["rows"], lambda here: copy_with_psql(uri, copied, here)),
        OURS + PARTLY + BARELY: (rows_of(some), lambda here: copy_with_adbc(uri, some, here)),
        PANDAS + PARTLY + BARELY: (rows_of(some), lambda here: insert_with_pandas(engine, some, here)),
    }
    for name, (rows, load) in loads.items():
        here = empty_tables(uri, tables, keyed=not name.endswith(BARELY))
        with clocks(settings) as taken:
            load(here)
        found["loads"][name] = {**taken, "rows": rows}
        note(found)
    engine.dispose()
