"""Writes workbooks as people leave them: titles above, footers below, gaps between, columns in any order."""

import zipfile
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import xlsxwriter

from tests.generator import cells
from tests.generator.cells import NBSP, Cell, number, text
from tests.generator.expectation import Row
from tests.generator.survey import Workbook

Grid = dict[tuple[int, int], Cell]
SHEETS = (("KELUARGA", cells.FAMILY_COLUMNS), ("ANGGOTA", cells.MEMBER_COLUMNS))
DATE_FORMATS = ("dd/mm/yyyy", "yyyy-mm-dd", "[$-421]dd mmmm yyyy;@", "d-mmm-yy")


def style(rng: Random, **fixed: Any) -> dict[str, Any]:
    """How one workbook looks; the same style writes the same layout again."""
    return {
        "seed": rng.random(),
        "titles": rng.choice((0, 1, 4, 9)),
        "lead": rng.choice((0, 0, 1, 3)),
        "extras": rng.choice(((), ("CATATAN",), ("No", "Petugas", "CATATAN", "CATATAN", "", "P.27"))),
        "without": (),
        "writer": rng.choice(("xlsxwriter", "xlsxwriter", "openpyxl")),
        "options": rng.choice(({}, {"date_1904": True}, {"constant_memory": True})),
        **fixed,
    }


def _header(rng: Random, column: str) -> str:
    return rng.choice((column, column, column.lower(), f" {column} ", column.title(), f"{column}{NBSP}", f"{column}\n"))


def _titles(rng: Random, count: int, first_column: int) -> Grid:
    lines = (
        text("PENDATAAN KELUARGA"),
        text("Kolom KODE_KELUARGA wajib diisi 18 angka"),
        text("KODE KELUARGA"),
        Cell("date", date(2026, 1, 1)),
        number(2026),
        cells.BLANK,
        text("TOTAL ANGGARAN"),
    )
    chosen = {(row, first_column): rng.choice(lines) for row in range(count)}
    return {place: cell for place, cell in chosen.items() if cell.kind != "blank"}


def _sheet(book: Workbook, sheet: str, columns: tuple[str, ...], units: list[list[Row]], rng: Random) -> Grid:
    """Lay out a sheet and note where each row landed."""
    extras = [(f"*{i}" if i else "*", name) for i, name in enumerate(book.style["extras"])]
    order = [(column, _header(rng, column)) for column in columns if column not in book.style["without"]]
    order += [(key, name) for key, name in extras]
    rng.shuffle(order)
    lead = book.style["lead"]
    grid = _titles(rng, book.style["titles"], lead)
    top = book.style["titles"]
    grid.update({(top, lead + i): text(name) for i, (_, name) in enumerate(order) if name})
    at = top + 1
    units = list(units)
    rng.shuffle(units)
    for row in (row for unit in units for row in unit):
        if rng.random() < 0.05:  # a gap, sometimes of white space, or a subtotal in the middle
            if rng.random() < 0.5:
                grid[at, lead + 1] = text(f" {NBSP}")
            else:
                grid[at, 0] = text("JUMLAH KELUARGA: 12")
                grid[at, lead + 2] = number(12)
            at += 1
        for i, (column, _) in enumerate(order):
            cell = row.cells.get(column)
            if cell is None and column.startswith("*") and row.typed:
                cell = rng.choice((number(at), text("dicek"), cells.BLANK, Cell("error", "#N/A")))
            if cell is not None and cell.kind != "blank":
                grid[at, lead + i] = cell
        row.file, row.sheet, row.row_number = book.path, sheet, at + 1
        at += 1
    for label in ("TOTAL", "JUMLAH", "TOTAL KESELURUHAN"):
        if rng.random() < 0.6:
            at += rng.choice((0, 1, 3))
            grid[at, rng.choice((0, lead, lead + 3))] = text(label)
            grid[at, lead + 5] = number(99)
            at += 1
    return grid


def write(book: Workbook, folder: Path) -> None:
    """Write a workbook below the folder, under its path."""
    rng = Random(book.style["seed"])
    grids = {
        sheet: _sheet(book, sheet, columns, units, rng)
        for (sheet, columns), units in zip(SHEETS, (book.families, book.members), strict=True)
    }
    other: Grid = {(0, 0): text("KODE_KELUARGA"), (1, 0): text("bukan data"), (2, 0): number(1)}
    sheets = [("PETUNJUK", other), *grids.items(), ("KELUARGA (2)", other)]
    rng.shuffle(sheets)
    path = folder / book.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if book.style["writer"] == "openpyxl":
        _write_openpyxl(path, sheets)
    else:
        _write_xlsxwriter(path, sheets, book.style["options"], rng)


