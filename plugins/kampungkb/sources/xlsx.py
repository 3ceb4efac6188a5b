"""The file under a workbook: is it one we can read, and which of its cells hold errors?

The reader (calamine) gives an error cell as an empty one, so that `#N/A` could not be told from a blank; and it
believes what a file says about its own size. Both are settled here, on the bytes, before it is asked.
"""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable
from html import unescape
from xml.parsers import expat

from kampungkb.sources.cells import ErrorCell

MAX_BYTES = 200 * 1024**2
MAX_UNPACKED = 1024**3
MAX_COLUMNS = 256  # the columns A to IV
TALL = 100_000
TOO_LARGE = f"The file is larger than {MAX_BYTES // 1024**2} MB. Split it into one workbook a village."
PROLOGUE = 4096  # bytes of an XML part among which a document type would stand

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_BEYOND_IV = re.compile(rb"""\br=["'](?:[A-Z]{3}|[J-Z][A-Z]|I[W-Z])\d""")
_IN_TALL_ROW = re.compile(rb"""\br=["'][A-Z]{1,3}\d{6}""")
_ERROR = re.compile(rb"""<(?:\w+:)?c\s([^>]*\bt=["']e["'][^>/]*)(?:/>|>(.*?)</(?:\w+:)?c>)""", re.DOTALL)
_PLACE = re.compile(rb"""\br=["']([A-Z]+)(\d+)["']""")
_VALUE = re.compile(rb"<(?:\w+:)?v[^>]*>([^<]*)<")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError, OSError)
_DAMAGED = "The workbook is damaged inside. Open it in a spreadsheet program and save it again."
_CELL = re.compile(r"([A-Z]+)(\d+)$")


