"""The Spark engine: DuckDB's statements on a Spark session, on this machine or on a cluster.

A step has a session of its own, with its own views and macros; all share one Spark application a process. What is
computed once is kept by Spark's executors, and what a step writes becomes one Parquet file, as on DuckDB. The lake
stands in a folder that driver and executors see under the same path.
"""

import atexit
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlglot import exp

from kampungkb.engine.java import check_java
from kampungkb.engine.spark_sql import TIME_ZONE, Macro, macro, parsed, spark_sql, spark_type
from kampungkb.engine.working_folder import working_folder
from kampungkb.errors import ConfigurationError
from kampungkb.key_ring import keys_of
from kampungkb.lake import private_folder
from kampungkb.pseudonym import duckdb_macro
from kampungkb.run import Run
from kampungkb.settings import Settings

try:
    from pyspark.sql import DataFrame, SparkSession

    from kampungkb.engine.spark_functions import register_distances
except ImportError:
    raise ConfigurationError(
        "KAMPUNGKB_ENGINE=spark needs the package pyspark: install requirements/spark.txt, or use "
        "KAMPUNGKB_ENGINE=duckdb."
    ) from None

PART_ROWS = 1_000_000
"""Rows of a row group of what is written."""


@contextmanager
def connect(run: Run) -> Iterator["SparkEngine"]:
    """An engine on a session of its own, with the macro `pseudonym(kind, value)`.

    Raises :class:`ConfigurationError` where Java is absent or too old, or no Spark answers at the master's address.
    """
    with working_folder(private_folder(run.settings.root / "tmp")) as folder:
        engine = SparkEngine(application(run.settings).newSession(), folder)
        register_distances(engine.session)
        try:
            engine.execute(duckdb_macro(keys_of(run)))
            yield engine
        finally:
            engine.close()


def check() -> None:
    """Raises :class:`ConfigurationError` where Java is absent or too old."""
    check_java()


def application(settings: Settings) -> SparkSession:
    """The Spark application of this process, started where there is none."""
    check_java()
    # pyspark reads it from there alone, and would start whatever python3 is.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    local = settings.spark_master.startswith("local")
    builder = SparkSession.builder.appName("kampungkb").master(settings.spark_master)
    for name, value in (*_SESSION.items(), *(_on_this_machine(settings).items() if local else ())):
        builder = builder.config(name, value)
    try:
        started = builder.getOrCreate()
    except Exception as fault:  # py4j has an error of its own for each way in which a JVM fails
        raise ConfigurationError(
            f"No Spark at {settings.spark_master} ({type(fault).__name__}). Correct KAMPUNGKB_SPARK_MASTER or start "
            "the cluster; Spark's own log says more. Or use KAMPUNGKB_ENGINE=duckdb."
        ) from None
    started.sparkContext.setLogLevel("ERROR")
    return started


