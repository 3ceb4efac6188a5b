"""The page over a warehouse that the pipeline filled: who asks is chosen by the test, all else is real."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Engine, text

from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, WAREHOUSE, Connection
from kampungkb.landing import extract
from kampungkb.linkage import link
from kampungkb.run import Run
from kampungkb.sample import generate, load_registry
from kampungkb.scoring import score
from kampungkb.settings import Settings
from kampungkb.validation import validate
from kampungkb.warehouse import publish
from kampungkb.warehouse.connect import engine_of
from tests.conftest import AS_OF

SOURCES = ("family_survey", "civil_registry")
HOSTILE = "=1+1 <img src=x onerror=alert(1)>'; drop table mart.village_index; --.xlsx"


@dataclass
class World:
    """The warehouse after two loads, and the home beside it."""

    home: Path
    engine: Engine

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def value(self, query: str, **values: Any) -> Any:
        return next(iter(self.rows(query, **values)[0].values()))


def fill(home: Path, warehouse: Connection) -> World:
    """Two loads of a small sample, two days apart.

    Before the second, a workbook leaves, one loses families, and one gets a hostile name.
    """
    sample = home.parent / "sample"
    generate(sample, families=160, as_of=AS_OF, error_scale=3, workers=1)
    registry = f"sqlite:///{home.parent / 'registry.db'}"
    load_registry(sample, registry)
    connections = {
        FAMILY_WORKBOOKS: Connection(conn_type="fs", extra={"path": str(sample / "family_survey")}),
        CIVIL_REGISTRY: Connection(conn_type="sqlite", host=str(home.parent / "registry.db")),
        WAREHOUSE: warehouse,
    }
    settings = Settings(home=home, pseudonym_key=SecretStr("a key for tests only"))
    first = Run("first", AS_OF - timedelta(days=2), settings, connections, sources=SOURCES)
    load(first)
    books = sorted((sample / "family_survey").rglob("*.xlsx"), key=lambda path: path.stat().st_size)
    books[0].unlink()
    shorten(books[-2])
    books[-1].rename(books[-1].with_name(HOSTILE))
    load(replace(first, run_id="second", as_of=AS_OF))
    return World(home, engine_of(warehouse))


def shorten(path: Path) -> None:
    """Take the last families out of a workbook, so that the village's index changes and members lose their family."""
    book = openpyxl.load_workbook(path)
    sheet = next(sheet for sheet in book.worksheets if sheet.title.upper() == "KELUARGA")
    sheet.delete_rows(sheet.max_row - 5, 6)
    book.save(path)


def load(run: Run) -> None:
    snapshots = [extract(run, source) for source in run.sources]
    validated = [validate(run, snapshot) for snapshot in snapshots]
    linked = link(run, validated)
    publish(run, validated, linked, score(run, validated, linked), snapshots=snapshots)


@dataclass
class Page:
    """The application, and a way to ask it as somebody."""

    app: FastAPI
    world: World

    @contextmanager
    def asked_by(self, name: str, role: str = "admin") -> Iterator[TestClient]:
        """A client of the Airflow user `name` with Airflow's role; only the user and his permission are given."""
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from airflow.api_fastapi.core_api.security import get_user

        from kampungkb.ui.session import may_read_dag

        self.app.dependency_overrides |= {
            get_user: lambda: SimpleAuthManagerUser(username=name, role=role),
            may_read_dag: lambda: None,
        }
        try:
            yield TestClient(self.app)
        finally:
            self.app.dependency_overrides.pop(get_user)
            self.app.dependency_overrides.pop(may_read_dag)

    def get(self, path: str, name: str = "admin", role: str = "admin", **query: Any) -> Any:
        """The JSON of a route that must answer 200."""
        with self.asked_by(name, role) as client:
            answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self, path: str, name: str = "admin", role: str = "admin", **query: Any) -> int:
        with self.asked_by(name, role) as client:
            return int(client.get(path, params=query).status_code)

    def all_rows(self, path: str, name: str = "admin", **query: Any) -> list[dict[str, Any]]:
        """Every row of a list, page by page."""
        rows: list[dict[str, Any]] = []
        for number in range(1, 1000):
            found = self.get(path, name, page=number, size=40, **query)
            rows += found["rows"]
            if number * 40 >= found["total"]:
                assert len(rows) == found["total"]
                return rows
        raise AssertionError("a list without end")


def as_json(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as a JSON answer shows them: dates as text."""
    return [
        {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()} for row in rows
    ]


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Both hold the same rows in whatever order; numbers agree to twelve digits."""

    def order(row: dict[str, Any]) -> tuple[str, ...]:
        return tuple(str(row[key]) for key in sorted(row) if not _is_number(row[key]))

    found, expected = sorted(found, key=order), sorted(as_json(expected), key=order)
    assert len(found) == len(expected)
    for left, right in zip(found, expected, strict=True):
        assert left.keys() == right.keys()
        for key, value in right.items():
            wanted = pytest.approx(float(value), rel=1e-12) if _is_number(value) else value
            assert left[key] == wanted, key


def _is_number(value: object) -> bool:
    return value is not None and not isinstance(value, bool | str | list | dict)


def only(*keys: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Cuts a row down to some columns."""
    return lambda row: {key: row[key] for key in keys}
