"""Each task of `nightly_load` killed with KILL at random moments: the retry, or the next run, gives the same rows.

The tasks are the DAG's own bodies in processes of their own.
"""

import random
import time

import psutil
import pytest

from tests.faults.conftest import Nights
from tests.faults.killing import Killer
from tests.faults.steps import STEPS, Step, StepFailed, after

pytestmark = pytest.mark.faults

KILLS = 100
LANES = 4  # tests that share the kills, so that several processors can
DRAWS = 5


def killed(nights: Nights, step: Step, dice: random.Random) -> None:
    """Bring the second night up to the step and kill that; a step that was faster than the blow is tried again."""
    for _ in range(DRAWS):
        handed = nights.put_back(step)
        killer = Killer(dice.uniform(0, 0.95) * nights.seconds[step])
        try:
            nights.world.load(nights.tonight, handed, [step], acts={step: killer})
        except StepFailed as fault:
            assert fault.code == -9, fault
            _, alive = psutil.wait_procs(killer.children, timeout=30)
            assert not alive, "processes outlive the task that started them"
            return
    raise AssertionError(f"{step} cannot be hit")


@pytest.mark.parametrize("lane", range(LANES))
def test_a_killed_task_is_repaired_by_its_retry_and_by_the_next_run(nights: Nights, lane: int) -> None:
    for number in range(lane, KILLS, LANES):
        step, dice = STEPS[number % len(STEPS)], random.Random(number)
        killed(nights, step, dice)
        begun = time.monotonic()
        if dice.random() < 0.5:
            handed = {str(each): nights.handed[str(each)] for each in STEPS[: STEPS.index(step)]}
            nights.world.load(nights.tonight, handed, after(step))
            nights.reconcile(f"KILL of {step.task}, then the retry", begun)
        else:
            run = nights.world.order(nights.tonight.as_of, "next")
            nights.world.load(run)
            nights.reconcile(f"KILL of {step.task}, then the next run", begun, run, nights.tonight)


def test_the_steps_are_the_tasks_of_the_dag() -> None:
    import nightly_load

    assert [*dict.fromkeys(step.task for step in STEPS)] == [
        task.task_id for task in nightly_load.dag.topological_sort() if task.task_id != "decide"
    ]
