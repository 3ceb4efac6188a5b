"""What operation is told when a task of the nightly load fails: a real run, a real HTTP server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from kampungkb.orchestration.environment import DAGS, airflow_environment
from kampungkb.reporting.messages import catalogue
from kampungkb.settings import Settings
from tests.integration.test_report_notices import Heard, listening

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUN = """
import sys, {dag} as d
for t in d.dag.tasks: t.retries = 0
sys.exit(d.dag.test(run_conf={conf!r}).state != "success")
"""
NIK = "2104015508900001"


def failing(settings: Settings, dag: str, conf: dict[str, object], **more: str) -> tuple[Heard, str]:
    """What was heard of a run that fails, and its whole output."""
    environment = airflow_environment(settings, os.environ)
    subprocess.run([Path(sys.executable).parent / "airflow", "db", "migrate"], env=environment, check=True, timeout=240)
    with listening() as (heard, named):
        done = subprocess.run(
            [sys.executable, "-c", RUN.format(dag=dag, conf=conf)],
            cwd=DAGS,
            env={**environment, "AIRFLOW_CONN_OPERATION_NOTICES": named["AIRFLOW_CONN_REPORT_NOTICES"], **more},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    return heard, done.stdout + done.stderr


def test_of_a_failed_task_operation_hears_which_one_why_what_to_do_and_where(settings: Settings) -> None:
    heard, _ = failing(settings, "nightly_load", {})
    (post,) = heard.posts
    assert post["title"] == "Tugas Kampung KB gagal / A Kampung KB task failed"
    indonesian, _, english = post["message"].partition(" / ")
    assert indonesian.startswith("nightly_load, tugas prepare: ") and "lalu kosongkan" in indonesian
    assert english.startswith("nightly_load, task prepare: The family survey is the base of the load and is absent")
    assert "correct the setting or connection, then clear the task." in english
    assert "/dags/nightly_load/runs/manual__" in english and "/tasks/prepare" in english


def test_a_number_of_a_person_in_a_reason_is_not_told(settings: Settings, tmp_path: Path) -> None:
    missing = tmp_path / NIK
    workbooks = f'{{"conn_type": "fs", "extra": {{"path": "{missing}"}}}}'
    heard, output = failing(
        settings,
        "nightly_load",
        {"sources": ["family_survey"]},
        AIRFLOW_CONN_FAMILY_WORKBOOKS=workbooks,
        KAMPUNGKB_PSEUDONYM_KEY="a key for tests only",
    )
    (post,) = heard.posts
    assert "tugas extract family_survey: " in post["message"]
    assert NIK in output and NIK not in str(heard)


def test_every_task_that_tells_of_its_failure_has_words_for_it() -> None:
    from support.notices import FailureNotice

    bag = DagBag(dag_folder=str(DAGS))
    telling = {
        task.task_id
        for dag in bag.dags.values()
        for task in dag.tasks
        if any(type(each).__name__ == FailureNotice.__name__ for each in _callbacks(task))
    }
    assert {"prepare", "extract", "decide", "publish", "delete_expired"} <= telling
    assert {f"todo_{name}" for name in telling} == {key for key in catalogue() if key.startswith("todo_")}


def _callbacks(task: object) -> list[object]:
    found = getattr(task, "on_failure_callback", None) or getattr(task, "partial_kwargs", {}).get("on_failure_callback")
    return list(found) if isinstance(found, list | tuple) else [found]
