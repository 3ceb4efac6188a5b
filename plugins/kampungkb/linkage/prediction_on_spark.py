"""Prediction on Spark: Splink finds, compares and weighs the pairs there, the costly part of a linkage.

The records come from DuckDB's connection as Parquet and the pairs go back to it: what comes before and after grows with
the records and not with their pairs.
"""

from collections.abc import Mapping
from typing import Any

from duckdb import DuckDBPyConnection
from splink.backends.spark import SparkAPI

from kampungkb.engine import spark
from kampungkb.engine.interface import view, write
from kampungkb.engine.working_folder import working_folder
from kampungkb.lake import private_folder
from kampungkb.linkage.model import Model
from kampungkb.linkage.prediction import PAIR, TABLE, pairs_of, predict
from kampungkb.linkage.splink_model import linker_on, settings_of
from kampungkb.run import Run


def predict_on_spark(run: Run, connection: DuckDBPyConnection, model: Model, *, only_changed: bool = False) -> None:
    """As :func:`~kampungkb.linkage.prediction.predict`: from `compared_record` on the connection `candidate_pair`.

    Where there is nothing to compare, no Spark starts.
    """
    if connection.execute(f"from {TABLE} limit 1").fetchone() is None:
        predict(connection, model, only_changed=only_changed)
        return
    definition = model.definition
    terms = [f"term_frequency_{column}" for column in definition.term_frequencies]
    with working_folder(private_folder(run.settings.root / "tmp")) as folder, spark.connect(run) as engine:
        for name in (TABLE, *terms):
            write(connection, f"from {name}", folder / f"{name}.parquet")
            view(engine, name, folder / f"{name}.parquet")
        api = SparkAPI(  # type: ignore[no-untyped-call]
            spark_session=engine.session, break_lineage_method="persist", register_udfs_automatically=False
        )
        settings = settings_of(definition, model.parameters, only_changed=only_changed)
        predicted = linker_on(api, TABLE, _in_spark(settings, engine)).inference.predict(
            threshold_match_probability=definition.decision.floor, warning_mode="never"
        )
        found = folder / f"{PAIR}.parquet"
        write(engine, pairs_of(model, predicted.physical_name), found)
        connection.execute(f"create or replace table {PAIR} as select * from read_parquet(?)", [str(found)])


def _in_spark(settings: Mapping[str, Any], engine: spark.SparkEngine) -> dict[str, Any]:
    """Splink's settings with their SQL in Spark's dialect."""
    rules = "blocking_rules_to_generate_predictions"
    return {
        **settings,
        rules: [
            {"blocking_rule": engine.expression(rule["blocking_rule"]), "sql_dialect": "spark"}
            for rule in settings[rules]
        ],
        "comparisons": [
            {**each, "comparison_levels": [_level_in_spark(level, engine) for level in each["comparison_levels"]]}
            for each in settings["comparisons"]
        ],
    }


def _level_in_spark(level: Mapping[str, Any], engine: spark.SparkEngine) -> dict[str, Any]:
    condition = level["sql_condition"]
    return {**level, "sql_condition": condition if condition == "ELSE" else engine.expression(condition)}
