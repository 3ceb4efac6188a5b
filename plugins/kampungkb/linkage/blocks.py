"""Records made ready for comparison: blocking keys, the key that one person has once, and term frequencies.

Keys are 64 bits of the MD5 of a text: they are grouped and joined by the million, and numbers fit in memory. How many
records share a key is counted in a `population`: a table or view with the columns of `record_key_number` and `records`.
"""

from duckdb import DuckDBPyConnection

from kampungkb.linkage.model import Definition
from kampungkb.linkage.splink_model import EXCLUSIVE, ID, RIVAL, block_column

PSEUDO_RECORDS = 10_000
"""The weight of the average frequency against the population's own, in records: small populations lean on it."""
KEYS = "record_keys"
EVERYBODY = f"(select *, 1 as records from {KEYS})"
"""The population where all records are at hand."""


def term_column(column: str) -> str:
    """The key column that stands for a column with term frequencies."""
    return f"term_{column}"


def key_columns(definition: Definition) -> list[str]:
    """The key columns of `record_keys`: a blocking key each, a term each."""
    blocks = [block_column(place) for place in range(1, len(definition.blocking) + 1)]
    return [*blocks, *map(term_column, definition.term_frequencies)]


def add_keys(connection: DuckDBPyConnection, definition: Definition, table: str) -> None:
    """Make `record_keys`: the key columns of the records of `table`, by `record_id`."""
    texts = [*(block.key for block in definition.blocking), *definition.term_frequencies]
    keys = ", ".join(
        f"md5_number_lower(cast({text} as varchar)) as {name}"
        for text, name in zip(texts, key_columns(definition), strict=True)
    )
    connection.execute(f"create or replace temp table {KEYS} as select {ID}, {keys} from {table}")


def find_crowded(connection: DuckDBPyConnection, definition: Definition, population: str = EVERYBODY) -> None:
    """Make `crowded_block_1`…: the keys of `record_keys` that more than `at_most` records of the population share."""
    for place, block in enumerate(definition.blocking, start=1):
        key = block_column(place)
        connection.execute(
            f"create or replace temp table crowded_{key} as select {key} from {population} "
            f"where {_present(key, population)} group by {key} having sum(records) > {block.at_most}"
        )


def add_blocks(connection: DuckDBPyConnection, definition: Definition, table: str, target: str, used: str) -> None:
    """Make `target`: the records of `table` with `block_1`…, `exclusive_key` and `rival_key`.

    `used` is SQL about a `{key}`: which keys are compared by; the others are left out (null).
    """
    blocks = [block_column(place) for place in range(1, len(definition.blocking) + 1)]
    bounded = ", ".join(f"case when {used.format(key=key)} then {KEYS}.{key} end as {key}" for key in blocks)
    connection.execute(
        f"create or replace table {target} as select {table}.*, "
        f"cast({definition.one_record_per or 'null'} as varchar) as {EXCLUSIVE}, "
        f"cast({definition.rivals or definition.one_record_per or 'null'} as varchar) as {RIVAL}, {bounded} "
        f"from {table} inner join {KEYS} on {table}.{ID} = {KEYS}.{ID}"
    )


NOT_CROWDED = f"{KEYS}.{{key}} not in (from crowded_{{key}})"
"""`used` for :func:`add_blocks`: a key shared by more records than its `at_most` is left out for all of them."""


def count_terms(
    connection: DuckDBPyConnection,
    definition: Definition,
    table: str,
    average: dict[str, float],
    population: str = EVERYBODY,
) -> None:
    """Make `term_frequency_<column>`: how frequent each value of `table` is, in steps of a factor of two.

    Frequencies move only when a count or the population doubles, so that one new record does not change the weights
    of all others. In a small population they lean on the `average` (the u of the level, by column).
    """
    for column in definition.term_frequencies:
        key = term_column(column)
        connection.execute(
            f"create or replace table term_frequency_{column} as "
            f"with total as (select pow(2, round(log2(greatest(sum(records), 1)))) as records from {population}), "
            f"counted as (select {key}, pow(2, floor(log2(sum(records)))) as found from {population} "
            f"where {_present(key, population)} group by {key}), "
            f"term as (select distinct {column} from {table} where {column} is not null) "
            f"select {column}, (found + {PSEUDO_RECORDS} * {average[column]}) / (records + {PSEUDO_RECORDS}) "
            f"as tf_{column} from term inner join counted on md5_number_lower(term.{column}) = counted.{key} "
            "cross join total"
        )


def _present(key: str, population: str) -> str:
    return f"{key} is not null" if population == EVERYBODY else f"{key} in (select {key} from {KEYS})"
