"""Queries that the pages show can be asked of the warehouse as it is."""

import dataclasses
import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from kampungkb.lineage.columns import FILE
from kampungkb.lineage.making import column_lineage, text_of
from kampungkb.reporting.answers import questions, with_answers
from kampungkb.run import Run
from kampungkb.scoring.reading import load_methodology
from kampungkb.settings import PROJECT_ROOT
from kampungkb.warehouse import publish
from kampungkb.warehouse.dictionary import PAGE, catalogue, markdown, warehouse_lineage
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import Base
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import CHECKS, DABO, Family, Night, random_families

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


def test_the_questions_of_planners_have_the_answers_that_the_page_shows(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    asked = list(questions((PROJECT_ROOT / "docs" / "how-to" / "analyst.md").read_text(encoding="utf-8")))
    assert len(asked) == 13
    for number, states in enumerate(("1111111111", "1000000000")):
        tonight = dataclasses.replace(warehouse_run, run_id=f"run-{number}", as_of=AS_OF + timedelta(number))
        families = [Family("9" * 18, DABO, states, states, evidence="10--------"), *random_families(1, 30)]
        publish(tonight, *Night(families, CHECKS).write(tonight))
    with warehouse_engine.connect() as connection:
        for question in asked:
            found = connection.exec_driver_sql(question.query)
            assert tuple(found.keys()) == question.columns
            assert found.all(), question.query


def test_the_tables_of_a_page_are_replaced_by_the_answers() -> None:
    page = "Ask\n\n```sql\nselect 1 as one\n```\n\n| old |\n| --- |\n| 2 |\n\nand\n\n```sql\nselect 2\n```\n\nend\n"
    made = with_answers(page, lambda query: f"| {len(query)} |")
    assert made == "Ask\n\n```sql\nselect 1 as one\n```\n\n| 16 |\n\nand\n\n```sql\nselect 2\n```\n\n| 9 |\n\nend\n"
    assert [question.columns for question in questions(page)] == [("old",), ()]


def test_the_data_dictionary_and_the_lineage_are_those_of_this_warehouse(warehouse_engine: Engine) -> None:
    migrate(warehouse_engine)
    relations = catalogue(warehouse_engine)
    read = warehouse_lineage(relations)
    assert PAGE.read_text(encoding="utf-8") == markdown(relations, read, load_methodology()), (
        "run python -m kampungkb.warehouse.dictionary"
    )
    assert FILE.read_text(encoding="utf-8") == text_of(column_lineage(relations, read)), (
        "run python -m kampungkb.lineage.making"
    )
    assert {f"{relation.schema}.{relation.name}" for relation in relations} >= set(Base.metadata.tables)
