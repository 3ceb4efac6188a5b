"""A publication killed in front of every statement, and its server with it: readers see whole loads, the next repairs.

The process is real and so is the server; the statements are counted by a proxy between them.
"""

import dataclasses
import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.run import Run
from kampungkb.warehouse import embedded, publish
from kampungkb.warehouse.connect import url
from kampungkb.warehouse.place import place_of
from tests.conftest import AS_OF
from tests.faults.figures import Trial, record
from tests.faults.publishing import State, other_schemas, publish_until, state, watched
from tests.faults.server_proxy import StatementProxy
from tests.integration.warehouse_lake import night

pytestmark = pytest.mark.faults

LANES = 4  # tests that share the statements, so that several processors can
KILLED = -signal.SIGKILL
References = tuple[Any, ...]


@dataclasses.dataclass
class Warehouse:
    """A warehouse that can be put back, seen directly and through the proxy."""

    engine: Engine  # a session a question, known by its name
    run: Run  # the second night, through the proxy
    references: References
    proxy: StatementProxy
    remains: tuple[bool, bool] | None = None  # after the last kill: the old state, leftovers
    kills: int = 0

    def keep(self) -> None:
        """Remember how it is now."""
        self.await_end_of_sessions()
        self._administer("create database {name}_kept template {name}")

    def put_back(self) -> None:
        """Make it as it was when it was kept."""
        self._administer("drop database {name} with (force)", "create database {name} template {name}_kept")

    def live_with_server(self) -> None:
        """Let the server write without waiting for the disk: here it is never killed itself."""
        self._administer("alter system set fsync = off", "select pg_reload_conf()")

    def forget(self) -> None:
        self._administer("drop database if exists {name}_kept")

    def repair(self) -> State:
        """Publish the second night in this process, undisturbed; what the warehouse then holds."""
        self.proxy.reset(lambda _: True)
        publish(self.run, *self.references)
        return state(self.engine)

    def survives(self, number: int, old: State, new: State) -> int:
        """Kill the second night in front of a statement; the exit code.

        Readers see one of two states meanwhile and afterwards. The next run repairs what is left: tried where it looks
        otherwise than after the kill before, and at every 25th.
        """
        with watched(self.engine) as seen:
            code = publish_until(self.proxy, number, self.run, self.references, BaseProcess.kill)
            self.await_end_of_sessions()
        at = f"statement {number}: {self.proxy.passed[-1][:200]}"
        assert all(each in (old, new) for each in seen), at
        left = state(self.engine)
        assert left in (old, new), at
        if code != KILLED:
            return code
        remains = (left == old, other_schemas(self.engine) > 0)
        self.kills += 1
        if repaired := remains != self.remains or self.kills % 25 == 0:
            assert self.repair() == new, at
            assert other_schemas(self.engine) == 0, at
        if repaired or left == new:
            self.put_back()
        self.remains = remains
        return code

    def await_end_of_sessions(self) -> None:
        """Wait until the server has noticed that a publication has ended."""
        living = "select count(*) from pg_stat_activity where application_name = 'kampungkb'"
        deadline = time.monotonic() + 60
        while True:
            with self.engine.connect() as connection:
                if not connection.execute(text(living)).scalar_one():
                    return
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _administer(self, *statements: str) -> None:
        admin = create_engine(
            self.engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        with admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement.format(name=self.engine.url.database)))


@contextmanager
def warehouse_behind_proxy(run: Run, connection: Connection) -> Iterator[Warehouse]:
    """A warehouse at `connection`, in which nothing has happened yet."""
    direct = url(connection).update_query_dict({"application_name": "watching"})
    assert connection.host
    assert connection.port
    proxy = StatementProxy((connection.host, connection.port))
    with proxy.listening() as port:
        through = connection.model_copy(update={"port": port})
        tonight = dataclasses.replace(run, run_id="run-2", as_of=AS_OF + timedelta(1), connections={WAREHOUSE: through})
        references = night(seed=2, count=20).write(tonight)
        yield Warehouse(create_engine(direct, poolclass=NullPool), tonight, references, proxy)


def load_first_night(run: Run) -> None:
    publish(run, *night(seed=1, count=20).write(run))


