"""The scheduler killed in a run, two of them at once, and one without its memory: nothing is lost, nothing doubled."""

import time
from typing import Any

import pytest

from tests.deployed.conftest import AIRFLOW_PARTS, Installation, Night
from tests.deployed.services import until

SECOND = "second-scheduler"


@pytest.fixture
def empty(installation: Installation, first_night: Night) -> Installation:
    """The installation with neither warehouse nor lake: the next night loads everything."""
    installation.begin_anew()
    return installation


@pytest.mark.parametrize("task", ["extract", "link", "publish"])
def test_a_scheduler_killed_in_a_run_is_started_again_and_the_run_ends(
    task: str, empty: Installation, first_night: Night
) -> None:
    run = empty.next_scheduled()
    seconds = empty.survives_kill("scheduler", run, task)
    first_night.reconcile(empty, "KILL of the scheduler, started again", run, seconds)


@pytest.fixture
def two_schedulers(empty: Installation) -> Installation:
    """A second scheduler on the same metadata database; stopped where it still runs."""
    empty.deployment.start("scheduler", SECOND)
    until(lambda: len(alive(empty)) == 2, "two schedulers are alive")
    return empty


def alive(installation: Installation) -> list[Any]:
    found: list[Any] = installation.get("/jobs", job_type="SchedulerJob", job_state="running", is_alive=True)["jobs"]
    return found


def test_two_schedulers_at_once_make_one_run_in_which_every_task_is_done_once(
    two_schedulers: Installation, first_night: Night
) -> None:
    run = two_schedulers.ended(two_schedulers.next_scheduled())
    assert set(two_schedulers.tries(run)) <= {0, 1}  # `decide` is skipped without a try
    due = [each["run_after"] for each in two_schedulers.runs()]
    assert len(due) == len(set(due))
    two_schedulers.deployment.stop(SECOND)
    first_night.reconcile(two_schedulers, "two schedulers at once", run)


def test_of_two_schedulers_one_is_killed_and_the_other_ends_the_run(
    two_schedulers: Installation, first_night: Night
) -> None:
    run = two_schedulers.next_scheduled()
    two_schedulers.in_the_midst(run, "validate")
    two_schedulers.deployment.kill("scheduler")
    begun = time.monotonic()
    two_schedulers.ended(run)
    seconds = time.monotonic() - begun
    two_schedulers.deployment.processes["scheduler"] = two_schedulers.deployment.processes.pop(SECOND)
    first_night.reconcile(two_schedulers, "KILL of one of two schedulers", run, seconds)


def test_the_metadata_database_is_lost_and_the_next_night_goes_on_with_warehouse_and_lake(
    installation: Installation, first_night: Night
) -> None:
    snapshots = sorted((installation.deployment.home / "lake" / "landing").glob("*/*"))
    begun = time.monotonic()
    installation.empty_database("airflow", "airflow")
    installation.deployment.stop(*AIRFLOW_PARTS)
    assert installation.query("select count(*) > 0 from mart.family_index") == [(True,)]
    installation.up()
    installation.make_user()
    installation.log_in()
    until(installation.knows_the_load, "the DAGs are known")
    assert installation.runs() == []
    run = installation.ended(installation.next_scheduled())
    seconds = time.monotonic() - begun
    assert sorted((installation.deployment.home / "lake" / "landing").glob("*/*")) == snapshots
    first_night.reconcile(installation, "metadata database lost, made anew", run, seconds)
