"""The counts of one delivery: landed rows, rejected ones by rule, accepted ones by village and by code."""

import duckdb

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


def profile_of(run: Run, validated: Validated) -> Profile:
    """Count a validated delivery from its accepted Parquet files."""
    source = validated.source
    also = thresholds(source).distribution.also
    with connect(run) as database:
        villages, codes = {}, {}
        for table in contract(source).tables:
            name = table.name.lower()
            accepted = f"read_parquet({literal(str(validated.path / f'{name}.parquet'))})"
            villages[name] = _villages(database, accepted)
            codes[name] = _codes(database, accepted, _coded(table, also.get(name, ())))
        rules = _rules(database, f"read_parquet({literal(str(validated.path / 'quarantine.parquet'))})")
    return Profile(read=validated.read, rejected=validated.rejected, rules=rules, villages=villages, codes=codes)


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
