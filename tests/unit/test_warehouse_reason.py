"""What is said of a fault of PostgreSQL: its own words, unless they may quote a row."""

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from kampungkb.warehouse.connect import reason

pytestmark = pytest.mark.unit


def fault(original: psycopg.Error) -> DBAPIError:
    return DBAPIError("insert", None, original)


@pytest.mark.parametrize(
    ("original", "state"),
    [
        (psycopg.errors.RaiseException("the row of 2104010101010001 is not wanted"), "P0001"),
        (psycopg.errors.InvalidTextRepresentation('invalid input syntax: "2104010101010001"'), "22P02"),
    ],
)
def test_a_sentence_that_may_quote_a_row_is_left_out(original: psycopg.Error, state: str) -> None:
    assert reason(fault(original)) == f"the database refused a row (SQLSTATE {state})"


def test_other_sentences_are_said_without_their_details() -> None:
    said = reason(fault(psycopg.errors.InsufficientPrivilege("permission denied for schema core\nDETAIL: a row")))
    assert said == "permission denied for schema core"
