"""The task bodies of `nightly_load` and `retention`, each in a process of its own that can be killed.

What the DAG hands from task to task by XCom is handed on here as JSON, and only by a step that ended well.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

from kampungkb.run import SOURCES
from kampungkb.settings import PROJECT_ROOT
from tests.faults.forks import FORKS

# Starting a process also reads how all others ended; a thread that joins its own just then finds nothing (code 255).
_ONE_AT_A_TIME = Lock()

Handed = dict[str, Any]
Act = Callable[[BaseProcess], None]


@dataclass(frozen=True)
class Step:
    """A task of the DAG, of one source where it is mapped."""

    task: str
    source: str | None = None
    dag: str = "nightly_load"

    def __str__(self) -> str:
        return f"{self.task} {self.source}" if self.source else self.task

    def arguments(self, handed: Handed, started_at: str) -> dict[str, Any]:
        """What the DAG would hand to it."""

        def of_all(task: str) -> list[Any]:
            return [handed[f"{task} {source}"] for source in SOURCES]

        match self.task:
            case "prepare" | "delete_expired":
                return {}
            case "extract":
                return {"source": self.source}
            case "validate":
                return {"snapshot": handed[f"extract {self.source}"]}
            case "inspect":
                return {"snapshots": of_all("extract"), "validated": of_all("validate")}
            case "settle":
                return {"snapshots": of_all("extract"), "validated": of_all("validate"), "answers": []}
            case "link":
                return {"validated": handed["settle"]}
            case "score":
                return {"validated": handed["settle"], "linked": handed["link"]}
            case "publish":
                loaded = {"validated": handed["settle"], "linked": handed["link"], "scored": handed["score"]}
                return {**loaded, "started_at": started_at, "snapshots": of_all("extract")}
            case _:
                return {"published": handed["publish"]}


STEPS = (
    Step("prepare"),
    *(Step("extract", source) for source in SOURCES),
    *(Step("validate", source) for source in SOURCES),
    *(Step(task) for task in ("inspect", "settle", "link", "score", "publish", "document")),
)
RETENTION = Step("delete_expired", dag="retention")


class StepFailed(Exception):
    """A step that ended badly: its message, and the exit code of its process."""

    def __init__(self, step: Step, code: int, message: str) -> None:
        super().__init__(f"{step}: {message or f'exit code {code}'}")
        self.step, self.code, self.message = step, code, message


@dataclass(frozen=True)
class Order:
    """A run as Airflow's context tells it to a task, and the environment of the task.

    Its date is the param `as_of`, or that of the moment at which it was `due`.
    """

    run_id: str
    as_of: date
    environ: Mapping[str, str]
    force: bool = False
    due: datetime | None = None
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


def execute(order: Order, step: Step, arguments: dict[str, Any], out: Path) -> None:
    """Call the body of the task as Airflow does, in this process; the reference or the message goes to `out`."""
    os.environ.update(order.environ)
    from support import airflow_run

    task = import_module(step.dag).dag.get_task(step.task)
    body = getattr(task, "python_callable", None) or task.partial_kwargs["python_callable"]
    dag_run = SimpleNamespace(
        run_id=order.run_id,
        # With a date of its own it is one of the past, so nobody is asked.
        run_after=order.due or datetime.combine(order.as_of + timedelta(1), datetime.min.time(), UTC),
        run_type="manual",
    )
    as_of = None if order.due else order.as_of.isoformat()
    params = {"as_of": as_of, "sources": list(SOURCES), "force": order.force}
    airflow_run.get_current_context = lambda: {"params": params, "dag_run": dag_run, "task": SimpleNamespace()}
    try:
        told: dict[str, Any] = {"result": body(**arguments)}
    except Exception as fault:
        told = {"fault": str(fault), "retried": type(fault).__name__ != "AirflowFailException"}
    told["processor"] = _processor_seconds()
    beside = out.with_suffix(".partial")
    beside.write_text(json.dumps(told, default=_plain), encoding="utf-8")
    beside.replace(out)
    if "fault" in told:
        sys.exit(1)


def _processor_seconds() -> float:
    """What this process and the children it has waited for have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json")


def perform(order: Order, step: Step, handed: Handed, folder: Path, act: Act | None = None) -> float:
    """Perform a step in another process and add what it returned to `handed`; `act` is done to the process meanwhile.

    Returns the processor's seconds. Raises :class:`StepFailed`, with a negative code where a signal ended the process.
    """
    out = folder / "result.json"
    out.unlink(missing_ok=True)
    arguments = json.loads(json.dumps(step.arguments(handed, order.started_at)))
    process = FORKS.Process(target=execute, args=(order, step, arguments, out))
    with _ONE_AT_A_TIME:
        process.start()
    if act is not None:
        act(process)
    wait([process.sentinel])
    with _ONE_AT_A_TIME:
        process.join()
    assert process.exitcode is not None
    told = json.loads(out.read_text(encoding="utf-8")) if out.exists() and process.exitcode >= 0 else {}
    if process.exitcode != 0:
        raise StepFailed(step, process.exitcode, told.get("fault", ""))
    handed[str(step)] = told["result"]
    return float(told["processor"])


def after(step: Step) -> Sequence[Step]:
    """A step and all that follow it."""
    return STEPS[STEPS.index(step) :]


PYTHONPATH = os.pathsep.join(str(PROJECT_ROOT / name) for name in (".", "plugins", "dags"))
