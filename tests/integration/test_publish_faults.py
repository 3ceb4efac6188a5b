"""Publication among faults: killed processes, a killed server, two at once, a warehouse out of reach."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.errors import WarehouseError
from kampungkb.run import Run
from kampungkb.warehouse import embedded, locks, publish
from kampungkb.warehouse.connect import engine_of
from kampungkb.warehouse.place import place_of
from tests.conftest import AS_OF
from tests.integration.test_publish import contents, load, rows, schemas
from tests.integration.warehouse_lake import Night, night, random_families

pytestmark = pytest.mark.integration
OURS = {"core", "mart", "open", "ops", "vault", "service"}


def publishing(run: Run, references: tuple[Any, ...]) -> subprocess.Popen[str]:
    """Publish in another process."""
    validated, linked, scored = references
    order = {
        "run_id": run.run_id,
        "as_of": run.as_of.isoformat(),
        "validated": [source.model_dump(mode="json") for source in validated],
        "linked": linked.model_dump(mode="json"),
        "scored": scored.model_dump(mode="json"),
    }
    connection = run.connections[WAREHOUSE]
    fields = {**connection.model_dump(mode="json", by_alias=True), "password": connection.secret()}
    environment = {
        **os.environ,
        "KAMPUNGKB_HOME": str(run.settings.root),
        "KAMPUNGKB_PSEUDONYM_KEY": "a key for tests only",
        "AIRFLOW_CONN_WAREHOUSE": json.dumps(fields),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.publish_child", json.dumps(order)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_true(engine: Engine, condition: str, seconds: float = 120) -> None:
    """Ask the database until a condition holds."""
    deadline = time.monotonic() + seconds
    while not rows(engine, f"select {condition} as holds")[0]["holds"]:
        assert time.monotonic() < deadline, condition
        time.sleep(0.1)


@contextmanager
def locked_table(engine: Engine, table: str) -> Iterator[None]:
    """Keep others from writing a table, so that a publication stops before it; readers are not held up."""
    with engine.connect() as connection, connection.begin():
        connection.execute(text(f"lock table {table} in share row exclusive mode"))
        yield


STOPPED = "exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"


@pytest.mark.parametrize("table", ["mart.village_index", "ops.load_run"])
def test_a_publication_killed_in_its_transaction_leaves_the_old_state_and_the_next_repairs(
    warehouse_run: Run, warehouse_engine: Engine, table: str
) -> None:
    load(warehouse_run, night(seed=1))
    before = contents(warehouse_engine)
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    references = night(seed=2).write(tonight)
    with locked_table(warehouse_engine, table):
        process = publishing(tonight, references)
        await_true(warehouse_engine, STOPPED)
        assert contents(warehouse_engine) == before
        process.kill()
        process.communicate()
    await_true(warehouse_engine, f"not {STOPPED}")
    assert contents(warehouse_engine) == before
    assert len(schemas(warehouse_engine) - OURS) == 1
    publish(tonight, *references)
    assert schemas(warehouse_engine) == OURS
    keys = {row["family_key"] for row in rows(warehouse_engine, "select family_key from mart.family_index")}
    assert keys == {family.key for family in random_families(2, 60)}


def test_a_killed_server_leaves_the_old_state_and_the_next_publication_repairs(warehouse_run: Run) -> None:
    settings = warehouse_run.settings
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    try:
        with embedded.running(settings) as server:
            connections = {WAREHOUSE: server.connection()}
            engine = engine_of(server.connection())
            load(dataclasses.replace(warehouse_run, connections=connections), night(seed=1))
            before = contents(engine)
            tonight = dataclasses.replace(tonight, connections=connections)
            references = night(seed=2).write(tonight)
            with engine.connect() as held:
                held.execute(text("lock table core.family_score in share row exclusive mode"))
                process = publishing(tonight, references)
                await_true(engine, STOPPED)
                os.kill(int((place_of(settings).data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
                _, told = process.communicate(timeout=60)
                assert process.returncode == 1
                assert "the load before or the whole of this one" in told
                held.invalidate()
            engine.dispose()
            with embedded.running(settings) as again:
                engine = engine_of(again.connection())
                assert contents(engine) == before
                publish(tonight, *references)
                assert schemas(engine) == OURS
                assert rows(engine, "select max(as_of) as as_of from mart.village_index")[0]["as_of"] == tonight.as_of
                engine.dispose()
    finally:
        embedded.discard(settings)


def test_without_a_connection_the_embedded_warehouse_is_used(warehouse_run: Run) -> None:
    alone = dataclasses.replace(warehouse_run, connections={})
    try:
        load(alone, night())
        with embedded.running(alone.settings) as server:
            engine = engine_of(server.connection())
            assert len(rows(engine, "select * from mart.family_index")) == 120
            engine.dispose()
    finally:
        embedded.discard(alone.settings)


def test_two_publications_at_once_follow_each_other(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(seed=1))
    first = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    second = dataclasses.replace(warehouse_run, run_id="run-3", as_of=AS_OF + timedelta(2))
    with locked_table(warehouse_engine, "mart.village_index"):
        processes = [
            publishing(first, night(seed=2).write(first)),
            publishing(second, night(seed=3).write(second)),
        ]
        await_true(
            warehouse_engine,
            "(select count(*) = 2 from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database())",
        )
        assert rows(warehouse_engine, "select count(*) as n from ops.load_run") == [{"n": 1}]
    for process in processes:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    assert rows(warehouse_engine, "select count(*) as n from ops.load_run") == [{"n": 3}]
    keys = {row["family_key"] for row in rows(warehouse_engine, "select family_key from mart.family_index")}
    assert keys == {family.key for family in random_families(3, 60)}
    assert schemas(warehouse_engine) == OURS


def test_a_publication_that_waits_too_long_says_so(
    warehouse_run: Run, warehouse_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse_run, night(seed=1))
    before = contents(warehouse_engine)
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.2)
    with warehouse_engine.begin() as other:
        locks.wait_for(other, locks.PUBLISH)
        with pytest.raises(WarehouseError, match=r"Another run has been publishing.*Nothing was changed"):
            load(warehouse_run, night(seed=2), run_id="run-2")
    assert contents(warehouse_engine) == before
    assert schemas(warehouse_engine) == OURS


def test_a_living_run_keeps_its_staging(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(seed=1))
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    with locked_table(warehouse_engine, "ops.load_run"):
        process = publishing(tonight, night(seed=2).write(tonight))
        await_true(warehouse_engine, STOPPED)
        with warehouse_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            from kampungkb.warehouse.staging import drop_leftovers

            drop_leftovers(connection)
        assert len(schemas(warehouse_engine) - OURS) == 1
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert schemas(warehouse_engine) == OURS


def test_readers_are_not_held_up_and_see_one_whole_load(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(seed=1))
    whole = (
        "select (select max(as_of) from mart.village_index),"
        " (select md5(string_agg(family_key, '' order by family_key)) from mart.family_index)"
    )
    with warehouse_engine.connect() as connection:
        old = connection.execute(text(whole)).one()
    seen = set()
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    process = publishing(tonight, Night(random_families(2, 60), night().checks).write(tonight))
    while process.poll() is None:
        with warehouse_engine.connect() as connection:
            seen.add(tuple(connection.execute(text(whole)).one()))
        time.sleep(0.02)
    assert process.returncode == 0, process.communicate()[1]
    with warehouse_engine.connect() as connection:
        new = connection.execute(text(whole)).one()
    assert seen <= {tuple(old), tuple(new)}
    assert tuple(old) in seen
    assert old != new


@pytest.mark.services
def test_on_a_server_of_its_own(warehouse_run: Run, postgres_database: Any) -> None:
    connection = Connection.model_validate(
        {
            "conn_type": "postgres",
            "host": postgres_database.host,
            "port": postgres_database.port,
            "login": postgres_database.username,
            "password": postgres_database.password,
            "schema": postgres_database.database,
        }
    )
    engine = engine_of(connection)
    run = dataclasses.replace(warehouse_run, connections={WAREHOUSE: connection})
    assert load(run, night(seed=1)).latest
    before = contents(engine, ("core", "mart", "vault"))
    load(run, night(seed=1), run_id="run-2")
    assert contents(engine, ("core", "mart", "vault")) == before
    assert not load(run, night(seed=2), run_id="run-3", as_of=date(2026, 1, 1)).latest
    assert load(run, night(seed=3), run_id="run-4", as_of=AS_OF + timedelta(1)).latest
    keys = {row["family_key"] for row in rows(engine, "select family_key from mart.family_index")}
    assert keys == {family.key for family in random_families(3, 60)}
    engine.dispose()
