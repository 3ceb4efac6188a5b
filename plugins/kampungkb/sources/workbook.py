"""One workbook: find each sheet's header, turn its rows into text, write them as Parquet parts.

What comes in: the path of a workbook. What goes out: one part a sheet and a :class:`Parsed`. What can go wrong with
the file ends in a `Parsed` with `status` `rejected` and a reason, never in an exception: no workbook may stop
another.
"""

import errno
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, load_workbook

from kampungkb.contracts import Contract, Table
from kampungkb.sources.cells import Cell, first_value, is_blank, is_footer, kind_of, storable, text_of
from kampungkb.sources.protocol import Drift
from kampungkb.sources.xlsx import MAX_BYTES, TOO_LARGE, Unreadable, column_letters, error_cells, open_package

HEADER_ROWS = 16
MARK = "KODE_KELUARGA"


@dataclass(frozen=True)
class Parsed:
    """What became of one workbook: `status` is `read` or `rejected` (rule F00, with the reason)."""

    file: str
    sha256: str | None
    status: str
    reason: str | None = None
    sheet: str | None = None
    drift: tuple[Drift, ...] = ()


@dataclass(frozen=True)
class _Header:
    """Where the columns of a sheet stand: positions by contract name, and those the contract does not know."""

    row: int
    known: dict[str, int]
    unknown: dict[str, int]
    drift: tuple[Drift, ...]


def schema_of(table: Table) -> pa.Schema:
    """The columns of a landed sheet, in order."""
    kinds = [f"{column.name}__cell" for column in table.of_kind("identity")]
    types: dict[str, pa.DataType] = dict.fromkeys(
        ("file", "sheet", "row_number", *table.names, *kinds, "extra"), pa.string()
    )
    return pa.schema(types | {"row_number": pa.int32()})


def parse_workbook(path: Path, file: str, contract: Contract, parts: dict[str, Path]) -> Parsed:
    """Read one workbook into the given part files (by table name); a bad one writes none."""
    try:
        if not path.is_file():
            raise OSError(errno.ENOENT, "no such file, or not an ordinary one")
        if path.stat().st_size > MAX_BYTES:
            return Parsed(file, sha256_of(path), "rejected", TOO_LARGE)
        content = path.read_bytes()
    except OSError as fault:
        reason = f"The file cannot be read ({fault.strerror}). Check that it exists and its permissions."
        return Parsed(file, None, "rejected", reason)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        drift = _read(content, file, contract, parts)
    except Unreadable as fault:
        return Parsed(file, sha256, "rejected", fault.reason, fault.sheet)
    return Parsed(file, sha256, "read", drift=drift)


def sha256_of(path: Path) -> str | None:
    """The checksum of an ordinary file; None where it cannot be read, or is a pipe or a device and has no end."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _read(content: bytes, file: str, contract: Contract, parts: dict[str, Path]) -> tuple[Drift, ...]:
    tables: dict[str, pa.Table] = {}
    drift: list[Drift] = []
    with open_package(content) as package, _open(content) as workbook:
        for table in contract.tables:
            name = _sheet_name(workbook, table.name)
            rows, first = _rows(workbook, package, name)
            header = find_header(rows, first, table, name)
            drift += header.drift
            tables[table.name] = _table(rows, first, header, table, file, name)
    for table_name, part in parts.items():
        pq.write_table(tables[table_name], part)
    return tuple(drift)


def _open(content: bytes) -> CalamineWorkbook:
    try:
        return load_workbook(io.BytesIO(content))
    except CalamineError as fault:
        raise Unreadable(f"The workbook cannot be opened ({fault}). Save it again as .xlsx.") from None


def _sheet_name(workbook: CalamineWorkbook, wanted: str) -> str:
    """The sheet's name as the workbook writes it; spreadsheet programs do not tell names apart by case."""
    for name in workbook.sheet_names:
        if name.strip().upper() == wanted:
            return name
    found = ", ".join(workbook.sheet_names) or "none"
    raise Unreadable(f"The sheet {wanted} is missing (found: {found}). Add it, or rename the right one.", wanted)


def _rows(workbook: CalamineWorkbook, package: zipfile.ZipFile, name: str) -> tuple[list[list[Cell]], int]:
    """The rows of a sheet, error cells included, and the index of the first one (0 for the sheet's row 1)."""
    errors = error_cells(package, name)
    try:
        sheet: CalamineSheet = workbook.get_sheet_by_name(name)
        rows = cast(list[list[Cell]], sheet.to_python())
    except CalamineError as fault:
        raise Unreadable(f"The sheet cannot be read ({fault}). Save the workbook again as .xlsx.", name) from None
    if sheet.start is None:
        return [], 0
    top, left = sheet.start
    for (row, column), error in errors.items():
        rows[row - top][column - left] = error
    return rows, top


