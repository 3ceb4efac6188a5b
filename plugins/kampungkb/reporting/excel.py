"""From a declared report and the rows of its queries to an Excel workbook, ready to print.

Text is always written as text: a value that begins like a formula stays what it is. The same rows give the same
bytes: the workbook's own dates are those of the data.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from math import ceil
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.chart.legend import Legend
from openpyxl.chart.series import SeriesLabel
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.header_footer import HeaderFooterItem, _HeaderFooterPart
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from kampungkb.reporting.messages import Message, both, long_date
from kampungkb.reporting.report import Chart, Report, ReportColumn, Sheet

Rows = Sequence[Mapping[str, Any]]

INDONESIAN = "[$-421]"
FORMATS = {
    "integer": f"{INDONESIAN}#,##0",
    "decimal": f"{INDONESIAN}#,##0.0",
    "share": f"{INDONESIAN}0.0%",
    "percent": f"{INDONESIAN}0%",
    "date": f"{INDONESIAN}d mmmm yyyy",
}
_NUMBERS = ("integer", "decimal", "share", "percent")
_ALIGNED = {**dict.fromkeys(_NUMBERS, "right"), "date": "left", "flag": "center"}
FONT = "Calibri"
_FILL = PatternFill("solid", start_color="1F4E5F")
_STRIPE = PatternFill("solid", start_color="EEF4F6")
_LINE = Border(bottom=Side(style="thin", color="B7C7CC"))
_CHART_COLOURS = ("1F4E5F", "E07A1F", "7FA650", "8C6BB1")
_CM_A_CHARACTER = 0.19
_ALONE = 110  # width of a sheet without a table, in characters
_POINTS_A_LINE = 15
_ROWS_ON_A_PAGE = 30  # up to so many rows a table and its charts are printed on one page


def build(report: Report, rows: Mapping[str, Rows], as_of: date, subject: str = "") -> Workbook:
    """The workbook of a report; `rows` has the rows of each sheet's query under the sheet's id.

    `subject` (a village, a sector) stands beside the date under each heading. An empty table says so in words.
    """
    workbook = Workbook()
    for name in workbook.sheetnames:
        del workbook[name]
    for sheet in report.sheets:
        page = workbook.create_sheet(sheet.title.id[:31])
        found = rows.get(sheet.id, ())
        _page(page, report, sheet, as_of, subject)
        page.page_setup.fitToHeight = int(bool(sheet.charts) and len(found) <= _ROWS_ON_A_PAGE)
        bottom = _table(page, sheet, found)
        _charts(page, sheet, found, bottom)
    workbook.properties.title = report.title.id
    workbook.properties.creator = "Kampung KB"
    workbook.properties.created = workbook.properties.modified = datetime.combine(as_of, time())
    return workbook


def _at(page: Worksheet, row: int, column: int) -> Cell:
    cell = page.cell(row, column)
    assert isinstance(cell, Cell)  # noqa: S101 - a merged cell has no value of its own; notes alone are merged
    return cell


def _font(**style: Any) -> Font:
    return Font(name=FONT, **style)


def write_text(cell: Cell, text: object) -> None:
    """Put text into a cell as text, whatever it begins with; control characters that a workbook cannot hold go."""
    cell.value = "".join(letter for letter in str(text) if letter >= " " or letter in "\n\t")
    cell.data_type = "s"
    if str(text)[:1] in tuple("=+-@\t"):
        cell.quotePrefix = True


def _page(page: Worksheet, report: Report, sheet: Sheet, as_of: date, subject: str) -> None:
    """Heading, notes and print settings: A4 landscape, one page wide, heading row repeated."""
    _line(page, sheet.title.id, _font(size=16, bold=True, color="1F4E5F"))
    place = f"{subject} · " if subject else ""
    _line(
        page,
        f"{sheet.title.en} · {place}{both('report_as_of', date=long_date(as_of))}",
        _font(italic=True, color="5B6B70"),
    )
    for note in sheet.notes:
        _note(page, note, sheet.columns)
    page.append([])
    for number, column in enumerate(sheet.columns, start=1):
        page.column_dimensions[get_column_letter(number)].width = column.width
    if not sheet.columns:
        page.column_dimensions["A"].width = _ALONE
    page.sheet_view.showGridLines = False
    page.page_setup.orientation = "landscape"
    page.page_setup.paperSize = page.PAPERSIZE_A4
    page.page_setup.fitToWidth = 1
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    page.print_options.horizontalCentered = True
    page.HeaderFooter.oddFooter = HeaderFooterItem(
        left=_HeaderFooterPart(text=report.title.id.replace("&", "&&")), right=_HeaderFooterPart(text="&P / &N")
    )


def _line(page: Worksheet, text: str, font: Font) -> None:
    row = page.max_row + 1 if page.max_row > 1 or page["A1"].value is not None else 1
    cell = _at(page, row, 1)
    write_text(cell, text)
    cell.font = font


def _note(page: Worksheet, note: Message, columns: Sequence[ReportColumn]) -> None:
    """A note in both languages, wrapped over the width of the table."""
    width = sum(column.width for column in columns) or _ALONE
    for text, font in ((note.id, _font(color="333333")), (note.en, _font(italic=True, color="5B6B70"))):
        _line(page, text, font)
        row = page.max_row
        _at(page, row, 1).alignment = Alignment(wrap_text=True, vertical="top")
        if len(columns) > 1:
            page.merge_cells(start_row=row, end_row=row, start_column=1, end_column=len(columns))
        page.row_dimensions[row].height = _height(text, width)


def _height(text: str, width: float) -> float:
    """The height of text in a column, in points: a spreadsheet does not find it by itself for what we wrote."""
    return _POINTS_A_LINE * sum(max(1, ceil(len(line) / width)) for line in text.split("\n"))


def _table(page: Worksheet, sheet: Sheet, rows: Rows) -> int:
    """The table with its heading; returns the number of its last row."""
    if not sheet.columns:
        return page.max_row
    heading = page.max_row + 2
    for number, column in enumerate(sheet.columns, start=1):
        cell = _at(page, heading, number)
        write_text(cell, _heading(column))
        cell.font, cell.fill = _font(bold=True, color="FFFFFF"), _FILL
        across = _ALIGNED.get(column.kind, "left")
        cell.alignment = Alignment(wrap_text=True, vertical="center", horizontal=across, indent=int(across == "left"))
    page.row_dimensions[heading].height = max(_height(_heading(column), column.width) for column in sheet.columns) + 8
    for place, row in enumerate(rows, start=1):
        _row(page, heading + place, sheet.columns, row, striped=place % 2 == 0)
    if not rows:
        write_text(_at(page, heading + 1, 1), both("report_empty"))
    page.print_title_rows = f"{heading}:{heading}"
    page.freeze_panes = f"B{heading + 1}"
    if rows:
        page.auto_filter.ref = f"A{heading}:{get_column_letter(len(sheet.columns))}{heading + len(rows)}"
    return heading + max(len(rows), 1)


def _heading(column: ReportColumn) -> str:
    return f"{column.title.id}\n{column.title.en}" if column.title.id != column.title.en else column.title.id


def _row(
    page: Worksheet, number: int, columns: Sequence[ReportColumn], row: Mapping[str, Any], *, striped: bool
) -> None:
    for place, column in enumerate(columns, start=1):
        cell = _at(page, number, place)
        _value(cell, column, row[column.name])
        cell.font, cell.border = _font(), _LINE
        if striped:
            cell.fill = _STRIPE
    texts = ((str(row[column.name] or ""), column.width) for column in columns if column.kind == "text")
    page.row_dimensions[number].height = max((_height(*text) for text in texts), default=_POINTS_A_LINE)


def _value(cell: Cell, column: ReportColumn, value: Any) -> None:
    """A value as its column's kind writes it; a suppressed or missing one is a dash, for a reader and a printer."""
    is_text = column.kind == "text"
    cell.alignment = Alignment(
        horizontal="left" if is_text else _ALIGNED[column.kind], vertical="top", wrap_text=is_text, indent=int(is_text)
    )
    if value is None:
        write_text(cell, "–")
        cell.alignment = Alignment(horizontal="right" if column.kind in _NUMBERS else None)
    elif column.kind == "flag":
        write_text(cell, "✓" if value else "")
    elif column.kind == "text":
        write_text(cell, value)
    else:
        cell.value = float(value) if isinstance(value, Decimal) else value
        cell.number_format = FORMATS[column.kind]


