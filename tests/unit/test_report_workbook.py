"""Workbooks of reports: text stays text, figures stay figures, and the page is ready to print."""

import io
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from kampungkb.errors import ConfigurationError
from kampungkb.reporting import report as declared
from kampungkb.reporting.excel import build
from kampungkb.reporting.messages import Message
from kampungkb.reporting.report import Chart, Report, ReportColumn, Sheet, report

pytestmark = pytest.mark.unit

AS_OF = date(2026, 11, 25)
SHEET = Sheet(
    id="villages",
    title=Message(id="Desa", en="Villages"),
    query="villages",
    columns=[
        ReportColumn(name="village", title=Message(id="Desa", en="Village")),
        ReportColumn(name="families", title=Message(id="Keluarga", en="Families"), kind="integer"),
        ReportColumn(name="share", title=Message(id="Cakupan", en="Coverage"), kind="share"),
        ReportColumn(name="kampung_kb", title=Message(id="Kampung KB", en="Kampung KB"), kind="flag"),
        ReportColumn(name="since", title=Message(id="Sejak", en="Since"), kind="date"),
    ],
    charts=[Chart(kind="bar", title=Message(id="Keluarga", en="Families"), category="village", values=["families"])],
)
REPORT = Report(id="test", title=Message(id="Uji", en="Test"), sheets=[SHEET])
HEADING = 4


def written(*rows: dict[str, Any], of: Report = REPORT) -> Worksheet:
    file = io.BytesIO()
    build(of, {"villages": rows}, AS_OF).save(file)
    page = openpyxl.load_workbook(file)["Desa"]
    assert isinstance(page, Worksheet)
    return page


def row(village: str = "Dabo", **changes: Any) -> dict[str, Any]:
    return {"village": village, "families": 1234, "share": 0.5, "kampung_kb": True, "since": AS_OF, **changes}


@pytest.mark.parametrize("text", ["=1+1", "+62", "-5", "@SUM(A1)", '=HYPERLINK("http://x")', "\t=1"])
def test_what_begins_like_a_formula_is_text(text: str) -> None:
    cell = written(row(text)).cell(HEADING + 1, 1)
    assert (cell.value, cell.data_type) == (text, "s")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_every_text_comes_back_as_it_is(text: str) -> None:
    cell = written(row(text)).cell(HEADING + 1, 1)
    assert (cell.value, cell.data_type) == (text, "s")


def test_control_characters_do_not_break_the_workbook() -> None:
    assert written(row("Da\x00bo\x1f")).cell(HEADING + 1, 1).value == "Dabo"


def test_figures_are_numbers_with_a_format_and_a_missing_one_is_a_dash() -> None:
    page = written(row(share=None))
    families, share, flag, since = (page.cell(HEADING + 1, number) for number in (2, 3, 4, 5))
    assert (families.value, families.number_format) == (1234, "[$-421]#,##0")
    assert share.value == "–"
    assert flag.value == "✓"
    assert since.is_date and "[$-421]" in since.number_format


def test_the_page_prints_on_a4_landscape_with_its_heading_on_every_page() -> None:
    page = written(*(row(f"Desa {number}") for number in range(100)))
    assert page.page_setup.orientation == "landscape"
    assert (
        int(page.page_setup.paperSize),
        page.page_setup.fitToWidth,
        page.page_setup.fitToHeight,
    ) == (9, 1, 0)
    assert page.print_title_rows == f"${HEADING}:${HEADING}"
    assert page.freeze_panes == f"B{HEADING + 1}"


def test_an_empty_table_says_so() -> None:
    assert "Tidak ada" in str(written().cell(HEADING + 1, 1).value)


def test_the_same_rows_give_the_same_workbook() -> None:
    books = [build(REPORT, {"villages": [row()]}, AS_OF) for _ in range(2)]
    assert books[0].properties.created == books[1].properties.created
    assert books[0].properties.created is not None


@pytest.mark.parametrize("path", sorted(declared.REPORTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_declared_report_is_complete(path: Any) -> None:
    for sheet in report(path.stem).sheets:
        assert sheet.query is None or (declared.REPORTS_SQL / f"{sheet.query}.sql").exists(), sheet.id


def test_a_report_that_draws_an_unknown_column_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "id: wrong\ntitle: {id: a, en: a}\nsheets:\n  - id: s\n    title: {id: s, en: s}\n    query: q\n"
        "    columns: [{name: a, title: {id: a, en: a}}]\n"
        "    charts: [{kind: bar, title: {id: c, en: c}, category: b, values: [a]}]\n"
    )
    monkeypatch.setattr(declared, "REPORTS", tmp_path)
    with pytest.raises(ConfigurationError, match="does not have: b"):
        report("wrong")
