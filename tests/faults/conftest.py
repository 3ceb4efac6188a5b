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
from typing import Any

import pytest

from kampungkb.warehouse import embedded
from tests.faults.figures import Trial, record
from tests.faults.steps import PYTHONPATH, STEPS, Handed, Order, Step
from tests.faults.world import FIRST, Rows, World, differences, world
from tests.integration.conftest import (
    embedded_server,
    embedded_settings,
    warehouse_connection,
    warehouse_engine,
    warehouse_run,
)

__all__ = ["embedded_server", "embedded_settings", "warehouse_connection", "warehouse_engine", "warehouse_run"]

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
    lakes: dict[Step, Rows]  # lake and warehouse in front of each step

    def put_back(self, step: Step) -> Handed:
        """Make the world as it is in front of a step of the second night; what the steps before have returned."""
        self.world.variables.clear()
        self.world.put_back(f"before {step}")
        return {str(each): self.handed[str(each)] for each in STEPS[: STEPS.index(step)]}

    def reconcile(
        self, fault: str, begun: float, run: Order | None = None, *earlier: Order, truth: Rows | None = None
    ) -> None:
        """Put the figures of a fault on record: the warehouse against the truth, the seconds since `begun`."""
        seconds = time.monotonic() - begun
        self._hold(fault, seconds, truth or self.truth, self.world.rows(run or self.tonight, *earlier))

    def reconcile_step(self, fault: str, begun: float, step: Step, handed: Handed) -> None:
        """The same after a step of tonight: lake, warehouse and reference against those of the undisturbed night.

        Where they agree, what follows is what followed there.
        """
        seconds = time.monotonic() - begun
        following = STEPS[STEPS.index(step) + 1]
        self._hold(fault, seconds, self.lakes[following], standing(self.world, self.tonight))
        assert _lasting(handed[str(step)]) == _lasting(self.handed[str(step)])

    def _hold(self, fault: str, seconds: float, truth: Rows, found: Rows) -> None:
        lost, doubled = differences(truth, found)
        record(Trial(fault, lost, doubled, round(seconds, 2)))
        assert (lost, doubled) == (0, 0), [*(truth - found)][:3] + [*(found - truth)][:3]
        assert self.world.remains() == []


def standing(made: World, run: Order) -> Rows:
    """What is in the lake and in the warehouse."""
    return made.lake() + made.rows(run)


def _lasting(reference: Any) -> Any:
    """A reference without whether the snapshot was landed by this try or by the one before."""
    if isinstance(reference, dict):
        return {name: value for name, value in reference.items() if name not in ("parsed", "replayed")}
    return reference


@pytest.fixture(scope="session")
def nights(embedded_server: embedded.ServerInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Two nights of sixty families; between them each source has changed."""
    with world(tmp_path_factory.mktemp("world"), embedded_server, "nights") as made:
        made.administer("alter system set fsync = off", "select pg_reload_conf()")  # the machine itself stays up
        made.load(made.order(FIRST))
        made.lives_a_day(random.Random(1), SECOND)
        tonight, handed, lakes = made.order(SECOND), Handed(), dict[Step, Rows]()

        def keep(step: Step) -> None:
            made.keep(f"before {step}")
            lakes[step] = standing(made, tonight)

        seconds = made.load(tonight, handed, before=keep)
        truth = made.rows(tonight)
        assert truth
        yield Nights(made, tonight, handed, seconds, truth, lakes)
