"""From Airflow's context to the library's `Run`, and from its faults to Airflow's.

References travel through XCom as JSON objects (paths and counts); connections never do, every task resolves its own.
"""

import logging
import os
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, get_type_hints

from airflow.sdk import BaseHook, Context, get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException
from airflow.sdk.execution_time import task_runner

from kampungkb import lake
from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, HEALTH_INSURANCE, WAREHOUSE, Connection
from kampungkb.errors import KampungkbError, SourceUnavailable, WarehouseUnreachable
from kampungkb.orchestration.faults import describe, places
from kampungkb.orchestration.handover import received
from kampungkb.orchestration.journal import recording, sentence
from kampungkb.orchestration.processes import Interrupted, interruptible
from kampungkb.progress import PROGRESS_FILE, Tell, occasionally, to_all, to_file
from kampungkb.refs import Snapshot
from kampungkb.run import JAKARTA, SOURCES, Run
from kampungkb.settings import load_settings
from support.lineage import tell_lineage

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0
BAR_SECONDS = 0.3


def chosen_as_of(params: Mapping[str, Any], run_after: datetime) -> date:
    """The date of the run: the param `as_of`, else the day in Asia/Jakarta on which the run was due.

    Not `ds`: it is missing where a run has no logical date, and it is a day in UTC.
    """
    chosen = params.get("as_of")
    return date.fromisoformat(chosen) if chosen else run_after.astimezone(JAKARTA).date()


def attended(context: Context) -> bool:
    """Whether a person can be asked: in a run of today under a scheduler, and no backfill.

    Under `dag.test`, which `kampungkb run` uses, a human-in-the-loop task would wait for ever.
    """
    params, dag_run = context["params"], context["dag_run"]
    in_process = type(getattr(task_runner, "SUPERVISOR_COMMS", None)).__name__ == "InProcessSupervisorComms"
    of_the_past = chosen_as_of(params, dag_run.run_after) < dag_run.run_after.astimezone(JAKARTA).date()
    return not in_process and not of_the_past and dag_run.run_type != "backfill"


def connection_of(conn_id: str) -> Connection | None:
    """The Airflow connection of that id as the library's own class, None where it is not set."""
    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None
    return Connection.model_validate(
        {
            "conn_type": found.conn_type,
            "host": found.host,
            "port": found.port,
            "login": found.login,
            "password": found.password,
            "schema": found.schema,
            "extra": found.extra_dejson,
        }
    )


def current_run() -> Run:
    """The `Run` of the task that is being executed."""
    context = get_current_context()
    params, dag_run = context["params"], context["dag_run"]
    ids = (FAMILY_WORKBOOKS, CIVIL_REGISTRY, HEALTH_INSURANCE, WAREHOUSE)
    connections = {conn_id: found for conn_id in ids if (found := connection_of(conn_id)) is not None}
    return Run(
        run_id=dag_run.run_id,
        as_of=chosen_as_of(params, dag_run.run_after),
        settings=load_settings(),
        connections=connections,
        sources=tuple(params.get("sources", SOURCES)),
        force=params.get("force", False),
        attended=attended(context),
        tell=to_all(occasionally(lambda progress: log.info("%s", progress), PROGRESS_SECONDS), *_terminal()),
    )


def _terminal() -> list[Tell]:
    """The bar of `kampungkb run`, which waits in another process and has named a file."""
    path = os.environ.get(PROGRESS_FILE)
    return [occasionally(to_file(Path(path)), BAR_SECONDS)] if path else []


def _plain(handed: Any) -> Any:
    """What XCom hands over, the results of mapped tasks as a list; of a skipped one, an empty list."""
    if handed is None:
        return []
    return handed if isinstance(handed, str | dict) else list(handed[:])


def _source_of(arguments: Mapping[str, Any]) -> str | None:
    """The source that a mapped step works on, named by its only argument."""
    match [*arguments.values()]:
        case [str() as source]:
            return source
        case [Snapshot(source=source)]:
            return source
        case _:
            return None


def step(body: Callable[..., Any]) -> Callable[..., Any]:
    """Make a task body of a function `(run, …references) -> reference`.

    The run comes from Airflow's context, the references from XCom, checked against the annotations. The step is
    recorded in the run's journal, and its datasets told to OpenLineage. An expected fault fails the task at once,
    except for a source or a warehouse that cannot be reached: that, like anything unforeseen and like TERM (which
    Airflow would let pass), may be retried. A step waits while the lake is being rewritten (an erasure).
    """
    hints = get_type_hints(body)
    own = signature(body)
    handed_over = own.replace(parameters=[each for name, each in own.parameters.items() if name != "run"])

    @wraps(body)
    def task_body(*args: Any, **kwargs: Any) -> Any:
        handed = handed_over.bind(*args, **kwargs).arguments
        try:
            run = current_run()
            references = {name: received(run, name, hints[name], _plain(value)) for name, value in handed.items()}
            with (
                interruptible(),
                lake.in_use(run.settings),
                recording(run.settings, run.run_id, body.__name__, _source_of(references)) as current,
            ):
                tell_lineage(get_current_context()["task"], run, body.__name__, references, current)
                current.done(body(run, **references))
        except (SourceUnavailable, WarehouseUnreachable) as fault:
            raise AirflowException(describe(fault)) from None
        except KampungkbError as fault:
            raise AirflowFailException(describe(fault)) from None
        except Interrupted as fault:
            raise AirflowException(str(fault)) from None
        except Exception as fault:
            log.error("Unforeseen fault %s at %s", describe(fault), " > ".join(places(fault)))
            raise AirflowException(f"Unforeseen fault: {describe(fault)}") from None
        log.info("%s", sentence(current.entry))
        return current.entry.result

    task_body.__signature__ = handed_over  # type: ignore[attr-defined]
    del task_body.__wrapped__
    return task_body
