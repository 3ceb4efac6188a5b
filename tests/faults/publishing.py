"""Publication in a process of its own that is killed at a statement, and readers that watch the warehouse meanwhile."""

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.errors import KampungkbError
from kampungkb.run import Run
from kampungkb.warehouse import publish
from kampungkb.warehouse.base import SCHEMAS
from kampungkb.warehouse.models import Base
from tests.faults.forks import FORKS
from tests.faults.server_proxy import StatementProxy

CLOCKS = ("started_at", "finished_at")  # of a run
State = dict[str, tuple[int, Decimal | None]]


def _told(table: Table) -> str:
    """The statement that tells rows and digest of a table, whatever the order of its rows."""
    columns = ", ".join(c.name for c in table.columns if c.name not in CLOCKS)
    return (
        f"select '{table.fullname}' as name, count(*) as rows,"
        f" sum(hashtextextended(cast(row({columns}) as text), 0)) as digest from {table.fullname}"
    )


WHOLE = text(" union all ".join(_told(table) for _, table in sorted(Base.metadata.tables.items())))
"""What every table holds in one statement, that is as of one moment."""


def state(engine: Engine) -> State:
    """What the warehouse holds."""
    with engine.connect() as connection:
        return _state(connection)


def _state(connection: Connection) -> State:
    return {name: (rows, digest) for name, rows, digest in connection.execute(WHOLE)}


def other_schemas(engine: Engine) -> int:
    """How many schemas stand beside those of the warehouse: what is left of dead runs."""
    query = (
        "select count(*) from pg_namespace"
        " where nspname !~ '^(pg_|information_schema|public)' and nspname <> all(:ours)"
    )
    with engine.connect() as connection:
        return int(connection.execute(text(query), {"ours": list(SCHEMAS)}).scalar_one())


def published(run: Run, references: tuple[Any, ...]) -> None:
    """Publish; a fault that is expected ends the process with its message."""
    gc.disable()  # a short life
    try:
        publish(run, *references)
    except KampungkbError as fault:
        sys.exit(str(fault))


def publish_until(
    proxy: StatementProxy,
    number: int,
    run: Run,
    references: tuple[Any, ...],
    act: Callable[[Any], None],
    *,
    held_back: bool = True,
) -> int:
    """Publish in another process and `act` on it at a statement, which is held back or still sent on.

    Returns the exit code of the process: negative where a signal ended it.
    """
    started = threading.Event()
    process = FORKS.Process(target=published, args=(run, references))

    def before(passing: int) -> bool:
        if passing != number:
            return True
        started.wait()
        act(process)
        return not held_back

    proxy.reset(before)
    process.start()
    started.set()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


@contextmanager
def watched(engine: Engine) -> Iterator[list[State]]:
    """Read the whole warehouse again and again in another thread; the states seen, without repetitions in a row.

    A reader that waits two seconds for a lock is a fault.
    """
    seen: list[State] = []
    faults: list[SQLAlchemyError] = []
    done = threading.Event()
    impatient = create_engine(
        engine.url.update_query_dict({"options": "-c lock_timeout=2s"}), isolation_level="AUTOCOMMIT"
    )

    def read() -> None:
        try:
            with impatient.connect() as connection:
                while not done.wait(0.2):
                    if (now := _state(connection)) not in seen[-1:]:
                        seen.append(now)
        except SQLAlchemyError as fault:
            faults.append(fault)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield seen
    finally:
        done.set()
        reader.join()
        impatient.dispose()
    assert not faults, faults
