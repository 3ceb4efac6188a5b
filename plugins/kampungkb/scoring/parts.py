"""The parts of the score step: which statements make the answers of members and families, and which the files."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date

from kampungkb.engine.duckdb import sql_text
from kampungkb.engine.interface import Engine
from kampungkb.scoring.groups import village_counts
from kampungkb.scoring.methodology import Methodology
from kampungkb.scoring.statements import (
    evidence_statements,
    family_answer_statement,
    family_score_statement,
    member_answer_statement,
)

PROFILES = ("family_profile", "person_profile")
COVERAGE = "village_survey"

Parts = Mapping[str, Mapping[str, str]]
"""By the name of the part: statements by what they make, in their order."""


def answer_parts(methodology: Methodology, as_of: date) -> Parts:
    """The statements of the answers, by the view `member` and the tables that they make."""
    return {
        "evidence": {"member": sql_text("score_member"), **dict(evidence_statements(methodology, as_of))},
        "answers of members": {"member_answer": member_answer_statement(methodology, as_of)},
        "answers of families": {"family_answer": family_answer_statement(methodology)},
    }


def file_parts(methodology: Methodology) -> Parts:
    """The statements of the files by their names; those after the scores also read `family_score`."""
    return {
        "scores": {"family_score": family_score_statement(methodology)},
        "profiles": {name: sql_text(f"score_{name}") for name in PROFILES},
        "counts by village": {**village_counts(methodology), COVERAGE: sql_text("score_survey_coverage")},
    }


def find_answers(
    connection: Engine, methodology: Methodology, as_of: date, done: Callable[[], None] = lambda: None
) -> None:
    """From the accepted tables and links make `member`, `member_answer` and `family_answer` as of a date.

    `done` is called after each part.
    """
    for statements in answer_parts(methodology, as_of).values():
        for name, statement in statements.items():
            kind = "view" if name == "member" else "temp table"
            connection.execute(f"create or replace {kind} {name} as {statement}")
        done()


def names_in(statements: Iterable[str]) -> frozenset[str]:
    """Whatever statements name: columns, tables, words of SQL; functions are left out."""
    code = re.sub("--.*", "", "\n".join(statements))
    return frozenset(quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|(\w+)\b(?!\()', code))


def statements_of(parts: Parts) -> Iterator[str]:
    """All statements."""
    return (statement for statements in parts.values() for statement in statements.values())
