"""What a page of the health insurance says: its entries, and how many there are in all.

Of an answer of the documented form, whose values are all text, Arrow makes columns at once, beside whatever else the
interpreter does; any other one is read value by value. Both give the same columns.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property, partial
from typing import Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from kampungkb.connections import HEALTH_INSURANCE
from kampungkb.contracts import contract
from kampungkb.sources.cells import number_text, storable

LONGEST_COUNT = 18  # digits; the integer of 1e999999999 would take hours

_KINDS: Mapping[type, str] = {str: "text", bool: "boolean", int: "number", Decimal: "number"}
_BETWEEN, _NULL = "\0\1", "\0"
_ONE_LINE = bytes.maketrans(b"\n\r", b"  ")


class UnreadableAnswer(ValueError):
    """A body that is no answer of the service."""


@dataclass(frozen=True)
class Content:
    """What the entries of a page say.

    `texts` has a column of text for each of the contract's dotted names, in its order; what an entry does not name is
    null. Where the page was read by value, `listed` are its entries, and `others` says for each what it says beyond
    the contract, as JSON.
    """

    texts: pa.Table
    others: Sequence[str | None] = ()
    listed: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Page:
    """One page: how many entries it has, how many there are in all as it tells it (None where it does not), its size.

    `digest` tells its bytes, and the size that was asked for, from those of any other page. `read` gives what its
    entries say, and is asked once they are needed.
    """

    total: int | None
    limit: int
    digest: str
    read: Callable[[], Content]
    entries: int = 0
    body: bytes = b""

    @cached_property
    def content(self) -> Content:
        """What its entries say. Raises :class:`UnreadableAnswer` where they are nested too deeply to be read."""
        return self.read()

    @property
    def of_texts(self) -> bool:
        """Whether it was read at once: every value is text, every field one of the contract."""
        return self.content.listed is None

    @property
    def columns(self) -> pa.Table:
        """Its entries as PostgreSQL can hold them: no value has U+0000."""
        texts = self.content.texts
        if self.of_texts and (b"\\" not in self.body or b"\\u0000" not in self.body):  # the first is found in no time
            return texts
        columns: list[Any] = texts.combine_chunks().columns
        return pa.table([*map(storable, columns)], schema=_schema())

    @cached_property
    def digests(self) -> list[int]:
        """A number for each entry, which is the same for the same entry, within one process."""
        parts: list[Any] = [*self.content.texts.columns, _BETWEEN]
        joined = pc.binary_join_element_wise(*parts, null_handling="replace", null_replacement=_NULL).to_pylist()
        told = self.content.others
        if not any(told):
            return [*map(hash, joined)]
        return [hash(each if beside is None else (each, beside)) for each, beside in zip(joined, told, strict=True)]

    @cached_property
    def fields(self) -> frozenset[str]:
        """The dotted names of the fields that its entries have."""
        listed: Sequence[Mapping[str, Any]] = self.content.listed or json.loads(self.body)["response"]["list"]
        return frozenset(name for entry in listed for name, _ in _leaves(entry))

    def kinds(self, places: Sequence[int]) -> dict[str, Counter[str]]:
        """How often the fields of some entries have values of which kind, as JSON writes them; null has none."""
        texts, listed = self.content.texts, self.content.listed
        if listed is None:
            some = texts.take(pa.array(places, pa.int64()))
            told = {name: len(places) - some[name].null_count for name in some.column_names}
            return {name: Counter({"text": count}) for name, count in told.items() if count}
        counted: dict[str, Counter[str]] = {}
        for name, value in (leaf for place in places for leaf in _leaves(listed[place])):
            if value is not None:
                counted.setdefault(name, Counter())[_KINDS.get(type(value), "other")] += 1
        return counted


@cache
def names() -> tuple[str, ...]:
    """The dotted names of the contract's columns, in its order."""
    (table,) = contract(HEALTH_INSURANCE).tables
    return table.names


def page_digest(body: bytes, limit: int) -> str:
    """A digest of a page's bytes and of the size that was asked for."""
    return hashlib.sha256(b"%d\0" % limit + body).hexdigest()


def page_of(digest: str, limit: int) -> Page:
    """A page without entries, or one whose entries are known by its digest."""
    return Page(None, limit, digest, lambda: Content(_schema().empty_table()))


def parse_page(body: bytes, limit: int) -> Page | str:
    """An answer as a page, or the code with which the service reports a fault.

    Raises :class:`UnreadableAnswer` where the body is no answer of the documented form.
    """
    try:
        if not body.isascii():
            body.decode()
        response = _decoder().decode(body).response
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_by_value(body, limit)
    size, digest = max(1, response.limit or limit), page_digest(body, limit)
    return Page(response.total, size, digest, partial(_content, body), len(response.list), body)


