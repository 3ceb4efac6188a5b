"""The generator itself: independent of the product, reproducible, and right about where it put its faults."""

import ast
from pathlib import Path

import httpx
import openpyxl
import pytest
import sqlalchemy as sa

from tests.generator import PROFILES, make_scenario

RULES = {
    *("F00", "F01", "F02", "F03", "F04", "F05", "F06"),
    *("M01", "M02", "M03", "M04", "M05", "M06", "M07", "M08"),
    *("R01", "R02", "R03", "R04", "R05", "J01", "J02", "J03", "J04", "J05", "J06"),
}
pytestmark = pytest.mark.unit


def test_it_imports_nothing_of_the_product() -> None:
    for module in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "kampungkb" for name in names), module.name


@pytest.mark.parametrize("families", [50, 250])
def test_every_rule_is_planted_and_every_row_counted(tmp_path: Path, families: int) -> None:
    scenario = make_scenario(7, families)
    scenario.write_workbooks(tmp_path)
    expected = scenario.expectation()
    assert set(expected.rules()) == RULES
    for counts in expected.counts.values():
        assert counts.read == counts.accepted + counts.rejected


def test_the_same_seed_makes_the_same_scenario(tmp_path: Path) -> None:
    first, second = make_scenario(3, 60), make_scenario(3, 60)
    first.write_workbooks(tmp_path / "a")
    second.write_workbooks(tmp_path / "b")
    assert first.expectation() == second.expectation()


def test_the_noted_place_of_a_row_is_where_the_spreadsheet_shows_it(tmp_path: Path) -> None:
    scenario = make_scenario(11, 60)
    scenario.write_workbooks(tmp_path)
    for book in scenario.books:
        read = openpyxl.load_workbook(tmp_path / book.path, data_only=True)
        for unit in book.families:
            for row in unit:
                if row.accepted:
                    shown = [str(cell.value).strip() for cell in read[row.sheet][row.row_number] if cell.value]
                    assert row.typed["KODE_KELUARGA"] in shown


@pytest.mark.parametrize("profile", ["text", "sqlite"])
def test_the_registry_fits_a_database_under_each_typing(profile: str) -> None:
    engine = sa.create_engine("sqlite://")
    scenario = make_scenario(5, 50, profile=PROFILES[profile])
    scenario.write_registry(engine)
    with engine.connect() as connection:
        count = connection.execute(sa.text("select count(*) from biodata_wni")).scalar_one()
    assert count == scenario.expectation().counts["civil_registry", "biodata_wni"].read


def test_the_api_refuses_a_request_without_signature() -> None:
    with make_scenario(5, 50).api() as api:
        assert httpx.get(f"http://127.0.0.1:{api.port}/peserta?kodeKabupaten=2104&page=1&limit=10").status_code == 401
