"""The doctor's DAG: in the afternoon before the night, one call of the library, told to operation where it fails."""

import ast

from airflow.dag_processing.dagbag import DagBag

from kampungkb.settings import PROJECT_ROOT

DAGS = PROJECT_ROOT / "dags"


def test_it_runs_every_afternoon_and_tells_operation() -> None:
    bag = DagBag(dag_folder=str(DAGS / "doctor.py"), bundle_path=DAGS)
    assert bag.import_errors == {}
    dag = bag.dags["doctor"]
    assert (dag.timetable.expression, str(dag.timetable.timezone)) == ("0 14 * * *", "Asia/Jakarta")  # type: ignore[attr-defined]
    assert (dag.catchup, dag.max_active_runs) == (False, 1)
    assert dag.doc_md is not None and "Can it wait?" in dag.doc_md
    (only,) = dag.tasks
    assert only.execution_timeout is not None
    (notice,) = only.on_failure_callback
    assert notice.apprise_conn_id == "operation_notices"


def test_its_task_is_one_call_of_the_library() -> None:
    tree = ast.parse((DAGS / "doctor.py").read_text(encoding="utf-8"))
    (body,) = [node.body for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    returned = body[-1]
    assert isinstance(returned, ast.Return) and returned.value is not None
    assert ast.unparse(returned.value) == "doctor.require_health(run)"
