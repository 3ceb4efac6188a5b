"""Writes workbooks that are broken, or that mean harm, as real files."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter

from kampungkb.contracts import contract
from tests.integration.validation_landing import Row, good_family, good_member

NAMES = {table.name: list(table.names) for table in contract("family_survey").tables}
Grid = list[list[Any]]
Write = Callable[[Path], object]


def grid(sheet: str, *rows: Row) -> Grid:
    """A header and rows as lists."""
    return [list(NAMES[sheet]), *([row.get(name) for name in NAMES[sheet]] for row in rows)]


def good_workbook(path: Path, family: int = 1) -> Path:
    """One family and its head, who break no rule."""
    return write(path, grid("KELUARGA", good_family(family)), grid("ANGGOTA", good_member(family)))


def write(path: Path, families: Grid, members: Grid) -> Path:
    with xlsxwriter.Workbook(path) as book:
        for name, rows in (("KELUARGA", families), ("ANGGOTA", members)):
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    (sheet.write_string if isinstance(cell, str) else sheet.write)(number, column, cell)
    return path


def with_families(families: Callable[[Grid], Grid], family: int = 1) -> Write:
    """A good workbook whose first sheet is changed."""
    return lambda path: write(
        path, families(grid("KELUARGA", good_family(family))), grid("ANGGOTA", good_member(family))
    )


def with_member(family: int = 1, **cells: Any) -> Write:
    """A good workbook whose member has other cells."""
    return lambda path: write(
        path, grid("KELUARGA", good_family(family)), grid("ANGGOTA", {**good_member(family), **cells})
    )


def with_parts(changes: dict[str, Callable[[bytes], bytes]], family: int = 1) -> Write:
    """A good workbook some of whose parts are rewritten; a part that is new starts empty."""

    def rewritten(path: Path) -> None:
        with zipfile.ZipFile(good_workbook(path, family)) as package:
            parts = {name: package.read(name) for name in package.namelist()}
        for name, change in changes.items():
            parts[name] = change(parts.get(name, b""))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
            for name, content in parts.items():
                package.writestr(name, content)

    return rewritten


def named(text: str, family: int = 1) -> Write:
    """A good workbook whose member has this name, as the XML writes it."""
    return with_parts({STRINGS: lambda xml: xml.replace(b"NAMA CONTOH", text.encode())}, family)


FAMILIES = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"


def document_type(subset: str, use: str) -> Callable[[bytes], bytes]:
    """Declare entities in a part and use one in its first text."""

    def change(xml: bytes) -> bytes:
        start = xml.find(b"<", 2) if xml.startswith(b"<?") else 0
        declared = xml[:start] + f"<!DOCTYPE x [{subset}]>".encode() + xml[start:]
        return declared.replace(b"KODE_KELUARGA", use.encode(), 1)

    return change


LAUGHS = "".join(
    [
        '<!ENTITY a0 "ha">',
        *(f'<!ENTITY a{n} "{"".join([f"&a{n - 1};"] * 10)}">' for n in range(1, 10)),
    ]
)


def sheet_xml(rows: str) -> bytes:
    """A sheet made of the given XML of rows."""
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{namespace}"><sheetData>{rows}</sheetData></worksheet>'.encode()


def two_million_empty_rows(before: bool, styled: bool) -> Callable[[bytes], bytes]:
    """Rows without any value below the sheet's own, or in their place."""

    def change(xml: bytes) -> bytes:
        cell = '<c r="A{0}" s="0"/>' if styled else ""
        rows = "".join(f'<row r="{n}">{cell.format(n)}</row>' for n in range(1 if before else 3, 2_000_001))
        return sheet_xml(rows) if before else xml.replace(b"</sheetData>", rows.encode() + b"</sheetData>")

    return change


