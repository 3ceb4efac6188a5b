"""Pages that ask the warehouse in SQL and show the answer: each `sql` block is followed by a table of its result.

`python -m kampungkb.reporting.answers docs/how-to/analyst.md` writes the tables anew from the warehouse in use.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from kampungkb.connections import connections_from_environment
from kampungkb.settings import load_settings
from kampungkb.warehouse.connect import warehouse

_BLOCK = re.compile(r"```sql\n(?P<query>.*?)```\n(?:\n(?P<table>(?:\|[^\n]*\n)+))?", re.DOTALL)


@dataclass(frozen=True)
class Question:
    """One query of a page and the columns of the table under it (none where there is no table)."""

    query: str
    columns: tuple[str, ...]


def questions(page: str) -> Iterator[Question]:
    """The queries of a page with the columns that it shows."""
    for block in _BLOCK.finditer(page):
        header = (block["table"] or "").split("\n", 1)[0]
        yield Question(block["query"], tuple(name.strip() for name in header.strip("|").split("|") if name.strip()))


def with_answers(page: str, table_of: Callable[[str], str]) -> str:
    """The page with the table under each query replaced by `table_of(query)`."""
    return _BLOCK.sub(lambda block: f"```sql\n{block['query']}```\n\n{table_of(block['query'])}\n", page)


def answer(connection: Connection, query: str) -> str:
    """The result of a query as a table of Markdown."""
    found = connection.exec_driver_sql(query)
    rows = [list(found.keys()), ["---"] * len(found.keys()), *found.all()]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def main(page: Path) -> None:
    """Write the tables of a page anew."""
    with warehouse(load_settings(), connections_from_environment()) as engine, engine.connect() as connection:
        text = with_answers(page.read_text(encoding="utf-8"), lambda query: answer(connection, query))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
