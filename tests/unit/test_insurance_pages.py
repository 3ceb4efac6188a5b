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
    assert one.content.texts == other.content.texts
    assert one.columns == other.columns
    assert one.digests == other.digests
    assert (one.fields, one.total, one.limit, one.digest) == (other.fields, other.total, other.limit, other.digest)
    places = list(range(len(listed)))
    assert one.kinds(places) == other.kinds(places)


@given(st.lists(entries | odd_entries, max_size=4))
def test_what_is_not_of_the_documented_form_is_read_by_value(listed: list[dict[str, Any]]) -> None:
    body = answer(listed)
    one, other = read(body).content, read(body, _parse_by_value).content
    assert one.texts == other.texts
    assert one.others in ((), other.others)


@given(st.text(alphabet='"\\\\[]{}:,ul0dC9 \n\r\t\x00nKartu\u2028\ud800', max_size=30))
def test_what_is_no_list_of_entries_is_no_answer_and_ends_nothing(listed: str) -> None:
    body = answer([]).replace(b"[]", listed.encode("utf-8", "surrogatepass"))
    told: list[Page | str | None] = []
    for parse in (parse_page, _parse_by_value):
        try:
            told.append(parse(body, 1000))
        except UnreadableAnswer:
            told.append(None)
    one, other = told
    assert (one and isinstance(one, Page) and one.digests) == (other and isinstance(other, Page) and other.digests)


def test_a_page_of_texts_is_read_at_once() -> None:
    whole = dict.fromkeys(PLAIN, "x") | {outer: dict.fromkeys(_inner(outer), "y") for outer in OUTER}
    page = read(answer([whole, {"noKartu": "1"}]))
    assert page.of_texts
    assert page.content.texts["hakKelas.kode"].to_pylist() == ["y", None]


def test_an_answer_may_have_many_lines() -> None:
    page = read(json.dumps(json.loads(answer([{"noKartu": "1", "nik": "2"}, {"noKartu": "3"}])), indent=2).encode())
    assert page.of_texts
    assert page.content.texts["nik"].to_pylist() == ["2", None]


def test_an_object_that_is_null_has_no_values() -> None:
    page = read(answer([{"noKartu": "1", "hakKelas": None}, {"noKartu": "2", "hakKelas": {"kode": "3"}}]))
    assert page.of_texts
    assert page.content.texts["hakKelas.kode"].to_pylist() == [None, "3"]


@pytest.mark.parametrize(("beside", "at_once"), [({}, True), ({"lain": 1}, False)])
def test_columns_hold_nothing_that_postgresql_cannot(beside: dict[str, int], at_once: bool) -> None:
    page = read(answer([{"noKartu": "1", "nama": f"SITI{between} AMINAH"} | beside for between in "\0\ufffd"]))
    assert page.of_texts == at_once
    assert page.columns["nama"].to_pylist() == ["SITI\ufffd AMINAH"] * 2
    assert len({*page.digests}) == 2


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_what_is_nested_too_deeply_is_unreadable(depth: int) -> None:
    body = answer([{"noKartu": "1", "lain": "x"}]).replace(b'"x"', b'{"a":' * depth + b"1" + b"}" * depth)
    with pytest.raises(UnreadableAnswer):
        _ = read(body).content


def test_fields_beyond_the_contract_tell_entries_apart() -> None:
    page = read(answer([{"noKartu": "1", "hp": "2", "lain": None}, {"noKartu": "1", "hp": None}]))
    assert page.content.others == ['{"hp": "2"}', None]
    assert len({*page.digests}) == 2
    assert page.fields == {"noKartu", "hp", "lain"}


def test_an_entry_is_the_same_on_any_page() -> None:
    entry = {"noKartu": "1", "nik": "2"}
    alone, beside_another = read(answer([entry])), read(answer([entry, entry | {"hp": "3"}]))
    assert alone.of_texts
    assert not beside_another.of_texts
    assert alone.digests[0] == beside_another.digests[0] != beside_another.digests[1]


some_values = st.lists(st.none() | st.sampled_from(["", "\1", "a", "\1a"]), min_size=4, max_size=4)


@given(some_values, some_values)
def test_entries_are_the_same_where_their_values_are(one: list[str | None], other: list[str | None]) -> None:
    page = read(answer([dict(zip(names()[:4], values, strict=True)) for values in (one, other)]))
    first, second = page.digests
    assert (first == second) == (one == other)


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