@pytest.fixture
def warehouse(warehouse_run: Run) -> Iterator[Warehouse]:
    """A warehouse that holds the first night; `warehouse_run` drops its database."""
    load_first_night(warehouse_run)
    with warehouse_behind_proxy(warehouse_run, warehouse_run.connections[WAREHOUSE]) as behind:
        behind.live_with_server()
        behind.keep()
        behind.put_back()  # a copy lacks what is granted on the database itself: all begin alike
        yield behind
        behind.forget()


@pytest.mark.parametrize("lane", range(LANES))
def test_killed_in_front_of_any_statement(warehouse: Warehouse, lane: int) -> None:
    """Of the audit, too, which asks beside the writing: which statement is the *n*-th differs from kill to kill."""
    old, new = state(warehouse.engine), warehouse.repair()
    assert old != new
    whole = len(warehouse.proxy.passed)
    warehouse.put_back()
    killed = 0
    for number in itertools.count(1 + lane, LANES):
        if (code := warehouse.survives(number, old, new)) != KILLED:
            break
        record(Trial("publication killed in front of a statement", 0, 0))
        killed += 1
    assert code == 0
    assert killed >= whole // LANES - 1


def test_killed_while_a_commit_is_on_its_way_the_load_is_whole_or_not_there(warehouse: Warehouse) -> None:
    old, new = state(warehouse.engine), warehouse.repair()
    commits = [n for n, passed in enumerate(warehouse.proxy.passed, 1) if passed == "COMMIT"]
    assert commits
    warehouse.put_back()
    for number in commits[-3:]:  # of the marts, and the last one of the publication
        code = publish_until(
            warehouse.proxy, number, warehouse.run, warehouse.references, BaseProcess.kill, held_back=False
        )
        warehouse.await_end_of_sessions()
        assert code == KILLED
        assert state(warehouse.engine) in (old, new)
    assert warehouse.repair() == new
    assert other_schemas(warehouse.engine) == 0


def test_a_first_publication_killed_at_some_statements_leaves_nothing(warehouse_run: Run) -> None:
    """Every 200th statement: they are some 2,400, more than half of them migrations."""
    with warehouse_behind_proxy(warehouse_run, warehouse_run.connections[WAREHOUSE]) as behind:
        for number in itertools.count(200, 200):
            code = publish_until(behind.proxy, number, behind.run, behind.references, BaseProcess.kill)
            behind.await_end_of_sessions()
            if code != KILLED:
                break
            with behind.engine.connect() as connection:
                migrated = connection.execute(text("select to_regclass('ops.load_run') is not null")).scalar_one()
            assert not migrated or not any(rows for rows, _ in state(behind.engine).values())
        assert code == 0
        whole = state(behind.engine)
        assert whole["core.family_score"][0] == 40
        assert other_schemas(behind.engine) == 0


@pytest.mark.parametrize("where", ["in the transaction", "at its commit", "while it commits"])
def test_a_server_killed_in_the_publication_holds_a_whole_load_and_the_next_run_repairs(
    warehouse_run: Run, where: str
) -> None:
    settings = warehouse_run.settings

    def kill_server(_: BaseProcess) -> None:
        os.kill(int((place_of(settings).data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    with embedded.running(settings) as server:
        load_first_night(dataclasses.replace(warehouse_run, connections={WAREHOUSE: server.connection()}))
        with warehouse_behind_proxy(warehouse_run, server.connection()) as behind:
            old = state(behind.engine)
            behind.keep()
            new = behind.repair()
            commit = max(n for n, passed in enumerate(behind.proxy.passed, 1) if passed == "COMMIT")
            behind.put_back()
            number = commit - 100 if where == "in the transaction" else commit
            code = publish_until(
                behind.proxy, number, behind.run, behind.references, kill_server, held_back=where != "while it commits"
            )
    with embedded.running(settings) as server, warehouse_behind_proxy(warehouse_run, server.connection()) as behind:
        left = state(behind.engine)
        assert left in (old, new)
        assert (code == 0) <= (left == new), "what is told to be published is there"
        assert behind.repair() == new
        assert other_schemas(behind.engine) == 0
