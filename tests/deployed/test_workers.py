"""The profile `celery`: Redis and a worker by their own commands; the worker does the night's tasks, killed or not."""

import shutil

import pytest

from tests.deployed.conftest import AIRFLOW_PARTS, Installation, Night
from tests.deployed.services import PROGRAMS, until


@pytest.fixture(scope="module")
def with_workers(installation: Installation, first_night: Night) -> Installation:
    """The same installation after `AIRFLOW_EXECUTOR=CeleryExecutor` and `docker compose --profile celery up`."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    if not (PROGRAMS / "celery").exists():
        pytest.skip("requirements/image.txt is not installed (make test-scheduler installs it)")
    deployment = installation.deployment
    deployment.stop(*AIRFLOW_PARTS)
    deployment.values["AIRFLOW_EXECUTOR"] = "CeleryExecutor"
    deployment.start("redis")
    deployment.becomes_well("redis")
    installation.up()
    deployment.start("worker")
    deployment.becomes_well("worker")
    installation.log_in()
    installation.begin_anew()
    return installation


def test_the_worker_does_the_tasks_of_a_scheduled_run(with_workers: Installation, first_night: Night) -> None:
    run = with_workers.ended(with_workers.next_scheduled())
    first_night.reconcile(with_workers, "a night by a worker of Celery", run)
    tasks = sum(with_workers.tries(run).values()) - 1  # `decide` is skipped
    log = with_workers.deployment.log("worker")
    until(lambda: log.read_text(encoding="utf-8").count("succeeded in") >= tasks, "the worker tells of the last task")


@pytest.mark.parametrize("task", ["link", "publish"])
def test_a_worker_killed_in_a_load_is_started_again_and_the_run_ends(
    task: str, with_workers: Installation, first_night: Night
) -> None:
    with_workers.begin_anew()
    run = with_workers.next_scheduled()
    seconds = with_workers.survives_kill("worker", run, task)
    assert max(with_workers.tries(run)) > 1
    first_night.reconcile(with_workers, "KILL of the worker, started again", run, seconds)


def test_redis_answers_nobody_without_the_password(with_workers: Installation) -> None:
    assert "NOAUTH" in with_workers.deployment.executes("redis", "sh", "-c", "redis-cli ping || true")
