"""The tables of a staging schema: every table of the warehouse without its keys, and the helpers of the marts."""

import re
from datetime import date
from typing import Any

from sqlalchemy import Boolean, Column, Date, Double, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import PGDialect

from kampungkb.settings import INCLUDE
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.moved import CAME, UNIT, UNITS
from kampungkb.warehouse.spells import HISTORIES, keys_of, moved_name, said_of, spells

OPEN_PREFIX = "open_"  # tables of `open` are named as their marts are
MARTS_SQL = INCLUDE / "sql" / "marts"
_READ = re.compile(r"\b(?:from|join)\s+([a-z_]+)\b(?!\.)", re.IGNORECASE)
_LITERAL = {"literal_binds": True}


def _text_columns(*names: str) -> list[Column[Any]]:
    return [Column(name, Text) for name in names]


def _integer_columns(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer) for name in names]


def _columns_of(table: str, *without: str) -> list[Column[Any]]:
    return [Column(c.name, c.type) for c in Base.metadata.tables[table].columns if c.name not in without]


def staged_tables(schema: str, run_id: str) -> dict[str, Table]:
    """Every table of the warehouse without keys (the audit looks for what they would refuse), and the helpers."""
    metadata = MetaData(schema=schema)
    for table in Base.metadata.sorted_tables:
        columns = [Column(c.name, c.type, server_default=run_id if c.name == "run_id" else None) for c in table.columns]
        name = OPEN_PREFIX + table.name if table.schema == "open" else table.name
        Table(name, metadata, *columns, prefixes=["unlogged"])
    helpers: dict[str, list[Column[Any]]] = {
        "raw_region": _text_columns("code", "name", "level", "parent", "valid_from", "valid_to", "successor_code"),
        "raw_kampung_kb": _text_columns("village_code", "valid_from", "valid_to", "successor_code"),
        "source_state": [
            *_text_columns("source"),
            Column("stale", Boolean),
            *(Column(name, Date) for name in ("snapshot_date", "last_change")),
        ],
        "expected_count": [*_text_columns("source", "measure", "source_table"), Column("counted", Integer)],
        "category_level": [
            Column("position", Integer),
            *_text_columns("category"),
            *(Column(name, Double) for name in ("below", "up_to")),
            Column("digits", Integer),
        ],
        "reviewed_pair": [
            Column(c.name, Text if isinstance(c.type, JSONB) else c.type)
            for c in _columns_of("vault.match_pair", "first_seen", "last_seen")
        ],
        "region_measure": [
            *_text_columns("code", "basis"),
            Column("families", Integer),
            *(Column(name, Double) for name in ("ketentraman", "kemandirian", "kebahagiaan", "ibangga")),
            *_text_columns("category"),
            *(Column(name, Integer) for name in ("rentan", "berkembang", "tangguh")),
        ],
        "village_measure": _columns_of("core.fact_village_day", "as_of"),
        "indicator_count": _columns_of("mart.indicator_coverage", "share"),
        "agreement_count": _columns_of("mart.source_agreement", "evidence_source", "agreement_share"),
        "open_cell": [
            *_text_columns("subject", "item", "cell", "village_code", "district_code", "regency_code"),
            Column("families", Integer),
        ],
        "open_count": [*_text_columns("subject", "item", "cell", "region_code"), Column("families", Integer)],
        "open_region_index": [
            *_text_columns("region_code"),
            Column("families", Integer),
            *(Column(name, Double) for name in ("ketentraman", "kemandirian", "kebahagiaan", "ibangga")),
            *_text_columns("category"),
            *(Column(name, Integer) for name in ("rentan", "berkembang", "tangguh")),
        ],
        "reconciliation": [
            *_text_columns("source", "subject"),
            *(Column(name, Integer) for name in ("expected", "staged")),
        ],
        "method_group": _text_columns("kind", "name"),
        "need_count": [*_text_columns("village_code", "indicator"), *_integer_columns("families", "persons")],
        "life_cycle_count": [
            *_text_columns("village_code", "life_cycle"),
            *_integer_columns("persons", "families", "insured", "insurance_known", "rentan_families"),
        ],
        "programme_count": [
            *_text_columns("village_code", "programme"),
            *_integer_columns("eligible", "participating", "unanswered"),
        ],
        "survey_count": [
            *_text_columns("village_code"),
            *_integer_columns("families_surveyed", "family_cards", "cards_surveyed"),
            Column("median_survey_age_days", Double),
        ],
        "candidate_weight": [*_text_columns("measure"), Column("weight", Double)],
        "candidate_indicator": _text_columns("measure", "indicator"),
        "compared_load": [Column("as_of", Date)],
        "effect_rule": [
            *_integer_columns("neighbours"),
            *(Column(name, Double) for name in ("size_weight", "index_weight", "index_scale", "confidence", "z")),
            *_text_columns("caution"),
        ],
    }
    for name, unit in UNITS.items():
        rows = metadata.tables[f"{schema}.{name}"].columns
        helpers[CAME + name] = [Column(c.name, c.type) for c in rows]
        helpers[UNIT + name] = [Column(n, rows[n].type) for n in unit]
    for history in map(Base.metadata.tables.__getitem__, HISTORIES):
        helpers[moved_name(history)] = _text_columns(*keys_of(history))
    for name in ("dim_family", "dim_person", "dim_village"):
        history = Base.metadata.tables[f"core.{name}"]
        said = [history.c[n] for n in (*keys_of(history), *said_of(history))]
        helpers[HISTORIES[f"core.{name}"]] = [Column(c.name, c.type) for c in said]
    for name, columns in helpers.items():
        Table(name, metadata, *columns, prefixes=["unlogged"])
    return {table.name: table for table in metadata.tables.values()}


def staged_columns() -> dict[str, dict[str, str]]:
    """Every staged table with its columns and their types, for those who read the SQL of the marts."""
    tables = staged_tables("staged", "")
    return {name: {c.name: str(c.type).lower() for c in table.columns} for name, table in tables.items()}


def spell_statements() -> dict[str, str]:
    """The SQL that makes each table with spells, for the same readers."""
    staged = staged_tables("staged", "")
    made = {name: spells(Base.metadata.tables[name], staged, date.min) for name in HISTORIES}
    dialect = PGDialect()  # type: ignore[no-untyped-call]
    written = {name: query.compile(dialect=dialect, compile_kwargs=_LITERAL) for name, query in made.items()}
    return {name.partition(".")[2]: str(query) for name, query in written.items()}


def tables_read(statement: str) -> set[str]:
    """The names without a schema that a statement reads: staged tables, and its own subqueries."""
    told = "\n".join(line.partition("--")[0] for line in statement.splitlines())
    return set(_READ.findall(told))
