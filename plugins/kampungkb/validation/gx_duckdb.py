"""Great Expectations on the tables of an open engine: how many rows break each expectation, and which.

Two things Great Expectations lacks for this. Its SQL engine closes the connection before it fetches, and DuckDB
then drops the result: :class:`DuckDBExecutionEngine` keeps the connection. And it has no expectation for a
condition written in SQL: :class:`ExpectColumnValuesToSatisfySql` is one. Spark's tables: `gx_spark.py`.

Importing this module imports Great Expectations, which takes some seconds: import it where a suite is run.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, Protocol

import duckdb
import great_expectations as gx
import sqlalchemy
from duckdb_engine import ConnectionWrapper
from great_expectations.core.batch import Batch
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.expectation import Expectation as GxExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.registry import get_metric_kwargs
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import Validator

from kampungkb.engine.interface import Engine
from kampungkb.errors import ConfigurationError, KampungkbError
from kampungkb.validation.results import Outcome
from kampungkb.validation.suites import Expectation

ROW_ID = "row_id"
FAILURE = sqlalchemy.table("failure", sqlalchemy.column(ROW_ID), sqlalchemy.column("expectation"))

# Counts only. Values would be personal, and lists of failing rows are cut by Great Expectations.
RESULT_FORMAT = {
    "result_format": "BASIC",
    "partial_unexpected_count": 0,
    "return_unexpected_index_query": False,
}


class ColumnValuesSatisfySql(ColumnMapMetricProvider):
    """The metric of :class:`ExpectColumnValuesToSatisfySql`."""

    condition_metric_name = "column_values.satisfy_sql"
    condition_value_keys = ("condition", "where")

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, condition: str, where: str | None = None, **_: Any) -> Any:  # noqa: N805
        return sqlalchemy.literal_column(_met(condition, where), sqlalchemy.Boolean)

    @column_condition_partial(engine=SparkDFExecutionEngine)
    def _spark(cls, column: Any, condition: str, where: str | None = None, **_: Any) -> Any:  # noqa: N805
        from pyspark.sql import functions  # an extra

        return functions.expr(_met(condition, where))


def _met(condition: str, where: str | None) -> str:
    met = f"coalesce(({condition}), false)"
    return f"({met} or not coalesce(({where}), false))" if where else met


class ExpectColumnValuesToSatisfySql(ColumnMapExpectation):
    """Expect `condition` (SQL over the row's columns) to be true wherever `column` has a value.

    A condition that is null counts as broken. `where` (SQL) limits the rows that the condition is about.
    """

    condition: str
    where: str | None = None

    map_metric: ClassVar[str] = "column_values.satisfy_sql"
    success_keys: ClassVar[tuple[str, ...]] = ("condition", "where", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "condition", "where")


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """A SQL execution engine on an open DuckDB database that keeps its connection until it is closed."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        super().__init__(
            engine=sqlalchemy.create_engine(
                "duckdb://", creator=lambda: ConnectionWrapper(database.cursor()), poolclass=sqlalchemy.StaticPool
            )
        )

    @contextmanager
    def get_connection(self) -> Iterator[sqlalchemy.Connection]:
        """The one connection of this engine; after a failing query it is ready for the next."""
        if self._connection is None:
            self._connection = self.engine.connect()
        try:
            yield self._connection
        except sqlalchemy.exc.SQLAlchemyError:
            self._connection.rollback()
            raise

    def close(self) -> None:
        """Close the connection; the database stays open for its owner."""
        if self._connection is not None:
            self._connection.close()
        self.engine.dispose()


class Judged(Protocol):
    """A table that Great Expectations can look at."""

    @property
    def engine(self) -> ExecutionEngine[Any]:
        """Great Expectations' engine for it."""

    @property
    def data(self) -> Any:
        """Its rows, for that engine."""

    def in_dialect(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of an expectation, SQL among them as the engine reads it."""

    def insert_failures(self, failing: Mapping[int, tuple[Any, dict[str, Any]]]) -> None:
        """Insert into `failure` the rows that meet a condition within a domain, by the number of the expectation."""

    def close(self) -> None:
        """Let go of what looking at it needed."""


class DuckDBTable:
    """A table or view of an open DuckDB database."""

    def __init__(self, database: duckdb.DuckDBPyConnection, table: str) -> None:
        self.engine = DuckDBExecutionEngine(database)
        self.data = SqlAlchemyBatchData(self.engine, table_name=table)

    def in_dialect(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as they are: suites are written in DuckDB's dialect."""
        return dict(kwargs)

    def insert_failures(self, failing: Mapping[int, tuple[Any, dict[str, Any]]]) -> None:
        """As :class:`Judged` says, a statement for each expectation."""
        with self.engine.get_connection() as connection:
            for number, (condition, domain) in failing.items():
                found: Any = (
                    sqlalchemy.select(sqlalchemy.column(ROW_ID), sqlalchemy.literal(number))
                    .select_from(self.engine.get_domain_records(domain))
                    .where(condition)
                )
                connection.execute(sqlalchemy.insert(FAILURE).from_select([ROW_ID, "expectation"], found))
            connection.commit()

    def close(self) -> None:
        """Close the connection; the database stays open for its owner."""
        self.engine.close()


def _judged(database: Engine, table: str) -> Judged:
    if isinstance(database, duckdb.DuckDBPyConnection):
        return DuckDBTable(database, table)
    from kampungkb.validation.gx_spark import SparkTable

    return SparkTable(database, table)


def check(
    database: Engine,
    table: str,
    suite: str,
    expectations: Mapping[int, Expectation],
    parameters: Mapping[str, Any],
) -> dict[int, Outcome]:
    """Run numbered expectations over a table (or view) that has a column `row_id`.

    Returns how many rows break each, as Great Expectations counts them, and inserts those rows, found by the very
    condition that it counted, into the table `failure` (`row_id`, `expectation`: the number). `parameters` are what
    `{"$PARAMETER": …}` in the suite stands for. Raises :class:`KampungkbError` that names the rules which could not
    be checked, and never a value.
    """
    if not expectations:
        return {}
    judged = _judged(database, table)
    try:
        validator = _validator(judged)
        results = _validate(validator, judged, suite, expectations, parameters)
        if any(_raised(result) for result in results.values()):
            raise KampungkbError(_what_is_broken(judged, suite, expectations, parameters))
        outcomes = {number: _outcome(result.result) for number, result in results.items()}
        failing = _conditions(validator, {n: r for n, r in results.items() if outcomes[n].unexpected > 0})
        if failing:
            judged.insert_failures(failing)
        return outcomes
    finally:
        judged.close()


@cache
def _context() -> EphemeralDataContext:
    """A context in memory that writes no file and shows no progress bar."""
    config = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False))
    context = gx.get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return context


