"""The records that linkage compares: all sources in one table, with normalised names."""

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text
from kampungkb.linkage.names import create_macros


def read_records(connection: DuckDBPyConnection) -> None:
    """From the accepted tables on the connection make `person_record` and `person_fact`, one row a person record."""
    create_macros(connection)
    connection.execute(f"create table person_record as {sql_text('link_records')}")
    derive_facts(connection)


def derive_facts(connection: DuckDBPyConnection) -> None:
    """From `person_record` make `person_fact`, what the model compares; the name macros stand on the connection."""
    connection.execute(f"create or replace table person_name as {sql_text('link_names')}")
    connection.execute(f"create or replace table person_fact as {sql_text('link_facts')}")