def _charts(page: Worksheet, sheet: Sheet, rows: Rows, bottom: int) -> None:
    """The sheet's charts, side by side under the table."""
    if not rows:
        return
    first = bottom - len(rows) + 1
    for place, chart in enumerate(sheet.charts):
        drawn = _drawn(page, sheet, chart, first, min(len(rows), chart.rows or len(rows)))
        drawn.width = round(_CM_A_CHARACTER * sum(column.width for column in sheet.columns) / len(sheet.charts))
        page.add_chart(drawn, f"{_column_at(sheet, place / len(sheet.charts))}{bottom + 2}")


def _column_at(sheet: Sheet, share: float) -> str:
    """The letter of the first column that begins at that share of the table's width or beyond."""
    begins = [sum(column.width for column in sheet.columns[:place]) for place in range(len(sheet.columns) + 1)]
    return get_column_letter(1 + next(place for place, begin in enumerate(begins) if begin >= share * begins[-1]))


def _drawn(page: Worksheet, sheet: Sheet, chart: Chart, first: int, count: int) -> BarChart | LineChart:
    names = [column.name for column in sheet.columns]
    drawn: BarChart | LineChart = LineChart() if chart.kind == "line" else BarChart()
    drawn.title, drawn.style = chart.title.id, 2
    drawn.height = 7.5
    drawn.x_axis.delete = drawn.y_axis.delete = False
    drawn.y_axis.number_format = FORMATS[sheet.column(chart.values[0]).kind]
    drawn.y_axis.scaling.min, drawn.y_axis.scaling.max = chart.minimum, chart.maximum
    if isinstance(drawn, BarChart) and chart.kind == "stacked":
        drawn.grouping, drawn.overlap = "stacked", 100
    for colour, name in zip(_CHART_COLOURS, chart.values, strict=False):
        place = names.index(name) + 1
        drawn.add_data(Reference(page, min_col=place, min_row=first, max_row=first + count - 1), titles_from_data=False)
        series = drawn.series[-1]
        series.tx = SeriesLabel(v=sheet.column(name).title.id)
        series.graphicalProperties.solidFill = series.graphicalProperties.line.solidFill = colour
    place = names.index(chart.category) + 1
    drawn.set_categories(Reference(page, min_col=place, min_row=first, max_row=first + count - 1))
    drawn.legend = Legend(legendPos="b")
    return drawn
