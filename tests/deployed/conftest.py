"""One deployment on the sample, started service by service as the compose file says, and its first scheduled night.

The schedule is the deployment's own setting: every minute instead of every night.
"""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.place import place_of
from tests.conftest import discard_server
from tests.deployed.services import PATIENCE, Deployment, until
from tests.faults.figures import Trial, record
from tests.faults.world import Rows, differences, rows_of

AIRFLOW_PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
FAMILIES = 60
DAG = "nightly_load"
PASSWORD = "a password for tests only"
ENDED = ("success", "failed")
A_NIGHT = 1800.0
"""How many seconds a night may take at most, on a machine that does much else."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.scheduler)
            item.add_marker(pytest.mark.e2e)


@dataclass
class Installation:
    """A deployment, the server of its databases, and what an engineer asks of them."""

    deployment: Deployment
    server: embedded.ServerInfo
    _token: dict[str, str] = field(default_factory=dict)

    # ── databases ────────────────────────────────────────────────────────────────────────────────────────────────

    def make_databases(self) -> None:
        """The script that PostgreSQL's image runs at its first start."""
        environ = {
            "PATH": f"{place_of(Settings(home=self.deployment.root / 'server')).programs}:{os.environ['PATH']}",
            "SECRETS": str(self.deployment.secrets),
            "POSTGRES_USER": self.server.user,
            **{"PGHOST": self.server.host, "PGPORT": str(self.server.port), "PGPASSWORD": self.server.password},
        }
        script = str(PROJECT_ROOT / "deploy" / "postgres-init.sh")
        done = subprocess.run(["bash", script], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def empty_database(self, name: str, owner: str) -> None:
        """Drop a database, whoever uses it, and make it as the script did."""
        with psycopg.connect(self.server.uri("postgres"), autocommit=True) as connection:
            database = sql.Identifier(name)
            connection.execute(sql.SQL("drop database {} with (force)").format(database))
            connection.execute(sql.SQL("create database {} owner {}").format(database, sql.Identifier(owner)))
            connection.execute(sql.SQL("revoke connect, temporary on database {} from public").format(database))

    @property
    def engine(self) -> sa.Engine:
        """The warehouse."""
        return sa.create_engine(self.server.url("kampungkb"), poolclass=sa.NullPool)

    def rows(self, run: Mapping[str, Any]) -> Rows:
        """Every row of the warehouse as if this run alone had loaded the date."""
        return rows_of(
            self.engine, run["dag_run_id"], [name for (name,) in self.query("select run_id from ops.load_run")]
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]

    # ── Airflow ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        return f"http://localhost:{self.deployment.ports['api-server']}"

    def make_user(self) -> None:
        """The command of the page on deployment; the password goes by standard input."""
        who = ("--username", "admin", "--role", "Admin", "--firstname", "Nama", "--lastname", "Keluarga")
        self.deployment.executes(
            "api-server",
            *("airflow", "users", "create", *who, "--email", "admin@example.org"),
            told=f"{PASSWORD}\n{PASSWORD}\n",
        )

    def log_in(self) -> None:
        credentials = {"username": "admin", "password": PASSWORD}
        answer = httpx.post(f"{self.url}/auth/token", json=credentials, timeout=PATIENCE).raise_for_status()
        self._token = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def get(self, path: str, **params: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v2{path}", params=params, headers=self._token, timeout=PATIENCE)
        return answer.raise_for_status().json()

    def knows_the_load(self) -> bool:
        """Whether the DAG processor has read the DAGs."""
        return {DAG, "publish_reports"} <= {each["dag_id"] for each in self.get("/dags")["dags"]}

    def page(self, path: str) -> Any:
        """What the page Kampung KB answers the admin."""
        answer = httpx.get(f"{self.url}/kampungkb{path}", headers=self._token, timeout=PATIENCE)
        return answer.raise_for_status().json()

    def _patch(self, path: str, **change: Any) -> None:
        httpx.patch(f"{self.url}/api/v2{path}", json=change, headers=self._token, timeout=PATIENCE).raise_for_status()

    def pause(self, dag: str = DAG, *, paused: bool = True) -> None:
        self._patch(f"/dags/{dag}", is_paused=paused)

    def runs(self, dag: str = DAG) -> list[dict[str, Any]]:
        """The runs of a DAG, the newest first."""
        found: list[dict[str, Any]] = self.get(f"/dags/{dag}/dagRuns", order_by="-run_after", limit=50)["dag_runs"]
        return found

    def states(self, run: Mapping[str, Any]) -> dict[str, list[str]]:
        """The states of the tasks of a run, one each mapped task."""
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
        found: dict[str, list[str]] = {}
        for each in self.get(path)["task_instances"]:
            found.setdefault(each["task_id"], []).append(str(each["state"]))
        return found

    def in_the_midst(self, run: Mapping[str, Any], task: str) -> None:
        """Wait until a task of the run is running."""
        until(lambda: "running" in self.states(run).get(task, []), f"{task} is running", every=0.2)

    def survives_kill(self, service: str, run: Mapping[str, Any], task: str) -> float:
        """KILL a service while a task of the run is running, start it again; the seconds until the run has ended."""
        self.in_the_midst(run, task)
        self.deployment.kill(service)
        begun = time.monotonic()
        self.deployment.start(service)
        self.ended(run)
        return time.monotonic() - begun

    def tries(self, run: Mapping[str, Any]) -> Counter[int]:
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances"
        return Counter(each["try_number"] for each in self.get(path)["task_instances"])

    def next_scheduled(self) -> dict[str, Any]:
        """Let the DAG be scheduled; the first run that comes of it."""
        known = {run["dag_run_id"] for run in self.runs()}
        self.pause(paused=False)
        fresh = until(lambda: [run for run in self.runs() if run["dag_run_id"] not in known], "a scheduled run")
        assert len(fresh) == 1 and fresh[0]["run_type"] == "scheduled"
        run: dict[str, Any] = fresh[0]
        return run

    def ended(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The run once it has ended well; of its DAG no other follows."""
        path = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"

        def over() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get(path)
            return found if found["state"] in ENDED else None

        done: dict[str, Any] = until(over, f"{run['dag_run_id']} ends", seconds=A_NIGHT)
        assert done["state"] == "success", (self.states(run), self.deployment.tail("scheduler"))
        self.hush(run["dag_id"])
        return done

    def hush(self, dag: str) -> None:
        """Pause a DAG, and end what the next minute has begun meanwhile."""
        self.pause(dag)
        for run in self.runs(dag):
            if run["state"] not in ENDED:
                path = f"/dags/{dag}/dagRuns/{run['dag_run_id']}"
                self._patch(path, state="failed")
                until(lambda run=run: "running" not in str(self.states(run)), f"{path} is quiet")
                httpx.delete(f"{self.url}/api/v2{path}", headers=self._token, timeout=PATIENCE).raise_for_status()

    # ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────

    def up(self, **variables: str) -> None:
        """What `docker compose up` does with the parts of Airflow, in the order of their conditions."""
        self.deployment.runs("migrate")
        for part in AIRFLOW_PARTS:
            self.deployment.start(part, **variables)
            if part == "api-server":
                self.deployment.becomes_well(part)

    def begin_anew(self) -> None:
        """An empty warehouse and an empty lake; sample and Airflow stay."""
        self.empty_database("kampungkb", "loader")
        with psycopg.connect(self.server.uri("postgres"), autocommit=True) as connection:
            connection.execute("grant connect on database kampungkb to kkb_viewer")
        for path in self.deployment.home.iterdir():
            if path.name != "sample":
                subprocess.run(["rm", "-rf", str(path)], check=True)


def deployment(root: Path, postgres: int) -> Deployment:
    """A deployment under `root` on the sample, with the secrets that the script makes; nothing runs yet."""
    script = str(PROJECT_ROOT / "deploy" / "make-secrets.sh")
    secrets = root / "compose-secrets"
    subprocess.run(["bash", script, "--sample", str(secrets)], check=True, capture_output=True)
    values = {
        "FAMILY_WORKBOOKS_FOLDER": str(root / "workbooks"),
        "KAMPUNGKB_ALLOW_SAMPLE": "1",
        "KAMPUNGKB_SAMPLE_FAMILIES": str(FAMILIES),
        "KAMPUNGKB_NIGHTLY_SCHEDULE": "* * * * *",
    }
    return Deployment(root, secrets, postgres, values)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Everything up, the user made, nothing loaded yet."""
    root = tmp_path_factory.mktemp("deployment")
    home = root / "server"
    home.mkdir(mode=0o700)
    with embedded.running(Settings(home=home)) as server:
        made = Installation(deployment(root, server.port), server)
        try:
            made.make_databases()
            made.deployment.runs("sample")
            made.deployment.start("sample-insurance")
            made.up()
            made.make_user()
            made.log_in()
            until(made.knows_the_load, "the DAGs are known")
            yield made
        finally:
            made.deployment.stop_all()
    discard_server(home)


@dataclass(frozen=True)
class Night:
    """A load from nothing that nothing disturbed: its run as Airflow tells it, and every row it has published."""

    run: dict[str, Any]
    rows: Rows

    def reconcile(
        self, installation: Installation, fault: str, run: Mapping[str, Any], seconds: float | None = None
    ) -> None:
        """Put the figures of a fault on record: the warehouse against this night."""
        found = installation.rows(run)
        lost, doubled = differences(self.rows, found)
        record(Trial(fault, lost, doubled, seconds and round(seconds, 2)))
        assert (lost, doubled) == (0, 0), [*(self.rows - found)][:3] + [*(found - self.rows)][:3]


@pytest.fixture(scope="session")
def first_night(installation: Installation) -> Night:
    """The first scheduled run, with the reports that follow it."""
    installation.pause("publish_reports", paused=False)
    run = installation.ended(installation.next_scheduled())
    until(lambda: installation.runs("publish_reports"), "the reports are begun")
    installation.ended(installation.runs("publish_reports")[0])
    return Night(run, installation.rows(run))
