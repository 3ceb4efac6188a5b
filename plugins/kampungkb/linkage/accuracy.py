"""Accuracy: how often linked records contradict the civil registry, by the suite `expectations/linked_pair.json`.

Comes in: tonight's persons on an open connection. Goes out: `checks.parquet`, like the checks of validation. It
stands in the link step because it needs the links and nothing else does before publication.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.errors import ConfigurationError
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS
from kampungkb.validation import staging
from kampungkb.validation.judging import judge
from kampungkb.validation.recording import create_records, record, write
from kampungkb.validation.results import FILE, Results, TableResults, write_results
from kampungkb.validation.suites import read_suite

CHECKS = "checks.parquet"
TABLE = "linked_pair"


def check_accuracy(
    connection: DuckDBPyConnection, run: Run, folder: Path, *, expectations: Path = EXPECTATIONS
) -> None:
    """From `every_link`, `person_source` and the accepted tables write `checks.parquet` into `folder`.

    For each source also `<source>.results.json`, what Great Expectations found in counts, for Data Docs.

    Its columns are those of validation: `source, rule, village_code, dimension, severity, checked, failed`; source
    and village are the record's that is held against the registry. Without registry it has no rows. Raises
    :class:`ConfigurationError` for a suite that cannot be used, and the errors of
    :func:`~kampungkb.validation.judging.judge`.
    """
    suite = read_suite(expectations, TABLE)
    if any(expectation.meta.effect != "count" or expectation.meta.repetition for expectation in suite.expectations):
        raise ConfigurationError(
            f"The suite {TABLE}.json may only count: when linked persons are compared, rows are already accepted. "
            'Give its expectations the effect "count" and no repetition.'
        )
    staging.create_macros(connection, run)
    staging.create_region(connection, run)
    create_records(connection)
    connection.execute(f"create table linked as {sql_text(TABLE)}")
    for (source,) in connection.execute("select distinct source from linked order by source").fetchall():
        connection.execute(f"create or replace table {TABLE} as select * from linked where source = ?", [source])
        outcomes = judge(connection, run, TABLE, suite, None)
        found = TableResults(suite=suite, outcomes=tuple(outcomes))
        results = Results(source=source, as_of=run.as_of, tables=(found,))
        write_results(folder, results, f"{source}.{FILE}")
        record(connection, source, TABLE, suite, None)
    write(connection, "select * from checks order by all", folder / CHECKS)
