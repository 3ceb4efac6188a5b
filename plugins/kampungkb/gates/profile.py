"""The counts of one delivery: landed rows, rejected ones by rule, accepted ones by village and by code."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from kampungkb import carrying
from kampungkb.contracts import Table, contract
from kampungkb.engine.duckdb import connect
from kampungkb.gates.thresholds import thresholds
from kampungkb.refs import Validated
from kampungkb.run import Run
from kampungkb.validation.staging import literal, quoted
from kampungkb.verdicts import UNKNOWN_VILLAGE, Profile

# A column that no contract codes may hold anything: other values are counted together and never told apart.
SHORT_CODE = r"^\d{1,3}$"
OTHER = "other"
QUARANTINE = "quarantine"


def profile_of(run: Run, validated: Validated, before: Profile | None = None) -> Profile:
    """Count a validated delivery from its accepted Parquet files, unless the one before was counted from the same."""
    source = validated.source
    also = thresholds(source).distribution.also
    tables = {table.name.lower(): table for table in contract(source).tables}
    coded = {name: _coded(table, also.get(name, ())) for name, table in tables.items()}
    files = {name: validated.path / f"{name}.parquet" for name in (*tables, QUARANTINE)}
    counted_from = _digest(files.values(), coded)
    if before is not None and before.counted_from == counted_from:
        return before.model_copy(update={"read": validated.read, "rejected": validated.rejected})
    with connect(run) as database:
        rows = {name: f"read_parquet({literal(str(path))})" for name, path in files.items()}
        return Profile(
            read=validated.read,
            rejected=validated.rejected,
            rules=_rules(database, rows[QUARANTINE]),
            villages={name: _villages(database, rows[name]) for name in tables},
            codes={name: _codes(database, rows[name], coded[name]) for name in tables},
            counted_from=counted_from,
        )


def _digest(files: Iterable[Path], coded: Mapping[str, Mapping[str, str]]) -> str:
    told = repr((sorted(carrying.digests_told(files).items()), coded))
    return hashlib.sha256(told.encode()).hexdigest()


def _rules(database: duckdb.DuckDBPyConnection, quarantine: str) -> dict[str, int]:
    rows = database.execute(
        f"select rule, count(distinct row_key) from {quarantine} where action = 'row' group by rule order by rule"
    )
    return dict(rows.fetchall())


def _coded(table: Table, also: tuple[str, ...]) -> dict[str, str]:
    """SQL of the code as text, by column."""
    coded = {column.name: f"cast({quoted(column.name)} as varchar)" for column in table.of_kind("code", "label")}
    free = {
        name: f"case when regexp_matches({quoted(name)}, {literal(SHORT_CODE)}) then {quoted(name)} "
        f"when {quoted(name)} is not null then {literal(OTHER)} end"
        for name in also
    }
    return coded | free


def _villages(database: duckdb.DuckDBPyConnection, accepted: str) -> dict[str, int]:
    rows = database.execute(
        f"select coalesce(village_code, {literal(UNKNOWN_VILLAGE)}) as village, count(*) from {accepted} "
        "group by village order by village"
    )
    return dict(rows.fetchall())


def _codes(database: duckdb.DuckDBPyConnection, accepted: str, coded: dict[str, str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for column, code in coded.items():
        rows = database.execute(
            f"select coalesce({code}, '') as code, count(*) from {accepted} group by code order by code"
        )
        found[column] = dict(rows.fetchall())
    return found
