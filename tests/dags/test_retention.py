"""The retention DAG: weekly, one call of the library."""

import ast
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from kampungkb.settings import PROJECT_ROOT

DAGS = PROJECT_ROOT / "dags"


def test_it_runs_weekly_never_twice_at_once_and_says_what_to_do() -> None:
    bag = DagBag(dag_folder=str(DAGS / "retention.py"), bundle_path=DAGS)
    assert bag.import_errors == {}
    dag = bag.dags["retention"]
    timetable: Any = dag.timetable
    assert (timetable.expression, str(timetable.timezone)) == ("0 5 * * 0", "Asia/Jakarta")
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert dag.doc_md is not None
    assert "Can it wait?" in dag.doc_md
    (only,) = dag.tasks
    assert only.retries == 2
    assert only.execution_timeout is not None


def test_its_task_is_one_call_of_the_library() -> None:
    tree = ast.parse((DAGS / "retention.py").read_text(encoding="utf-8"))
    (body,) = [node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    returned = body[-1]
    assert len(body) == 3
    assert isinstance(returned, ast.Return) and returned.value is not None
    assert ast.unparse(returned.value) == "retention.apply_retention(run)"
