"""Great Expectations on a table of the Spark engine."""

from collections.abc import Mapping
from typing import Any, cast

from great_expectations.execution_engine.sparkdf_batch_data import SparkDFBatchData
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from pyspark.sql import functions as f

from kampungkb.engine.interface import Engine
from kampungkb.engine.spark import SparkEngine

SQL = ("condition", "where")
"""The arguments of an expectation that are SQL."""


class SparkTable:
    """A table or view of a Spark engine: a :class:`~kampungkb.validation.gx_duckdb.Judged`."""

    def __init__(self, database: Engine, table: str) -> None:
        self._database = cast("SparkEngine", database)
        self.engine = SparkDFExecutionEngine(spark=self._database.session)
        self.data = SparkDFBatchData(self.engine, self._database.session.table(table))

    def in_dialect(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with their SQL in Spark's dialect."""
        written = {name: self._database.expression(kwargs[name]) for name in SQL if kwargs.get(name)}
        return {**kwargs, **written}

    def insert_failures(self, failing: Mapping[int, tuple[Any, dict[str, Any]]]) -> None:
        """As `Judged` says, all expectations in one pass: none of ours filters the rows of its domain."""
        numbers = [f.when(condition, f.lit(number)) for number, (condition, _) in failing.items()]
        broken = f.explode(f.array_compact(f.array(*numbers))).alias("expectation")
        self._database.append("failure", self.data.dataframe.select("row_id", broken))

    def close(self) -> None:
        """Nothing is held."""
