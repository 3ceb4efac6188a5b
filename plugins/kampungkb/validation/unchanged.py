"""What an earlier night found in the same landed rows is taken over; only rules that ask for the date are asked again.

In: a folder of accepted rows that the same recipe made of the same landed files on some date. Out: the files of
tonight, or nothing where a row would be accepted or nulled otherwise tonight: then the source is judged as ever.
"""

import shutil
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from kampungkb import carrying
from kampungkb.carrying import Earlier
from kampungkb.contracts import contract
from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine, write
from kampungkb.key_ring import keys_of
from kampungkb.pseudonym import key_check
from kampungkb.refs import Snapshot
from kampungkb.run import Run
from kampungkb.validation import staging
from kampungkb.validation.judging import judge
from kampungkb.validation.recording import create_records, record_checks
from kampungkb.validation.results import FILE, Outcome, TableResults, read_results
from kampungkb.validation.suites import Suite

CHECKS = "checks.parquet"

_STATEMENTS = ("stage_*", "validate_*", "accept_*", "last_change_*")


def recipe_of(run: Run, source: str, suites: Mapping[str, Suite]) -> str:
    """A digest of all that judges a source: rules, contract, regions, key, and the program."""
    told = [key_check(keys_of(run)), contract(source).model_dump_json(), f"gx {version('great_expectations')}"]
    told += [suite.model_dump_json() for suite in suites.values()]
    regions = run.settings.reference("regions.csv")
    return carrying.recipe(run, Path(__file__).parent, _STATEMENTS, told, [regions])


def take_over(
    database: Engine, run: Run, snapshot: Snapshot, suites: Mapping[str, Suite], earlier: Earlier, folder: Path
) -> tuple[TableResults, ...] | None:
    """Write into `folder` what `earlier` holds, as of tonight; returns the results of each suite.

    None, and nothing written, where a rule that decides about rows or values decides otherwise tonight, or where one
    that asks for the date cannot be asked alone. Leaves the tables staged that tell the last change.
    """
    source, last_change = snapshot.source, sql_text(f"last_change_of_{snapshot.source}")
    dated = _dated(suites) if earlier.as_of != run.as_of else {}
    if not all(_can_be_asked_alone(table, part) for table, part in dated.items()):
        return None
    create_records(database)
    found: dict[str, list[Outcome]] = {}
    tables = [table for table in staging.TABLES[source] if table in dated or table in last_change]
    statements = [sql_text(f"stage_{table}") for table in tables]
    terms = [str(expectation.kwargs) for part in dated.values() for expectation in part.expectations]
    asked = "\n".join([last_change, *statements, *terms])
    for table in tables:
        part = dated.get(table)
        staging.stage(database, source, table, snapshot.path / f"{table}.parquet", asked=asked)
        if part is not None:
            found[table] = judge(database, run, table, part, None)
            record_checks(database, source, table, part)
            if not _decides_as_before(database, run, table, part, earlier):
                return None
    rules = sorted({expectation.meta.rule for part in dated.values() for expectation in part.expectations})
    write(
        database,
        f"select * from checks union all select * from read_parquet({staging.literal(str(earlier.path / CHECKS))}) "
        f"where not list_contains([{', '.join(map(staging.literal, rules))}]::varchar[], rule) order by all",
        folder / CHECKS,
    )
    for path in earlier.path.glob("*.parquet"):
        if path.name != CHECKS:
            shutil.copyfile(path, folder / path.name)
    return tuple(
        _with_tonights(table, dated.get(table.suite.name), found.get(table.suite.name, ()))
        for table in read_results(earlier.path / FILE).tables
    )


def _dated(suites: Mapping[str, Suite]) -> dict[str, Suite]:
    """Of each suite the rules that ask for the date of the load, where it has any."""
    asking = {
        expectation.meta.rule
        for suite in suites.values()
        for expectation in suite.expectations
        if "as_of" in str(expectation.kwargs)
    }
    parts = {table: _part(suite, asking) for table, suite in suites.items()}
    return {table: part for table, part in parts.items() if part.expectations}


def _part(suite: Suite, rules: Set[str]) -> Suite:
    kept = tuple(expectation for expectation in suite.expectations if expectation.meta.rule in rules)
    return suite.model_copy(update={"expectations": kept})


def _can_be_asked_alone(table: str, part: Suite) -> bool:
    """Not where staging or the rules look at what other rules have rejected."""
    return "_rejected" not in sql_text(f"stage_{table}") and not part.of_repetition


def _decides_as_before(database: Engine, run: Run, table: str, part: Suite, earlier: Earlier) -> bool:
    """Whether the rules that do more than count break on the rows that they broke on at the earlier date."""
    deciding = [number for number, expectation in enumerate(part.expectations) if expectation.meta.effect != "count"]
    if not deciding:
        return True
    database.execute("create or replace table failure_tonight as select * from failure")
    on_that_date = replace(run, as_of=earlier.as_of)
    staging.create_macros(database, on_that_date)
    judge(database, on_that_date, table, part, None)
    staging.create_macros(database, run)
    tonight, before = (
        f"select row_id, expectation from {failures} where expectation in ({', '.join(map(str, deciding))})"
        for failures in ("failure_tonight", "failure")
    )
    differing = f"(({tonight}) except ({before})) union all (({before}) except ({tonight}))"
    return database.execute(f"select 1 from ({differing}) as differing limit 1").fetchone() is None


def _with_tonights(table: TableResults, part: Suite | None, outcomes: Sequence[Outcome]) -> TableResults:
    """The results of a table with those of the rules that were asked again, in their places."""
    asked = {expectation.meta.rule for expectation in part.expectations} if part else set()
    tonight = iter(outcomes)
    merged = (
        next(tonight) if expectation.meta.rule in asked else before
        for expectation, before in zip(table.suite.expectations, table.outcomes, strict=True)
    )
    return TableResults(suite=table.suite, outcomes=tuple(merged))
