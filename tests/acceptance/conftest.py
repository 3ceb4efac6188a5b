"""The three sources of the independent generator, reached by connections as a user writes them, and a load of them."""

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pandas as pd
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from kampungkb.connections import connections_from_environment
from kampungkb.landing import extract
from kampungkb.linkage import link
from kampungkb.orchestration.surroundings import surroundings
from kampungkb.refs import Linked, Published, Scored, Snapshot, Validated
from kampungkb.run import Run, present_sources
from kampungkb.scoring import score
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.validation import validate
from kampungkb.warehouse import embedded, publish
from kampungkb.warehouse.connect import url
from tests.conftest import discard_server
from tests.generator import PROFILES, InsuranceApi, Scenario, make_scenario

AS_OF = date(2026, 11, 24)
_numbers = itertools.count(1)


@dataclass
class Loaded:
    """What the five steps of one load returned."""

    run: Run
    snapshots: dict[str, Snapshot]
    validated: dict[str, Validated]
    linked: Linked
    scored: Scored
    published: Published


@dataclass
class World:
    """One scenario, written out: its home, its connections as text, and ways to load and to look."""

    scenario: Scenario
    home: Path
    variables: dict[str, str]
    engine: sa.Engine
    api: InsuranceApi
    closing: ExitStack = field(default_factory=ExitStack)

    @property
    def folder(self) -> Path:
        return self.home.parent / "workbooks"

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, pseudonym_key=SecretStr("a key for tests only"))

    def load(self, as_of: date = AS_OF, without: tuple[str, ...] = (), force: bool = False) -> Loaded:
        """The five steps, in order, as the DAG calls them."""
        variables = {name: value for name, value in self.variables.items() if name not in without}
        connections = connections_from_environment(variables)
        sources = present_sources(connections)
        run_id = f"acceptance__{next(_numbers)}"
        run = Run(run_id, as_of, self.settings, connections, sources=sources, force=force)
        snapshots = {source: extract(run, source) for source in sources}
        validated = {source: validate(run, snapshot) for source, snapshot in snapshots.items()}
        linked = link(run, list(validated.values()))
        scored = score(run, list(validated.values()), linked)
        published = publish(run, list(validated.values()), linked, scored, snapshots=list(snapshots.values()))
        return Loaded(run, snapshots, validated, linked, scored, published)

    def query(self, statement: str) -> pd.DataFrame:
        with self.engine.connect() as connection:
            return pd.read_sql(sa.text(statement), connection)

    def rows(self, statement: str) -> list[Any]:
        """Rows whose values go by column name."""
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(statement)))

    def dump(self, *schemas: str) -> dict[str, list[str]]:
        """Every row of every table and view of the schemas, as sorted text, with the row's version where it has one."""
        found = {}
        for schema in schemas:
            names = self.query(
                "select table_name, table_type from information_schema.tables "
                f"where table_schema = '{schema}' order by table_name"
            )
            for name in names["table_name"]:
                rows = self.query(f'select t::text as row from {schema}."{name}" as t')
                found[f"{schema}.{name}"] = sorted(rows["row"])
        return found


Kind = TypeVar("Kind", bound=World)


@contextmanager
def sampled(home: Path, key: str, kind: type[Kind] = World) -> Iterator[Kind]:  # type: ignore[assignment]
    """A world of 80 families of the product's own sample, from servers of its own; nothing is loaded yet."""
    settings = Settings(home=home, pseudonym_key=SecretStr(key))
    paths = f"{PROJECT_ROOT / 'plugins'}:{PROJECT_ROOT}"
    try:
        with surroundings(settings, {**os.environ, "PYTHONPATH": paths}, AS_OF, 80, lambda _: None) as around:
            engine = sa.create_engine(url(around.warehouse), poolclass=sa.NullPool)
            yield kind(None, home, around.variables, engine, None)  # type: ignore[arg-type]
    finally:
        discard_server(home)


def survey_uri(folder: Path) -> str:
    return f"fs://?path={quote(str(folder), safe='')}"


def http_uri(fields: Mapping[str, Any]) -> str:
    extra = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in fields["extra"].items())
    secret = quote(fields["password"], safe="")
    return f"http://{fields['login']}:{secret}@{fields['host']}:{fields['port']}/{fields['schema']}?{extra}"


def database_uri(url: sa.URL, **extra: str) -> str:
    """The Airflow URI of a SQLAlchemy URL."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    scheme = {"postgresql": "postgresql", "mysql": "mysql"}[url.get_backend_name()]
    login = quote(url.username or "", safe="") + (f":{quote(str(url.password), safe='')}" if url.password else "")
    query = "?" + "&".join(f"{key}={value}" for key, value in extra.items()) if extra else ""
    return f"{scheme}://{login}@{url.host}:{url.port}/{url.database}{query}"


def database_json(url: sa.URL, **extra: str) -> str:
    """The same connection as JSON."""
    if url.get_backend_name() == "sqlite":
        return json.dumps({"conn_type": "sqlite", "host": url.database})
    fields = {"host": url.host, "port": url.port, "login": url.username, "schema": url.database, "extra": extra}
    return json.dumps({"conn_type": url.get_backend_name(), "password": url.password, **fields})


MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def make_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeWorld]:
    """Worlds on an embedded warehouse and an SQLite registry, unless told otherwise; shared by a module's tests."""
    with ExitStack() as stack:

        def make(
            seed: int,
            families: int = 120,
            profile: str = "text",
            registry: sa.URL | None = None,
            warehouse: sa.URL | None = None,
            as_json: bool = False,
            base_path: str = "",
            schema: str | None = None,
            as_of: date = AS_OF,
        ) -> World:
            root = tmp_path_factory.mktemp(f"world{seed}_")
            home = root / "home"
            home.mkdir(mode=0o700)
            stack.callback(discard_server, home)
            scenario = make_scenario(seed, families, as_of, PROFILES[profile])
            folder = scenario.write_workbooks(root / "workbooks")
            registry = registry or sa.URL.create("sqlite", database=str(root / "registry.db"))
            source = sa.create_engine(registry, poolclass=sa.NullPool)
            if schema:
                with source.begin() as connection:
                    connection.execute(sa.text(f"create schema {schema}"))
            scenario.write_registry(source, schema)
            api = stack.enter_context(scenario.api(base_path=base_path))
            settings = Settings(home=home, pseudonym_key=SecretStr("a key for tests only"))
            if warehouse is None:
                server = stack.enter_context(embedded.running(settings))
                warehouse = server.url()
            database = database_json if as_json else database_uri
            insurance = api.connection()
            workbooks = json.dumps({"conn_type": "fs", "extra": {"path": str(folder)}})
            variables = {
                "AIRFLOW_CONN_FAMILY_WORKBOOKS": workbooks if as_json else survey_uri(folder),
                "AIRFLOW_CONN_CIVIL_REGISTRY": database(registry, **({"schema": schema} if schema else {})),
                "AIRFLOW_CONN_HEALTH_INSURANCE": json.dumps(insurance) if as_json else http_uri(insurance),
                "AIRFLOW_CONN_WAREHOUSE": database(warehouse),
            }
            engine = sa.create_engine(warehouse.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
            return World(scenario, home, variables, engine, api)

        yield make
