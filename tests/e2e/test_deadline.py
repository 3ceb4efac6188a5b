"""A load that is late is told by Airflow's own scheduler: the DAG files as they are, their hours shortened to none."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from kampungkb.orchestration.environment import DAGS, airflow_environment, airflow_home, password_file
from kampungkb.orchestration.nightly import prepare_airflow
from kampungkb.orchestration.processes import running
from kampungkb.settings import Settings
from tests.integration.test_report_notices import listening
from tests.ports import free_port
from tests.schedules import HARDLY_EVER

pytestmark = [pytest.mark.e2e, pytest.mark.scheduler]


def until(ask: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + 240
    while not ask():
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.5)


def test_operation_hears_of_a_run_that_is_not_done_in_time(settings: Settings, tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    shutil.copytree(DAGS, dags, ignore=shutil.ignore_patterns("__pycache__"))
    source = (dags / "nightly_load.py").read_text()
    shortened = source.replace("interval=timedelta(hours=DONE_WITHIN_HOURS)", "interval=timedelta(seconds=1)")
    assert shortened != source
    (dags / "nightly_load.py").write_text(shortened)
    port = free_port()
    environment = {
        **airflow_environment(settings, os.environ, port),
        **HARDLY_EVER,
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
    }
    log = tmp_path / "airflow.log"
    prepare_airflow(settings, environment, log, lambda key: None)
    password_file(settings).write_text(json.dumps({"admin": "secret", "viewer": "secret"}))
    with ExitStack() as stack:
        heard, named = stack.enter_context(listening())
        environment["AIRFLOW_CONN_OPERATION_NOTICES"] = named["AIRFLOW_CONN_REPORT_NOTICES"]
        for part in ("api-server", "scheduler", "dag-processor"):
            stack.enter_context(running([sys.executable, "-m", "airflow", part], environment, log))
        url = f"http://localhost:{port}"
        until(lambda: _answers(f"{url}/api/v2/version"), log)
        credentials = {"username": "admin", "password": "secret"}
        token = httpx.post(f"{url}/auth/token", json=credentials, timeout=30).json()["access_token"]
        client = stack.enter_context(
            httpx.Client(base_url=f"{url}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        )
        until(lambda: client.get("/dags/nightly_load").status_code == 200, log)
        started = client.post("/dags/nightly_load/dagRuns", json={"logical_date": None}).raise_for_status().json()
        until(lambda: len(heard.posts) >= 2, log)
    told = {post["title"]: post["message"] for post in heard.posts}
    late = told["Pemuatan Kampung KB terlambat / The Kampung KB load is late"]
    assert late.startswith("nightly_load belum selesai 4 jam") and "is not done 4 hours after it was queued" in late
    assert f"{url}/dags/nightly_load/runs/" in late and started["dag_run_id"].split("__")[0] in late
    assert "tugas prepare" in told["Tugas Kampung KB gagal / A Kampung KB task failed"]
    assert airflow_home(settings).exists()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