def _content(body: bytes) -> Content:
    try:
        return Content(_texts(body))
    except pa.ArrowInvalid:
        return _content_by_value(_answer(body)["response"]["list"])


def _texts(body: bytes) -> pa.Table:
    """The columns of a well-formed answer whose entries have no other fields than the contract names, all of text.

    Raises :class:`pyarrow.ArrowInvalid` where it is another one. Arrow's reader may end the process over what is no
    object, or no JSON: what it is given here is both.
    """
    one = b'{"list":%b}' % bytes(_lister().decode(body).response.list)
    if b"\n" in one or b"\r" in one:
        one = one.translate(_ONE_LINE)
    whole = pyarrow.json.ReadOptions(use_threads=False, block_size=len(one) + 1)
    buffer: Any = pa.BufferReader(one)  # the stubs know files alone
    entries = pc.list_flatten(pyarrow.json.read_json(buffer, read_options=whole, parse_options=_form())["list"])
    return pa.table([pc.struct_field(entries, name.split(".")) for name in names()], schema=_schema())


def _parse_by_value(body: bytes, limit: int) -> Page | str:
    """The same for any answer."""
    digest = page_digest(body, limit)
    try:
        answer = _answer(body)
        code = str(answer["metaData"]["code"]).strip()
        if code == "201":
            return page_of(digest, limit)
        if code != "200":
            return code[:20]
        response = answer["response"]
        listed, total = response["list"], _count(response["total"])
        size = max(1, _count(response.get("limit") or limit))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UnreadableAnswer("the answer is cut short or not of the documented form") from None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise UnreadableAnswer("the answer is not of the documented form")
    content = _content_by_value(listed)
    return Page(total, size, digest, lambda: content, len(listed), body)


def _answer(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise UnreadableAnswer("the answer is nested too deeply") from None


def _content_by_value(listed: Sequence[Mapping[str, Any]]) -> Content:
    try:
        rows = [flattened(entry) for entry in listed]
    except RecursionError:
        raise UnreadableAnswer("the answer is nested too deeply") from None
    texts = pa.table([pa.array([row.get(name) for row in rows], pa.string()) for name in names()], schema=_schema())
    return Content(texts, [*map(_beside, rows)], listed)


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    """Reads what an answer of the documented form says about its list, and how many objects stand in it."""
    return _answers_with(list[msgspec.defstruct("Entry", [], gc=False)])  # type: ignore[misc]  # a type made at run time


@cache
def _lister() -> msgspec.json.Decoder[Any]:
    """Reads the list of such an answer as it stands."""
    return _answers_with(msgspec.Raw)


def _answers_with(list_kind: Any) -> msgspec.json.Decoder[Any]:
    counts = [(name, int) for name in ("page", "limit", "total")]
    response = msgspec.defstruct("Response", [("list", list_kind), *counts])
    status = msgspec.defstruct("Status", [("code", Literal["200"]), ("message", str | None, None)])
    return msgspec.json.Decoder(msgspec.defstruct("Answer", [("metaData", status), ("response", response)]))


@cache
def _schema() -> pa.Schema:
    return pa.schema([pa.field(name, pa.string()) for name in names()])


@cache
def _form() -> pyarrow.json.ParseOptions:
    """An object with a list of entries, as the contract tells them."""
    fields: dict[str, dict[str, pa.DataType]] = {}
    for name in names():
        outer, _, inner = name.partition(".")
        fields.setdefault(outer, {}).update({inner: pa.string()} if inner else {})
    entry = pa.struct([(name, pa.struct([*inner.items()]) if inner else pa.string()) for name, inner in fields.items()])
    return pyarrow.json.ParseOptions(
        explicit_schema=pa.schema([("list", pa.list_(entry))]), unexpected_field_behavior="error"
    )


def flattened(entry: Mapping[str, Any]) -> dict[str, str | None]:
    """An entry as text by dotted names.

    >>> flattened({"nik": "01", "hakKelas": {"kode": 3}, "tglTAT": None})
    {'nik': '01', 'hakKelas.kode': '3', 'tglTAT': None}
    """
    return {name: _text(value) for name, value in _leaves(entry)}


def _leaves(entry: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in entry.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # JSON may hold half characters, which no file can
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return number_text(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _beside(entry: Mapping[str, str | None]) -> str | None:
    others = {name: entry[name] for name in sorted(entry.keys() - set(names())) if entry[name] is not None}
    return json.dumps(others) if others else None


def _count(value: Any) -> int:
    if isinstance(value, Decimal) and value.adjusted() > LONGEST_COUNT:
        raise ValueError
    return int(value)


def _no_constant(name: str) -> None:
    raise ValueError(name)
