"""What judged tables leave behind: quarantine, checks and accepted rows, written as Parquet."""

from collections.abc import Sequence
from pathlib import Path

from kampungkb.contracts import Table
from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine, write
from kampungkb.validation.staging import PLACE, literal, quoted, row_text
from kampungkb.validation.suites import Expectation, Suite

ACTION = {"reject": "row", "null": "value", "file": "file"}

RECORDS = """
create or replace table quarantine (
    source varchar, source_table varchar, row_key varchar, village_code varchar, rule varchar, action varchar,
    column_name varchar, reason varchar, file varchar, sheet varchar, row_number bigint
);
create or replace table checks (
    source varchar, rule varchar, village_code varchar, dimension varchar, severity varchar,
    checked bigint, failed bigint
)
"""


def create_records(database: Engine) -> None:
    """Create the empty tables `quarantine` and `checks`."""
    for statement in RECORDS.split(";"):
        database.execute(statement)


def record(database: Engine, source: str, table: str, suite: Suite, declared: Table | None) -> None:
    """Add what a judged table puts into quarantine and how often its rules were checked."""
    staged = _columns(database, table)
    database.execute(f"create or replace view rejected as select * from {table}_rejected")
    _create_subject(database, table, suite, staged, declared)
    _create_ruling(database, suite)
    record_checks(database, source, table, suite)
    database.execute(f"insert into quarantine by name {sql_text('validate_quarantine')}")


def record_checks(database: Engine, source: str, table: str, suite: Suite) -> None:
    """Add how often the rules of a judged table were checked."""
    _count_checked(database, table, create_checking(database, suite))
    database.execute(
        f"create or replace view judged as select {literal(source)} as source, {literal(table)} as source_table"
    )
    database.execute(f"create or replace view placed as select row_id, village from {table}")
    database.execute(f"insert into checks by name {sql_text('validate_checks')}")


def _columns(database: Engine, table: str) -> list[str]:
    return [str(row[0]) for row in database.execute(f"describe {table}").fetchall()]


def _create_subject(database: Engine, table: str, suite: Suite, staged: list[str], declared: Table | None) -> None:
    """`subject`: the key, village and place of each row; `fingerprint`: what tells rows with one key apart."""
    parts = [f"cast({quoted(name)} as varchar)" for name in suite.meta.key]
    key = " || '-' || ".join(parts) if parts else "cast(null as varchar)"
    place = [name if name in staged else f"cast(null as varchar) as {name}" for name in ("file", "sheet")]
    place.append("row_number" if "row_number" in staged else "cast(null as bigint) as row_number")
    detail = "reason" if "reason" in staged else "cast(null as varchar)"
    database.execute(
        f"create or replace view subject as select row_id, {key} as source_key, village, "
        f"{detail} as detail, {', '.join(place)} from {table}"
    )
    if declared is None or "row_number" in staged:
        located = [f"cast({name} as varchar)" for name in PLACE if name in staged]
        content = f"concat_ws(chr(31), {', '.join(located)})" if located else "''"
        database.execute(f"create or replace view fingerprint as select row_id, {content} as content from {table}")
    else:
        database.execute(
            f"create or replace view fingerprint as select staged.row_id, sha256({row_text(declared)}) as content "
            f"from {table} as staged inner join landed on staged.row_id = landed.row_id"
        )


def _create_ruling(database: Engine, suite: Suite) -> None:
    """`ruling`: one row an expectation and what it records; a nulled value is recorded under each of its columns."""
    database.execute(
        "create or replace table ruling (expectation integer, rule varchar, action varchar, column_name varchar, "
        "reason varchar, breaks_key boolean)"
    )
    rows = []
    for number, meta in enumerate(expectation.meta for expectation in suite.expectations):
        if meta.effect == "count":
            continue
        breaks_key = meta.effect == "reject" and bool(set(meta.columns) & set(suite.meta.key))
        for column in meta.columns if meta.effect == "null" else meta.columns[:1]:
            rows.append((number, meta.rule, ACTION[meta.effect], column, meta.reason, breaks_key))
    _insert(database, "ruling", rows)


def _insert(database: Engine, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        database.execute(
            f"insert into {table} values {', '.join([row] * len(rows))}", [v for each in rows for v in each]
        )


def _checked_where(expectation: Expectation) -> str:
    """SQL: which rows an expectation checks."""
    terms = [f"({where})" for where in [expectation.kwargs.get("where")] if where]
    if expectation.meta.checked == "cell":
        terms.append(f"{quoted(expectation.column)} is not null")
    return " and ".join(terms) or "true"


def create_checking(database: Engine, suite: Suite) -> list[list[str]]:
    """Make `checking`: the check that each expectation belongs to; returns which rows each check looks at, as SQL.

    A check looks at a row where one of its conditions holds.
    """
    database.execute(
        "create or replace table checking (expectation integer, check_id integer, rule varchar, dimension varchar, "
        "severity varchar)"
    )
    checks: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    rows = []
    for number, expectation in enumerate(suite.expectations):
        meta = expectation.meta
        if meta.dimension is None:
            continue
        checks.setdefault((meta.rule, meta.columns), []).append(_checked_where(expectation))
        check_id = list(checks).index((meta.rule, meta.columns))
        rows.append((number, check_id, meta.rule, meta.dimension, meta.severity))
    _insert(database, "checking", rows)
    return list(checks.values())


def _count_checked(database: Engine, table: str, checks: list[list[str]]) -> None:
    """`checked`: rows checked, a check and village."""
    counts = [
        f"{{'check_id': {check_id}, 'checked': count(*) filter (where {' or '.join(wheres)})}}"
        for check_id, wheres in enumerate(checks)
    ]
    listed = f"[{', '.join(counts)}]" if counts else "cast([] as struct(check_id integer, checked bigint)[])"
    database.execute(
        f"create or replace table checked as with counted as ("
        f"select village, {listed} as counts from {table} group by village) "
        "select village, one.check_id, one.checked from (select village, unnest(counts) as one from counted)"
    )


def write_accepted(database: Engine, table: str, suite: Suite, declared: Table, folder: Path) -> None:
    """Write `<table>.parquet`: the rows that no rule rejects, without the values that a rule makes null."""
    staged = _columns(database, table)
    nullable = {column for e in suite.expectations if e.meta.effect == "null" for column in e.meta.columns}
    terms = [
        f"case when nulled.{quoted(name)} then null else staged.{quoted(name)} end as {quoted(name)}"
        if name in nullable
        else f"staged.{quoted(name)}"
        for name in declared.names
    ]
    kept_beside = [name for name in staged if name.endswith("__cell") or name in ("village_code", *PLACE)]
    terms += [f"staged.{quoted(name)}" for name in kept_beside]
    _create_ruling(database, suite)
    flags = [f"bool_or(ruling.column_name = {literal(name)}) as {quoted(name)}" for name in sorted(nullable)]
    database.execute(
        f"create or replace table nulled as select {', '.join(['failure.row_id', *flags])} "
        "from failure inner join ruling on failure.expectation = ruling.expectation "
        "where ruling.action = 'value' group by failure.row_id"
    )
    database.execute(
        f"create or replace view kept as select {', '.join(terms)} from {table} as staged "
        f"anti join {table}_rejected as rejected on staged.row_id = rejected.row_id "
        "left join nulled on staged.row_id = nulled.row_id"
    )
    write(database, sql_text(f"accept_{table}"), folder / f"{table}.parquet")
