"""What every test may use: a world without the user's settings, a run on a folder of its own, empty databases."""

import os
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded

hypothesis_settings.register_profile("kampungkb", deadline=None, max_examples=50)
hypothesis_settings.load_profile("kampungkb")

AS_OF = date(2026, 11, 24)
POSTGRES = os.environ.get("KAMPUNGKB_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
MARIADB = os.environ.get("KAMPUNGKB_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test")
SERVICES_REQUIRED = os.environ.get("KAMPUNGKB_TEST_SERVICES") == "required"

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
for _name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_") or name.startswith("KAMPUNGKB_")]:
    if not _name.startswith("KAMPUNGKB_TEST_"):
        del os.environ[_name]  # a test must never reach the sources or the warehouse of the person who runs it


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A KAMPUNGKB_HOME of its own, known to this process and the processes that it starts; no database outlives it."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("KAMPUNGKB_HOME", str(folder))
    yield folder
    discard_server(folder)


def discard_server(home: Path) -> None:
    """Delete the embedded server of a home where it has one: as root its data stands outside the home."""
    if (home / "postgres").is_dir():
        embedded.discard(Settings(home=home))


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings over `home`, with a pseudonym key."""
    return Settings(home=home, pseudonym_key=SecretStr("a key for tests only"))


@pytest.fixture
def run(settings: Settings) -> Run:
    """A run for AS_OF without connections."""
    return Run(run_id="test-run", as_of=AS_OF, settings=settings)


def _fresh_database(server: str, what: str) -> Iterator[sqlalchemy.URL]:
    """An empty database on the server, dropped afterwards; without a server skip, or fail where it is required."""
    name = f"kampungkb_test_{uuid.uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(
        server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}, poolclass=sqlalchemy.NullPool
    )
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"create database {name}"))
    except sqlalchemy.exc.OperationalError:
        message = f"no {what} server reachable at {engine.url.render_as_string(hide_password=True)}"
        if SERVICES_REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    try:
        yield engine.url.set(database=name)
    finally:
        force = " with (force)" if engine.dialect.name == "postgresql" else ""
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"drop database if exists {name}{force}"))


@pytest.fixture
def postgres_database() -> Iterator[sqlalchemy.URL]:
    """The URL of an empty database on a PostgreSQL server (KAMPUNGKB_TEST_POSTGRES)."""
    yield from _fresh_database(POSTGRES, "PostgreSQL")


@pytest.fixture
def mariadb_database() -> Iterator[sqlalchemy.URL]:
    """The URL of an empty database on a MariaDB or MySQL server (KAMPUNGKB_TEST_MARIADB)."""
    yield from _fresh_database(MARIADB, "MariaDB")
