"""What a page of the health insurance says: its entries, and how many there are in all.

An answer of the documented form, whose values are all text, is read by msgspec into objects made from the contract, in
a tenth of the time; any other one value by value. Both give the same columns.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, Literal

import msgspec

from kampungkb.connections import HEALTH_INSURANCE
from kampungkb.contracts import contract
from kampungkb.sources.cells import number_text

LONGEST_COUNT = 18  # digits; the integer of 1e999999999 would take hours

_KINDS: Mapping[type, str] = {str: "text", bool: "boolean", int: "number", Decimal: "number"}


class UnreadableAnswer(ValueError):
    """A body that is no answer of the service."""


@dataclass(frozen=True)
class Page:
    """One page: its entries, the number of all entries as this page tells it (None where it does not), its size.

    `digest` tells its bytes, and the size that was asked for, from those of any other page.
    """

    total: int | None
    limit: int
    digest: str
    listed: Sequence[Any] = ()
    body: bytes = b""
    of_texts: bool = False

    @property
    def entries(self) -> int:
        """How many entries it has."""
        return len(self.listed)

    @cached_property
    def rows(self) -> list[tuple[str | None, ...]]:
        """The entries as text, each with the values of the contract's dotted names, in its order.

        What an entry does not name is null. What it says beyond the contract follows as JSON, where it says anything.
        """
        if not self.of_texts:
            return [*map(_row, map(flattened, self.listed))]
        try:
            return [*map(_reader(), self.listed)]
        except AttributeError:  # an object that is null
            return [*zip(*(_values(self.listed, name) for name in names()), strict=True)]

    @property
    def may_hold_nul(self) -> bool:
        """Whether U+0000 can stand in a value."""
        return not self.of_texts or b"\\u0000" in self.body

    @cached_property
    def fields(self) -> frozenset[str]:
        """The dotted names of the fields that its entries have."""
        listed = json.loads(self.body)["response"]["list"] if self.of_texts else self.listed
        return frozenset(name for entry in listed for name, _ in _leaves(entry))

    def kinds(self, places: Sequence[int]) -> dict[str, Counter[str]]:
        """How often the fields of some entries have values of which kind, as JSON writes them; null has none."""
        if self.of_texts:
            columns = zip(names(), zip(*(self.rows[place] for place in places), strict=True), strict=False)
            texts = {name: len(values) - values.count(None) for name, values in columns}
            return {name: Counter({"text": count}) for name, count in texts.items() if count}
        counted: dict[str, Counter[str]] = {}
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


def parse_page(body: bytes, limit: int) -> Page | str:
    """The content of an answer, or the code with which the service reports a fault.

    Raises :class:`UnreadableAnswer` where the body is no answer of the documented form.
    """
    try:
        response = _decoder().decode(body).response
    except msgspec.DecodeError:
        return _parse_by_value(body, limit)
    size = max(1, response.limit or limit)
    return Page(response.total, size, page_digest(body, limit), response.list, body, of_texts=True)


def _parse_by_value(body: bytes, limit: int) -> Page | str:
    """The same for any answer."""
    try:
        answer = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
        code = str(answer["metaData"]["code"]).strip()
        if code == "201":
            return Page(None, limit, page_digest(body, limit))
        if code != "200":
            return code[:20]
        response = answer["response"]
        listed, total = response["list"], _count(response["total"])
        size = _count(response.get("limit") or limit)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UnreadableAnswer("the answer is cut short or not of the documented form") from None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise UnreadableAnswer("the answer is not of the documented form")
    return Page(total, max(1, size), page_digest(body, limit), listed, body)


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    """Reads answers with entries that have no other fields than the contract names, and no value that is no text."""
    fields: dict[str, Any] = {}
    for name in names():
        outer, _, inner = name.rpartition(".")
        (fields.setdefault(outer, {}) if outer else fields)[inner] = str | None
    kinds = {name: _object(kind) | None if isinstance(kind, dict) else kind for name, kind in fields.items()}
    counts = [(name, int) for name in ("page", "limit", "total")]
    response = msgspec.defstruct("Response", [("list", list[_object(kinds)]), *counts])  # type: ignore[misc]
    status = msgspec.defstruct("Status", [("code", Literal["200"]), ("message", str | None, None)])
    return msgspec.json.Decoder(msgspec.defstruct("Answer", [("metaData", status), ("response", response)]))


def _object(fields: Mapping[str, Any]) -> Any:
    """The type of an object with some of these fields and no others."""
    told = [(name, kind, None) for name, kind in fields.items()]
    return msgspec.defstruct("Entry", told, forbid_unknown_fields=True, gc=False)


@cache
def _reader() -> Callable[[Any], tuple[str | None, ...]]:
    """Gives the values of an object of the contract, all at once."""
    return attrgetter(*names())


def _values(entries: Sequence[Any], name: str) -> list[str | None]:
    outer, _, inner = name.rpartition(".")
    holders = (getattr(entry, outer) for entry in entries) if outer else entries
    return [None if holder is None else getattr(holder, inner) for holder in holders]


def flattened(entry: dict[str, Any]) -> dict[str, str | None]:
    """An entry as text by dotted names.

    >>> flattened({"nik": "01", "hakKelas": {"kode": 3}, "tglTAT": None})
    {'nik': '01', 'hakKelas.kode': '3', 'tglTAT': None}
    """
    return {name: _text(value) for name, value in _leaves(entry)}


def _leaves(entry: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
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


def _row(entry: Mapping[str, str | None]) -> tuple[str | None, ...]:
    others = {name: entry[name] for name in sorted(entry.keys() - set(names())) if entry[name] is not None}
    beside = (json.dumps(others),) if others else ()
    return (*map(entry.get, names()), *beside)


def _count(value: Any) -> int:
    if isinstance(value, Decimal) and value.adjusted() > LONGEST_COUNT:
        raise ValueError
    return int(value)


def _no_constant(name: str) -> None:
    raise ValueError(name)
