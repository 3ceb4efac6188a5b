"""The command `kampungkb` on a home of its own, as a user starts it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded

SHOWN = "select table_schema || '.' || table_name from information_schema.tables where table_schema in {} order by 1"


@dataclass(frozen=True)
class Contents:
    """A table with its rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


class Machine:
    """A home, and what every command on it is told besides."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.variables = variables

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        own = {"KAMPUNGKB_HOME": str(self.home), "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
        return subprocess.run(
            [sys.executable, "-m", "kampungkb", *arguments],
            env={**os.environ, **own, **self.variables, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )

    def run(self, as_of: str, *arguments: str) -> str:
        """Load for a date; the output."""
        done = self.command("run", "--as-of", as_of, *arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def query(self, *statements: str) -> list[list[tuple[Any, ...]]]:
        """The rows of each statement, asked while the embedded server is up once."""
        with embedded.running(Settings(home=self.home)) as server, psycopg.connect(server.uri()) as connection:
            return [connection.execute(statement.encode()).fetchall() for statement in statements]

    def tables(self, *schemas: str) -> list[str]:
        """The tables and views of these schemas."""
        [names] = self.query(SHOWN.format(f"({', '.join(repr(schema) for schema in schemas)})"))
        return [name for (name,) in names]

    def contents(self, *schemas: str) -> dict[str, Contents]:
        """Every row of every table and view of these schemas, by its name."""
        tables = self.tables(*schemas)
        with embedded.running(Settings(home=self.home)) as server, psycopg.connect(server.uri()) as connection:
            read = {name: connection.execute(f"select * from {name}".encode()) for name in tables}
            return {
                name: Contents([column.name for column in found.description or ()], found.fetchall())
                for name, found in read.items()
            }

    def marts(self) -> dict[str, list[Any]]:
        """Every row of `mart` and `vault`, by table."""
        tables = self.tables("mart", "vault")
        return dict(
            zip(tables, self.query(*(f"select t::text from {name} t order by 1" for name in tables)), strict=True)
        )
