"""The DuckDB engine: one in-memory connection a step, bounded memory, SQL from `include/sql/transform`."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from kampungkb.engine.working_folder import working_folder
from kampungkb.key_ring import keys_of
from kampungkb.lake import private_folder
from kampungkb.pseudonym import duckdb_macro
from kampungkb.run import Run
from kampungkb.settings import INCLUDE, Settings

WRITTEN = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 1000"
"""How tables are written: most columns hold keys and names, of which a dictionary would be built in vain."""


@contextmanager
def connect(run: Run, *, in_memory: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection bounded by `KAMPUNGKB_MEMORY`, with the macro `pseudonym(kind, value)`.

    The database is a file in a private folder that is removed at the end. `in_memory` keeps the tables uncompressed in
    memory and spills to that folder only what passes the bound: for a step that writes each table once.
    """
    with engine(run.settings, in_memory=in_memory) as connection:
        connection.execute(duckdb_macro(keys_of(run)))
        yield connection


@contextmanager
def engine(settings: Settings, *, in_memory: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same connection without the macro, for what makes no keys."""
    with working_folder(private_folder(settings.root / "tmp")) as folder:
        connection = duckdb.connect(":memory:" if in_memory else f"{folder}/work.duckdb")
        try:
            connection.execute(f"set memory_limit = '{settings.memory}'")
            connection.execute(f"set threads = {settings.threads}")
            connection.execute(f"set temp_directory = '{folder}'")
            connection.execute("set TimeZone = 'Asia/Jakarta'")
            connection.execute("set preserve_insertion_order = false")
            connection.execute("set enable_progress_bar = false")
            yield connection
        finally:
            connection.close()


def sql_text(name: str) -> str:
    """The text of `include/sql/transform/<name>.sql`: one statement, in DuckDB's dialect."""
    return (INCLUDE / "sql" / "transform" / f"{name}.sql").read_text(encoding="utf-8")
