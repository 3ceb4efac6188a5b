"""The metrics of the page: figures of the last load, for whoever sends the token and for nobody else."""

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from kampungkb.orchestration.journal import recording
from kampungkb.refs import Scored
from kampungkb.run import Run
from kampungkb.ui.metrics import exposition
from kampungkb.warehouse import publish
from tests.integration.test_publish import rows
from tests.integration.warehouse_lake import CHECKS, night

pytestmark = pytest.mark.integration

TOKEN = uuid.uuid4().hex


@pytest.fixture
def client(warehouse_run: Run, warehouse_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    os.environ.setdefault("AIRFLOW_HOME", str(warehouse_run.settings.root / "airflow"))
    monkeypatch.setenv("KAMPUNGKB_HOME", str(warehouse_run.settings.root))
    monkeypatch.setenv("KAMPUNGKB_METRICS_TOKEN", TOKEN)
    from kampungkb.ui.app import create_app
    from kampungkb.ui.session import warehouse_engine as engine_of_the_page

    app = create_app()
    app.dependency_overrides[engine_of_the_page] = lambda: warehouse_engine
    yield TestClient(app)


def read(client: TestClient) -> dict[tuple[str, ...], float]:
    """Every figure by name and labels, in the order of the labels' names."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix("kampungkb_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_it_tells_rows_seconds_and_scores_of_the_last_load(
    client: TestClient, warehouse_run: Run, warehouse_engine: Engine
) -> None:
    with recording(warehouse_run.settings, warehouse_run.run_id, "score") as step:
        step.done(Scored(path=Path("/s"), families=30, rows=60))
    publish(warehouse_run, *night(checks=list(CHECKS)).write(warehouse_run))
    found = read(client)
    sources = rows(warehouse_engine, "select * from ops.last_night")
    assert len(sources) >= 2
    for row in sources:
        for state in ("read", "accepted", "rejected"):
            assert found[("source_rows", str(row["source"]), state)] == row[f"rows_{state}"]
        score = row["score"] if row["score"] is None else pytest.approx(float(str(row["score"])))
        assert found.get(("source_score", str(row["source"]))) == score
        assert found[("source_stale", str(row["source"]))] == 0
    assert any(row["score"] is not None for row in sources)
    assert found[("load_seconds",)] == sources[0]["seconds"]
    assert (found[("step_rows", "", "score", "in")], found[("step_rows", "", "score", "out")]) == (30, 60)
    assert found[("step_seconds", "", "score")] >= 0
    assert abs(found[("load_finished_timestamp_seconds",)] - datetime.now(UTC).timestamp()) < 600


@pytest.mark.parametrize(
    "sent",
    ["", TOKEN, f"Basic {TOKEN}", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"],
    ids=["nothing", "bare", "basic", "empty", "longer", "shorter"],
)
def test_without_the_very_token_nothing_is_told(client: TestClient, sent: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": sent} if sent else {})
    assert answer.status_code == 401
    assert "kampungkb_" not in answer.text and TOKEN not in answer.text


def test_where_no_token_is_set_there_are_no_metrics(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAMPUNGKB_METRICS_TOKEN")
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_a_short_token_is_no_setting(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMPUNGKB_METRICS_TOKEN", "guessed")
    answer = client.get("/metrics", headers={"Authorization": "Bearer guessed"})
    assert answer.status_code == 503
    assert "KAMPUNGKB_METRICS_TOKEN" in answer.text and "guessed" not in answer.text


def test_an_empty_warehouse_is_no_fault_of_the_page(client: TestClient) -> None:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code in (200, 503)
    assert answer.status_code == 200 or "warehouse" in answer.json()["detail"]


def test_before_the_first_load_there_is_nothing_to_tell_and_no_fault() -> None:
    assert b"kampungkb_load" not in exposition([], [])
