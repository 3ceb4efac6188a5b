"""The quarantine as a workbook that goes back to the village: where each problem is, what is wrong, what to do."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill

from kampungkb.reporting.messages import message
from kampungkb.ui.reading import Row
from kampungkb.ui.words import words

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Column of the statement, and its width in the sheet.
_COLUMNS = {
    "village": 22,
    "file": 34,
    "sheet": 12,
    "row_number": 10,
    "column_name": 14,
    "rule": 8,
    "action": 18,
    "reason": 60,
    "fix": 60,
    "first_seen": 14,
}
_LANGUAGES = ("id", "en")


def quarantine_workbook(rows: Iterable[Row], language: str) -> bytes:
    """The findings as an `.xlsx`, one row each, headings frozen and filterable, printed on A4 landscape.

    Every value is written as text or number, never as a formula; text that a spreadsheet could take for one is marked
    as quoted, so it stays text when somebody edits the cell. `language` is `id` or `en`.
    """
    if language not in _LANGUAGES:
        raise ValueError(f"language is one of {_LANGUAGES}")
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(getattr(message("ui_view_quarantine"), language))
    sheet.freeze_panes = "A2"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:1"
    for position, width in enumerate(_COLUMNS.values()):
        sheet.column_dimensions["ABCDEFGHIJ"[position]].width = width
    sheet.append([_heading(sheet, _word(f"ui_{name}", language)) for name in _COLUMNS])
    rules: Mapping[str, Any] = words()["rules"]
    written = 1
    for row in rows:
        sheet.append([_cell(sheet, value) for value in _values(row, rules, language)])
        written += 1
    sheet.auto_filter.ref = f"A1:J{written}"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _values(row: Row, rules: Mapping[str, Any], language: str) -> list[Any]:
    fix = (rules.get(row["rule"]) or {}).get("fix") or {}
    shown = {
        **row,
        "village": row["village"] or row["village_code"],
        "action": _word(f"ui_action_{row['action']}", language),
        "fix": fix.get(language),
    }
    return [shown[name] for name in _COLUMNS]


def _word(key: str, language: str) -> str:
    return str(getattr(message(key), language))


def _heading(sheet: Any, value: str) -> Any:
    cell = WriteOnlyCell(sheet, value)
    cell.font = Font(bold=True, color="FFFFFF")
    cell.fill = PatternFill("solid", fgColor="1F4E79")
    cell.alignment = Alignment(wrap_text=True, vertical="center")
    return cell


def _cell(sheet: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return WriteOnlyCell(sheet, value)
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)[:32_767])
    cell.data_type = "s"  # openpyxl takes a text that begins with = for a formula
    cell.quotePrefix = value.startswith(("=", "+", "-", "@", "\t", "\r"))
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    return cell
