"""What families say about each other: whose members are thought to be whom, before families are asked.

Only this crosses the border of a component: a pair weighs more where two families share another linked person. So
where the records of a component are thought to be other persons than the night before, or live in other families, the
components of the other members of these families are decided anew too.
"""

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text


def number_families(connection: DuckDBPyConnection, table: str) -> None:
    """Make the view `record_household`: a number of each record's family, which stays the same from night to night."""
    connection.execute(
        "create or replace temp view record_household as "
        f"select record_id, md5_number_lower(source || ' ' || household) as household from {table}"
    )


def label_first(connection: DuckDBPyConnection) -> None:
    """From `record_household`, and `record_label` as `decide_alone` left it, make `first_label`."""
    connection.execute(f"create or replace temp table first_label as {sql_text('link_first_label')}")


def gather_families(connection: DuckDBPyConnection) -> None:
    """From `first_label` and `settled` (the states of records that are not decided tonight) make `household_member`."""
    connection.execute(f"create or replace temp table household_member as {sql_text('link_household_member')}")
