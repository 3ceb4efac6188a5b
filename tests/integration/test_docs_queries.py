"""Queries that the pages show can be asked of the warehouse as it is."""

import re

import pytest
from sqlalchemy import Engine

from kampungkb.settings import PROJECT_ROOT
from kampungkb.warehouse.migrate import migrate

pytestmark = pytest.mark.integration

PAGES = [*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")]
SHOWN = re.compile(r"```sql\n((?:select|with)\b.*?)```|kampungkb sql \"((?:select|with)\b.*?)\"", re.DOTALL)


def test_every_query_of_a_page_is_understood(warehouse_engine: Engine) -> None:
    queries = [
        (page.name, found[0] or found[1]) for page in PAGES for found in SHOWN.findall(page.read_text(encoding="utf-8"))
    ]
    assert len(queries) >= 5
    migrate(warehouse_engine)
    with warehouse_engine.connect() as connection:
        for page, query in queries:
            assert connection.exec_driver_sql(f"explain {query}").all(), page
