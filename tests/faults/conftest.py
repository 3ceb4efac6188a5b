"""The embedded PostgreSQL of the integration tests, for the faults too, and two nights of a small world on it."""

import atexit
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from kampungkb.warehouse import embedded
from tests.faults.figures import Trial, record
from tests.faults.steps import PYTHONPATH, STEPS, Handed, Order, Step
from tests.faults.world import FIRST, Rows, World, differences, world
from tests.integration.conftest import embedded_server, warehouse_connection, warehouse_engine, warehouse_run

__all__ = ["embedded_server", "warehouse_connection", "warehouse_engine", "warehouse_run"]

# Before Airflow is imported anywhere: in the processes of the steps, which inherit it.
_AIRFLOW = tempfile.mkdtemp(prefix="airflow-for-tests-")
atexit.register(shutil.rmtree, _AIRFLOW, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _AIRFLOW
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["PYTHONPATH"] = PYTHONPATH

SECOND = FIRST + timedelta(1)


@dataclass
class Nights:
    """A world with its first night loaded, how it is in front of each step of the second, and what that must give."""

    world: World
    tonight: Order
    handed: Handed  # what the steps of the undisturbed second night returned
    seconds: dict[Step, float]
    truth: Rows

    def put_back(self, step: Step) -> Handed:
        """Make the world as it is in front of a step of the second night; what the steps before have returned."""
        self.world.variables.clear()
        self.world.put_back(f"before {step}")
        return {str(each): self.handed[str(each)] for each in STEPS[: STEPS.index(step)]}

    def reconcile(self, fault: str, begun: float, run: Order | None = None, *earlier: Order) -> None:
        """Put the figures of a fault on record: the warehouse against the truth, the seconds since `begun`."""
        seconds = time.monotonic() - begun
        run = run or self.tonight
        found = self.world.rows(run, *earlier)
        lost, doubled = differences(self.truth, found)
        record(Trial(fault, lost, doubled, round(seconds, 2)))
        assert (lost, doubled) == (0, 0), [*(self.truth - found)][:3] + [*(found - self.truth)][:3]
        assert self.world.remains() == []


@pytest.fixture(scope="session")
def nights(embedded_server: embedded.ServerInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Two nights of sixty families; between them each source has changed."""
    with world(tmp_path_factory.mktemp("world"), embedded_server, "nights") as made:
        made.load(made.order(FIRST))
        made.lives_a_day(random.Random(1), SECOND)
        tonight, handed = made.order(SECOND), Handed()
        seconds = made.load(tonight, handed, before=lambda step: made.keep(f"before {step}"))
        truth = made.rows(tonight)
        assert truth
        yield Nights(made, tonight, handed, seconds, truth)
