"""Lay the survey's cells out in workbooks and write them; the same cells make the same bytes."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xlsxwriter  # type: ignore[import-untyped]
from numpy.random import Generator
from xlsxwriter.format import Format  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from kampungkb.sample.cells import ErrorCell
from kampungkb.sample.frames import Array, Frame

KELUARGA, ANGGOTA = "KELUARGA", "ANGGOTA"
DROPPABLE = {KELUARGA: ("RT", "RW", "ALAMAT"), ANGGOTA: ("K.05",)}
GREATEST_TITLE_ROWS = 12
TOO_MANY_TITLE_ROWS = 20
_SERIAL_ZERO = datetime.date(1899, 12, 30).toordinal()
_CREATED = datetime.datetime(2021, 4, 1)  # a workbook's clock has no zone


@dataclass(frozen=True)
class Layout:
    """Where a sheet's cells stand: `titles` rows, the header, the data with one empty row before `gap` (-1: none)."""

    name: str
    columns: tuple[str, ...]
    headers: tuple[str, ...]
    titles: tuple[str, ...]
    gap: int
    remark: bool

    def row_numbers(self, count: int) -> Array:
        """The row numbers of the data rows as the spreadsheet shows them, from 1."""
        places = np.arange(count)
        return len(self.titles) + 2 + places + ((self.gap >= 0) & (places >= self.gap))


@dataclass(frozen=True)
class Workbook:
    """One workbook to write: its sheets in order, each with its rows, and what is wrong with it, if anything."""

    path: Path
    sheets: tuple[tuple[Layout, list[tuple[object, ...]]], ...]
    broken: str | None = None


BREAKAGES = ("not a zip file", "no sheet ANGGOTA", "no column K.01", "header too deep")


def draw_layout(rng: Generator, name: str, columns: Sequence[str], village: str, rows: int) -> Layout:
    """A layout of its own for a sheet: title rows, order of columns, spelling of headers, gaps and remarks."""
    dropped = set(DROPPABLE[name]) if rng.random() < 0.08 else set()
    kept = [column for column in columns if column not in dropped]
    if rng.random() < 0.3:
        kept = [kept[place] for place in rng.permutation(len(kept))]
    spelling = rng.random()
    headers = [column.lower() if spelling < 0.15 else f" {column} " if spelling < 0.25 else column for column in kept]
    titles = [
        f"PENDATAAN KELUARGA – {name}",
        f"DESA/KELURAHAN {village.upper()}",
        "",
        "Data contoh, bukan data sebenarnya",
    ]
    titles += [f"Catatan {place}" for place in range(GREATEST_TITLE_ROWS - len(titles))]
    gap = int(rng.integers(1, rows)) if rows > 2 and rng.random() < 0.2 else -1
    return Layout(
        name,
        tuple(kept),
        tuple(headers),
        tuple(titles[: int(rng.integers(0, len(titles) + 1))]),
        gap,
        bool(rng.random() < 0.15),
    )


def rows_of(layout: Layout, cells: Frame, rows: Array) -> list[tuple[object, ...]]:
    """The cells of these rows, in the layout's order of columns."""
    return list(zip(*(cells[column][rows].tolist() for column in layout.columns), strict=True))


_Write = Callable[[Worksheet, int, int, Any, Format], object]
_WRITERS: dict[type, _Write] = {
    str: lambda sheet, row, column, value, _: sheet.write_string(row, column, value) if value else None,
    int: lambda sheet, row, column, value, _: sheet.write_number(row, column, value),
    float: lambda sheet, row, column, value, _: sheet.write_number(row, column, value),
    datetime.date: lambda sheet, row, column, value, date: sheet.write_number(
        row, column, value.toordinal() - _SERIAL_ZERO, date
    ),
    ErrorCell: lambda sheet, row, column, value, _: sheet.write_formula(row, column, "=NA()", None, str(value)),
    type(None): lambda *_: None,
}


def _write_row(sheet: Worksheet, row: int, values: Sequence[object], date: Format) -> None:
    for column, value in enumerate(values):
        _WRITERS[type(value)](sheet, row, column, value, date)


def _write_sheet(sheet: Worksheet, layout: Layout, rows: Sequence[Sequence[object]], date: Format) -> None:
    for row, title in enumerate(layout.titles):
        _write_row(sheet, row, [title], date)
    header = len(layout.titles)
    _write_row(sheet, header, [*layout.headers, *(["CATATAN PETUGAS"] if layout.remark else [])], date)
    numbers = (layout.row_numbers(len(rows)) - 1).tolist()
    for row, values in zip(numbers, rows, strict=True):
        _write_row(sheet, row, [*values, "sudah dicek"] if layout.remark and row % 3 == 0 else values, date)
    footer = numbers[-1] + 2 if rows else header + 1
    _write_row(sheet, footer, ["JUMLAH", len(rows)], date)


def _without(column: str, layout: Layout, rows: list[tuple[object, ...]]) -> tuple[Layout, list[tuple[object, ...]]]:
    kept = [place for place, name in enumerate(layout.columns) if name != column]
    less = Layout(
        layout.name,
        tuple(layout.columns[place] for place in kept),
        tuple(layout.headers[place] for place in kept),
        layout.titles,
        layout.gap,
        layout.remark,
    )
    return less, [tuple(row[place] for place in kept) for row in rows]


def _damaged(workbook: Workbook) -> Workbook:
    sheets = workbook.sheets
    if workbook.broken == "no sheet ANGGOTA":
        sheets = tuple(sheet for sheet in sheets if sheet[0].name != ANGGOTA)
    if workbook.broken == "no column K.01":
        sheets = tuple(_without("K.01", *sheet) if sheet[0].name == ANGGOTA else sheet for sheet in sheets)
    if workbook.broken == "header too deep":
        deep = tuple(f"Catatan {row}" for row in range(TOO_MANY_TITLE_ROWS))
        sheets = tuple(
            (Layout(layout.name, layout.columns, layout.headers, deep, layout.gap, layout.remark), rows)
            for layout, rows in sheets
        )
    return Workbook(workbook.path, sheets, workbook.broken)


def write_workbook(workbook: Workbook) -> None:
    """Write one workbook: its sheets and a sheet of instructions."""
    workbook = _damaged(workbook)
    book = xlsxwriter.Workbook(workbook.path, {"constant_memory": True})
    book.set_properties({"title": "Data contoh", "created": _CREATED})
    date = book.add_format({"num_format": "dd/mm/yyyy"})
    for layout, rows in workbook.sheets:
        _write_sheet(book.add_worksheet(layout.name), layout, rows, date)
    notes = book.add_worksheet("PETUNJUK")
    notes.write_string(0, 0, "Isi satu baris untuk setiap keluarga dan setiap anggota. Data contoh.")
    book.close()
    if workbook.broken == "not a zip file":
        workbook.path.write_bytes(workbook.path.read_bytes()[100:])
