"""Training: the parameters of a definition, estimated from records without labels.

u (how often strangers agree) comes from random pairs, m (how often records of one person agree) by expectation
maximisation over the pairs of tight rules; what a rule compares is estimated from the other rules' pairs. Nothing
here runs in a night.
"""

from typing import Any

from duckdb import DuckDBPyConnection
from splink import Linker

from kampungkb.errors import ConfigurationError
from kampungkb.linkage.blocks import NOT_CROWDED, add_blocks, add_keys, count_terms, find_crowded
from kampungkb.linkage.model import Definition, LevelParameters, Model, Parameters, Training
from kampungkb.linkage.splink_model import ID, linker, settings_of

TABLE = "training_record"
MIN_PRIOR = 1e-12


def train(connection: DuckDBPyConnection, definition: Definition, table: str, seed: int | None = None) -> Model:
    """Estimate the parameters of `definition` from the records of `table` (one row a `record_id`).

    The same records, definition and seed give the same model. Raises :class:`ConfigurationError` where the records
    cannot teach it: a training rule finds no pairs.
    """
    training = definition.training
    add_keys(connection, definition, table)
    find_crowded(connection, definition)
    add_blocks(connection, definition, table, TABLE, NOT_CROWDED)
    count_terms(connection, definition, TABLE, dict.fromkeys(definition.term_frequencies, 0.001))
    records = _count(connection, TABLE)
    for rule in (*training.certain, *training.rules):
        if not _pairs_exist(connection, rule):
            raise ConfigurationError(
                f"The linkage cannot be trained on {records} records: none of their pairs fulfils the rule ({rule}) "
                "of model.yaml. Train on more records, or change the rule."
            )
    model = linker(connection, TABLE, settings_of(definition))
    model.training.estimate_probability_two_random_records_match(
        [f"({rule})" for rule in training.certain], recall=training.certain_share
    )
    model.training.estimate_u_using_random_sampling(
        max_pairs=training.u_pairs, seed=training.seed if seed is None else seed
    )
    for rule in training.rules:
        model.training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True)
    return Model(definition=definition, parameters=_parameters(model, definition, records))


def _parameters(trained: Linker, definition: Definition, records: int) -> Parameters:
    saved = trained.misc.save_model_to_json()
    estimated = {
        comparison["output_column_name"]: {
            level["label_for_charts"]: level for level in comparison["comparison_levels"]
        }
        for comparison in saved["comparisons"]
    }
    return Parameters(
        compared=definition.compared,
        records=records,
        prior=_bounded(saved["probability_two_random_records_match"], MIN_PRIOR),
        levels={
            each.name: {level.id: _level(estimated[each.name][level.id], definition.training) for level in each.graded}
            for each in definition.comparisons
        },
    )


def _level(estimated: dict[str, Any], training: Training) -> LevelParameters:
    return LevelParameters(
        m=_bounded(estimated.get("m_probability"), training.m_at_least),
        u=_bounded(estimated.get("u_probability"), training.u_at_least),
    )


def _bounded(probability: float | None, least: float) -> float:
    return float(f"{min(max(probability or 0.0, least), 1 - 1e-6):.6g}")


def _pairs_exist(connection: DuckDBPyConnection, rule: str) -> bool:
    found = connection.execute(
        f"select 1 from {TABLE} as l inner join {TABLE} as r on l.{ID} < r.{ID} and ({rule}) limit 1"
    ).fetchall()
    return bool(found)


def _count(connection: DuckDBPyConnection, table: str) -> int:
    ((count,),) = connection.execute(f"select count(*) from {table}").fetchall()
    return int(count)
