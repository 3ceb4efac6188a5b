"""The DAG as Airflow reads it: its schedule, its params, its tasks, and what it shows to whom it wakes."""

import ast
import copy
import inspect
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError

from kampungkb.run import SOURCES
from kampungkb.settings import PROJECT_ROOT
from kampungkb.verdicts import ACCEPT, HOLD_BACK

pytestmark = pytest.mark.unit

DAGS = PROJECT_ROOT / "dags"
STEPS = {
    "prepare": "preflight.check",
    "extract": "landing.extract",
    "validate": "validation.validate",
    "inspect": "gates.inspect",
    "settle": "gates.settle",
    "link": "linkage.link",
    "score": "scoring.score",
    "publish": "warehouse.publish",
    "document": "data_docs.refresh",
}


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(dag_folder=str(DAGS))


@pytest.fixture(scope="module")
def dag(bag: DagBag) -> DAG:
    found: DAG = bag.dags["nightly_load"]
    return found


def test_every_file_under_dags_is_read_without_a_fault(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) >= {"nightly_load"}


def test_it_is_due_at_one_in_the_morning_in_jakarta_and_never_twice_at_once(dag: DAG) -> None:
    timetable: Any = dag.timetable
    assert (timetable.expression, str(timetable.timezone)) == ("0 1 * * *", "Asia/Jakarta")
    assert dag.catchup is False
    assert dag.max_active_runs == 1


def test_its_params_are_a_date_or_none_the_sources_and_force(dag: DAG) -> None:
    assert dag.params.dump() == {"as_of": None, "sources": list(SOURCES), "force": False}


@pytest.mark.parametrize(
    ("name", "value"),
    [("as_of", "yesterday"), ("as_of", 20261124), ("sources", ["weather"]), ("sources", []), ("force", "perhaps")],
)
def test_a_wrong_param_is_refused_before_anything_runs(dag: DAG, name: str, value: object) -> None:
    params = copy.deepcopy(dag.params)
    with pytest.raises(ParamValidationError):
        params[name] = value


@pytest.mark.parametrize(
    "hostile",
    [
        "2026-11-24'; drop schema core cascade; --",
        "2026-11-24\n2026-11-25",
        "../../../etc/passwd",
        "{{ var.value.get('secret') }}",
        "$(touch /tmp/owned)",
        "2026-11-24\x00",
        "٢٠٢٦-١١-٢٤",
    ],
)
def test_no_param_lets_a_statement_a_path_a_template_or_a_command_in(dag: DAG, hostile: str) -> None:
    for name, value in (("as_of", hostile), ("sources", [hostile]), ("sources", hostile), ("force", hostile)):
        params = copy.deepcopy(dag.params)
        with pytest.raises(ParamValidationError):
            params[name] = value


def test_the_tasks_follow_the_flow(dag: DAG) -> None:
    downstream = {task.task_id: set(task.downstream_task_ids) for task in dag.tasks}
    assert downstream == {
        "prepare": {"extract"},
        "extract": {"validate", "inspect", "settle", "publish"},
        "validate": {"inspect", "settle"},
        "inspect": {"decide"},
        "decide": {"settle"},
        "settle": {"link", "score", "publish"},
        "link": {"score", "publish"},
        "score": {"publish"},
        "publish": {"document"},
        "document": set(),
    }


def test_extract_and_validate_are_mapped_over_the_sources(dag: DAG) -> None:
    assert {task.task_id for task in dag.tasks if task.is_mapped} == {"extract", "validate", "decide"}


def test_a_person_decides_between_two_options_with_time_and_the_run_goes_on_where_nobody_is_asked(dag: DAG) -> None:
    decide = dag.get_task("decide")
    assert decide.partial_kwargs["options"] == [ACCEPT, HOLD_BACK]
    assert timedelta(hours=6) <= decide.partial_kwargs["response_timeout"] < dag.dagrun_timeout
    assert dag.get_task("settle").trigger_rule == "none_failed"


def test_publish_alone_updates_the_warehouse_asset(dag: DAG) -> None:
    assert {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets} == {
        "publish": ["warehouse"]
    }


def test_every_task_has_an_owner_retries_and_a_time_out(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.owner == "data-engineering"
        assert task.retries == 2
        assert timedelta(0) < task.execution_timeout <= timedelta(hours=1)


def test_the_page_tells_who_is_woken_what_it_means_whether_it_can_wait_and_where_to_look(dag: DAG) -> None:
    assert dag.doc_md is not None
    for heading in ("Can it wait?", "What does it mean?", "A source is down", "Run it again", "Where to look"):
        assert heading in dag.doc_md
    assert all(f"| {name}" in dag.doc_md or f", {name}" in dag.doc_md for name in STEPS)
    assert any(tag.startswith("tier-") for tag in dag.tags)
    assert all(task.doc_md for task in dag.tasks if not task.is_mapped)


def _task_bodies(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any("step" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


@pytest.mark.parametrize(("name", "called"), STEPS.items())
def test_a_task_is_one_call_of_the_library(name: str, called: str) -> None:
    body = _task_bodies(DAGS / "nightly_load.py")[name].body
    docstring, imported, returned = body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(imported, ast.ImportFrom) and (imported.module or "").startswith("kampungkb")
    assert isinstance(returned, ast.Return) and isinstance(returned.value, ast.Call)
    assert ast.unparse(returned.value.func) == called
    assert all(isinstance(argument, ast.Name) for argument in returned.value.args)
    assert not returned.value.keywords


def test_every_task_of_the_dag_is_such_a_body(dag: DAG) -> None:
    tasks = {task.task_id for task in dag.tasks}
    assert set(_task_bodies(DAGS / "nightly_load.py")) == tasks - {"decide"} == set(STEPS)


def test_a_step_takes_the_arguments_that_the_library_declares() -> None:
    from kampungkb import gates, landing, linkage, scoring, validation, warehouse
    from kampungkb.orchestration import preflight
    from kampungkb.validation import data_docs

    library = {
        "prepare": preflight.check,
        "extract": landing.extract,
        "validate": validation.validate,
        "inspect": gates.inspect,
        "settle": gates.settle,
        "link": linkage.link,
        "score": scoring.score,
        "publish": warehouse.publish,
        "document": data_docs.refresh,
    }
    for name, body in _task_bodies(DAGS / "nightly_load.py").items():
        returned = body.body[-1]
        assert isinstance(returned, ast.Return) and isinstance(returned.value, ast.Call)
        given = [ast.unparse(argument) for argument in returned.value.args]
        accepted = list(inspect.signature(library[name]).parameters)
        assert len(given) <= len(accepted)
        inspect.signature(library[name]).bind(*given)


def test_parsing_the_dag_loads_no_engine() -> None:
    """The DAG processor parses again and again: what only a task needs is imported inside it."""
    import subprocess
    import sys

    code = (
        f"import sys; sys.path[:0] = [{str(DAGS)!r}, {str(PROJECT_ROOT / 'plugins')!r}]\n"
        "import nightly_load\n"
        "print([name for name in ('duckdb', 'great_expectations', 'splink', 'pandas') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip().splitlines()[-1] == "[]"
