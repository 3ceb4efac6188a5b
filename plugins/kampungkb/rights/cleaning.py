"""Removing a person from one Parquet file: the rows that go, and the columns that become null.

Comes in: a file, its trace and how a value is known to be the person's. Goes out: the file rewritten, rows counted.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from duckdb import DuckDBPyConnection

from kampungkb.errors import ConfigurationError
from kampungkb.rights.traces import TRACES_FILE, Matches, Trace, condition, fits, load_traces, quoted, term
from kampungkb.sources.protocol import PARQUET_COMPRESSION

Counted = Counter[str]


def clean(database: DuckDBPyConnection, folder: Path, place: str, matches: Matches) -> Counted:
    """Rewrite the files of a folder without the person; `place` is where the folder stands below the lake.

    Returns the rows gone or cleared by pattern. The members' files of `orphan` are judged as they will be.
    """
    counted = Counted()
    for path in sorted(folder.glob("*.parquet")):
        if rows := rows_of(database, folder, place, path.name, matches):
            pattern, trace = trace_of(f"{place}/{path.name}")
            cleaned = path.with_name(f".{path.name}")
            database.execute(
                f"copy (select * {_replaced(trace, matches)} from read_parquet({literal(path)}) "
                f"where not {_gone(trace, folder, place, matches)}) to {literal(cleaned)} "
                f"(format parquet, compression {PARQUET_COMPRESSION})"
            )
            cleaned.chmod(0o600)
            cleaned.replace(path)
            counted[pattern] += rows
    return counted


def rows_of(database: DuckDBPyConnection, folder: Path, place: str, name: str, matches: Matches) -> int:
    """How many rows of a file have to go or to be cleared."""
    _, trace = trace_of(f"{place}/{name}")
    if not trace.kinds:
        return 0
    cleared = [condition(each.where, matches) for each in trace.clear]
    touched = [condition(trace.delete, matches), condition(trace.orphan_keys, matches), *cleared]
    # Most files hold nobody who is looked for: only where one does is it worth asking who else is in a family.
    if not _count(database, folder / name, touched):
        return 0
    return _count(database, folder / name, [_gone(trace, folder, place, matches), *cleared])


def _count(database: DuckDBPyConnection, path: Path, conditions: Sequence[str]) -> int:
    query = f"select count(*) from read_parquet({literal(path)}) where {' or '.join(conditions)}"
    ((rows,),) = database.execute(query).fetchall()
    return int(rows)


def trace_of(place: str) -> tuple[str, Trace]:
    """The pattern and the trace of a file; raises :class:`ConfigurationError` where the traces do not know it."""
    for pattern, trace in load_traces().lake.items():
        if fits(place, pattern):
            return pattern, trace
    raise ConfigurationError(
        f"{TRACES_FILE.name} does not say what an erasure does with {place}. Nothing more was changed: add it (or "
        "remove the file), then resume."
    )


def _gone(trace: Trace, folder: Path, place: str, matches: Matches) -> str:
    """SQL: a row is the person's own, or of a family that was, without a member in the file beside it."""
    own = condition(trace.delete, matches)
    if not trace.orphan:
        return own
    name = str(trace.orphan["members"])
    (column,) = next(iter(trace.orphan_keys.values()))
    _, members = trace_of(f"{place}/{name}")
    left = (
        f"select {term(column)} from read_parquet({literal(folder / name)}) "
        f"where not {condition(members.delete, matches)}"
    )
    return f"({own} or {condition(trace.orphan_keys, matches)} and not coalesce({term(column)} in ({left}), false))"


def _replaced(trace: Trace, matches: Matches) -> str:
    """SQL after `select *`: the columns that become null, where they name the person."""
    wheres: dict[str, list[str]] = {}
    for clearing in trace.clear:
        for column in clearing.columns:
            wheres.setdefault(column, []).append(condition(clearing.where, matches))
    cases = [
        f"case when {' or '.join(where)} then null else {quoted(column)} end as {quoted(column)}"
        for column, where in wheres.items()
    ]
    return f"replace ({', '.join(cases)})" if cases else ""


def literal(path: Path) -> str:
    """A path as SQL text."""
    escaped = str(path).replace("'", "''")
    return f"'{escaped}'"
