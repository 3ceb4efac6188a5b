"""What a page of the health insurance says: its entries, and how many there are in all.

Of an answer of the documented form, whose values are all text, Arrow makes columns at once, beside whatever else the
interpreter does; any other one is read value by value. Both give the same columns.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from itertools import zip_longest
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
class Page:
    """One page: its entries, the number of all entries as this page tells it (None where it does not), its size.

    `digest` tells its bytes, and the size that was asked for, from those of any other page. `texts` has a column of
    text for each of the contract's dotted names, in its order; what an entry does not name is null. `others` says, for
    each entry of a page that was read by value, what it says beyond the contract, as JSON.
    """

    total: int | None
    limit: int
    digest: str
    texts: pa.Table
    others: Sequence[str | None] = ()
    listed: Sequence[Mapping[str, Any]] | None = None
    body: bytes = b""

    @property
    def entries(self) -> int:
        """How many entries it has."""
        return self.texts.num_rows

    @property
    def of_texts(self) -> bool:
        """Whether it was read at once: every value is text, every field one of the contract."""
        return self.listed is None

    @property
    def columns(self) -> pa.Table:
        """Its entries as PostgreSQL can hold them: no value has U+0000."""
        if self.of_texts and b"\\u0000" not in self.body:
            return self.texts
        names: list[str] = self.texts.column_names
        columns: list[Any] = self.texts.combine_chunks().columns
        return pa.table([*map(storable, columns)], names=names)

    @cached_property
    def digests(self) -> list[int]:
        """A number for each entry, which is the same for the same entry, within one process."""
        parts: list[Any] = [*self.texts.columns, _BETWEEN]
        joined = pc.binary_join_element_wise(*parts, null_handling="replace", null_replacement=_NULL).to_pylist()
        return [
            hash(texts if beside is None else (texts, beside)) for texts, beside in zip_longest(joined, self.others)
        ]

    @cached_property
    def fields(self) -> frozenset[str]:
        """The dotted names of the fields that its entries have."""
        listed: Sequence[Mapping[str, Any]] = self.listed or json.loads(self.body)["response"]["list"]
        return frozenset(name for entry in listed for name, _ in _leaves(entry))

    def kinds(self, places: Sequence[int]) -> dict[str, Counter[str]]:
        """How often the fields of some entries have values of which kind, as JSON writes them; null has none."""
        counted: dict[str, Counter[str]] = {}
        if self.listed is None:
            some = self.texts.take(pa.array(places, pa.int64()))
            told = {name: len(places) - some[name].null_count for name in some.column_names}
            return {name: Counter({"text": count}) for name, count in told.items() if count}
        for name, value in (leaf for place in places for leaf in _leaves(self.listed[place])):
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
    return Page(None, limit, digest, _schema().empty_table())


def parse_page(body: bytes, limit: int) -> Page | str:
    """The content of an answer, or the code with which the service reports a fault.

    Raises :class:`UnreadableAnswer` where the body is no answer of the documented form.
    """
    try:
        response = _decoder().decode(body).response
        texts = _texts(bytes(response.list))
    except (msgspec.DecodeError, pa.ArrowInvalid, UnicodeDecodeError):
        return _parse_by_value(body, limit)
    return Page(response.total, max(1, response.limit or limit), page_digest(body, limit), texts, body=body)


def _texts(listed: bytes) -> pa.Table:
    """The columns of a well-formed JSON list of objects that have no other fields than the contract names, all of text.

    Raises :class:`pyarrow.ArrowInvalid` where it is another one. Arrow's reader may end the process over what is no
    object, or no JSON: what it is given here is both.
    """
    one = b'{"list":%b}' % listed.translate(_ONE_LINE)
    whole = pyarrow.json.ReadOptions(use_threads=False, block_size=len(one) + 1)
    buffer: Any = pa.BufferReader(one)  # the stubs know files alone
    read = pyarrow.json.read_json(buffer, read_options=whole, parse_options=_form())
    entries = pc.list_flatten(read["list"])
    if read["list"].null_count or entries.null_count:
        raise pa.ArrowInvalid("null is no entry")
    columns = [pc.struct_field(entries, name.split(".")) for name in names()]
    for column in columns:
        column.validate(full=True)
    return pa.table(columns, schema=_schema())


def _parse_by_value(body: bytes, limit: int) -> Page | str:
    """The same for any answer."""
    try:
        answer = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
        code = str(answer["metaData"]["code"]).strip()
        if code == "201":
            return page_of(page_digest(body, limit), limit)
        if code != "200":
            return code[:20]
        response = answer["response"]
        listed, total = response["list"], _count(response["total"])
        size = _count(response.get("limit") or limit)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UnreadableAnswer("the answer is cut short or not of the documented form") from None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise UnreadableAnswer("the answer is not of the documented form")
    rows = [flattened(entry) for entry in listed]
    texts = pa.table([pa.array([row.get(name) for row in rows], pa.string()) for name in names()], schema=_schema())
    return Page(total, max(1, size), page_digest(body, limit), texts, [*map(_beside, rows)], listed, body)


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    """Reads what an answer says about its list, and the list as it stands: its well-formed JSON."""
    counts = [(name, int) for name in ("page", "limit", "total")]
    response = msgspec.defstruct("Response", [("list", msgspec.Raw), *counts])
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
