"""The same load through each kind of connection: databases that type the registry differently, URI and JSON."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from kampungkb.errors import SourceRefused, SourceUnavailable
from tests.acceptance.conftest import AS_OF, Loaded, MakeWorld, World
from tests.acceptance.marts import assert_mart_is, oracle
from tests.acceptance.test_quarantine import accepted_rows, plain
from tests.generator.expectation import REGISTRY

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
KEYS = ["nik", "nama_lgkp", "tgl_lhr", "akta_lhr", "stat_kwn", "akta_kwn", "stat_hidup", "flag_status", "village_code"]


def assert_registry_is(world: World, loaded: Loaded) -> None:
    """Counts, quarantine by rule, and the typed rows of the registry."""
    expected = world.scenario.expectation()
    counts = expected.counts[REGISTRY, "biodata_wni"]
    validated = loaded.validated[REGISTRY]
    found = accepted_rows(loaded, REGISTRY, "biodata_wni", KEYS)
    wanted = Counter(tuple(plain(row[key]) for key in KEYS) for row in expected.accepted[REGISTRY, "biodata_wni"])
    assert found == wanted, (sorted(found - wanted, key=str)[:5], sorted(wanted - found, key=str)[:5])
    assert validated.rejected["biodata_wni"] == counts.rejected
    rules = world.query(f"select rule, action from ops.quarantine where source = '{REGISTRY}'")
    assert Counter(rules.itertuples(index=False, name=None)) == Counter(
        (line.rule, line.action) for line in expected.quarantine if line.source == REGISTRY
    )


def assert_everything(world: World) -> None:
    loaded = world.load()
    assert_registry_is(world, loaded)
    expected = oracle(world)
    assert_mart_is(world, "family_index", expected.family_index)
    assert_mart_is(world, "village_index", expected.village_index)


def test_sqlite_with_numbers_and_timestamps_by_json(make_world: MakeWorld) -> None:
    assert_everything(make_world(seed=31, families=60, profile="sqlite", as_json=True, base_path="/vclaim-rest"))


@pytest.mark.services
@pytest.mark.parametrize("profile", ["postgresql", "postgresql_numeric"])
def test_postgresql_registry(make_world: MakeWorld, postgres_database: sa.URL, profile: str) -> None:
    schema = "siak" if profile == "postgresql" else None
    assert_everything(make_world(32, 60, profile, registry=postgres_database, schema=schema, as_json=schema is None))


@pytest.mark.services
@pytest.mark.parametrize("profile", ["mariadb", "mariadb_text"])
def test_mariadb_registry(make_world: MakeWorld, mariadb_database: sa.URL, profile: str) -> None:
    assert_everything(make_world(33, 60, profile, registry=mariadb_database, as_json=profile == "mariadb"))


@pytest.mark.services
def test_a_warehouse_of_one_s_own(make_world: MakeWorld, postgres_database: sa.URL) -> None:
    assert_everything(make_world(34, 60, warehouse=postgres_database))


# ── a source in trouble ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def troubled(make_world: MakeWorld) -> World:
    world = make_world(seed=35, families=60)
    world.load()
    return world


def test_an_api_with_passing_faults_is_read_in_full(troubled: World) -> None:
    troubled.api.limit = 60
    last = troubled.api.pages(60)
    assert last > 4
    troubled.api.faults = {1: [503], 2: [429, "cut"], 3: ["json", "code"], 4: [502], last: ["total"]}
    right = troubled.variables["AIRFLOW_CONN_HEALTH_INSURANCE"]
    troubled.variables["AIRFLOW_CONN_HEALTH_INSURANCE"] = json.dumps(troubled.api.connection())
    try:
        loaded = troubled.load(AS_OF + timedelta(days=1))
    finally:
        troubled.variables["AIRFLOW_CONN_HEALTH_INSURANCE"] = right
    assert not any(troubled.api.faults.values())
    assert not loaded.snapshots["health_insurance"].stale
    counts = troubled.scenario.expectation().counts["health_insurance", "peserta"]
    assert loaded.validated["health_insurance"].read["peserta"] == counts.read


def test_a_source_that_is_down_is_stood_in_for(troubled: World) -> None:
    night = AS_OF + timedelta(days=2)
    troubled.api.always = 503
    try:
        loaded = troubled.load(night)
    finally:
        troubled.api.always = None
    assert loaded.snapshots["health_insurance"].stale
    assert loaded.validated["health_insurance"].stale
    runs = troubled.query(f"select stale_sources::text as stale from ops.load_run where as_of = '{night}'")
    assert runs["stale"].str.contains("health_insurance").all() and len(runs) == 1
    stale = troubled.query(f"select distinct stale_sources::text as s from mart.village_index where as_of = '{night}'")
    assert stale["s"].str.contains("health_insurance").all()


def test_a_refused_signature_fails_the_run_though_a_snapshot_is_there(troubled: World) -> None:
    right = troubled.variables["AIRFLOW_CONN_HEALTH_INSURANCE"]
    before = troubled.dump("mart", "core", "ops", "vault")
    troubled.variables["AIRFLOW_CONN_HEALTH_INSURANCE"] = json.dumps(troubled.api.connection(secret="another"))
    try:
        with pytest.raises(SourceRefused):
            troubled.load(AS_OF + timedelta(days=3))
    finally:
        troubled.variables["AIRFLOW_CONN_HEALTH_INSURANCE"] = right
    assert troubled.dump("mart", "core", "ops", "vault") == before


def test_a_snapshot_older_than_a_week_does_not_stand_in(troubled: World) -> None:
    before = troubled.dump("mart", "core", "ops", "vault")
    troubled.api.always = 503
    try:
        with pytest.raises(SourceUnavailable):
            troubled.load(AS_OF + timedelta(days=30))
    finally:
        troubled.api.always = None
    assert troubled.dump("mart", "core", "ops", "vault") == before


def test_a_broken_workbook_leaves_the_others_loaded_and_its_last_parse_stands_in(make_world: MakeWorld) -> None:
    world = make_world(seed=36, families=60)
    first = world.load()
    broken = world.folder / "desa dabo.xlsx"
    broken.write_bytes(b"rusak")
    night = AS_OF + timedelta(days=1)
    second = world.load(night)
    assert second.validated["family_survey"].read == first.validated["family_survey"].read
    rows = world.query("select file from ops.quarantine where rule = 'F00'")
    assert sorted(rows["file"]) == sorted([*world.scenario.unreadable, "desa dabo.xlsx"])
    outcome = pd.read_parquet(second.snapshots["family_survey"].path / "workbooks.parquet")
    assert list(outcome.loc[outcome["file"] == "desa dabo.xlsx", "status"]) == ["stale"]
    Path(broken).unlink()
    third = world.load(AS_OF + timedelta(days=2))
    gone = sum(len(unit) for book in world.scenario.books if book.path == "desa dabo.xlsx" for unit in book.families)
    assert third.validated["family_survey"].read["keluarga"] == first.validated["family_survey"].read["keluarga"] - gone
