"""The probability of a pair beside its rivals: pairs that share a record, and of which one at most is true.

The records of two sources are to be paired one to one. How likely a pair is in all such pairings together is found by
belief propagation on the graph of the pairs (the sum-product algorithm; Pearl 1988): a rival counts for less where its
other record is better off with somebody else, as the twin's record is with the twin.
"""

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from kampungkb.engine.duckdb import sql_text

Numbers = NDArray[np.float64]
Positions = NDArray[np.int64]

ROUNDS = 30
PAIRS_AT_ONCE = 1_000_000


def weigh_rivals(connection: DuckDBPyConnection) -> None:
    """From `pair_weight`, `compared_record` and `steward_decision` make `posterior`.

    Columns: `left_id`, `right_id`, `weight` (log2 of the odds of the pair beside its rivals). What a pair weighs
    depends on the pairs of its component alone, so components are taken in batches, which bounds the memory.
    """
    connection.execute("create or replace temp table posterior (left_id bigint, right_id bigint, weight double)")
    ((pairs,),) = connection.execute("select count(*) from pair_weight").fetchall()
    batches = pairs // PAIRS_AT_ONCE + 1
    for batch in range(batches):
        connection.execute(
            f"create or replace temp table batch_pair as from pair_weight where component % {batches} = {batch}"
        )
        _weigh_batch(connection)


def _weigh_batch(connection: DuckDBPyConnection) -> None:
    connection.execute(
        "create or replace temp table rival as "
        f"select *, row_number() over (order by record_id, other_id) - 1 as position from ({sql_text('link_rival')})"
    )
    seen = connection.execute("from rival order by position").fetchnumpy()
    apart = connection.execute(sql_text("link_no_rival")).fetchnumpy()
    record, other, group = (np.asarray(seen[name], dtype=np.int64) for name in ("record_id", "other_id", "rivals"))
    weight = np.asarray(seen["weight"], dtype=np.float64)
    odds = np.where(np.asarray(seen["told_apart"], dtype=bool), 0.0, np.exp2(weight))
    spared = np.asarray(apart["position"], dtype=np.int64), np.asarray(apart["other_position"], dtype=np.int64)
    mirrored = np.empty_like(record)
    mirrored[np.lexsort((record, other))] = np.arange(len(record))
    against = _against(odds, group, mirrored, spared)
    found = weight - np.log2(1 + against) - np.log2(1 + against[mirrored])
    once = record < other
    columns = {"left_id": record[once], "right_id": other[once], "weight": found[once]}
    connection.register("weighed", pa.table({name: pa.array(values) for name, values in columns.items()}))
    connection.execute("insert into posterior from weighed")
    connection.unregister("weighed")


def _against(odds: Numbers, group: Positions, mirrored: Positions, spared: tuple[Positions, Positions]) -> Numbers:
    """The odds of the rivals of each pair as seen from a record, each as far as its other record is free.

    Rounds are averaged with the last one (in bits), so that two equal pairings do not take turns.
    """
    message, against = odds, np.zeros_like(odds)
    for _ in range(ROUNDS):
        rivals = np.bincount(group, weights=message)[group] - message
        rivals -= np.bincount(spared[0], weights=message[spared[1]], minlength=len(message))
        against = np.maximum(rivals, 0.0)
        message = np.sqrt(message * odds / (1 + against[mirrored]))
    return against