def _write_xlsxwriter(path: Path, sheets: list[tuple[str, Grid]], options: dict[str, Any], rng: Random) -> None:
    with xlsxwriter.Workbook(str(path), options) as book:
        dated = [book.add_format({"num_format": form}) for form in DATE_FORMATS]
        bold = book.add_format({"bold": True})
        epoch = date(1904, 1, 1) if options.get("date_1904") else date(1899, 12, 30)
        for name, grid in sheets:
            sheet = book.add_worksheet(name)
            for (row, column), cell in sorted(grid.items()):
                value, form = cell.value, rng.choice(dated)
                if cell.kind == "date" and cell.formula:
                    sheet.write_formula(row, column, "=TODAY()", form, (value - epoch).days)
                elif cell.kind == "date":
                    sheet.write_datetime(row, column, value, form)
                elif cell.formula or cell.kind == "error":
                    sheet.write_formula(row, column, "=VLOOKUP(A1,B:C,2,0)", None, value)
                elif cell.kind == "number":
                    sheet.write_number(row, column, value)
                elif cell.kind == "boolean":
                    sheet.write_boolean(row, column, value)
                elif cell.kind == "rich" and not options.get("constant_memory"):
                    sheet.write_rich_string(row, column, value[:4], bold, value[4:])
                else:
                    sheet.write_string(row, column, value)


def _write_openpyxl(path: Path, sheets: list[tuple[str, Grid]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, grid in sheets:
        sheet = book.create_sheet(name)
        for (row, column), cell in sorted(grid.items()):
            target = sheet.cell(row + 1, column + 1)
            target.value = cell.value
            if cell.kind in {"text", "rich"}:
                target.data_type = "s"
            if cell.kind == "date":
                target.number_format = "DD/MM/YYYY"
    book.save(path)


def write_unreadable(folder: Path, good: Workbook) -> list[str]:
    """Put one workbook of each kind that cannot be used below the folder; returns their paths."""
    made = {}

    def spoil(name: str, sheets: dict[str, list[list[str]]]) -> None:
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, lines in sheets.items():
            sheet = book.create_sheet(title)
            for line in lines:
                sheet.append(line)
        book.save(folder / name)
        made[name] = None

    families, members = list(cells.FAMILY_COLUMNS), list(cells.MEMBER_COLUMNS)
    (folder / "rusak").mkdir(exist_ok=True)
    spoil("rusak/tanpa_anggota.xlsx", {"KELUARGA": [families]})
    spoil("rusak/tanpa_keluarga.xlsx", {"ANGGOTA": [members], "Keluarga Data": [families]})
    spoil("rusak/tanpa_kolom.xlsx", {"KELUARGA": [[c for c in families if c != "P.13"]], "ANGGOTA": [members]})
    spoil("rusak/tanpa_nik.xlsx", {"KELUARGA": [families], "ANGGOTA": [[c for c in members if c != "K.01"]]})
    deep = [[f"judul {n}"] for n in range(16)]
    spoil("rusak/kepala_terlalu_bawah.xlsx", {"KELUARGA": [*deep, families], "ANGGOTA": [members]})
    spoil("rusak/tanpa_kepala.xlsx", {"KELUARGA": [["Kode Keluarga", "No KK"]], "ANGGOTA": [members]})
    raw = (folder / good.path).read_bytes()
    junk = {
        "rusak/bukan_zip.xlsx": b"nama;nik\nA;1\n",
        "rusak/kosong.xlsx": b"",
        "rusak/terpotong.xlsx": raw[: len(raw) // 2],
        "rusak/terkunci.xlsx": bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2048),
    }
    for name, content in junk.items():
        (folder / name).write_bytes(content)
        made[name] = None
    with zipfile.ZipFile(folder / "rusak/zip_lain.xlsx", "w") as archive:
        archive.writestr("baca.txt", "bukan buku kerja")
    made["rusak/zip_lain.xlsx"] = None
    return sorted(made)


def write_bystanders(folder: Path) -> None:
    """Files that are no workbooks of the survey and must be left alone."""
    (folder / "~$terbuka.xlsx").write_bytes(b"\x05admin")
    (folder / "rusak").mkdir(exist_ok=True)
    (folder / "rusak" / "~$data.xlsx").write_bytes(b"")
    (folder / "catatan.txt").write_text("bukan buku kerja", encoding="utf-8")
    (folder / "lama.xls").write_bytes(b"bukan buku kerja")
