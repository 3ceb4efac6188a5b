"""Clustering: records that share a link group, directly or through others, are one person.

Connected components by label propagation. Every record starts with its own number as label; in a round every label
moves to the smallest label that it meets in a group. Only groups that still hold different labels take part, so
after the first round almost nothing is left to do.
"""

from duckdb import DuckDBPyConnection

from kampungkb.engine.duckdb import sql_text


def label_records(connection: DuckDBPyConnection) -> int:
    """From `person_record` and `shared` make `record_label` (`record_id, label`); return the rounds it took.

    The label is the smallest `record_id` of the person.
    """
    connection.execute("create temp table record_label as select record_id, record_id as label from person_record")
    connection.execute("create temp table unsettled as select rule, link_group, record_id as label from shared")
    rounds = 0
    while _rows(connection, "unsettled"):
        rounds += 1
        connection.execute(f"create or replace temp table relabel as {sql_text('link_relabel')}")
        connection.execute(f"create or replace temp table record_label as {sql_text('link_label')}")
        connection.execute(f"create or replace temp table unsettled as {sql_text('link_unsettled')}")
    return rounds


def _rows(connection: DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f"select count(*) from {table}").fetchone()
    return int(found[0]) if found else 0