def find_header(rows: Sequence[Sequence[Cell]], first: int, table: Table, sheet: str) -> _Header:
    """The header: the first of the sheet's 16 top rows that holds KODE_KELUARGA, trimmed and without case.

    Raises :class:`Unreadable` where there is none, or where it lacks a required column.
    """
    for index, row in enumerate(rows[: max(0, HEADER_ROWS - first)]):
        if any(_name(cell) == MARK for cell in row):
            return _columns(index, first + index + 1, row, table, sheet)
    raise Unreadable(
        f"None of the first {HEADER_ROWS} rows holds the column name {MARK}. "
        f"Put the header row, at most {HEADER_ROWS - 1} title rows below the top, into the sheet.",
        sheet,
    )


def _columns(index: int, number: int, row: Sequence[Cell], table: Table, sheet: str) -> _Header:
    official = {name.upper(): name for name in table.names}
    known: dict[str, int] = {}
    unknown: dict[str, int] = {}
    drift = []
    for position, cell in enumerate(row):
        name = official.get(_name(cell))
        if name is not None and name not in known:
            known[name] = position
            continue
        if name is not None:
            drift.append(Drift(table=table.name, column=name, change="repeated"))
        label = (text_of(cell) or "").strip()[:100] or f"({column_letters(position)})"
        if not is_blank(cell) and name is None:
            drift.append(Drift(table=table.name, column=label, change="unknown"))
        unknown[label if label not in unknown else f"{label} ({column_letters(position)})"] = position
    missing = [name for name in table.needed if name not in known]
    if missing:
        noun = "column" if len(missing) == 1 else "columns"
        raise Unreadable(
            f"Required {noun} missing: {', '.join(missing)}. Add to the header row (row {number}): "
            "all names stand in that one row, each in a cell of its own.",
            sheet,
        )
    absent = [name for name in table.names if name not in known]
    drift += [Drift(table=table.name, column=name, change="missing") for name in absent]
    return _Header(index, known, unknown, tuple(drift))


def _name(cell: Cell) -> str:
    return (text_of(cell) or "").strip().upper()


def _table(
    rows: Sequence[Sequence[Cell]], first: int, header: _Header, table: Table, file: str, sheet: str
) -> pa.Table:
    """The data rows below the header as text; empty rows and footers are left out."""
    numbers, kept = [], []
    for index in range(header.row + 1, len(rows)):
        leading = first_value(rows[index])
        if leading is not None and not is_footer(leading):
            numbers.append(first + index + 1)
            kept.append(rows[index])
    cells: dict[str, Sequence[Cell]] = {name: [r[at] for r in kept] for name, at in header.known.items()}
    empty: Sequence[Cell] = [None] * len(kept)
    columns = {name: texts(cells.get(name, empty)) for name in table.names}
    kinds = {
        f"{column.name}__cell": pa.array([kind_of(c) for c in cells.get(column.name, empty)], pa.string())
        for column in table.of_kind("identity")
    }
    extra = pa.array([_extra(row, header.unknown) for row in kept], pa.string())
    place: dict[str, Any] = {
        "file": pa.array([file] * len(kept), pa.string()),
        "sheet": pa.array([sheet] * len(kept), pa.string()),
        "row_number": pa.array(numbers, pa.int32()),
    }
    return pa.table({**place, **columns, **kinds, "extra": extra}, schema=schema_of(table))


def texts(cells: Sequence[Cell]) -> pa.StringArray:
    """A column of cells as text, null where empty; numbers of a column repeat, so each is converted once."""
    if set(map(type, cells)) <= {str}:
        return storable(pa.array([cell or None for cell in cells], pa.string()))
    seen: dict[float, str | None] = {}
    out: list[str | None] = []
    for cell in cells:
        if type(cell) is float:
            if cell not in seen:
                seen[cell] = text_of(cell)
            out.append(seen[cell])
        else:
            out.append(text_of(cell))
    return storable(pa.array(out, pa.string()))


def _extra(row: Sequence[Cell], unknown: dict[str, int]) -> str | None:
    if not unknown:
        return None
    values = {name: text for name, at in unknown.items() if (text := text_of(row[at])) is not None}
    return json.dumps(values, ensure_ascii=False) if values else None


def merged_drift(drifts: Sequence[Drift]) -> tuple[Drift, ...]:
    """One entry a column and change, with the number of workbooks that show it."""
    counts = Counter((drift.table, drift.column, drift.change) for drift in drifts)
    return tuple(
        Drift(table=table, column=column, change=change, files=count)
        for (table, column, change), count in sorted(counts.items())
    )
