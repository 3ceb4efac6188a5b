"""What changes around a load: the registry, the key, XCom, Airflow's metadata, PostgreSQL.

Each is told clearly or does no harm, and the retry or the next run gives the truth.
"""

import json
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from kampungkb.orchestration.environment import connection_variable
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded
from tests.faults.conftest import SECOND, Nights, standing
from tests.faults.server_proxy import StatementProxy
from tests.faults.steps import STEPS, Step, StepFailed
from tests.faults.world import FIRST

pytestmark = pytest.mark.faults

REGISTRY = STEPS[2]
PUBLISH, DOCUMENT = Step("publish"), Step("document")
OF_THE_KEY = [step for step in STEPS if step.task in ("prepare", "extract", "validate", "link", "score")]


# ── registry ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_registry_that_breaks_off_anywhere_is_stood_in_for_and_read_by_the_retry(nights: Nights) -> None:
    server, name = nights.world.server, nights.world.registry_name
    proxy = StatementProxy((server.host, server.port))
    with proxy.listening() as port:
        through = connection_variable(server.connection(name).model_copy(update={"port": port}))
        disturbed = nights.world.order(SECOND, AIRFLOW_CONN_CIVIL_REGISTRY=through)
        nights.world.load(disturbed, nights.put_back(REGISTRY), [REGISTRY])
        whole = proxy.answered
        for share in (0.1, 0.4, 0.7, 0.9, 0.99):
            handed = nights.put_back(REGISTRY)
            proxy.reset(lambda _: True)
            proxy.cut_at = int(whole * share)
            nights.world.load(disturbed, handed, [REGISTRY])
            assert handed[str(REGISTRY)]["stale"]
            assert "civil registry" in handed[str(REGISTRY)]["reason"]
            begun = time.monotonic()
            nights.world.load(nights.tonight, handed, [REGISTRY])
            nights.reconcile_step("registry drops the connection in mid-stream", begun, REGISTRY, handed)


# ── key ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["", "another key than the lake's"])
@pytest.mark.parametrize("step", OF_THE_KEY, ids=str)
def test_a_step_whose_key_is_missing_or_another_one_says_so_and_changes_nothing(
    nights: Nights, step: Step, key: str
) -> None:
    world, handed = nights.world, nights.put_back(step)
    fault = world.refused(world.order(SECOND, KAMPUNGKB_PSEUDONYM_KEY=key), [step], handed)
    assert "KAMPUNGKB_PSEUDONYM_KEY" in fault.message
    assert standing(world, nights.tonight) == nights.lakes[step]
    begun = time.monotonic()
    world.load(nights.tonight, handed, [step])
    nights.reconcile_step(f"pseudonym key {'changed' if key else 'missing'}", begun, step, handed)


# ── XCom ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [Step("link"), Step("score"), PUBLISH], ids=str)
@pytest.mark.parametrize("old", ["of another date", "of another release"])
def test_what_xcom_has_kept_too_long_is_refused(nights: Nights, step: Step, old: str) -> None:
    world, handed = nights.world, nights.put_back(step)
    if old == "of another date":
        kept = json.loads(json.dumps(handed).replace(SECOND.isoformat(), FIRST.isoformat()))
    else:
        kept = {**handed, "settle": [{**each, "gone": 1} for each in handed["settle"]]}
    fault = world.refused(nights.tonight, [step], kept)
    assert "Clear the run from its first task" in fault.message
    assert standing(world, nights.tonight) == nights.lakes[step]
    begun = time.monotonic()
    world.load(nights.tonight, handed, [step])
    if step == PUBLISH:
        nights.reconcile(f"XCom {old}", begun)
    else:
        nights.reconcile_step(f"XCom {old}", begun, step, handed)


# ── metadata ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_metadata_database_costs_no_row(nights: Nights) -> None:
    """An Airflow that has forgotten the run begins it again under the same name, with nothing in XCom."""
    nights.put_back(DOCUMENT)
    begun = time.monotonic()
    nights.world.load(nights.tonight)
    nights.reconcile("Airflow's metadata lost after the publication", begun)


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_server_that_restarts_during_the_publication(
    nights: Nights, embedded_settings: Settings, share: float
) -> None:
    world, handed = nights.world, nights.put_back(PUBLISH)
    with world.engine.connect() as connection:
        data = connection.execute(text("show data_directory")).scalar_one()
    main = psutil.Process(int((Path(data) / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))

    def restart(process: BaseProcess) -> None:
        process.join(share * nights.seconds[PUBLISH])
        os.kill(main.pid, signal.SIGQUIT)  # an immediate shutdown
        main.wait()
        with embedded.running(embedded_settings) as server:
            assert server.port == world.server.port

    try:
        world.load(nights.tonight, handed, [PUBLISH], acts={PUBLISH: restart})
    except StepFailed as fault:
        assert "warehouse" in fault.message.lower(), fault
    begun = time.monotonic()
    world.load(nights.tonight, handed, [PUBLISH, DOCUMENT])
    nights.reconcile("PostgreSQL restarts during the publication", begun)
