"""A village is gone after seven loads: `kampungkb run` takes the default, under a scheduler a person decides."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from kampungkb import gates, landing, linkage, scoring, validation
from kampungkb.connections import Connection
from kampungkb.run import Run, today
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.verdicts import ACCEPT, HOLD_BACK
from kampungkb.warehouse import embedded, publish
from tests.ports import free_port
from tests.schedules import HARDLY_EVER

pytestmark = [pytest.mark.e2e, pytest.mark.scheduler]

SURVEY, KEY = "family_survey", "a key for tests only"
LOADS = 7
PATIENCE = 240.0


class Home:
    """A home whose only source is a folder of workbooks of the sample."""

    def __init__(self, root: Path) -> None:
        self.path, self.folder = root / "home", root / "sample" / "family_survey"
        self.path.mkdir(mode=0o700)
        self.settings = Settings(home=self.path, pseudonym_key=SecretStr(KEY))
        workbooks = {"conn_type": "fs", "extra": {"path": str(self.folder)}}
        self.connection = Connection.model_validate(workbooks)
        self.environ = {
            **os.environ,
            **HARDLY_EVER,
            "KAMPUNGKB_HOME": str(self.path),
            "KAMPUNGKB_PSEUDONYM_KEY": KEY,
            "AIRFLOW_CONN_FAMILY_WORKBOOKS": json.dumps(workbooks),
            "PYTHONPATH": str(PROJECT_ROOT / "plugins"),
        }

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "kampungkb", *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def load(self, as_of: date) -> None:
        """One night as the DAG does it, without Airflow."""
        connections = {"family_workbooks": self.connection}
        run = Run(f"night-{as_of}", as_of, self.settings, connections, sources=(SURVEY,))
        snapshots = [landing.extract(run, SURVEY)]
        validated = [validation.validate(run, snapshot) for snapshot in snapshots]
        assert gates.inspect(run, snapshots, validated) == []
        settled = gates.settle(run, snapshots, validated)
        linked = linkage.link(run, settled)
        publish(run, settled, linked, scoring.score(run, settled, linked), snapshots=snapshots)

    def drop_a_village(self) -> str:
        """Delete the workbook of the village with most families in the newest load."""
        accepted = max((self.path / "lake" / "accepted").iterdir()) / SURVEY / "keluarga.parquet"
        counts = pq.read_table(accepted, columns=["file", "village_code"]).group_by(["file", "village_code"])
        found = counts.aggregate([("file", "count")]).sort_by([("file_count", "descending")]).to_pylist()[0]
        (self.folder / found["file"]).unlink()
        return str(found["village_code"])

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with embedded.running(self.settings) as server, psycopg.connect(server.uri()) as connection:
            return connection.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("deciding"))
    made.command("sample", "--families", "400", "--seed", "7", "--out", str(made.folder.parent))
    with embedded.running(made.settings):
        for nights in range(LOADS + 1, 1, -1):
            made.load(today() - timedelta(days=nights))
    yield made
    embedded.discard(made.settings)


@pytest.fixture(scope="module")
def accepted_by_default(home: Home) -> str:
    """`kampungkb run` for yesterday, with one village gone."""
    home.drop_a_village()
    return home.command("run", "--as-of", str(today() - timedelta(days=1)))


def test_kampungkb_run_takes_the_default_at_once_records_it_and_says_so(home: Home, accepted_by_default: str) -> None:
    assert "Gate suspicious: pendataan keluarga / family survey, desa hilang / vanished villages" in accepted_by_default
    decided = home.query(
        "select gate, level, decision, decided_by, by_default, stale_sources from ops.gate_decision "
        "join ops.load_run using (run_id) where gate = 'villages'"
    )
    assert decided == [("villages", "suspicious", "accepted", "default", True, [])]


@contextmanager
def airflow(home: Home) -> Iterator[httpx.Client]:
    """`kampungkb up` on a free port, and a client of its REST interface as the user admin."""
    port = free_port()
    log = (home.path / "up.out").open("wb")
    command = [sys.executable, "-m", "kampungkb", "up", "--port", str(port)]
    process = subprocess.Popen(command, env=home.environ, stdout=log, stderr=log, start_new_session=True)
    url = f"http://localhost:{port}"
    try:
        until(lambda: b"Ctrl-C" in (home.path / "up.out").read_bytes() or process.poll() is not None)
        assert process.poll() is None, (home.path / "up.out").read_text()
        passwords = json.loads((home.path / "airflow" / "passwords.json").read_text())
        credentials = {"username": "admin", "password": passwords["admin"]}
        token = httpx.post(f"{url}/auth/token", json=credentials, timeout=30).json()["access_token"]
        with httpx.Client(base_url=f"{url}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def until(ask: Callable[[], object]) -> None:
    """Ask twice a second until the answer is true."""
    deadline = time.monotonic() + PATIENCE
    while not ask():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.5)


def test_under_a_scheduler_the_run_waits_and_a_person_holds_the_delivery_back(
    home: Home, accepted_by_default: str
) -> None:
    village = home.drop_a_village()
    with airflow(home) as client:
        until(lambda: client.get("/dags/nightly_load").status_code == 200)
        started = client.post("/dags/nightly_load/dagRuns", json={"logical_date": None}).raise_for_status().json()
        run = f"/dags/nightly_load/dagRuns/{started['dag_run_id']}"

        def states() -> dict[str, str]:
            found = client.get(f"{run}/taskInstances").raise_for_status().json()["task_instances"]
            return {each["task_id"]: each["state"] for each in found}

        until(lambda: states().get("decide") == "awaiting_input")
        question = client.get(f"{run}/taskInstances/decide/0/hitlDetails").raise_for_status().json()
        assert (question["options"], question["defaults"]) == ([ACCEPT, HOLD_BACK], [ACCEPT])
        assert "family survey" in question["subject"] and village in question["body"]
        time.sleep(5)  # an answer within the moment of parking is another matter
        assert states()["settle"] in (None, "None")
        answer = {"chosen_options": [HOLD_BACK], "params_input": {}}
        client.patch(f"{run}/taskInstances/decide/0/hitlDetails", json=answer).raise_for_status()
        until(lambda: client.get(run).json()["state"] in ("success", "failed"))
        assert (client.get(run).json()["state"], states()["decide"]) == ("success", "success"), states()
    lines = [line for path in (home.path / "openlineage").iterdir() for line in path.read_text().splitlines()]
    told = {
        each["job"]["name"]: len(each["outputs"])
        for each in map(json.loads, lines)
        if each["eventType"] == "COMPLETE"
        and each["run"]["facets"].get("airflow", {}).get("dagRun", {}).get("run_id") == started["dag_run_id"]
    }
    assert told["nightly_load.publish"] > 50
    decided = home.query(
        "select gate, decision, decided_by, by_default, snapshot, stale_sources from ops.gate_decision "
        f"join ops.load_run using (run_id) where load_run.as_of = '{today()}' and gate = 'villages'"
    )
    assert decided == [("villages", "held_back", "admin", False, f"{today()}.1", [SURVEY])]
    assert home.query(f"select 1 from core.family_score where village_code = '{village}'")
    again = home.command("run")
    assert "ditahan" in again and "admin" in again  # the same decision, not asked again
