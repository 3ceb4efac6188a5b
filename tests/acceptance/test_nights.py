"""Night after night: the same date again changes nothing, a changed workbook moves only what depends on it."""

from datetime import timedelta

import pytest

from tests.acceptance.conftest import AS_OF, MakeWorld, World
from tests.acceptance.marts import assert_mart_is, oracle
from tests.generator import workbooks

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
NEXT = AS_OF + timedelta(days=1)
SAME = ("mart", "core", "vault", "open", "service")
CHANGED = "kec lingga/daik.xlsx"


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    return make_world(seed=21, families=80, as_of=NEXT)


def versions(world: World) -> dict[str, list[str]]:
    """The version (xmin) of every row of every mart table: a rewritten row has another, even with equal values."""
    tables = world.query(
        "select table_name from information_schema.tables where table_schema = 'mart' and table_type = 'BASE TABLE'"
    )
    return {
        name: sorted(world.query(f"select t.xmin::text || t::text as row from mart.{name} as t")["row"])
        for name in tables["table_name"]
    }


def test_the_same_date_again_changes_no_row(world: World) -> None:
    world.load()
    before, rows, quarantine = world.dump(*SAME), versions(world), quarantined(world)
    again = world.load()
    assert all(snapshot.replayed for snapshot in again.snapshots.values())
    assert world.dump(*SAME) == before
    assert versions(world) == rows
    assert quarantined(world) == quarantine
    forced = world.load(force=True)
    assert not any(snapshot.replayed for snapshot in forced.snapshots.values())
    assert world.dump("mart") == {name: lines for name, lines in before.items() if name.startswith("mart.")}


def quarantined(world: World) -> list[str]:
    """Quarantine without the run that wrote it."""
    rows = world.query("select to_jsonb(q) - 'run_id' as row from ops.quarantine as q")
    return sorted(str(row) for row in rows["row"])


def test_the_next_night_reads_only_the_changed_workbook(world: World) -> None:
    world.load()
    assert world.scenario.change_workbook(CHANGED) > 3
    workbooks.write(next(book for book in world.scenario.books if book.path == CHANGED), world.folder)
    night = world.load(NEXT)
    assert night.snapshots["family_survey"].parsed == 1
    expected = oracle(world)
    assert_mart_is(world, "family_index", expected.family_index)
    assert_mart_is(world, "family_indicator", expected.family_indicator)
    assert_mart_is(world, "village_index", expected.village_index, f"as_of = '{NEXT}'")


def test_the_marts_after_two_nights_are_those_of_a_load_from_nothing(world: World, make_world: MakeWorld) -> None:
    fresh = make_world(seed=21, families=80, as_of=NEXT)
    assert fresh.scenario.change_workbook(CHANGED) > 3
    workbooks.write(next(book for book in fresh.scenario.books if book.path == CHANGED), fresh.folder)
    fresh.load(NEXT)
    for table in ("family_index", "family_indicator", "indicator_coverage"):
        assert rows_of(world, f"mart.{table}") == rows_of(fresh, f"mart.{table}"), table
    for table in ("village_index", "district_index", "regency_index"):
        assert rows_of(world, f"mart.{table}", NEXT) == rows_of(fresh, f"mart.{table}", NEXT), table


def rows_of(world: World, table: str, as_of: object = None) -> list[str]:
    where = f"where as_of = '{as_of}'" if as_of else ""
    return sorted(world.query(f"select t::text as row from {table} as t {where}")["row"])
