"""The records that linkage compares: all sources in one table, with normalised names."""

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.names import create_macros


def read_sources(connection: DuckDBPyConnection) -> None:
    """From the accepted tables on the connection make the views `person_source` and `record_fact`; nothing is read."""
    create_macros(connection)
    connection.execute(f"create or replace temp view person_source as {sql_text('link_source')}")
    connection.execute(f"create or replace temp view record_fact as {sql_text('link_record_fact')}")


def read_records(connection: DuckDBPyConnection) -> None:
    """From the accepted tables on the connection make `person_record` and `person_fact`, one row a person record."""
    read_sources(connection)
    number_records(connection, "select source, source_key from person_source")


def number_records(connection: DuckDBPyConnection, wanted: str) -> None:
    """Make `person_record` and `person_fact` of the records (`source, source_key`) of a query, numbered from 1.

    Numbers follow the order of source and key. Only these are sorted, and the facts are joined afterwards: sorting
    whole records would need the memory of all of them.
    """
    connection.execute(
        "create or replace table person_number as "
        f"select *, row_number() over (order by source, source_key) as record_id from ({wanted})"
    )
    connection.execute(f"create or replace table person_record as {sql_text('link_records')}")
    derive_facts(connection)


def derive_facts(connection: DuckDBPyConnection) -> None:
    """From `person_record` make `person_fact`, what the model compares; the name macros stand on the connection."""
    connection.execute(f"create or replace table person_name as {sql_text('link_names')}")
    connection.execute(f"create or replace view person_fact as {sql_text('link_facts')}")
