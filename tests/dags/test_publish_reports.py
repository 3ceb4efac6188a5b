"""The reports' DAG: whenever the warehouse was published, one call of the library."""

import ast
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from kampungkb.settings import PROJECT_ROOT

DAGS = PROJECT_ROOT / "dags"


def test_it_follows_the_warehouse_and_says_what_to_do() -> None:
    bag = DagBag(dag_folder=str(DAGS / "publish_reports.py"), bundle_path=DAGS)
    assert bag.import_errors == {}
    dag = bag.dags["publish_reports"]
    timetable: Any = dag.timetable
    assert timetable.asset_condition.name == "warehouse"
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert dag.doc_md is not None
    assert "Can it wait?" in dag.doc_md


def test_its_task_is_one_call_of_the_library() -> None:
    tree = ast.parse((DAGS / "publish_reports.py").read_text(encoding="utf-8"))
    (body,) = [node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    returned = body[-1]
    assert isinstance(returned, ast.Return) and returned.value is not None
    assert ast.unparse(returned.value) == "publishing.publish_reports(run)"
