"""A page of the insurer is read the same, whether msgspec reads it at once or Python value by value."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.sources.insurance_pages import Page, UnreadableAnswer, _parse_by_value, names, parse_page

OUTER = sorted({name.partition(".")[0] for name in names() if "." in name})
PLAIN = [name for name in names() if "." not in name]

words = st.none() | st.text(max_size=6) | st.sampled_from(["2026-11-01", "1e5", "null", "\x00", "\ud800", "Ä", "0"])


def _inner(outer: str) -> list[str]:
    return [name.partition(".")[2] for name in names() if name.startswith(f"{outer}.")]


def _some_of(fields: list[str]) -> st.SearchStrategy[dict[str, str | None]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(fields, words))


entries = st.fixed_dictionaries(
    {"noKartu": words},
    optional={
        **{name: words for name in PLAIN if name != "noKartu"},
        **{outer: st.none() | _some_of(_inner(outer)) for outer in OUTER},
    },
)
odd_entries = st.fixed_dictionaries(
    {"noKartu": words | st.integers() | st.booleans()},
    optional={"hp": words, "hakKelas": words, "sex": st.floats(allow_nan=False, allow_infinity=False)},
)


def answer(listed: list[dict[str, Any]], **response: Any) -> bytes:
    told = {"list": listed, "page": 1, "limit": 1000, "total": len(listed), **response}
    return json.dumps({"metaData": {"code": "200", "message": "OK"}, "response": told}).encode()


def read(body: bytes, parse: Callable[[bytes, int], Page | str] = parse_page) -> Page:
    page = parse(body, 1000)
    assert isinstance(page, Page)
    return page


@given(st.lists(entries, max_size=4))
def test_both_ways_give_the_same_entries(listed: list[dict[str, Any]]) -> None:
    body = answer(listed)
    one, other = read(body), read(body, _parse_by_value)
    assert one.rows == other.rows
    assert (one.fields, one.total, one.limit, one.digest) == (other.fields, other.total, other.limit, other.digest)
    places = list(range(len(listed)))
    assert one.kinds(places) == other.kinds(places)


@given(st.lists(entries | odd_entries, max_size=4))
def test_what_is_not_of_the_documented_form_is_read_by_value(listed: list[dict[str, Any]]) -> None:
    body = answer(listed)
    assert read(body).rows == read(body, _parse_by_value).rows


def test_a_page_of_texts_is_read_at_once() -> None:
    whole = dict.fromkeys(PLAIN, "x") | {outer: dict.fromkeys(_inner(outer), "y") for outer in OUTER}
    page = read(answer([whole, {"noKartu": "1"}]))
    assert page.of_texts
    assert [row[names().index("hakKelas.kode")] for row in page.rows] == ["y", None]


def test_an_object_that_is_null_has_no_values() -> None:
    page = read(answer([{"noKartu": "1", "hakKelas": None}, {"noKartu": "2", "hakKelas": {"kode": "3"}}]))
    assert page.of_texts
    assert [row[names().index("hakKelas.kode")] for row in page.rows] == [None, "3"]


@pytest.mark.parametrize(("name", "may"), [("SITI\0 AMINAH", True), ("SITI", False)])
def test_a_page_tells_whether_a_value_may_hold_what_postgresql_cannot(name: str, may: bool) -> None:
    page = read(answer([{"noKartu": "1", "nama": name}]))
    assert (page.of_texts, page.may_hold_nul) == (True, may)


def test_fields_beyond_the_contract_tell_entries_apart() -> None:
    page = read(answer([{"noKartu": "1", "hp": "2", "lain": None}, {"noKartu": "1", "hp": None}]))
    assert [row[len(names()) :] for row in page.rows] == [('{"hp": "2"}',), ()]
    assert page.fields == {"noKartu", "hp", "lain"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", answer([]) + b"x", answer([]) * 2, answer(["x"]), answer([None]), b"\xff" + answer([])],  # type: ignore[list-item]
)
def test_other_bodies_are_no_answer(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        parse_page(body, 1000)


@pytest.mark.parametrize(
    ("response", "told"),
    [({"total": "7"}, (7, 1000)), ({"total": 7.0}, (7, 1000)), ({"limit": None}, (0, 500)), ({"limit": 0}, (0, 500))],
)
def test_counts_may_be_written_otherwise(response: dict[str, Any], told: tuple[int, int]) -> None:
    page = parse_page(answer([], **response), 500)
    assert isinstance(page, Page)
    assert (page.total, page.limit) == told
