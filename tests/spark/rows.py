"""Tables of two engines held against each other: whatever the order, exact but for what is a fraction."""

from collections import Counter
from math import isclose
from pathlib import Path
from typing import Any

import duckdb

Rows = list[tuple[Any, ...]]


def rows(path: Path, order: str = "all") -> tuple[list[str], Rows]:
    """Columns and rows of a Parquet file, sorted."""
    with duckdb.connect() as reader:
        reader.execute("set TimeZone = 'Asia/Jakarta'")
        found = reader.execute(f"select * from read_parquet('{path}') order by {order}")
        return [column[0] for column in found.description or ()], found.fetchall()


def assert_same(found: Path, expected: Path, tolerance: float = 1e-9) -> int:
    """Two Parquet files hold the same rows; fractions may differ by so much. Returns the number of rows."""
    columns, truth = rows(expected)
    seen_columns, seen = rows(found)
    assert seen_columns == columns, f"{found.name}: other columns"
    assert_same_rows(found.name, columns, seen, truth, tolerance)
    return len(truth)


def assert_same_rows(name: str, columns: list[str], seen: Rows, truth: Rows, tolerance: float) -> None:
    """Two tables of these columns hold the same rows, in whatever order."""
    exact = [i for i in range(len(columns)) if not any(isinstance(row[i], float) for row in truth)]
    missing, beyond = _counted(truth, exact), _counted(seen, exact)
    assert beyond == missing, (
        f"{name}: {list((beyond - missing).items())[:3]}, not {list((missing - beyond).items())[:3]}"
    )
    fractions = [i for i in range(len(columns)) if i not in exact]
    key = lambda row: (repr([row[i] for i in exact]), [row[i] if row[i] is not None else -1e300 for i in fractions])  # noqa: E731
    for mine, theirs in zip(sorted(seen, key=key), sorted(truth, key=key), strict=True):
        for i in fractions:
            same = mine[i] == theirs[i] or isclose(mine[i], theirs[i], rel_tol=0, abs_tol=tolerance)
            assert same, f"{name}.{columns[i]}: {mine[i]} instead of {theirs[i]}"


def _counted(found: Rows, positions: list[int]) -> Counter[str]:
    return Counter(repr([row[i] for i in positions]) for row in found)
