"""The warehouse that integration tests use: one embedded PostgreSQL for all, a fresh database for each."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy
from psycopg import sql

from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.connect import engine_of
from tests.conftest import AS_OF


@pytest.fixture(scope="session")
def embedded_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The home of the embedded PostgreSQL."""
    return Settings(home=tmp_path_factory.mktemp("embedded") / "home")


@pytest.fixture(scope="session")
def embedded_server(embedded_settings: Settings) -> Iterator[embedded.ServerInfo]:
    """The embedded PostgreSQL of a home of its own, deleted at the end."""
    with embedded.running(embedded_settings) as server:
        yield server
    embedded.discard(embedded_settings)


@pytest.fixture
def warehouse_connection(embedded_server: embedded.ServerInfo) -> Iterator[Connection]:
    """An Airflow connection to an empty database on the embedded server."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    embedded.ensure_database(embedded_server, name)
    yield embedded_server.connection(name)
    with psycopg.connect(embedded_server.uri("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def warehouse_engine(warehouse_connection: Connection) -> Iterator[sqlalchemy.Engine]:
    """An engine on the same empty database."""
    engine = engine_of(warehouse_connection)
    yield engine
    engine.dispose()


@pytest.fixture
def warehouse_run(settings: Settings, warehouse_connection: Connection) -> Run:
    """A run for AS_OF that publishes to the empty database."""
    return Run(run_id="run-1", as_of=AS_OF, settings=settings, connections={WAREHOUSE: warehouse_connection})
