"""Reports of a published load: their figures are those of `open`, and nothing else stands in them."""

from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, text

from kampungkb.errors import WarehouseError
from kampungkb.refs import Reports
from kampungkb.reporting.publishing import publish_reports
from kampungkb.reporting.report import REPORTS_SQL, Sheet, report
from kampungkb.run import Run
from kampungkb.warehouse import publish
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, Family, Night, night, random_families

pytestmark = pytest.mark.integration

MEETING = report("coordination_meeting")


def published(run: Run, content: Night) -> None:
    validated, linked, scored = content.write(run)
    publish(run, validated, linked, scored)


@pytest.fixture
def written(warehouse_run: Run) -> Reports:
    published(warehouse_run, night(seed=3, count=80))
    return publish_reports(warehouse_run)


def table(reports: Reports, sheet: Sheet) -> list[list[Any]]:
    """The cells under the heading of a sheet, as wide as its columns."""
    [file] = reports.path.glob("*.xlsx")
    page = openpyxl.load_workbook(file)[sheet.title.id]
    heading = int(str(page.print_title_rows).rpartition("$")[2])
    return [[cell.value for cell in row[: len(sheet.columns)]] for row in page.iter_rows(min_row=heading + 1)]


@pytest.mark.parametrize("sheet", [each for each in MEETING.sheets if each.query], ids=lambda sheet: sheet.id)
def test_every_figure_is_one_of_the_warehouse(written: Reports, warehouse_engine: Engine, sheet: Sheet) -> None:
    with warehouse_engine.connect() as connection:
        statement = (REPORTS_SQL / f"{sheet.query}.sql").read_text(encoding="utf-8")
        expected = connection.execute(text(statement)).mappings().all()
    numbers = [place for place, column in enumerate(sheet.columns) if column.kind in ("integer", "decimal", "share")]
    names = [sheet.columns[place].name for place in numbers]
    shown = [[row[place] for place in numbers] for row in table(written, sheet)[: len(expected)]]
    assert expected, "nothing to compare"
    for figures, row in zip(shown, expected, strict=True):
        values = [None if row[name] is None else float(row[name]) for name in names]
        assert [None if figure == "–" else float(figure) for figure in figures] == pytest.approx(values)


def test_queries_read_only_what_may_be_published() -> None:
    for path in REPORTS_SQL.glob("*.sql"):
        read = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line.strip().startswith(("from", "inner"))
        ]
        tables = {word for line in read for word in line.split() if "." in word and "=" not in word}
        outside = {name for name in tables if name.split(".")[0] in ("mart", "vault", "service", "ops")}
        assert outside == set(), path.name


def test_a_village_of_four_families_has_no_figures(warehouse_run: Run) -> None:
    many = random_families(1, 40, villages=(DABO,))
    few = [Family(f"9{n:017d}", BATU_BERDAUN, "1" * 10, "1" * 10) for n in range(4)]
    published(warehouse_run, Night([*many, *few]))
    villages = next(sheet for sheet in MEETING.sheets if sheet.id == "villages")
    rows = {row[1]: row for row in table(publish_reports(warehouse_run), villages)}
    assert rows["Batu Berdaun"][3:] == ["–"] * 9


def test_the_same_load_gives_the_same_files_and_a_folder_by_its_date(written: Reports, warehouse_run: Run) -> None:
    before = {path.name: openpyxl.load_workbook(path).sheetnames for path in written.path.glob("*.xlsx")}
    again = publish_reports(warehouse_run)
    assert again == written
    assert written.path.name == AS_OF.isoformat()
    assert {path.name: openpyxl.load_workbook(path).sheetnames for path in again.path.glob("*.xlsx")} == before
    assert sorted(path.name for path in again.path.iterdir()) == sorted(again.files)
    page = (again.path / "index.html").read_text(encoding="utf-8")
    assert all(file in page for file in again.files if file != "index.html")


def test_ids_stand_in_words(written: Reports) -> None:
    indicators = next(sheet for sheet in MEETING.sheets if sheet.id == "indicators")
    dimensions = {row[1] for row in table(written, indicators)}
    assert {"Ketentraman", "Kemandirian", "Kebahagiaan"} <= dimensions


def test_before_the_first_load_the_message_says_what_to_do(warehouse_run: Run, warehouse_engine: Engine) -> None:
    with pytest.raises(WarehouseError, match="run the load first"):
        publish_reports(warehouse_run)


def test_reports_are_readable_by_their_owner_alone(written: Reports) -> None:
    assert written.path.stat().st_mode & 0o077 == 0
    assert date.fromisoformat(written.path.name) == written.as_of
    assert isinstance(written.path, Path)
