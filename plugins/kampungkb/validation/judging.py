"""Which rows of a staged table break which expectation: exactly, and held against Great Expectations' own counts.

For a staged table `t` this makes `failure` (one row a failing row and expectation), `t_rejected` (one row a
rejected row) and, where the suite has a rule about repetition, the view `t_candidates`: the rows that no other
rule rejects, each with its `place` among those that repeat its key.
"""

from collections.abc import Iterable, Mapping

from kampungkb.contracts import Table
from kampungkb.engine.interface import Engine
from kampungkb.errors import ReconciliationError
from kampungkb.run import Run
from kampungkb.validation.results import Outcome
from kampungkb.validation.staging import quoted, row_text
from kampungkb.validation.suites import Expectation, Repetition, Suite


def judge(database: Engine, run: Run, table: str, suite: Suite, declared: Table | None) -> list[Outcome]:
    """Judge every row of the staged table by its suite; returns an outcome for each expectation, in its order.

    Raises :class:`ReconciliationError` where the rows found are not as many as Great Expectations counts, and
    :class:`~kampungkb.errors.KampungkbError` naming the rules that cannot be checked.
    """
    database.execute("create or replace table failure (row_id bigint, expectation integer)")
    outcomes = _record_failures(database, run, table, suite, suite.of_single_rows)
    _record_rejected(database, table, suite)
    for number, expectation in suite.of_repetition.items():
        repetition = expectation.meta.repetition
        assert repetition is not None  # noqa: S101
        _create_candidates(database, table, repetition, declared)
        outcomes |= _record_failures(database, run, f"{table}_candidates", suite, {number: expectation})
        _record_rejected(database, table, suite)
    return [outcome for _, outcome in sorted(outcomes.items())]


def _record_failures(
    database: Engine, run: Run, batch: str, suite: Suite, expectations: Mapping[int, Expectation]
) -> dict[int, Outcome]:
    # Great Expectations takes seconds to import, and only this step needs it.
    from kampungkb.validation.gx_duckdb import check

    outcomes = check(database, batch, suite.name, expectations, {"as_of": run.as_of.isoformat()})
    found = dict(database.execute("select expectation, count(*) from failure group by expectation").fetchall())
    for number, outcome in outcomes.items():
        if found.get(number, 0) != outcome.unexpected:
            expectation = suite.expectations[number]
            raise ReconciliationError(
                f"Rule {expectation.meta.rule} of the suite {suite.name}.json on {expectation.column}: Great "
                f"Expectations counts {outcome.unexpected} failing rows, the quarantine finds {found.get(number, 0)}. "
                "Nothing is published; report this with the suite."
            )
    return outcomes


def _record_rejected(database: Engine, table: str, suite: Suite) -> None:
    numbers = _numbers(n for n, e in enumerate(suite.expectations) if e.meta.effect == "reject")
    database.execute(
        f"create or replace table {table}_rejected as "
        f"select distinct row_id from failure where list_contains({numbers}, expectation)"
    )


def _numbers(values: Iterable[int]) -> str:
    return f"cast([{', '.join(map(str, values))}] as integer[])"


def _create_candidates(database: Engine, table: str, repetition: Repetition, declared: Table | None) -> None:
    """Place the rows that share a key; only those are sorted, and only they need their text.

    They are looked for by the hash of the key, which is quicker: rows of one hash and two keys do not share a place.
    """
    key = ", ".join(quoted(name) for name in repetition.key)
    order = ", ".join((*repetition.stays_first, "row_id"))
    text = f"{row_text(declared)} as row_text" if declared and "row_text" in order else "null as row_text"
    join = "inner join landed on staged.row_id = landed.row_id" if declared and "row_text" in order else ""
    database.execute(f"""
        create or replace table {table}_place as
        with candidate as (
            select *, hash({key}) as key_hash from {table} anti join {table}_rejected using (row_id)
        ),
        repeated_hash as (
            select key_hash from candidate group by key_hash having count(*) > 1
        ),
        repeated as (
            select staged.*, {text}
            from (select candidate.* from candidate semi join repeated_hash using (key_hash)) as staged {join}
        )
        select row_id, row_number() over (partition by {key} order by {order}) as place from repeated
    """)
    database.execute(f"""
        create or replace view {table}_candidates as
        select staged.row_id, coalesce(placed.place, 1) as place
        from {table} as staged
        anti join {table}_rejected as rejected on staged.row_id = rejected.row_id
        left join {table}_place as placed on staged.row_id = placed.row_id
    """)