def _validator(judged: Judged) -> Validator:
    return Validator(execution_engine=judged.engine, data_context=_context(), batches=[Batch(data=judged.data)])


def _validate(
    validator: Validator,
    judged: Judged,
    suite: str,
    expectations: Mapping[int, Expectation],
    parameters: Mapping[str, Any],
) -> dict[int, ExpectationValidationResult]:
    # The suite is handed to `validate`: the validator's own copy would keep one expectation a column and type.
    found = validator.validate(
        expectation_suite=ExpectationSuite(
            name=suite, expectations=[_of_gx(judged, suite, number, e) for number, e in expectations.items()]
        ),
        suite_parameters=dict(parameters),
        result_format=RESULT_FORMAT,  # type: ignore[arg-type]
    )
    results = {result.expectation_config.meta["number"]: result for result in found.results}  # type: ignore[union-attr]
    if set(results) != set(expectations):
        raise KampungkbError(f"Great Expectations left out rules of the suite {suite}.json; nothing was validated.")
    return results


def _outcome(result: Mapping[str, Any]) -> Outcome:
    """The counts of a result. Over no rows at all they are null; about null values, none is missing."""
    counts = {name: int(result.get(f"{name}_count") or 0) for name in ("element", "missing", "unexpected")}
    return Outcome(elements=counts["element"], missing=counts["missing"], unexpected=counts["unexpected"])


def _conditions(
    validator: Validator, results: Mapping[int, ExpectationValidationResult]
) -> dict[int, tuple[Any, dict[str, Any]]]:
    """The condition by which Great Expectations counted the failing rows, and its domain."""
    metrics = {}
    for number, result in results.items():
        configuration = result.expectation_config
        assert configuration is not None  # noqa: S101
        name = f"{configuration.to_domain_obj().map_metric}.condition"  # type: ignore[attr-defined]
        kwargs = get_metric_kwargs(name, configuration)
        metrics[number] = MetricConfiguration(
            metric_name=name,
            metric_domain_kwargs=kwargs["metric_domain_kwargs"],
            metric_value_kwargs=kwargs["metric_value_kwargs"],
        )
    resolved, _ = validator.metrics_calculator.compute_metrics(metric_configurations=list(metrics.values()))
    found: dict[int, Any] = {number: resolved[metric.id] for number, metric in metrics.items()}
    return {number: (condition, domain) for number, (condition, domain, _) in found.items()}


def _of_gx(judged: Judged, suite: str, number: int, expectation: Expectation) -> GxExpectation:
    kwargs = judged.in_dialect(expectation.kwargs)
    configuration = ExpectationConfiguration(type=expectation.type, kwargs=kwargs, meta={"number": number})
    try:
        built = configuration.to_domain_obj()
    except (GreatExpectationsError, ValueError, TypeError):
        built = None
    if not isinstance(built, ColumnMapExpectation):
        raise ConfigurationError(
            f"Rule {expectation.meta.rule} of the suite {suite}.json uses `{expectation.type}`, which is not an "
            "expectation about the values of one column, or lacks its arguments. Correct the expectation."
        )
    return built


def _raised(result: ExpectationValidationResult) -> bool:
    """Whether the check itself broke: `exception_info` is one report, or one a metric."""
    info: Mapping[str, Any] = result.exception_info or {}
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(report.get("raised_exception", True) for report in info.values())


def _what_is_broken(
    judged: Judged, suite: str, expectations: Mapping[int, Expectation], parameters: Mapping[str, Any]
) -> str:
    """Name the broken expectations: checked together they fail together, so each is tried alone."""
    broken = []
    for number, expectation in expectations.items():
        result = _validate(_validator(judged), judged, suite, {number: expectation}, parameters)[number]
        if _raised(result):
            broken.append(f"{expectation.meta.rule} on {expectation.column} ({_cause(str(result.exception_info))})")
    return (
        f"The suite {suite}.json holds rules that cannot be checked: {'; '.join(broken)}. "
        "Correct the expectation in the suite; nothing was validated."
    )


_SAYS_NO_VALUES = (
    re.compile(r"(?:Binder|Parser|Catalog) Error: [^\n\\]*"),
    re.compile(r'The column "[^"]*" in BatchData does not exist'),
)


def _cause(report: str) -> str:
    """What went wrong, where the database's own words are about the SQL and not about a value."""
    for pattern in _SAYS_NO_VALUES:
        if match := pattern.search(report):
            return match.group(0)
    return "the SQL fails on the data, or the arguments are not the expectation's"
