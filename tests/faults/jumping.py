"""Steps of a load while the clock jumps: this process and those it starts run under libfaketime.

`python -m tests.faults.jumping` reads a :class:`Jumping` as JSON, sets the clock in front of each step and once more in
its midst, and writes what came of it to the file that the argument names. PostgreSQL and the sources keep the time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.faults.steps import STEPS, Handed, Order, Step, StepFailed, perform

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
CLOCK = "FAKETIME_TIMESTAMP_FILE"


@dataclass(frozen=True)
class Jumping:
    """Steps with what they are handed: how many hours after the run was due the clock is at their start and then.

    `seconds` is when, after its start, the clock of a step jumps.
    """

    run_id: str
    as_of: str
    due: str
    environ: Mapping[str, str]
    handed: Handed
    hours: Mapping[str, tuple[float, float]]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Jumped:
    """What the steps have returned, and the message of the one that failed."""

    handed: Handed
    fault: str | None = None


def load_jumping(
    order: Order, handed: Handed, hours: Mapping[Step, tuple[float, float]], seconds: Mapping[Step, float], folder: Path
) -> Jumped:
    """Perform steps of a load under a clock that jumps; `folder` is for what the processes hand on."""
    assert order.due is not None
    told = Jumping(
        order.run_id,
        order.as_of.isoformat(),
        order.due.isoformat(),
        order.environ,
        handed,
        {str(step): each for step, each in hours.items()},
        {str(step): each for step, each in seconds.items()},
    )
    clock, out = folder / "clock", folder / "jumped.json"
    clock.write_text("+0", encoding="ascii")
    # Clocks that count and the times of files go on: a machine whose clock is set has those too.
    faking = {"LD_PRELOAD": str(LIBRARIES[0]), CLOCK: str(clock), "FAKETIME_NO_CACHE": "1", "NO_FAKE_STAT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(out)],
        input=json.dumps(asdict(told)),
        env=os.environ | faking | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Jumped(**json.loads(out.read_text(encoding="utf-8")))


class _Clock:
    """The clock of this process and of all it starts, as hours after a moment."""

    def __init__(self, moment: datetime) -> None:
        self._file = Path(os.environ[CLOCK])
        self._moment = moment - datetime.now(UTC)

    def set(self, hours: float) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{(self._moment + timedelta(hours=hours)).total_seconds():+.0f}", encoding="ascii")
        beside.replace(self._file)


def _jumped(told: Jumping, folder: Path) -> Jumped:
    due = datetime.fromisoformat(told.due)
    order = Order(told.run_id, date.fromisoformat(told.as_of), told.environ, due=due)
    clock, handed = _Clock(due), dict[str, Any](told.handed)
    for step in [each for each in STEPS if str(each) in told.hours]:
        first, then = told.hours[str(step)]

        def jump(process: BaseProcess, seconds: float = told.seconds[str(step)], then: float = then) -> None:
            process.join(seconds)
            clock.set(then)

        clock.set(first)
        try:
            perform(order, step, handed, folder, jump)
        except StepFailed as fault:
            return Jumped(handed, str(fault))
    return Jumped(handed)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(json.dumps(asdict(_jumped(Jumping(**json.load(sys.stdin)), target.parent))), encoding="utf-8")
