"""Records made ready for comparison: blocking keys, the key that one person has once, and term frequencies."""

from duckdb import DuckDBPyConnection

from kampungkb.linkage.model import Definition
from kampungkb.linkage.splink_model import EXCLUSIVE, RIVAL, block_column

PSEUDO_RECORDS = 10_000
"""The weight of the average frequency against the population's own, in records: small populations lean on it."""


def add_blocks(connection: DuckDBPyConnection, definition: Definition, table: str, target: str) -> None:
    """Make `target`: the records of `table` with `block_1`…, `exclusive_key` and `rival_key`.

    A blocking key shared by more records than its `at_most` is left out (null) for all of them.
    """
    keys = ", ".join(f"({block.key}) as key_{place}" for place, block in enumerate(definition.blocking, start=1))
    bounded = ", ".join(
        f"case when key_{place} is not null and count(*) over (partition by key_{place}) <= {block.at_most} "
        f"then key_{place} end as {block_column(place)}"
        for place, block in enumerate(definition.blocking, start=1)
    )
    drop = ", ".join(f"key_{place}" for place in range(1, len(definition.blocking) + 1))
    connection.execute(
        f"create or replace table {target} as "
        f"with keyed as (select *, {keys}, cast({definition.one_record_per or 'null'} as varchar) as {EXCLUSIVE}, "
        f"cast({definition.rivals or definition.one_record_per or 'null'} as varchar) as {RIVAL} from {table}) "
        f"select * exclude ({drop}), {bounded} from keyed"
    )


def count_terms(connection: DuckDBPyConnection, definition: Definition, table: str, average: dict[str, float]) -> None:
    """Make `term_frequency_<column>`: how frequent each value is, in steps of a factor of two.

    Frequencies move only when a count or the population doubles, so that one new record does not change the weights
    of all others. In a small population they lean on the `average` (the u of the level, by column).
    """
    for column in definition.term_frequencies:
        connection.execute(
            f"create or replace table term_frequency_{column} as "
            f"with total as (select pow(2, round(log2(greatest(count(*), 1)))) as records from {table}), "
            f"counted as (select {column}, pow(2, floor(log2(count(*)))) as found from {table} "
            f"where {column} is not null group by {column}) "
            f"select {column}, (found + {PSEUDO_RECORDS} * {average[column]}) / (records + {PSEUDO_RECORDS}) "
            f"as tf_{column} from counted cross join total"
        )
