"""The real thing: `kampungkb run` through Airflow on four configured connections, and what it leaves behind."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from openlineage.client import event_v2
from openlineage.client.event_v2 import InputDataset, OutputDataset, RunEvent, RunState

from tests.acceptance.conftest import MakeWorld, World
from tests.acceptance.marts import assert_mart_is, oracle
from tests.acceptance.test_bad_input import command
from tests.acceptance.test_quarantine import personal_values, place
from tests.generator.expectation import SURVEY

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

STEPS = ("prepare", "inspect", "settle", "link", "score", "publish", "document")


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    return make_world(seed=51, families=80)


@pytest.fixture(scope="module")
def output(world: World) -> str:
    done = command(world.home, world.variables, "run", "--as-of", "2026-11-24")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_the_run_loads_the_configured_sources(world: World, output: str) -> None:
    expected = oracle(world)
    assert_mart_is(world, "family_index", expected.family_index)
    assert_mart_is(world, "family_indicator", expected.family_indicator)
    assert_mart_is(world, "village_index", expected.village_index)
    lines = world.rows(f"select * from ops.quarantine where source = '{SURVEY}'")
    planted = [line for line in world.scenario.expectation().quarantine if line.source == SURVEY]
    assert Counter(place(line) for line in lines) == Counter(place(line) for line in planted)


def test_the_run_is_recorded(world: World, output: str) -> None:
    runs = world.query("select as_of, status, stale_sources::text as stale from ops.load_run")
    assert len(runs) == 1
    assert str(runs["as_of"][0]) == "2026-11-24"


def test_the_summary_names_counts_and_the_warehouse(world: World, output: str) -> None:
    counts = world.scenario.expectation().counts[SURVEY, "anggota"]
    assert "Traceback" not in output
    digits = output.replace(".", "").replace(",", "")
    assert str(counts.read) in digits or str(counts.accepted) in digits


def test_sql_prints_csv(world: World, output: str) -> None:
    done = command(world.home, world.variables, "sql", "select count(*) as n from mart.family_index")
    families = world.scenario.expectation().counts[SURVEY, "keluarga"].accepted
    assert done.stdout.splitlines() == ["n", str(2 * families)]


def test_no_personal_value_stands_in_logs_journal_or_metadata(world: World, output: str) -> None:
    """Everything under the home but the lake and the databases of the sources, and all that was printed."""
    values = personal_values(world)
    leaked = Counter[str]()
    for path in [p for p in world.home.rglob("*") if p.is_file() and "lake" not in p.relative_to(world.home).parts]:
        content = path.read_bytes().decode("utf-8", "replace")
        leaked[str(path.relative_to(world.home))] = sum(value in content for value in values)
    leaked["output"] = sum(value in output for value in values)
    assert not +leaked, +leaked


@pytest.fixture(scope="module")
def events(world: World, output: str) -> list[dict[str, Any]]:
    """The events of the run's tasks."""
    lines = [line for path in (world.home / "openlineage").glob("*.jsonl") for line in path.read_text().splitlines()]
    return [event for event in map(json.loads, lines) if event["job"]["name"] != "nightly_load"]


def test_every_event_is_one_that_openlineage_knows(events: list[dict[str, Any]]) -> None:
    for event in events:
        RunEvent(
            eventTime=event["eventTime"],
            producer=event["producer"],
            eventType=RunState(event["eventType"]),
            run=event_v2.Run(**event["run"]),
            job=event_v2.Job(**event["job"]),
            inputs=[InputDataset(**each) for each in event["inputs"]],
            outputs=[OutputDataset(**each) for each in event["outputs"]],
        )
        of_datasets = [
            each.get(kind, {})
            for each in event["inputs"] + event["outputs"]
            for kind in ("facets", "inputFacets", "outputFacets")
        ]
        for facets in (event["run"]["facets"], event["job"]["facets"], *of_datasets):
            assert all(facet["_producer"] and facet["_schemaURL"] for facet in facets.values())


def test_every_task_starts_and_completes(events: list[dict[str, Any]]) -> None:
    told = Counter((event["job"]["name"].removeprefix("nightly_load."), event["eventType"]) for event in events)
    once = {(task, how): 1 for task in STEPS for how in ("START", "COMPLETE")}
    mapped = {(task, how): 3 for task in ("extract", "validate") for how in ("START", "COMPLETE")}
    assert told == Counter(once | mapped)


