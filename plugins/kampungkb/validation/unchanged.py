"""What an earlier night found in the same landed rows is taken over; only rules that ask for the date are asked again.

In: a folder of accepted rows that the same recipe made of the same landed files on some date. Out: the files of
tonight, or nothing where a row would be accepted or nulled otherwise tonight: then the source is judged as ever.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from kampungkb import carrying, lake
from kampungkb.carrying import Earlier
from kampungkb.contracts import contract
from kampungkb.engine.interface import Engine, write
from kampungkb.key_ring import keys_of
from kampungkb.pseudonym import key_check
from kampungkb.run import Run
from kampungkb.validation import staging
from kampungkb.validation.dated import ask_again, can_be_asked_alone, dated_rules, stage_dated
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
    database: Engine, run: Run, source: str, suites: Mapping[str, Suite], earlier: Earlier, folder: Path
) -> tuple[TableResults, ...] | None:
    """Write into `folder` what `earlier` holds, as of tonight; returns the results of each suite.

    None, and nothing written, where a rule that decides about rows or values decides otherwise tonight, or where one
    that asks for the date cannot be asked alone. Leaves the tables staged that tell the last change.
    """
    dated = dated_rules(suites) if earlier.as_of != run.as_of else {}
    if not all(can_be_asked_alone(table, part) for table, part in dated.items()):
        return None
    stage_dated(database, earlier.path, source)
    found = ask_again(database, run, source, dated, earlier.as_of)
    if found is None:
        return None
    rules = sorted({expectation.meta.rule for part in dated.values() for expectation in part.expectations})
    write(
        database,
        f"select * from checks union all select * from read_parquet({staging.literal(str(earlier.path / CHECKS))}) "
        f"where not list_contains([{', '.join(map(staging.literal, rules))}]::varchar[], rule) order by all",
        folder / CHECKS,
    )
    for path in carried_files(earlier):
        lake.carry(path, folder)
    return tuple(
        _with_tonights(table, dated.get(table.suite.name), found.get(table.suite.name, ()))
        for table in read_results(earlier.path / FILE).tables
    )


def carried_files(earlier: Earlier) -> list[Path]:
    """The files that are taken over as they are."""
    return [path for path in sorted(earlier.path.glob("*.parquet")) if path.name != CHECKS]


def _with_tonights(table: TableResults, part: Suite | None, outcomes: Sequence[Outcome]) -> TableResults:
    """The results of a table with those of the rules that were asked again, in their places."""
    asked = {expectation.meta.rule for expectation in part.expectations} if part else set()
    tonight = iter(outcomes)
    merged = (
        next(tonight) if expectation.meta.rule in asked else before
        for expectation, before in zip(table.suite.expectations, table.outcomes, strict=True)
    )
    return TableResults(suite=table.suite, outcomes=tuple(merged))
