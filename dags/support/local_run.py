"""Run `nightly_load` once in this process, without a scheduler, and keep it in the metadata database for the UI.

`python local_run.py tidy` marks runs that were killed as failed; `python local_run.py run RUN_AFTER CONF` does so too,
then runs the DAG: RUN_AFTER is an ISO instant (the run's id is `manual__<RUN_AFTER>`), CONF the params as JSON. Exit
code 0 where the run succeeded. What `airflow dags test` does, with a run id known beforehand and no old runs left
hanging.
"""

import json
import sys
from datetime import datetime

from airflow.models.dagrun import DagRun
from airflow.sdk import DAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select

from kampungkb.beforehand import import_beforehand
from kampungkb.orchestration.environment import DAGS

DAG_ID = "nightly_load"


def tidy() -> None:
    """Mark runs of this kind that are still `running` as failed: whoever starts one holds the lock of this home."""
    with create_session() as session:
        left = session.scalars(
            select(DagRun).where(DagRun.state == DagRunState.RUNNING, DagRun.triggered_by == DagRunTriggeredByType.TEST)
        )
        for run in left:
            run.set_state(DagRunState.FAILED)


def load() -> DAG:
    """The DAG as the DAG processor would find it."""
    sys.path.insert(0, str(DAGS))
    import nightly_load

    found: DAG = nightly_load.dag
    return found


def main(arguments: list[str]) -> int:
    """Do what the command line says; the result is the exit code."""
    tidy()
    if arguments[0] == "tidy":
        return 0
    instant = datetime.fromisoformat(arguments[1])
    dag = load()
    for task in dag.tasks:
        task.retries = 0  # a person is waiting, and may start it again
    # Somebody is looking: nobody has to be told that it is late. Airflow's `dag.test` fails where there is a deadline.
    dag.deadline = None
    import_beforehand("kampungkb.validation.gx_duckdb")  # all steps share this process: validation finds it there
    run = dag.test(run_after=instant, logical_date=instant, run_conf=json.loads(arguments[2]))
    return 0 if run.state == DagRunState.SUCCESS else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
