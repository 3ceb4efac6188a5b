"""What a step asks of its engine: statements in DuckDB's dialect, over tables, views and macros of the step's own.

DuckDB's connection is such an engine as it is. Spark's (:mod:`kampungkb.engine.spark`) translates the statements.
Bulk data comes in by `read_parquet` and goes out by :func:`write`; only counts and the like are fetched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from kampungkb.engine import duckdb
from kampungkb.run import Run
from kampungkb.settings import Settings


class Rows(Protocol):
    """What a query found."""

    def fetchall(self) -> list[Any]:
        """All rows, as tuples."""

    def fetchone(self) -> Any:
        """The first row, or None."""


class Engine(Protocol):
    """Runs one statement at a time."""

    def execute(self, query: str, parameters: object = None) -> Rows:
        """Run a statement; `parameters` are its `?` (a sequence) or `$name` (a mapping)."""


@contextmanager
def connect(run: Run, *, in_memory: bool = False) -> Iterator[Engine]:
    """The engine that `KAMPUNGKB_ENGINE` names, with the macro `pseudonym(kind, value)`.

    `in_memory` is for a step that writes each table once; only DuckDB asks for it. Raises
    :class:`~kampungkb.errors.ConfigurationError` where Spark is asked for and it or its Java is absent.
    """
    if run.settings.engine == "spark":
        from kampungkb.engine import spark  # an extra: without it nothing else may fail

        with spark.connect(run) as engine:
            yield engine
    else:
        with duckdb.connect(run, in_memory=in_memory) as connection:
            yield connection


def check(settings: Settings) -> None:
    """Raises :class:`~kampungkb.errors.ConfigurationError` where Spark is asked for and it or its Java is absent."""
    if settings.engine == "spark":
        from kampungkb.engine import spark  # raises where pyspark is absent

        spark.check()


def view(engine: Engine, name: str, path: Path) -> None:
    """Make the rows of a Parquet file visible under a name."""
    engine.execute(f"create or replace view {name} as select * from read_parquet({_text(path)})")


def write(engine: Engine, query: str, path: Path) -> None:
    """Write the rows of a query as one Parquet file, without passing through Python."""
    engine.execute(f"copy ({query}) to {_text(path)} ({duckdb.WRITTEN})")


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
