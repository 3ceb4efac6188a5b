"""The entries that the insurance server offers: kept as Arrow, found by regency and date, rendered page by page."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kampungkb.errors import ConfigurationError

REGENCY = "kodeKabupaten"
_Render = Callable[[NDArray[np.int64]], Sequence[Any]]
"""Gives the entries at some places as objects that msgspec writes as JSON."""


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """An entry with dotted names as the API nests it; the regency the office filters by is not part of it.

    >>> nested({"noKartu": "1", "hakKelas.kode": "3", "kodeKabupaten": "2104"})
    {'noKartu': '1', 'hakKelas': {'kode': '3'}}
    """
    entry: dict[str, Any] = {}
    for name, value in flat.items():
        if name == REGENCY:
            continue
        outer, _, inner = name.partition(".")
        if inner:
            entry.setdefault(outer, {})[inner] = value
        else:
            entry[name] = value
    return entry


def _columns_of_fields(names: Sequence[str]) -> dict[str, str | dict[str, str]]:
    """The column of each field of an entry; of a field with fields of its own, the columns of these."""
    fields: dict[str, Any] = {}
    for name in names:
        outer, _, inner = name.partition(".")
        if inner:
            fields.setdefault(outer, {})[inner] = name
        else:
            fields[name] = name
    return fields


def _object_type(fields: Iterable[str]) -> type[msgspec.Struct]:
    """A type of objects with these fields; they are made and written as JSON in a third of the time of a dict's."""
    names = {f"field_{number}": field for number, field in enumerate(fields)}
    return msgspec.defstruct("Entry", [(name, Any) for name in names], rename=names, gc=False)


def _values(column: "pa.ChunkedArray[Any]") -> list[Any]:
    """The values of a column; texts by way of numpy, which makes them in half the time."""
    values: list[Any] = column.to_numpy().tolist() if column.type == pa.string() else column.to_pylist()
    return values


def _renderer(table: pa.Table) -> _Render:
    """Makes the entries at some rows of a table with dotted columns, nested as :func:`nested` nests one of them."""
    fields = _columns_of_fields(table.column_names)
    inner = {field: _object_type(columns) for field, columns in fields.items() if isinstance(columns, dict)}
    entry = _object_type(fields)

    def render(positions: NDArray[np.int64]) -> list[msgspec.Struct]:
        rows = table.take(positions)
        values = {name: _values(rows[name]) for name in rows.column_names}
        of_fields = (
            [*map(inner[field], *(values[each] for each in columns.values()))]
            if isinstance(columns, dict)
            else values[columns]
            for field, columns in fields.items()
        )
        return [*map(entry, *of_fields)]

    return render


def _instant(text: Any) -> float:
    """Seconds since 1970; infinite for what is no instant, so that no incremental request misses the entry."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return float("inf")


def _regency(declared: Any, village: Any) -> str:
    """Four digits, or empty where nothing tells: such an entry is offered to every regency."""
    if declared is not None:
        return str(declared)
    return village[:4] if isinstance(village, str) and village[:4].isdigit() else ""


class Entries:
    """Entries in their order. `select` gives the positions a request asks for, `render` their JSON objects."""

    def __init__(self, render: _Render, regencies: list[str], updated: Callable[[], list[Any]]) -> None:
        self.render = render
        self._regencies = np.array(regencies, dtype="U4")
        self._updated = updated
        self.select = lru_cache(maxsize=16)(self._select)

    @cached_property
    def _instants(self) -> NDArray[np.float64]:
        """Read at the first incremental request: a full one does not need them."""
        return np.array([_instant(text) for text in self._updated()], dtype=np.float64)

    def _select(self, regency: str, since: float | None) -> NDArray[np.int64]:
        wanted = (self._regencies == regency) | (self._regencies == "")
        if since is not None:
            wanted &= self._instants >= since
        return np.flatnonzero(wanted).astype(np.int64)


def _from_parquet(path: Path) -> Entries:
    table = pq.read_table(path).combine_chunks()  # one chunk: rows are taken from several by copying all of them
    names = set(table.column_names)
    villages = table["kodeDesa"].to_pylist()
    declared = table[REGENCY].to_pylist() if REGENCY in names else [None] * len(villages)

    return Entries(
        _renderer(table.drop_columns([REGENCY] if REGENCY in names else [])),
        [_regency(known, village) for known, village in zip(declared, villages, strict=True)],
        table["updatedAt"].to_pylist,
    )


def _from_json_lines(path: Path) -> Entries:
    with path.open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines if line.strip()]
    return Entries(
        lambda positions: [nested(entries[place]) for place in positions],
        [_regency(entry.get(REGENCY), entry.get("kodeDesa")) for entry in entries],
        lambda: [entry.get("updatedAt") for entry in entries],
    )


def read_entries(path: Path) -> Entries:
    """Read entries from Parquet (dotted column names) or from JSON lines (`.jsonl`, nested as the API answers).

    Raises :class:`ConfigurationError` where the file is missing or is neither.
    """
    reader = _from_json_lines if path.suffix == ".jsonl" else _from_parquet
    try:
        return reader(path)
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        raise ConfigurationError(
            f"The entries of the insurance server cannot be read from {path.name}: "
            "give a Parquet file with the columns of the contract, or JSON lines (.jsonl)."
        ) from None
