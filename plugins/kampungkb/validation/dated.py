"""What asks for the date of a load: the rules that do, and the typed columns of all landed rows that they name.

The columns are kept beside the accepted rows as `dated_<table>.parquet` (`village`, and the staged columns that are
named), so that a later night that takes those over asks again without reading landed text. What tells the last
change of a source names columns, too.
"""

from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import date
from pathlib import Path

from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine, write
from kampungkb.run import Run
from kampungkb.validation import staging
from kampungkb.validation.judging import judge
from kampungkb.validation.recording import create_records, record_checks
from kampungkb.validation.results import Outcome
from kampungkb.validation.staging import literal, quoted
from kampungkb.validation.suites import Suite

PREFIX = "dated_"


def dated_rules(suites: Mapping[str, Suite]) -> dict[str, Suite]:
    """Of each suite the rules that ask for the date of the load, where it has any."""
    asking = {
        expectation.meta.rule
        for suite in suites.values()
        for expectation in suite.expectations
        if "as_of" in str(expectation.kwargs)
    }
    parts = {table: of_rules(suite, asking) for table, suite in suites.items()}
    return {table: part for table, part in parts.items() if part.expectations}


def of_rules(suite: Suite, rules: Set[str]) -> Suite:
    """A suite of these rules alone."""
    kept = tuple(expectation for expectation in suite.expectations if expectation.meta.rule in rules)
    return suite.model_copy(update={"expectations": kept})


def can_be_asked_alone(table: str, part: Suite) -> bool:
    """Whether rules may be asked about the rows of `dated_<table>.parquet`.

    Not where staging or the rules look at what other rules have rejected.
    """
    return "_rejected" not in sql_text(f"stage_{table}") and not part.of_repetition


def write_dated(database: Engine, source: str, table: str, suite: Suite, folder: Path) -> None:
    """Write what the date is asked about in a staged table; nothing where nobody asks."""
    asked = asked_about(source, table, suite)
    if asked is None:
        return
    staged = [str(row[0]) for row in database.execute(f"describe {table}").fetchall()]
    named = [quoted(name) for name in staged if name == "village" or (name in asked and name != "row_id")]
    write(database, f"select {', '.join(named)} from {table}", dated_file(folder, table))


def asked_about(source: str, table: str, suite: Suite) -> str | None:
    """SQL that names the columns of a table that the date is asked about; None where nobody asks."""
    last_change, part = sql_text(f"last_change_of_{source}"), dated_rules({table: suite}).get(table)
    if part is None and table not in last_change:
        return None
    return "\n".join([last_change, *(str(expectation.kwargs) for expectation in (part.expectations if part else ()))])


def dated_file(folder: Path, table: str) -> Path:
    """Where the columns of a table are kept."""
    return folder / f"{PREFIX}{table}.parquet"


def stage_dated(database: Engine, folder: Path, source: str) -> None:
    """Create, under their own names, the tables of which a folder keeps what the date is asked about."""
    for table in staging.TABLES[source]:
        if (file := dated_file(folder, table)).exists():
            kept = f"read_parquet({literal(str(file))}, file_row_number = true)"
            database.execute(f"create or replace table {table} as select file_row_number as row_id, * from {kept}")


def ask_again(
    database: Engine, run: Run, source: str, dated: Mapping[str, Suite], earlier: date
) -> dict[str, list[Outcome]] | None:
    """Ask rules about the staged tables as of tonight; their outcomes by table, their checks in the table `checks`.

    None where a rule that decides about rows or values decides otherwise than on the `earlier` date.
    """
    create_records(database)
    found = {}
    for table, part in dated.items():
        found[table] = judge(database, run, table, part, None)
        record_checks(database, source, table, part)
        if not _decides_as_on(database, run, table, part, earlier):
            return None
    return found


def _decides_as_on(database: Engine, run: Run, table: str, part: Suite, earlier: date) -> bool:
    """Whether the rules that do more than count break on the rows that they broke on at the earlier date."""
    deciding = {expectation.meta.rule for expectation in part.expectations if expectation.meta.effect != "count"}
    if not deciding:
        return True
    numbers = [number for number, expectation in enumerate(part.expectations) if expectation.meta.rule in deciding]
    renumbered = " ".join(f"when {number} then {place}" for place, number in enumerate(numbers))
    database.execute(
        "create or replace table failure_tonight as "
        f"select row_id, case expectation {renumbered} end as expectation from failure"
    )
    on_that_date = replace(run, as_of=earlier)
    staging.create_macros(database, on_that_date)
    judge(database, on_that_date, table, of_rules(part, deciding), None)
    staging.create_macros(database, run)
    tonight, before = (
        f"select row_id, expectation from {failures} where expectation is not null"
        for failures in ("failure_tonight", "failure")
    )
    differing = f"(({tonight}) except ({before})) union all (({before}) except ({tonight}))"
    return database.execute(f"select 1 from ({differing}) as differing limit 1").fetchone() is None
