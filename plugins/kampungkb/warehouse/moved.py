"""What moved between the file that a table was published from and tonight's, so that only that need be staged.

A table in `UNITS` consists of units: rows that share some columns, such as the scores of a family. A unit has moved
where its rows are not those it had, and is then staged with all its rows. All other rows are published and stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection, DuckDBPyRelation

UNITS = {"family_score": ("family_key",), "quarantine_row": ("source", "source_table", "row_key")}
"""The columns that make a unit of a staged table; no unit is divided between two villages, rules or statements."""
CAME, GONE, UNIT = "came_", "gone_", "unit_"
"""Prefixes of what is staged of a table with few moved units: their rows tonight, those before, and which they are."""
MANY = 0.2  # from this share of the rows on it pays no more


@dataclass(frozen=True)
class Moved:
    """The units that moved, and the rows that they have tonight."""

    units: DuckDBPyRelation
    came: DuckDBPyRelation


def moved(
    lake: DuckDBPyConnection, files: Sequence[Path], before: Sequence[Path], columns: Sequence[str], unit: Sequence[str]
) -> Moved | None:
    """What moved between the rows of two lists of Parquet files; None where it is too much to be worth it.

    Rows are compared by a 64-bit hash, as `content.digest` does.
    """
    rows, keys = (", ".join(f'"{name}"' for name in names) for names in (columns, unit))
    for name, paths in (("tonight", files), ("earlier", before)):
        lake.read_parquet([str(path) for path in paths]).project(rows).create_view(name)
    sides = " union all ".join(
        f"select {keys}, hash({rows}) as hashed, {side} as side from {name}"
        for name, side in (("tonight", 1), ("earlier", -1))
    )
    lake.execute(
        f"create or replace temp table unit as select {keys} from ({sides}) group by {keys} "
        "having sum(side) <> 0 or sum(side * cast(hashed as hugeint)) <> 0"
    )
    same = " and ".join(f'unit."{name}" is not distinct from tonight."{name}"' for name in unit)
    lake.execute(
        f"create or replace temp table came as select {rows} from tonight "
        f"where exists (select 1 from unit where {same})"
    )
    units, came = lake.table("unit"), lake.table("came")
    within = MANY * len(lake.table("tonight"))
    return Moved(units, came) if len(units) <= within and len(came) <= within else None
