"""Prediction: what speaks for two records being the same person, for every pair that shares a blocking key."""

from functools import partial
from typing import Protocol

from duckdb import DuckDBPyConnection

from kampungkb.linkage.blocks import NOT_CROWDED, add_blocks, add_keys, count_terms, find_crowded
from kampungkb.linkage.model import Definition, Model
from kampungkb.linkage.splink_model import ID, linker, settings_of
from kampungkb.run import Run

TABLE = "compared_record"
PAIR = "candidate_pair"
CANDIDATE_PAIR = "candidate_pair.parquet"


class Predict(Protocol):
    """From `compared_record` makes `candidate_pair`, as :func:`predict` says."""

    def __call__(self, connection: DuckDBPyConnection, model: Model, *, only_changed: bool = False) -> None:
        """Whatever the engine that compares, both tables stand on the connection."""


def predictor(run: Run) -> Predict:
    """Prediction on the engine that `KAMPUNGKB_ENGINE` names.

    Raises :class:`~kampungkb.errors.ConfigurationError` where Spark is asked for and its package is absent.
    """
    if run.settings.engine == "spark":
        from kampungkb.linkage.prediction_on_spark import predict_on_spark  # an extra

        return partial(predict_on_spark, run)
    return predict


def prepare(connection: DuckDBPyConnection, model: Model, table: str) -> None:
    """Make `compared_record`: the records of `table` with blocking keys, and the term frequencies of its names."""
    add_keys(connection, model.definition, table)
    find_crowded(connection, model.definition)
    add_blocks(connection, model.definition, table, TABLE, NOT_CROWDED)
    count_terms(connection, model.definition, TABLE, averages(model))


def predict(connection: DuckDBPyConnection, model: Model, *, only_changed: bool = False) -> None:
    """From `compared_record` make `candidate_pair`.

    Columns: `left_id` < `right_id` (record_id), `match_weight` (log2 of the odds of the pair by itself), and for
    each comparison `level_<name>` (-1: missing) and `weight_<name>` (bits, term frequency included). Pairs that are
    less likely than the floor are left out. `only_changed` takes pairs of which one record at least has `changed`.
    """
    made = linker(connection, TABLE, settings_of(model.definition, model.parameters, only_changed=only_changed))
    predicted = made.inference.predict(
        threshold_match_probability=model.definition.decision.floor, warning_mode="never"
    )
    connection.execute(f"create or replace table {PAIR} as {pairs_of(model, predicted.physical_name)}")
    predicted.drop_table_from_database_and_remove_from_cache()


def pairs_of(model: Model, predicted: str) -> str:
    """SQL: the rows of `candidate_pair`, from what Splink predicted."""
    columns = ", ".join(pair_columns(model.definition))
    return f"select left_id, right_id, {match_weight(model)}, {columns} from ({_select(model.definition, predicted)})"


def match_weight(model: Model) -> str:
    """SQL: `match_weight`, what the weights of a pair's comparisons sum up to."""
    weights = " + ".join(f"weight_{each.name}" for each in model.definition.comparisons)
    return f"{model.prior_weight} + {weights} as match_weight"


def pair_columns(definition: Definition) -> list[str]:
    """The columns of `candidate_pair` that the comparisons make."""
    return [f"{kind}_{each.name}" for each in definition.comparisons for kind in ("level", "weight")]


def averages(model: Model) -> dict[str, float]:
    """The average frequency of a term, by column: the u of its best level."""
    return {
        level.term_frequency: model.parameters.levels[each.name][level.id].u
        for each in reversed(model.definition.comparisons)
        for level in reversed(each.levels)
        if level.term_frequency
    }


def _select(definition: Definition, predicted: str) -> str:
    columns = []
    for each in definition.comparisons:
        adjusted = any(level.term_frequency for level in each.levels)
        weight = f"mw_{each.name} + mw_tf_adj_{each.name}" if adjusted else f"mw_{each.name}"
        columns += [f"cast(gamma_{each.name} as integer) as level_{each.name}", f"{weight} as weight_{each.name}"]
    return f"select {ID}_l as left_id, {ID}_r as right_id, {', '.join(columns)} from {predicted}"
