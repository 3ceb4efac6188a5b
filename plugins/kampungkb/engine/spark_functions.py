"""Functions that Spark lacks or counts otherwise, computed by DuckDB in the Python of its executors.

Spark has no distance of Damerau and Levenshtein, and what libraries for it call the similarity of Jaro and Winkler is
another number where an odd count of letters changed places.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.functions import arrow_udf

DISTANCES = {
    # As sqlglot writes them in Spark's dialect, and what they return.
    "damerau_levenshtein": ("damerau_levenshtein", "bigint"),
    "jarowinkler_similarity": ("jaro_winkler_similarity", "double"),
}


def register_distances(session: SparkSession) -> None:
    """Make the distances of two texts known to a session; no Python starts before they are asked for."""
    for name, (of_duckdb, kind) in DISTANCES.items():
        session.udf.register(name, arrow_udf(_computed(of_duckdb), kind))


def _computed(function: str) -> Callable[[Any, Any], Any]:
    """The function over columns. It is sent to the executors as it stands, which need not know this package."""

    def found(one: Any, two: Any) -> Any:
        import duckdb

        with duckdb.connect(config={"threads": 1}) as engine:
            pairs = engine.from_arrow(pa.table({"one": one, "two": two}))
            return pairs.project(f"{function}(one, two) as found").to_arrow_table()["found"].combine_chunks()

    # By these pyspark knows that it hands over columns of Arrow.
    found.__annotations__ = dict.fromkeys(("one", "two", "return"), pa.Array)
    return found