_SESSION = {
    "spark.sql.session.timeZone": TIME_ZONE,
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.autoBroadcastJoinThreshold": "32MB",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def _on_this_machine(settings: Settings) -> dict[str, str]:
    """Bounds as DuckDB's, spilled data where DuckDB spills, and no port open to others."""
    size, unit = re.fullmatch(r"([\d.]+)\s*([KMGT])i?B", settings.memory).groups()  # type: ignore[union-attr]
    mebibytes = max(512, int(float(size) * {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}[unit]))
    return {
        "spark.driver.memory": f"{mebibytes}m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": str(2 * settings.threads),
        "spark.local.dir": str(_spill_folder(private_folder(settings.root / "tmp"))),
    }


@cache
def _spill_folder(scratch: Path) -> Path:
    """Where Spark spills until this process ends: gone with it, or where it was killed with the next step."""
    held = ExitStack()
    folder = held.enter_context(working_folder(scratch))
    held.callback(_stop)
    atexit.register(held.close)
    return folder


def _stop() -> None:
    if running := SparkSession.getActiveSession():
        running.stop()


class Found:
    """The rows of a query."""

    def __init__(self, rows: Callable[[], Sequence[Any]]) -> None:
        self._rows = rows

    def fetchall(self) -> list[Any]:
        """All rows, as tuples."""
        return [tuple(row) for row in self._rows()]

    def fetchone(self) -> Any:
        """The first row, or None."""
        return next(iter(self.fetchall()), None)


class SparkEngine:
    """Runs DuckDB's statements on a Spark session: an :class:`~kampungkb.engine.interface.Engine`.

    A table is computed when it is created, a view when it is read. A view shows its tables as they were when it was
    created.
    """

    def __init__(self, session: SparkSession, folder: Path) -> None:
        self.session = session
        self.macros: dict[str, Macro] = {}
        self._folder = folder
        self._kept: dict[str, DataFrame] = {}
        self._files = 0

    def execute(self, query: str, parameters: object = None) -> Found:
        """Run a statement in DuckDB's dialect; `parameters` are its `?` (a sequence) or `$name` (a mapping)."""
        statement = parsed(query, parameters)
        match statement:
            case exp.Create(kind="MACRO" | "FUNCTION"):
                name, meaning = macro(statement, self.macros)
                self.macros[name] = meaning
            case exp.Create(kind="VIEW"):
                self.frame(statement.expression).createOrReplaceTempView(statement.this.name)
            case exp.Create(kind="TABLE"):
                self._create_table(statement)
            case exp.Insert():
                self._insert(statement)
            case exp.Copy():
                self._copy(statement.this.unnest(), Path(statement.args["files"][0].name))
            case exp.Describe():
                fields = self.session.table(f"`{statement.this.name}`").schema.fields
                return Found(lambda: [(field.name, field.dataType.simpleString()) for field in fields])
            case exp.Query():
                return Found(self.frame(statement).collect)
            case _:
                raise NotImplementedError(f"the Spark engine has no {type(statement).__name__.lower()}")
        return Found(list)

    def frame(self, query: exp.Expr) -> DataFrame:
        """The rows of a query, not computed yet."""
        for read in list(query.find_all(exp.ReadCSV)):
            read.parent.replace(exp.to_table(self._csv(read.name)))  # type: ignore[union-attr]
        return self.session.sql(spark_sql(query, self.macros))

    def _csv(self, path: str) -> str:
        """A view over a CSV file with a header, all columns text."""
        self._files += 1
        name = f"csv_{self._files}"
        self.session.read.csv(f"file://{path}", header=True, escape='"').createOrReplaceTempView(name)
        return name

    def expression(self, condition: str) -> str:
        """An SQL expression in Spark's dialect."""
        return spark_sql(parsed(condition), self.macros)

    def close(self) -> None:
        """Let go of what was kept, by Splink and Great Expectations too."""
        for frame in self._kept.values():
            frame.unpersist()
        self._kept.clear()
        self.session.catalog.clearCache()

    def _create_table(self, statement: exp.Create) -> None:
        if isinstance(statement.this, exp.Schema):
            # Not createDataFrame: it would start Python on the executors.
            columns = [f"cast(null as {spark_type(each)}) as `{each.name}`" for each in statement.this.expressions]
            self._keep(statement.this.this.name, self.session.sql(f"select {', '.join(columns)} where false"))
        else:
            self._keep(statement.this.name, self.frame(statement.expression))

    def _insert(self, statement: exp.Insert) -> None:
        name, source = statement.this.name, statement.expression
        if isinstance(source, exp.Values):
            source = exp.select("*").from_(exp.Subquery(this=source))
        self.append(name, self.frame(source), by_name=bool(statement.args.get("by_name")))

    def append(self, name: str, added: DataFrame, *, by_name: bool = False) -> None:
        """Add rows to a table; columns are taken in their order unless told otherwise."""
        table = self._kept[name]
        names = table.columns if by_name else added.columns
        fields = zip(names, table.schema.fields, strict=True)
        typed = [added[f"`{name}`"].cast(field.dataType).alias(field.name) for name, field in fields]
        self._keep(name, table.unionAll(added.select(*typed)))

    def _keep(self, name: str, frame: DataFrame) -> None:
        """Compute a table once; its plan ends there."""
        self._kept[name] = frame.localCheckpoint()
        self._kept[name].createOrReplaceTempView(name)

    def _copy(self, query: exp.Expr, path: Path) -> None:
        self._files += 1
        parts = self._folder / f"copy-{self._files}"
        self.frame(query).write.parquet(f"file://{parts}")
        try:
            _join(sorted(parts.glob("*.parquet")), path)
        finally:
            shutil.rmtree(parts)


def _join(parts: Sequence[Path], path: Path) -> None:
    """One Parquet file of several, a row group at a time."""
    schema = pq.read_schema(parts[0]).remove_metadata()
    with pq.ParquetWriter(path, schema, compression="zstd") as written:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches(batch_size=PART_ROWS):
                if batch.num_rows:
                    written.write_batch(batch.replace_schema_metadata(None))
