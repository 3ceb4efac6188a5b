"""Secrets by file, as the services get them: Airflow and the library read them, the database server makes logins."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kampungkb.connections import HEALTH_INSURANCE, WAREHOUSE, Connection, connections_from_environment
from kampungkb.errors import ConfigurationError
from kampungkb.settings import PROJECT_ROOT, Settings, load_settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.connect import engine_of
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.place import place_of
from tests.deployment.conftest import SERVICES, MakeSecrets

pytestmark = pytest.mark.integration

ASKED = (("core", "fernet_key"), ("api", "secret_key"), ("api_auth", "jwt_secret"), ("database", "sql_alchemy_conn"))
ASK_AIRFLOW = f"""
import json
from airflow.configuration import conf, initialize_secrets_backends
from airflow.secrets import DEFAULT_SECRETS_SEARCH_PATH_WORKERS
values = {{f"{{s}}.{{k}}": conf.get(s, k) for s, k in {ASKED}}}
for kind, backends in (("server", ()), ("worker", (DEFAULT_SECRETS_SEARCH_PATH_WORKERS,))):
    first = initialize_secrets_backends(*backends)[0]
    values[kind] = first.get_connection("warehouse").get_uri()
print("found " + json.dumps(values))
"""


def test_airflow_reads_its_keys_addresses_and_connections_from_the_files(
    make_secrets: MakeSecrets, tmp_path: Path
) -> None:
    folder = make_secrets()
    stated = {key: str(value) for key, value in SERVICES["scheduler"]["environment"].items() if "${" not in str(value)}
    environ = {
        **{key: value.replace("/run/secrets", str(folder)) for key, value in stated.items()},
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(tmp_path),
    }
    asked = subprocess.run(
        [sys.executable, "-c", ASK_AIRFLOW], env=environ, capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    (line,) = [line for line in asked.stdout.splitlines() if line.startswith("found ")]
    found = json.loads(line.removeprefix("found "))
    secret = {path.name: path.read_text(encoding="utf-8").strip() for path in folder.iterdir()}
    assert found["core.fernet_key"] == secret["fernet_key"]
    assert found["api.secret_key"] == secret["api_secret_key"]
    assert found["api_auth.jwt_secret"] == secret["jwt_secret"]
    assert found["database.sql_alchemy_conn"] == secret["metadata_address"]
    address = f"postgres://loader:{secret['warehouse_password']}@postgres:5432/kampungkb"
    assert (found["server"], found["worker"]) == (address, address)


def test_the_library_reads_the_same_files_and_a_variable_wins(
    make_secrets: MakeSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_secrets("--sample")
    monkeypatch.setenv("KAMPUNGKB_SECRETS", str(folder))
    key = load_settings().pseudonym_key
    assert key is not None
    assert key.get_secret_value() == (folder / "kampungkb_pseudonym_key").read_text(encoding="utf-8")
    found = connections_from_environment()
    assert len(found) == 4
    assert found[WAREHOUSE].secret() == (folder / "warehouse_password").read_text(encoding="utf-8")
    assert found[HEALTH_INSURANCE].extra["sample"] is True
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://u:p@elsewhere/w")
    monkeypatch.setenv("KAMPUNGKB_PSEUDONYM_KEY", "another")
    assert connections_from_environment()[WAREHOUSE].host == "elsewhere"
    assert load_settings().pseudonym_key != key


@pytest.mark.parametrize("content", ["no JSON", "[1]", '{"warehouse": "s3cret"}'])
def test_a_wrong_file_of_connections_is_named_and_not_quoted(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "connections.json").write_text(content, encoding="utf-8")
    monkeypatch.setenv("KAMPUNGKB_SECRETS", str(tmp_path))
    with pytest.raises(ConfigurationError) as fault:
        connections_from_environment()
    assert "s3cret" not in str(fault.value)
    monkeypatch.setenv("KAMPUNGKB_SECRETS", str(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match="KAMPUNGKB_SECRETS"):
        load_settings()


@pytest.fixture
def initialised(settings: Settings, make_secrets: MakeSecrets) -> Iterator[tuple[embedded.ServerInfo, Path]]:
    """A server on which `deploy/postgres-init.sh` has run, and the secrets it used."""
    folder = make_secrets()
    with embedded.running(settings) as server:
        environ = {
            "PATH": f"{place_of(settings).programs}:{os.environ['PATH']}",
            "SECRETS": str(folder),
            "POSTGRES_USER": server.user,
            "PGHOST": server.host,
            "PGPORT": str(server.port),
            "PGPASSWORD": server.password,
        }
        script = str(PROJECT_ROOT / "deploy" / "postgres-init.sh")
        done = subprocess.run(["bash", script], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        yield server, folder


def test_each_login_opens_its_own_database_alone_and_the_bi_tool_reads_what_is_published(
    initialised: tuple[embedded.ServerInfo, Path],
) -> None:
    server, folder = initialised
    passwords = {
        login: (folder / f"{name}_password").read_text(encoding="utf-8")
        for login, name in (("airflow", "metadata"), ("loader", "warehouse"), ("bi", "bi"))
    }

    def opens(login: str, database: str) -> bool:
        address = {"host": server.host, "port": server.port, "user": login, "password": passwords[login]}
        try:
            psycopg.connect(**address, dbname=database).close()
        except psycopg.OperationalError as fault:
            assert "permission denied" in str(fault)
            return False
        return True

    opened = {(login, name) for login in passwords for name in ("airflow", "kampungkb", "bi") if opens(login, name)}
    assert opened == {("airflow", "airflow"), ("loader", "kampungkb"), ("bi", "bi"), ("bi", "kampungkb")}

    fields = {"conn_type": "postgres", "host": server.host, "port": server.port, "schema": "kampungkb"}
    engine = engine_of(Connection.model_validate({**fields, "login": "loader", "password": passwords["loader"]}))
    try:
        migrate(engine)
        migrate(engine)
    finally:
        engine.dispose()
    with psycopg.connect(
        host=server.host, port=server.port, user="bi", password=passwords["bi"], dbname="kampungkb", autocommit=True
    ) as connection:
        assert connection.execute("select count(*) from open.village_index").fetchone() == (0,)
        for closed in ("mart.village_index", "vault.person_link", "ops.load_run"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select count(*) from {closed}")
