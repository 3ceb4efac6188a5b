"""The records that linkage compares: all sources in one table, with normalised names."""

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.names import create_macros


def view_sources(connection: DuckDBPyConnection, *only: str) -> None:
    """From the accepted tables on the connection make `person_source`, a view of the person records of all sources.

    With `only`, of these sources.
    """
    named = ", ".join(f"'{source}'" for source in only)
    some = f" where source in ({named})" if only else ""
    connection.execute(f"create or replace temp view person_source as from ({sql_text('link_source')}){some}")


def read_sources(connection: DuckDBPyConnection) -> None:
    """From the accepted tables on the connection make `person_source` and `present`.

    `present` (`source, source_key, digest`) has a row a person record.
    """
    create_macros(connection)
    for macro in ("link_record_key", "link_one_spaced"):
        connection.execute(sql_text(macro))
    view_sources(connection)
    connection.execute(f"create or replace temp table present as {sql_text('link_present')}")


def read_records(connection: DuckDBPyConnection) -> None:
    """From the accepted tables on the connection make `person_record` and `person_fact`, one row a person record."""
    read_sources(connection)
    number_records(connection, "from present")


def number_records(connection: DuckDBPyConnection, wanted: str) -> None:
    """Make `person_record` and `person_fact` of the records of a query on `present`, numbered from 1.

    Only numbers are sorted, and the facts are joined afterwards: sorting whole records would need the memory of all.
    """
    assign_numbers(connection, wanted)
    read_numbered(connection)
    derive_facts(connection)


def assign_numbers(connection: DuckDBPyConnection, wanted: str) -> None:
    """Make `person_number`: the records of a query on `present`, with `record_id` from 1 by source and key.

    Its `record_key` is a number that a record keeps from night to night.
    """
    connection.execute(
        "create or replace temp table person_number as "
        "select *, record_key_of(source, source_key) as record_key, "
        f"row_number() over (order by source, source_key) as record_id from ({wanted})"
    )


def read_numbered(connection: DuckDBPyConnection) -> None:
    """Make `person_record` of the records of `person_number`."""
    connection.execute(f"create or replace table person_record as {sql_text('link_records')}")


def keep_sources(connection: DuckDBPyConnection, wanted: str) -> None:
    """Read the records of a query on source and key once more, and from then on no others: they are `person_source`."""
    connection.execute(
        "create or replace temp table kept_source as "
        f"select person_source.* from person_source semi join ({wanted}) using (source, source_key)"
    )
    connection.execute("create or replace temp view person_source as from kept_source")


def derive_facts(connection: DuckDBPyConnection) -> None:
    """From `person_record` make `person_fact`, what the model compares; the name macros stand on the connection."""
    connection.execute(f"create or replace table person_name as {sql_text('link_names')}")
    connection.execute(f"create or replace view person_fact as {sql_text('link_facts')}")
