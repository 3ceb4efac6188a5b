"""The pseudonym in Python and in DuckDB is the HMAC-SHA256 of the standard, for any key and any text."""

import hashlib
import hmac

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.engine.duckdb import connect
from kampungkb.pseudonym import duckdb_macro, pseudonym
from kampungkb.run import Run

KEYS = st.one_of(st.binary(max_size=200), st.sampled_from([b"", b"\0" * 64, b"k" * 63, b"k" * 64, b"k" * 65]))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def test_a_pseudonym_is_the_first_half_of_the_hmac_over_kind_and_value() -> None:
    whole = hmac.new(b"a key", b"person|Siti Nurhaliza", hashlib.sha256).hexdigest()
    assert pseudonym((b"a key",), "person", "Siti Nurhaliza") == whole[:32]


@given(key=KEYS, values=st.lists(TEXTS, max_size=10))
def test_the_macro_equals_the_function(key: bytes, values: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute(duckdb_macro((key,)))
        rows = connection.execute(
            "select pseudonym('person', value) from (select unnest($values::varchar[]) as value)", {"values": values}
        ).fetchall()
    assert [row[0] for row in rows] == [pseudonym((key,), "person", value) for value in values]


@given(keys=st.lists(KEYS, min_size=2, max_size=4), value=TEXTS)
def test_through_a_chain_of_keys_a_pseudonym_is_made_a_pseudonym_again(keys: list[bytes], value: str) -> None:
    *before, last = keys
    once_more = pseudonym([last], "again", pseudonym(before, "person", value))
    with duckdb.connect() as connection:
        connection.execute(duckdb_macro(keys))
        row = connection.execute("select pseudonym('person', $value)", {"value": value}).fetchone()
    assert row == (once_more,) == (pseudonym(keys, "person", value),)


@pytest.mark.parametrize("value", ["", "Siti Nurhaliza", "ꦱꦶꦠꦶ", "🏝️", "a|b", "'; drop table x; --"])
def test_kinds_and_keys_separate_the_same_value(value: str) -> None:
    made = {pseudonym((key,), kind, value) for key in (b"a", b"b") for kind in ("family", "person")}
    assert len(made) == 4
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in made)


def test_an_engine_connection_knows_the_macro_and_a_missing_value_stays_missing(run: Run) -> None:
    with connect(run) as connection:
        row = connection.execute("select pseudonym('family', '1'), pseudonym('family', null)").fetchone()
    assert row == (pseudonym((run.pseudonym_key,), "family", "1"), None)
    assert not list((run.settings.root / "tmp").iterdir())