def bomb(part: str, gigabytes: int, declared: int | None = None) -> Write:
    """A workbook one part of which unpacks to so many GiB of blanks, whatever size it declares."""

    def write_bomb(path: Path) -> None:
        deflate = zlib.compressobj(9, wbits=-15)
        block = deflate.compress(b" " * 2**24) + deflate.flush(zlib.Z_FULL_FLUSH)
        packed = block * (gigabytes * 64) + deflate.flush()
        with zipfile.ZipFile(good_workbook(path)) as package:
            parts = {name: package.read(name) for name in package.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
            for name, content in parts.items():
                if name != part:
                    package.writestr(name, content)
            entry = zipfile.ZipInfo(part)
            package.writestr(entry, packed, zipfile.ZIP_STORED)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = gigabytes * 2**30 if declared is None else declared

    return write_bomb


def endless_search(path: Path) -> None:
    """Error cells that are never closed: looking for the end of each takes the square of their number."""
    with_parts({FAMILIES: lambda xml: sheet_xml('<row r="1">' + '<c r="A1" t="e">' * 400_000 + "</row>")})(path)


def compound_file(*streams: str) -> Write:
    """An OLE compound file, as Office writes .xls and encrypted .xlsx."""
    return lambda path: path.write_bytes(_compound_file(streams))


def _compound_file(streams: Sequence[str]) -> bytes:
    """Header, sector table, directory, streams."""
    sector = 512
    names = ["Root Entry", *streams]
    count = len(streams)
    sizes = 8  # sectors a stream, the least that is not kept among the short ones
    table = [0xFFFFFFFD, 0xFFFFFFFE]
    for stream in range(count):
        first = 2 + stream * sizes
        table += [*range(first + 1, first + sizes), 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (sector // 4 - len(table))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII", bytes.fromhex("d0cf11e0a1b11ae1"), 0x3E, 3, 0xFFFE, 9, 6,
        0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0,
    ) + b"\xff" * 436  # fmt: skip
    directory = b""
    for number, name in enumerate(names):
        encoded = (name + "\0").encode("utf-16-le")
        start, size = (0xFFFFFFFE, 0) if number == 0 else (2 + (number - 1) * sizes, sizes * sector)
        right = number + 1 if 0 < number < count else 0xFFFFFFFF
        child = 1 if number == 0 else 0xFFFFFFFF
        directory += struct.pack(
            "<64sHBBIII36xIQ", encoded, len(encoded), 5 if number == 0 else 2, 1, 0xFFFFFFFF, right, child, start, size
        )
    directory = directory.ljust(sector, b"\0")
    content = b"\x09\x08\x10\x00\x00\x06\x05\x00".ljust(sizes * sector, b"\0") * count
    return header + struct.pack(f"<{len(table)}I", *table) + directory + content


def merged_headers(path: Path) -> None:
    """Titles merged across, and a header whose cells are merged over two rows."""
    with xlsxwriter.Workbook(path) as book:
        bold = book.add_format({"bold": True, "align": "center"})
        for name, row in (("KELUARGA", good_family(1)), ("ANGGOTA", good_member(1))):
            sheet = book.add_worksheet(name)
            sheet.merge_range(0, 0, 1, 9, "PENDATAAN KELUARGA 2026", bold)
            for column, title in enumerate(NAMES[name]):
                sheet.merge_range(2, column, 3, column, title, bold)
                sheet.write(4, column, row.get(title))


def formulas(path: Path) -> None:
    """Every cell a formula with a cached value, among them calls to other programs and to the web."""
    calls = ("=cmd|'/C calc'!A0", '=WEBSERVICE("http://127.0.0.1:9/")', '=HYPERLINK("http://127.0.0.1:9/")')
    with xlsxwriter.Workbook(path) as book:
        for name, row in (("KELUARGA", good_family(1)), ("ANGGOTA", good_member(1))):
            sheet = book.add_worksheet(name)
            for column, title in enumerate(NAMES[name]):
                sheet.write_formula(0, column, f'="{title}"', None, title)
                sheet.write_formula(1, column, calls[column % 3], None, row.get(title) or "")


def external_links(address: str) -> Write:
    """A good workbook with links to another one, by http and by file, in parts and in a formula."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = "http://schemas.openxmlformats.org/package/2006/relationships"
    link = (
        '<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<externalBook xmlns:r="{kind}" r:id="rId1"/></externalLink>'
    )

    def target(url: str) -> Callable[[bytes], bytes]:
        return lambda _: (
            f'<Relationships xmlns="{relation}"><Relationship Id="rId1" Type="{kind}/externalLinkPath" '
            f'Target="{url}" TargetMode="External"/></Relationships>'
        ).encode()

    def linked(xml: bytes) -> bytes:
        row = f'<c r="IV2" t="str"><f>[1]Sheet1!A1+WEBSERVICE("{address}")</f><v>cached</v></c></row></sheetData>'
        return xml.replace(b"</row></sheetData>", row.encode())

    return with_parts(
        {
            "xl/externalLinks/externalLink1.xml": lambda _: link.encode(),
            "xl/externalLinks/_rels/externalLink1.xml.rels": target(address),
            "xl/externalLinks/externalLink2.xml": lambda _: link.encode(),
            "xl/externalLinks/_rels/externalLink2.xml.rels": target("file:///etc/passwd"),
            FAMILIES: linked,
        }
    )


def protected_sheet(path: Path) -> None:
    """A sheet that may not be edited without a password; its content is open."""
    book = openpyxl.load_workbook(good_workbook(path))
    for sheet in book:
        sheet.protection.set_password("secret")
    book.save(path)


def other_archive(path: Path) -> None:
    """A spreadsheet of another kind, also a zip archive."""
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        package.writestr("content.xml", "<office:document-content xmlns:office='urn:x'/>")


def sparse(size: int) -> Write:
    """A file of the given size that takes no room on the disk."""

    def write_sparse(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return write_sparse


def split_header(rows: Grid) -> Grid:
    """Two header rows: the groups above, what belongs to them below."""
    header, *data = rows
    above = [name if not name.startswith("P.03") else "P.03" for name in header]
    below = [name if name.startswith("P.03") else None for name in header]
    return [above, below, *data]


def described_header(rows: Grid) -> Grid:
    """Two header rows: the names, and a second row that explains them."""
    header, *data = rows
    return [header, [f"isi {name}" for name in header], *data]


def titled(count: int) -> Callable[[Grid], Grid]:
    """So many title rows above the header."""
    return lambda rows: [[f"JUDUL {n}"] for n in range(count)] + rows


def wide(rows: Grid) -> Grid:
    """A sheet of 5,000 columns."""
    header, *data = rows
    return [
        [*header, *(f"X{n}" for n in range(len(header), 5000))],
        *([*row, *([1] * (5000 - len(row)))] for row in data),
    ]


def codes(rows: Sequence[Row]) -> list[str]:
    """The family codes of landed rows, sorted."""
    return sorted(str(row["KODE_KELUARGA"]) for row in rows)
