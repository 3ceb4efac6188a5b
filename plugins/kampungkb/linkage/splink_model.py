"""A definition in Splink's words, and a Splink linker over a table of the step's engine.

Splink writes and runs the SQL of the comparisons, estimates parameters and predicts; what is compared comes from
`model.yaml` alone. Records of one table are paired with each other, whatever their sources.
"""

import logging
from typing import Any

from duckdb import DuckDBPyConnection
from splink import Linker
from splink.backends.duckdb import DuckDBAPI
from splink.internals.database_api import DatabaseAPI

from kampungkb.linkage.model import Comparison, Definition, Level, LevelParameters, Parameters

ID = "record_id"
EXCLUSIVE = "exclusive_key"
RIVAL = "rival_key"
CHANGED = "changed"

logging.getLogger("splink").setLevel(logging.ERROR)


def block_column(position: int) -> str:
    """The column that holds the blocking key of that position (from 1)."""
    return f"block_{position}"


def settings_of(
    definition: Definition, parameters: Parameters | None = None, *, only_changed: bool = False
) -> dict[str, Any]:
    """Splink's settings: untrained, or with `parameters`; `only_changed` pairs no two unchanged records."""
    rules = [
        _blocking_rule(block_column(position), exclusive=definition.one_record_per is not None, changed=only_changed)
        for position in range(1, len(definition.blocking) + 1)
    ]
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": ID,
        "comparisons": [_comparison(each, parameters) for each in definition.comparisons],
        "blocking_rules_to_generate_predictions": [{"blocking_rule": rule, "sql_dialect": "duckdb"} for rule in rules],
        "retain_matching_columns": parameters is not None,
        "retain_intermediate_calculation_columns": parameters is not None,
        "linker_uid": "linkage",
        "max_iterations": 50,
        **({"probability_two_random_records_match": parameters.prior} if parameters else {}),
    }


def linker(connection: DuckDBPyConnection, table: str, settings: dict[str, Any]) -> Linker:
    """A linker over `table`, with the term frequencies of the tables `term_frequency_<column>` on the connection."""
    return linker_on(DuckDBAPI(connection), table, settings)


def linker_on(api: DatabaseAPI[Any], table: str, settings: dict[str, Any]) -> Linker:
    """The same over a table of an engine that Splink knows, with settings in the engine's dialect."""
    made = Linker(api.register(table), settings, log_level=None, validate_settings=False)
    for column in {level.get("tf_adjustment_column") for each in settings["comparisons"] for level in _levels(each)}:
        if column:
            lookup = api.register(f"term_frequency_{column}")
            made.table_management.register_term_frequency_lookup(lookup, column)
    return made


def _levels(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    levels: list[dict[str, Any]] = comparison["comparison_levels"]
    return levels


def _blocking_rule(column: str, *, exclusive: bool, changed: bool) -> str:
    rule = f"l.{column} = r.{column}"
    if exclusive:
        rule += f" and coalesce(l.{EXCLUSIVE} <> r.{EXCLUSIVE}, true)"
    if changed:
        rule += f" and (l.{CHANGED} or r.{CHANGED})"
    return rule


def _comparison(comparison: Comparison, parameters: Parameters | None) -> dict[str, Any]:
    estimated = parameters.levels[comparison.name] if parameters else {}
    return {
        "output_column_name": comparison.name,
        "comparison_levels": [_level(level, estimated.get(level.id)) for level in comparison.levels],
    }


def _level(level: Level, estimated: LevelParameters | None) -> dict[str, Any]:
    made: dict[str, Any] = {"sql_condition": level.when, "label_for_charts": level.id}
    if level.missing:
        return {**made, "is_null_level": True}
    if level.when == "else":
        made["sql_condition"] = "ELSE"
    if level.term_frequency:
        made["tf_adjustment_column"] = level.term_frequency
    if estimated:
        return {**made, "m_probability": estimated.m, "u_probability": estimated.u}
    if level.m is not None:
        made |= {"m_probability": level.m, "fix_m_probability": True}
    if level.u is not None:
        made |= {"u_probability": level.u, "fix_u_probability": True}
    return made
