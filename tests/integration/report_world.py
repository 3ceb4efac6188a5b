"""A warehouse with two published nights and the reports of the later one, for tests that only look at them."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
from pydantic import SecretStr
from sqlalchemy import Engine, text

from kampungkb.connections import WAREHOUSE
from kampungkb.refs import Reports
from kampungkb.reporting.publishing import publish_reports
from kampungkb.reporting.report import Sheet
from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded, publish
from kampungkb.warehouse.connect import engine_of
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, Check, Night, random_families

Rows = list[dict[str, Any]]
CHECKS = [
    Check(source, "F07", village, dimension, "critical", 1000, failed)
    for failed, village in ((12, DABO), (45, BATU_BERDAUN))
    for source, dimension in (("family_survey", "completeness"), ("civil_registry", "validity"))
]


@dataclasses.dataclass(frozen=True)
class World:
    """The run of the later night, its warehouse and its reports."""

    run: Run
    engine: Engine
    reports: Reports

    def rows(self, query: str) -> Rows:
        """The rows of a query to the warehouse."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    def table(self, sheet: Sheet) -> list[list[Any]]:
        """The cells under the heading of a sheet of the meeting workbook, as wide as its columns."""
        [file] = self.reports.path.glob("*.xlsx")
        page = openpyxl.load_workbook(file)[sheet.title.id]
        heading = int(str(page.print_title_rows).rpartition("$")[2])
        return [[cell.value for cell in row[: len(sheet.columns)]] for row in page.iter_rows(min_row=heading + 1)]

    def sheet(self, village: str) -> "Read":
        """The sheet of a village, read as a reader's browser would."""
        return read(self.reports.path / "villages" / f"{village}.html")


class Read(HTMLParser):
    """A page: its text, its elements, and its figures (`data` elements) by class in their order."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.figures: dict[str, list[str]] = {}
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "data":
            named = dict(attrs)
            self.figures.setdefault(str(named["class"]), []).append(str(named["value"]))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())

    def figure(self, name: str) -> float | None:
        """The one figure of that name; None where it is not shown."""
        [value] = self.figures[name]
        return float(value) if value else None


def read(page: Path) -> Read:
    """A page as a browser reads it."""
    return Read(page.read_text(encoding="utf-8"))


def nights() -> list[tuple[int, Night]]:
    """Two nights, the day of the month and what it leaves; in Dabo half the families answer otherwise."""
    first = random_families(3, 160)
    changed = {f.code: f for f in random_families(4, 160)}
    later = [
        dataclasses.replace(f, survey=g.survey, integrated=g.integrated) if f.village == DABO and int(f.code) % 2 else f
        for f, g in zip(first, changed.values(), strict=True)
    ]
    return [(10, Night(first, CHECKS)), (AS_OF.day, Night(later, CHECKS))]


@contextmanager
def reported(server: embedded.ServerInfo, home: Path, database: str) -> Iterator[World]:
    """The world, in a database of its own on a running server; the database goes with the server."""
    embedded.ensure_database(server, database)
    connection = server.connection(database)
    settings = Settings(home=home, pseudonym_key=SecretStr("a key for tests only"))
    for day, content in nights():
        run = Run(f"night-{day}", AS_OF.replace(day=day), settings, {WAREHOUSE: connection})
        publish(run, *content.write(run))
    engine = engine_of(connection)
    yield World(run, engine, publish_reports(run))
    engine.dispose()
