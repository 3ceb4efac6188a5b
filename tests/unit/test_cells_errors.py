"""Error cells are found in the XML of a sheet, with and without references."""

import io
import zipfile

import pytest

from kampungkb.sources.cells import ErrorCell
from kampungkb.sources.xlsx import Unreadable, error_cells, open_package

pytestmark = pytest.mark.unit

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def package(sheet: str, target: str = "worksheets/sheet1.xml") -> zipfile.ZipFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{NAMESPACE}" xmlns:r="urn:r"><sheets><sheet name="S" r:id="rId7"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="rId1" Target="styles.xml"/>'
            f'<Relationship Id="rId7" Target="{target}"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return open_package(content.getvalue())


REFERENCED = (
    '<row r="3"><c r="B3" t="e"><v>#N/A</v></c><c r="C3"><v>1</v></c><c r="D3" t="e"/>'
    '<c r="AA3" s="4" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
)
COUNTED = '<row><c t="e"><v>#REF!</v></c></row><row r="3"><c><v>1</v></c><c t="e"><v>#N/A</v></c></row>'


@pytest.mark.parametrize("target", ["worksheets/sheet1.xml", "/xl/worksheets/sheet1.xml", "Worksheets/Sheet1.xml"])
def test_error_cells_are_found_by_their_reference(target: str) -> None:
    found = error_cells(package(f"<worksheet><sheetData>{REFERENCED}</sheetData></worksheet>", target), "S")
    assert found == {(2, 1): ErrorCell("#N/A"), (2, 3): ErrorCell("#ERROR"), (2, 26): ErrorCell("#DIV/0!")}


def test_error_cells_without_references_are_counted() -> None:
    found = error_cells(package(f"<worksheet><sheetData>{COUNTED}</sheetData></worksheet>"), "S")
    assert found == {(0, 0): ErrorCell("#REF!"), (2, 1): ErrorCell("#N/A")}


def test_a_namespace_prefix_and_single_quotes_make_no_difference() -> None:
    row = "<x:row r='1'><x:c t='e' r='A1'><x:v>#NAME?</x:v></x:c></x:row>"
    sheet = f"<x:worksheet xmlns:x='{NAMESPACE}'>{row}</x:worksheet>"
    assert error_cells(package(sheet), "S") == {(0, 0): ErrorCell("#NAME?")}


def test_a_sheet_without_errors_has_none() -> None:
    assert error_cells(package('<worksheet><row r="1"><c r="A1" t="str"><v>t=e</v></c></row></worksheet>'), "S") == {}


@pytest.mark.parametrize(
    ("sheet", "says"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>', "document type"),
        ('<worksheet><row><c r="IW1"><v>1</v></c></row></worksheet>', "more than 256 columns"),
        ('<worksheet><row><c r="A100000"><v>1</v></c></row></worksheet>', "stray cell"),
    ],
)
def test_what_no_form_needs_is_refused(sheet: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        error_cells(package(sheet), "S")


def test_column_iv_is_the_last_one_read() -> None:
    assert error_cells(package('<worksheet><row><c r="IV1"><v>1</v></c></row></worksheet>'), "S") == {}


def test_a_sheet_that_is_not_in_the_archive_is_damaged() -> None:
    with pytest.raises(Unreadable, match="damaged inside"):
        error_cells(package("<worksheet/>", target="worksheets/none.xml"), "S")


def test_the_size_an_archive_declares_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kampungkb.sources.xlsx.MAX_UNPACKED", 100)
    with pytest.raises(Unreadable, match="unpacks to more than"):
        package("<worksheet/>")
