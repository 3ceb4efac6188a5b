"""The answers of members and families as tables of an engine, for all families that it shows."""

from collections.abc import Callable
from datetime import date

from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine
from kampungkb.scoring.methodology import Methodology
from kampungkb.scoring.statements import evidence_statements, family_answer_statement, member_answer_statement


def find_answers(
    connection: Engine, methodology: Methodology, as_of: date, done: Callable[[], None] = lambda: None
) -> None:
    """From the accepted tables and links make `member`, `member_answer` and `family_answer` as of a date.

    `done` is called after each of the evidence and the two tables of answers.
    """
    connection.execute(f"create or replace view member as {sql_text('score_member')}")
    for table, statement in evidence_statements(methodology, as_of):
        connection.execute(f"create or replace temp table {table} as {statement}")
    done()
    connection.execute(f"create or replace temp table member_answer as {member_answer_statement(methodology, as_of)}")
    done()
    connection.execute(f"create or replace temp table family_answer as {family_answer_statement(methodology)}")
    done()