def test_every_file_of_the_lake_and_every_mart_is_written_by_a_task(world: World, events: list[dict[str, Any]]) -> None:
    written = {each["name"] for event in events for each in event["outputs"] if each["namespace"] == "file"}
    lake = world.home / "lake"
    files = {re.sub(r"/\d{4}-\d\d-\d\d(\.\d+)?/", "/", str(path.with_suffix(""))) for path in lake.rglob("*.parquet")}
    assert files and files <= written
    tables = {each["name"] for event in events for each in event["outputs"] if each["namespace"] != "file"}
    marts = world.query(
        "select table_schema || '.' || table_name as mart from information_schema.tables "
        "where table_schema in ('mart', 'open')"
    )["mart"]
    assert len(marts) > 20
    assert {name.partition(".")[2] for name in tables} >= set(marts)


def test_a_column_of_a_mart_is_followed_to_the_columns_of_the_sources(
    world: World, events: list[dict[str, Any]]
) -> None:
    before = {
        (each["namespace"], each["name"], column): {tuple(f[k] for k in ("namespace", "name", "field")) for f in made}
        for event in events
        for each in event["outputs"]
        for column, made in (
            (column, field["inputFields"])
            for column, field in each.get("facets", {}).get("columnLineage", {}).get("fields", {}).items()
        )
    }
    [index] = {key[:2] for key in before if key[1].endswith(".mart.village_index")}
    reached, waiting = set(), {(*index, "ketentraman")}
    while waiting:
        reached |= waiting
        waiting = set().union(*(before.get(each, set()) for each in waiting)) - reached
    assert ("file", f"{world.folder}/KELUARGA", "P.01") in reached
    assert ("file", f"{world.folder}/ANGGOTA", "K.09") in reached
    assert {"akta_lhr", "statusPeserta.kode"} <= {column for _, _, column in reached}
    assert ("file", f"{world.folder}/KELUARGA", "P.09") not in reached


def test_what_was_judged_tells_its_rules_and_how_many_rows_broke_them(
    world: World, events: list[dict[str, Any]]
) -> None:
    [members] = [
        each["inputFacets"]
        for event in events
        for each in event["inputs"]
        if "dataQualityAssertions" in each.get("inputFacets", {}) and each["name"].endswith("family_survey/anggota")
    ]
    counts = world.scenario.expectation().counts[SURVEY, "anggota"]
    assert members["dataQualityMetrics"]["rowCount"] == counts.read
    broken = {each["name"] for each in members["dataQualityAssertions"]["assertions"] if not each["success"]}
    lines = world.rows(f"select distinct rule from ops.quarantine where source = '{SURVEY}' and action = 'row'")
    assert {line.rule for line in lines if line.rule.startswith("M")} <= broken


def test_a_source_that_is_down_is_stood_in_for_and_the_command_succeeds(world: World, output: str) -> None:
    closed = {**world.api.connection(), "port": 9}
    variables = {**world.variables, "AIRFLOW_CONN_HEALTH_INSURANCE": json.dumps(closed)}
    done = command(world.home, variables, "run", "--as-of", "2026-11-25")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    runs = world.query("select status, stale_sources::text as stale from ops.load_run where as_of = '2026-11-25'")
    assert list(runs["stale"].str.contains("health_insurance")) == [True]


def test_only_the_workbooks_on_the_embedded_default(make_world: MakeWorld) -> None:
    """Nothing is sampled, the other sources are absent, and the integrated basis equals the survey's."""
    world = make_world(seed=52, families=50)
    only = {"AIRFLOW_CONN_FAMILY_WORKBOOKS": world.variables["AIRFLOW_CONN_FAMILY_WORKBOOKS"]}
    done = command(world.home, only, "run", "--as-of", "2026-11-24")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    families = world.scenario.expectation().counts[SURVEY, "keluarga"].accepted
    pairs = world.query(
        "select count(*) as n from mart.family_index as s join mart.family_index as i using (family_key) "
        "where s.basis = 'survey' and i.basis = 'integrated' and s.ibangga is not distinct from i.ibangga "
        "and s.ketentraman is not distinct from i.ketentraman"
    )
    assert list(pairs["n"]) == [families]
    assert not (world.home / "sample").exists()
