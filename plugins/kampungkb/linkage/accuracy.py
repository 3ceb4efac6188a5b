"""Accuracy: how often linked records contradict the civil registry, by the suite `expectations/linked_pair.json`.

What is found of a record follows from the records of its person alone. So only the persons decided tonight are judged;
the verdict of a record stands in its state, and the counts are made of all states. It stands in the link step because
it needs the links and nothing else does before publication.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import write
from kampungkb.errors import ConfigurationError, ReconciliationError
from kampungkb.run import Run
from kampungkb.validation import staging
from kampungkb.validation.judging import judge
from kampungkb.validation.recording import create_checking
from kampungkb.validation.results import FILE, Outcome, Results, TableResults, write_results
from kampungkb.validation.staging import quoted
from kampungkb.validation.suites import Suite, read_suite

CHECKS = "checks.parquet"
TABLE = "linked_pair"


def read_linked_suite(expectations: Path) -> Suite:
    """The suite; raises :class:`ConfigurationError` for one that cannot be used."""
    suite = read_suite(expectations, TABLE)
    if any(expectation.meta.effect != "count" or expectation.meta.repetition for expectation in suite.expectations):
        raise ConfigurationError(
            f"The suite {TABLE}.json may only count: when linked persons are compared, rows are already accepted. "
            'Give its expectations the effect "count" and no repetition.'
        )
    if any("as_of" in str(expectation.kwargs) for expectation in suite.expectations):
        raise ConfigurationError(
            f"The suite {TABLE}.json may not ask for the date of the run: what was found of a person who did not "
            "change is carried over from night to night. Take as_of out of its conditions."
        )
    return suite


def judge_links(connection: DuckDBPyConnection, run: Run, suite: Suite) -> None:
    """From `person_link` and `person_record` make `verdict`: what was found of each record decided tonight.

    One row a record held against the registry: `source`, `source_key`, the `village` it counts for, and as bits:
    `checked` (a bit a check), `missing` and `failed` (a bit an expectation). Raises the errors of
    :func:`~kampungkb.validation.judging.judge`.
    """
    staging.create_macros(connection, run)
    staging.create_region(connection, run)
    connection.execute(f"create table {TABLE} as {sql_text(TABLE)}")
    connection.execute("create or replace table failure (row_id bigint, expectation integer)")
    ((pairs,),) = connection.execute(f"select count(*) from {TABLE}").fetchall()
    # Where nobody is judged, Great Expectations need not be imported.
    outcomes = judge(connection, run, TABLE, suite, None) if pairs else []
    wheres = create_checking(connection, suite)
    checked = _bits({number: " or ".join(each) for number, each in enumerate(wheres)})
    missing = _bits(
        {
            number: f"{quoted(suite.expectations[number].column)} is null"
            for number, outcome in enumerate(outcomes)
            if outcome.missing
        }
    )
    connection.execute(
        "create temp table verdict as with failed as ("
        "select row_id, bit_or(cast(1 << expectation as ubigint)) as failed from failure group by row_id) "
        f"select source, source_key, village, {checked} as checked, {missing} as missing, "
        f"coalesce(failed, 0) as failed from {TABLE} left join failed using (row_id)"
    )
    _reconcile(suite, outcomes, _outcomes(connection, "verdict", len(outcomes)))


def write_accuracy(connection: DuckDBPyConnection, run: Run, folder: Path, suite: Suite) -> None:
    """From `record_state` write `checks.parquet` into `folder`, like the checks of validation.

    For each source also `<source>.results.json`, what was found in counts, for Data Docs. Source and village are the
    record's that is held against the registry. Without registry there are no rows.
    """
    create_checking(connection, suite)
    write(connection, sql_text("link_accuracy"), folder / CHECKS)
    sources = connection.execute("select distinct source from record_state where village is not null order by source")
    for (source,) in sources.fetchall():
        where = f"(from record_state where source = '{source}' and village is not null)"
        found = TableResults(suite=suite, outcomes=_outcomes(connection, where, len(suite.expectations)))
        write_results(folder, Results(source=source, as_of=run.as_of, tables=(found,)), f"{source}.{FILE}")


def _bits(conditions: dict[int, str]) -> str:
    """SQL: a number with the bit of each condition that holds."""
    bits = [
        f"case when {condition} then cast({1 << number} as ubigint) else 0 end"
        for number, condition in conditions.items()
    ]
    return " | ".join(bits) or "cast(0 as ubigint)"


def _outcomes(connection: DuckDBPyConnection, verdicts: str, expectations: int) -> tuple[Outcome, ...]:
    counts = [
        f"count(*) filter (where {bits} & {1 << number} <> 0)"
        for number in range(expectations)
        for bits in ("missing", "failed")
    ]
    ((elements, *found),) = connection.execute(f"select {', '.join(['count(*)', *counts])} from {verdicts}").fetchall()
    return tuple(
        Outcome(elements=elements, missing=missing, unexpected=unexpected)
        for missing, unexpected in zip(found[::2], found[1::2], strict=True)
    )


def _reconcile(suite: Suite, judged: list[Outcome], kept: tuple[Outcome, ...]) -> None:
    for expectation, outcome, found in zip(suite.expectations, judged, kept, strict=False):
        if outcome != found:
            raise ReconciliationError(
                f"Rule {expectation.meta.rule} of the suite {suite.name}.json on {expectation.column}: Great "
                f"Expectations counts {outcome.missing} empty and {outcome.unexpected} failing of {outcome.elements} "
                f"records, the verdicts hold {found.missing} and {found.unexpected} of {found.elements}. Nothing is "
                "published; report this with the suite."
            )