class Unreadable(Exception):
    """A workbook that cannot be used (rule F00): `reason` says what is wrong and what to do; `sheet` where."""

    def __init__(self, reason: str, sheet: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sheet = sheet


def open_package(content: bytes) -> zipfile.ZipFile:
    """The zip archive of a workbook; raises :class:`Unreadable` where it is none or too large."""
    if not content:
        raise Unreadable("The file is empty. Copy it again from its source.")
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise Unreadable("The workbook is password-protected. Remove the password and save it again.")
        raise Unreadable("The file is an old .xls workbook under the name .xlsx. Save it as .xlsx.")
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise Unreadable(
            "The file is not an .xlsx workbook (not a zip archive, or only half copied). "
            "Save it as .xlsx, or copy it again."
        ) from None
    entries = package.infolist()
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unreadable("The archive is password-protected. Remove the password and save it again.")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Unreadable(f"The file unpacks to more than {MAX_UNPACKED // 1024**2} MB. Delete empty rows and columns.")
    if not any(entry.filename.lower().endswith("xl/workbook.xml") for entry in entries):
        raise Unreadable("The file is another archive under the name .xlsx. Save the workbook as .xlsx.")
    if any(entry.compress_size > 2 * entry.file_size + 1024 for entry in entries):
        raise Unreadable(_DAMAGED)  # packed larger than unpacked: the size it declares is not the true one
    for entry in entries:
        if entry.filename.lower().endswith((".xml", ".rels")):
            _check_prologue(package, entry)
    return package


def _check_prologue(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """No part of a workbook has a document type, the door to entities that grow or reach out, or is not UTF-8."""
    try:
        with package.open(entry) as part:
            start = part.read(PROLOGUE)
    except _DAMAGE:
        raise Unreadable(_DAMAGED) from None
    if b"<!DOCTYPE" in start:
        raise Unreadable("The workbook declares a document type, which no spreadsheet program writes. Save it again.")
    if b"\0" in start:
        raise Unreadable("The workbook's XML is not UTF-8. Open it in a spreadsheet program and save it again.")


def error_cells(package: zipfile.ZipFile, sheet: str) -> dict[tuple[int, int], ErrorCell]:
    """The error cells of a sheet by (row, column), both from 0 at A1.

    Raises :class:`Unreadable` where the sheet's part is missing, damaged, wider than :data:`MAX_COLUMNS`, or holds
    a stray cell far below its rows.
    """
    xml = _sheet_part(package, sheet)
    # The reader makes room for every cell between the outermost ones, so one stray cell can cost gigabytes.
    if _BEYOND_IV.search(xml):
        raise Unreadable(f"The sheet has more than {MAX_COLUMNS} columns. Delete those beyond the form.", sheet)
    if _IN_TALL_ROW.search(xml) and xml.count(b"<row") < TALL // 4:
        raise Unreadable(f"A stray cell stands below row {TALL}. Delete the empty rows above it, and the cell.", sheet)
    if b't="e"' not in xml and b"t='e'" not in xml:
        return {}
    found = _referenced_errors(xml)
    return _counted_errors(xml) if found is None else found


def _referenced_errors(xml: bytes) -> dict[tuple[int, int], ErrorCell] | None:
    """The error cells by the reference each carries; None where one carries none."""
    found = {}
    for cell in _ERROR.finditer(xml):
        place = _PLACE.search(cell[1])
        if place is None:
            return None
        value = _VALUE.search(cell[2] or b"")
        text = unescape(value[1].decode("utf-8", "replace")) if value else ""
        found[int(place[2]) - 1, _column_index(place[1].decode())] = ErrorCell(text or "#ERROR")
    return found


def _counted_errors(xml: bytes) -> dict[tuple[int, int], ErrorCell]:
    """The error cells by counting rows and cells, some twenty times slower."""
    scan = _ErrorScan()
    _walk(xml, scan.start, scan.end, scan.characters)
    return scan.found


def _sheet_part(package: zipfile.ZipFile, sheet: str) -> bytes:
    """The XML of a sheet, found by way of the workbook's relationships."""
    parts: dict[str, str] = {}
    ids: dict[str, str] = {}

    def workbook(tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet" and attributes.get("name") == sheet:
            ids[sheet] = next((value for key, value in attributes.items() if key.split(":")[-1] == "id"), "")

    def relationship(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship":
            parts[attributes.get("Id", "")] = attributes.get("Target", "")

    try:
        _walk(_read(package, "xl/workbook.xml"), workbook)
        _walk(_read(package, "xl/_rels/workbook.xml.rels"), relationship)
        target = parts[ids[sheet]]
        return _read(package, target[1:] if target.startswith("/") else posixpath.normpath(f"xl/{target}"))
    except (KeyError, expat.ExpatError, *_DAMAGE):
        raise Unreadable(_DAMAGED) from None


def _read(package: zipfile.ZipFile, name: str) -> bytes:
    names = {entry.lower().replace("\\", "/"): entry for entry in package.namelist()}
    xml = package.read(names[name.lower()])
    if b"<!DOCTYPE" in xml:
        raise Unreadable("The workbook declares a document type, which no spreadsheet program writes. Save it again.")
    return xml


def _walk(
    xml: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    characters: Callable[[str], None] | None = None,
) -> None:
    """Call back for each element under its name without prefix."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition(":")[2], attributes)
    if end is not None:
        parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2])
    if characters is not None:
        parser.CharacterDataHandler = characters
    parser.Parse(xml, True)


class _ErrorScan:
    """Follows rows and cells; a row or cell without a reference stands after the one before it."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, int], ErrorCell] = {}
        self._row = self._column = -1
        self._in_error = self._in_value = False
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A row, cell or value begins."""
        if tag == "c":
            place = _CELL.match(attributes.get("r", ""))
            self._column = _column_index(place[1]) if place else self._column + 1
            self._in_error, self._text = attributes.get("t") == "e", ""
        elif tag == "row":
            self._row = int(attributes["r"]) - 1 if "r" in attributes else self._row + 1
            self._column = -1
        elif tag == "v":
            self._in_value = self._in_error

    def characters(self, text: str) -> None:
        """Text of a value."""
        if self._in_value:
            self._text += text

    def end(self, tag: str) -> None:
        """A cell or value ends."""
        if tag == "v":
            self._in_value = False
        elif tag == "c" and self._in_error:
            self.found[self._row, self._column] = ErrorCell(self._text or "#ERROR")


def _column_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def column_letters(index: int) -> str:
    """The letters of a column, from 0.

    >>> column_letters(0), column_letters(25), column_letters(26)
    ('A', 'Z', 'AA')
    """
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
