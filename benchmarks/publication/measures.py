"""What `python -m benchmarks.publication` measures; every part is a function that a process of its own can run."""

import os
import platform
import resource
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, select, text

from benchmarks.linkage_evaluation.measures import validated
from benchmarks.linkage_evaluation.samples import accept
from benchmarks.publication.repeated import References, repeat
from kampungkb.connections import WAREHOUSE
from kampungkb.linkage import link
from kampungkb.run import Run, today
from kampungkb.scoring import score
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded, publish
from kampungkb.warehouse.differences import fill
from kampungkb.warehouse.staging import settle

SAMPLE_FAMILIES = 5_800
PANDAS_PART = 0.02
OTHERS = "others"  # schema of the tables that psql and pandas load


def sample(home: Path, families: int, as_of: date) -> References:
    """A sample night loaded up to its scores and repeated to about that many families."""
    copies = max(1, round(families / SAMPLE_FAMILIES))
    accept(home, families=families // copies, seed=2104, error_scale=1)
    run = Run("bench-publish", as_of, _settings(home))
    accepted = validated(run.settings, as_of)
    linked = link(run, accepted)
    return repeat((accepted, linked, score(run, accepted, linked)), copies, home / "repeated")


def _settings(home: Path) -> Settings:
    return Settings(home=home, pseudonym_key=SecretStr("a key for benchmarks only"))


def publish_once(home: Path, as_of: date, references: References) -> dict[str, float]:
    """Publish in this process: seconds, rows changed, peak memory in MiB."""
    settings = _settings(home)
    with embedded.running(settings) as server:
        run = Run(f"bench-{as_of}", as_of, settings, {WAREHOUSE: server.connection()})
        started = time.monotonic()
        published = publish(run, *references)
        seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "rows": sum(published.changed.values()), "peak_mib": peak}


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


def psql(uri: str, *commands: str) -> float:
    """Run commands in one psql; seconds."""
    started = time.monotonic()
    command = ["psql", "-qX", "-v", "ON_ERROR_STOP=1", uri]
    subprocess.run(command, input="\n".join(commands), text=True, check=True)
    return time.monotonic() - started


def files_of(uri: str, tables: dict[str, int], folder: Path, form: str) -> dict[str, Path]:
    """The rows of the tables as files that a COPY of that format reads."""
    files = {name: folder / f"{name}.{form}" for name in tables}
    psql(uri, *(f"\\copy {name} to '{file}' (format {form})" for name, file in files.items() if not file.exists()))
    return files


def empty_tables(uri: str, tables: dict[str, int], including: str) -> dict[str, str]:
    """Empty tables `like` the published ones, by the names of these; without the schema of them."""
    here = {name: name.replace(".", "_") for name in tables}
    psql(
        uri,
        f"set client_min_messages = warning; drop schema if exists {OTHERS} cascade; create schema {OTHERS};",
        *(f"create table {OTHERS}.{here[name]} (like {name} {including});" for name in tables),
    )
    return here


def copy_with_psql(uri: str, tables: dict[str, int], folder: Path, including: str) -> float:
    """Seconds in which psql copies the rows from text files into empty tables `like` the published ones."""
    files = files_of(uri, tables, folder, "text")
    here = empty_tables(uri, tables, including)
    copies = (f"\\copy {OTHERS}.{here[name]} from '{file}'" for name, file in files.items())
    return psql(uri, "begin;", *copies, "commit;")


def load_as_we_do(engine: Engine, uri: str, tables: dict[str, int], folder: Path) -> float:
    """Seconds in which our way of loading puts the rows into such tables with their keys and indexes.

    By binary COPY into unlogged tables, from there by `differences.fill` into the empty ones, in one transaction: what
    a publication does with rows, without what it computes, judges and records.
    """
    files = files_of(uri, tables, folder, "binary")
    here = empty_tables(uri, tables, "including all")
    started = time.monotonic()
    with engine.begin() as connection:
        settle(connection)
        for name, file in files.items():
            staged, target = f"{OTHERS}.staged_{here[name]}", here[name]
            connection.execute(text(f"create unlogged table {staged} (like {name})"))
            _copy_binary(connection, staged, file)
            source, filled = (
                Table(each, MetaData(schema=OTHERS), autoload_with=connection) for each in (f"staged_{target}", target)
            )
            fill(connection, filled, select(*source.columns))
            connection.execute(text(f"drop table {staged}"))
    return time.monotonic() - started


def _copy_binary(connection: Connection, table: str, file: Path) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101
    with driver.cursor().copy(f"copy {table} from stdin (format binary)") as copy, file.open("rb") as rows:
        while part := rows.read(1 << 20):
            copy.write(part)


def insert_with_pandas(engine: Engine, uri: str, tables: dict[str, int]) -> dict[str, float]:
    """`to_sql` of a part of the rows of every table into such tables; seconds without reading, and rows."""
    here = empty_tables(uri, tables, "including all")
    seconds, rows = 0.0, 0
    for name, count in tables.items():
        part = max(1, round(count * PANDAS_PART))
        frame = pd.read_sql(text(f"select * from {name} limit {part}"), engine)
        kinds = {c.name: c.type for c in Table(here[name], MetaData(schema=OTHERS), autoload_with=engine).columns}
        started = time.monotonic()
        frame.to_sql(here[name], engine, schema=OTHERS, index=False, if_exists="append", dtype=kinds)
        seconds += time.monotonic() - started
        rows += len(frame)
    return {"seconds": seconds, "rows": rows}


def measure(families: int, work: Path) -> dict[str, Any]:
    """All figures."""
    as_of, home = today(), work / "home"
    references = in_process(sample, home, families, as_of)
    full = in_process(publish_once, home, as_of, references)
    unchanged = in_process(publish_once, home, as_of + timedelta(1), references)
    try:
        with embedded.running(_settings(home)) as server:
            engine = create_engine(server.url())
            tables = published_tables(engine)
            files = work / "files"
            files.mkdir()
            others = {
                "our load of the rows": {"seconds": load_as_we_do(engine, server.uri(), tables, files)},
                "psql, keys and indexes": {"seconds": copy_with_psql(server.uri(), tables, files, "including all")},
                "psql, no index": {"seconds": copy_with_psql(server.uri(), tables, files, "including defaults")},
            }
            pandas = insert_with_pandas(engine, server.uri(), tables)
            engine.dispose()
    finally:
        embedded.discard(_settings(home))
    rows = sum(tables.values())
    others = {name: {**figures, "rows": rows} for name, figures in others.items()}
    return {
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}",
        "families": references[2].families,
        "persons": tables["core.dim_person"],
        "rows": rows,
        "tables": tables,
        "loads": {
            "whole publication": full,
            **others,
            f"pandas, keys and indexes, {PANDAS_PART:.0%}": pandas,
        },
        "unchanged": unchanged,
    }
