"""Reports of a published load: their figures are those of `open`, and nothing else stands in them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import text

from kampungkb.errors import WarehouseError
from kampungkb.reporting.messages import number
from kampungkb.reporting.publishing import publish_reports
from kampungkb.reporting.report import REPORTS_SQL, Sheet, report
from kampungkb.run import Run
from kampungkb.warehouse import embedded, publish
from tests.conftest import AS_OF
from tests.integration.report_world import World, read, reported
from tests.integration.warehouse_lake import (
    BATU_BERDAUN,
    DABO,
    LAMA,
    MEPAR,
    REGIONS,
    Family,
    Night,
    night,
    random_families,
)

pytestmark = pytest.mark.integration

MEETING = report("coordination_meeting")
NUMBERS = ("integer", "decimal", "share", "percent")
HOSTILE = {
    "Dabo": "<script>alert(1)</script>",
    "Batu Berdaun": '=HYPERLINK("http://example.org")',
    "Mepar": "../../etc/passwd",
    "Singkep": "'; drop table open.village_index; --",
    "Kabupaten Lingga": '"><img src=x onerror=alert(1)>{{ 7 * 7 }}',
}


@pytest.fixture(scope="module")
def world(embedded_server: embedded.ServerInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with reported(embedded_server, tmp_path_factory.mktemp("reports") / "home", "test_reports") as made:
        yield made


def steps(count: int) -> int | None:
    """A count of families as it may be shown."""
    return 5 * (count // 5) or None


@pytest.mark.parametrize("sheet", [each for each in MEETING.sheets if each.query], ids=lambda sheet: sheet.id)
def test_every_figure_of_the_workbook_is_that_of_its_query(world: World, sheet: Sheet) -> None:
    expected = world.rows((REPORTS_SQL / f"{sheet.query}.sql").read_text(encoding="utf-8"))
    numbers = [place for place, column in enumerate(sheet.columns) if column.kind in NUMBERS]
    shown = [[row[place] for place in numbers] for row in world.table(sheet)[: len(expected)]]
    assert expected, "nothing to compare"
    for figures, row in zip(shown, expected, strict=True):
        values = [row[sheet.columns[place].name] for place in numbers]
        assert [None if figure == "–" else float(figure) for figure in figures] == pytest.approx(
            [None if value is None else float(value) for value in values]
        )


def sheet_of(name: str) -> Sheet:
    return next(sheet for sheet in MEETING.sheets if sheet.id == name)


def test_needs_are_those_of_the_mart_in_steps(world: World) -> None:
    villages: dict[str, list[int]] = {}
    for row in world.rows("select need, families from mart.sector_action order by need"):
        villages.setdefault(row["need"], []).append(row["families"])
    shown = {row[1]: row for row in world.table(sheet_of("needs"))}
    words = {"house_environment": "Air minum dan jamban layak"}
    assert {words.get(need, need) for need in villages} == set(shown)
    for need, counts in villages.items():
        whole, most = shown[words.get(need, need)][2], shown[words.get(need, need)][7]
        assert most == steps(max(counts))
        assert sum(counts) - 5 - 4 * len(counts) <= whole <= sum(counts)


def test_data_quality_and_sources_are_those_of_the_load(world: World) -> None:
    quality = {row[1]: row[2:5] for row in world.table(sheet_of("quality"))[:2]}
    assert quality == {"pendataan keluarga": [96.5, 96.5, "–"], "kependudukan": [96.5, "–", 96.5]}
    by_village = {row[1]: row[2:] for row in world.table(sheet_of("quality_by_village"))}
    assert by_village == {"Batu Berdaun": [95, 95, "–"], "Dabo": [98, 98, "–"]}
    assert {row[0] for row in world.table(sheet_of("method"))} == {
        "pendataan keluarga",
        "kependudukan",
        "jaminan kesehatan",
    }


def test_queries_read_only_what_may_be_published() -> None:
    for path in REPORTS_SQL.glob("*.sql"):
        read_from = [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.strip().startswith(("from", "inner", "left join"))
        ]
        tables = {word for line in read_from for word in line.split() if "." in word and "=" not in word}
        outside = {name for name in tables if name.split(".")[0] in ("mart", "vault", "service", "ops")}
        assert outside == set(), path.name


def test_ids_stand_in_words(world: World) -> None:
    assert {"Ketentraman", "Kemandirian", "Kebahagiaan"} <= {row[1] for row in world.table(sheet_of("indicators"))}
    assert "Bina Keluarga Balita" in {row[1] for row in world.table(sheet_of("programmes"))}
    assert "Fungsi ekonomi" in {row[0] for row in world.table(sheet_of("functions"))}


def test_every_village_has_a_sheet_and_the_index_page_leads_to_all(world: World) -> None:
    page = read(world.reports.path / "index.html")
    links = {value for name, value in page.attributes if name == "href"}
    sheets = {f"villages/{path.name}" for path in (world.reports.path / "villages").iterdir()}
    assert sheets == {f"villages/{village}.html" for village in (DABO, BATU_BERDAUN, MEPAR)}
    assert world.reports.villages == len(sheets)
    assert links == sheets | {file for file in world.reports.files if file != "index.html"}


@pytest.mark.parametrize("village", [DABO, BATU_BERDAUN])
def test_every_figure_of_a_village_sheet_is_one_of_the_marts(world: World, village: str) -> None:
    page = world.sheet(village)
    (exact,) = world.rows(
        f"select * from mart.village_index where village_code = '{village}' and basis = 'integrated'"
        f" and as_of = '{AS_OF}'"
    )
    categories = {name: steps(exact[name]) for name in ("rentan", "berkembang", "tangguh")}
    assert {name: page.figure(name) for name in categories} == categories
    assert page.figure("families") == sum(count or 0 for count in categories.values())
    (means,) = world.rows(f"select * from core.open_release where village_code = '{village}'")
    for name in ("ibangga", "ketentraman", "kemandirian", "kebahagiaan"):
        assert page.figure(name) == means[name]
    for name, table, digits in (("district", "district_index", 6), ("regency", "regency_index", 4)):
        (area,) = world.rows(f"select * from open.{table} where {name}_code = '{village[:digits]}'")
        assert page.figure(f"{name}_ibangga") == area["ibangga"]
    needs = world.rows(f"select families from mart.sector_action where village_code = '{village}'")
    shown = [float(value) for value in page.figures["not_achieved"]]
    assert shown == sorted((5.0 * (row["families"] // 5) for row in needs), reverse=True)[:6]


def test_strengths_and_weaknesses_are_the_ends_of_the_order(world: World) -> None:
    indicators = world.rows(
        f"select achieved, not_achieved, share from open.indicator_coverage where region_code = '{DABO}'"
        " and indicator in (select indicator from core.dim_indicator where in_index)"
    )
    assert all(row["achieved"] and row["not_achieved"] for row in indicators), "nothing suppressed in this world"
    order = sorted(row["achieved"] / row["applicable"] for row in with_applicable(indicators))
    shown = [float(value) for value in world.sheet(DABO).figures["share"]]
    assert shown == pytest.approx([*order[:-4:-1], *order[:3]], abs=0.0051)


def with_applicable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "applicable": row["achieved"] + row["not_achieved"]} for row in rows]


def test_what_changed_is_the_difference_to_the_state_shown_before(world: World) -> None:
    before, now = world.rows(f"select * from open.village_index_history where village_code = '{DABO}' order by as_of")
    page = world.sheet(DABO)
    names = [name for name in now if name not in ("as_of", "category", "families") and before[name] != now[name]]
    assert names
    assert {name.removeprefix("before_") for name in page.figures if name.startswith("before_")} == set(names)
    for name in names:
        assert (page.figure(f"before_{name}"), page.figure(f"now_{name}")) == (before[name], now[name])
    difference = number(abs(now["ibangga"] - before["ibangga"]), 1)
    assert any(word[1:] == difference for word in page.text)
    assert not any(name.startswith("before_") for name in world.sheet(BATU_BERDAUN).figures)


def test_a_page_stands_alone(world: World) -> None:
    for path in world.reports.path.rglob("*.html"):
        page = read(path)
        assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
        assert not [value for _, value in page.attributes if value and "//" in value]


def test_a_village_of_four_families_has_no_figures(warehouse_run: Run) -> None:
    many = random_families(1, 40, villages=(DABO,))
    few = [Family(f"9{n:017d}", BATU_BERDAUN, "1" * 10, "1" * 10) for n in range(4)]
    content = Night([*many, *few])
    publish(warehouse_run, *content.write(warehouse_run))
    written = publish_reports(warehouse_run)
    page = read(written.path / "villages" / f"{BATU_BERDAUN}.html")
    own = {name: values for name, values in page.figures.items() if name not in ("district_ibangga", "regency_ibangga")}
    assert {value for values in own.values() for value in values} == {""}
    [file] = written.path.glob("*.xlsx")
    villages = openpyxl.load_workbook(file)["Desa"]
    [row] = [row for row in villages.iter_rows(values_only=True) if row[1] == "Batu Berdaun"]
    assert row[3:] == ("–",) * 9


def test_names_are_shown_as_text_whatever_they_hold(warehouse_run: Run) -> None:
    regions = REGIONS
    for name, hostile in HOSTILE.items():
        quoted = '"' + hostile.replace('"', '""') + '"'
        regions = regions.replace(f",{name},", f",{quoted},")
    publish(warehouse_run, *night(3, 80, regions=regions).write(warehouse_run))
    written = publish_reports(warehouse_run)
    index = read(written.path / "index.html")
    assert not {"script", "img"} & set(index.tags)
    assert {HOSTILE[name] for name in ("Dabo", "Batu Berdaun", "Mepar", "Singkep")} <= set(index.text)
    sheet = read(written.path / "villages" / f"{DABO}.html")
    assert not {"script", "img"} & set(sheet.tags)
    assert HOSTILE["Dabo"] in sheet.text
    assert any(HOSTILE["Kabupaten Lingga"] in words for words in sheet.text)
    [file] = written.path.glob("*.xlsx")
    cells = [cell for page in openpyxl.load_workbook(file) for row in page.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert set(HOSTILE.values()) <= {cell.value for cell in cells}
    assert sorted(path.name for path in (written.path / "villages").iterdir()) == sorted(
        f"{village}.html" for village in (DABO, BATU_BERDAUN, MEPAR)
    )


def test_the_same_load_gives_the_same_files_in_a_folder_by_its_date(world: World) -> None:
    pages = {path: path.read_bytes() for path in world.reports.path.rglob("*.html")}
    again = publish_reports(world.run)
    assert again == world.reports
    assert again.path.name == AS_OF.isoformat()
    assert {path: path.read_bytes() for path in again.path.rglob("*.html")} == pages
    assert sorted(path.name for path in again.path.iterdir()) == sorted([*again.files, "villages"])


def test_before_the_first_load_the_message_says_what_to_do(warehouse_run: Run) -> None:
    with pytest.raises(WarehouseError, match="run the load first"):
        publish_reports(warehouse_run)


def test_reports_are_readable_by_their_owner_alone(world: World) -> None:
    assert world.reports.path.stat().st_mode & 0o077 == 0
    assert date.fromisoformat(world.reports.path.name) == world.reports.as_of
    assert isinstance(world.reports.path, Path)


def test_a_village_that_has_ended_and_has_no_family_has_no_sheet(world: World) -> None:
    assert not (world.reports.path / "villages" / f"{LAMA}.html").exists()
    with world.engine.connect() as connection:
        assert connection.execute(text("select count(*) from open.village_index")).scalar_one() == 3
