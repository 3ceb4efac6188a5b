"""Records made ready for comparison: blocking keys, the key that one person has once, and term frequencies."""

from duckdb import DuckDBPyConnection

from kampungkb.linkage.model import Definition
from kampungkb.linkage.splink_model import EXCLUSIVE, ID, RIVAL, block_column

PSEUDO_RECORDS = 10_000
"""The weight of the average frequency against the population's own, in records: small populations lean on it."""


def add_blocks(connection: DuckDBPyConnection, definition: Definition, table: str, target: str) -> None:
    """Make `target`: the records of `table` with `block_1`…, `exclusive_key` and `rival_key`.

    A blocking key is 64 bits of the MD5 of its text: keys are grouped and joined by the million, and numbers fit in
    memory. One shared by more records than its `at_most` is left out (null) for all of them.
    """
    columns = {block_column(place): block for place, block in enumerate(definition.blocking, start=1)}
    keys = ", ".join(f"md5_number_lower(cast({block.key} as varchar)) as {name}" for name, block in columns.items())
    connection.execute(f"create or replace temp table record_block as select {ID}, {keys} from {table}")
    for name, block in columns.items():
        connection.execute(
            f"create or replace temp table crowded_{name} as select {name} from record_block "
            f"where {name} is not null group by {name} having count(*) > {block.at_most}"
        )
    bounded = ", ".join(
        f"case when record_block.{name} not in (from crowded_{name}) then record_block.{name} end as {name}"
        for name in columns
    )
    connection.execute(
        f"create or replace table {target} as select {table}.*, "
        f"cast({definition.one_record_per or 'null'} as varchar) as {EXCLUSIVE}, "
        f"cast({definition.rivals or definition.one_record_per or 'null'} as varchar) as {RIVAL}, {bounded} "
        f"from {table} inner join record_block on {table}.{ID} = record_block.{ID}"
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
