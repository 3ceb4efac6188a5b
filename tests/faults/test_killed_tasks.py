"""Each task of `nightly_load` killed with KILL at random moments: the retry, or the next run, gives the same rows.

The tasks are the DAG's own bodies in processes of their own.
"""

import os
import random
import time

import psutil
import pytest

from tests.faults.conftest import Nights
from tests.faults.killing import Killer
from tests.faults.steps import STEPS, Handed, Step, StepFailed

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("KAMPUNGKB_TEST_KILLS", "100"))
NEXT_RUN = 7  # each so many-th is left to the next run; with 13 steps, it comes to each of them
DRAWS = 10


def killed(nights: Nights, step: Step, dice: random.Random) -> Handed:
    """Bring the second night up to the step and kill that; a step that was faster than the blow is struck earlier."""
    latest = 0.95 * nights.seconds[step]
    for _ in range(DRAWS):
        handed = nights.put_back(step)
        killer = Killer(dice.uniform(0, latest))
        try:
            nights.world.load(nights.tonight, handed, [step], acts={step: killer})
        except StepFailed as fault:
            assert fault.code == -9, fault
            _, alive = psutil.wait_procs(killer.children, timeout=30)
            assert not alive, "processes outlive the task that started them"
            return handed
        latest = killer.delay
    raise AssertionError(f"{step} cannot be hit")


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_task_is_repaired_by_its_retry_or_by_the_next_run(nights: Nights, number: int) -> None:
    step, dice = STEPS[number % len(STEPS)], random.Random(number)
    handed = killed(nights, step, dice)
    begun = time.monotonic()
    if number % NEXT_RUN == 0:
        run = nights.world.order(nights.tonight.as_of, "next")
        nights.world.load(run)
        nights.reconcile(f"KILL of {step.task}, then the next run", begun, run, nights.tonight)
        return
    nights.world.load(nights.tonight, handed, [step])
    if step.task in ("publish", "document"):
        nights.reconcile(f"KILL of {step.task}, then the retry", begun)
    else:
        nights.reconcile_step(f"KILL of {step.task}, then the retry", begun, step, handed)


def test_the_steps_are_the_tasks_of_the_dag() -> None:
    import nightly_load

    assert [*dict.fromkeys(step.task for step in STEPS)] == [
        task.task_id for task in nightly_load.dag.topological_sort() if task.task_id != "decide"
    ]
