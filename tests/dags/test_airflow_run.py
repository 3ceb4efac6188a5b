"""From Airflow's context to a `Run`, and from the library's faults to Airflow's."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from airflow.models.connection import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

from kampungkb.connections import parse_connection
from kampungkb.errors import ContractError, KampungkbError, SourceUnavailable, WarehouseUnreachable
from kampungkb.orchestration.journal import journal_path, read_journal
from kampungkb.refs import Answer, Linked, Snapshot, Validated
from kampungkb.run import SOURCES, Run
from kampungkb.settings import Settings
from support import airflow_run

pytestmark = pytest.mark.unit

WORKBOOKS = "fs://?path=%2Fdata%2Fworkbooks"
SNAPSHOT = Snapshot(
    source="civil_registry", path=Path("/lake/x"), snapshot_id="1", as_of=date(2026, 11, 24), read={"biodata_wni": 3}
)


@pytest.mark.parametrize(
    ("run_after", "day"),
    [
        (datetime(2026, 11, 23, 18, 0, tzinfo=UTC), date(2026, 11, 24)),  # 01:00 in Jakarta: the nightly run
        (datetime(2026, 11, 23, 16, 59, 59, tzinfo=UTC), date(2026, 11, 23)),  # 23:59:59
        (datetime(2026, 11, 23, 17, 0, tzinfo=UTC), date(2026, 11, 24)),  # midnight
        (datetime(2026, 12, 31, 20, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2028, 2, 28, 17, 30, tzinfo=UTC), date(2028, 2, 29)),
    ],
)
def test_without_a_date_the_day_in_jakarta_counts(run_after: datetime, day: date) -> None:
    assert airflow_run.chosen_as_of({"as_of": None}, run_after) == day


def test_a_chosen_date_counts_whatever_the_clock_says() -> None:
    assert airflow_run.chosen_as_of({"as_of": "2026-01-31"}, datetime(2026, 11, 23, tzinfo=UTC)) == date(2026, 1, 31)


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch, home: Path) -> dict[str, Any]:
    """The context of a task of a run due at 01:00, with two connections in the environment."""
    monkeypatch.setenv("KAMPUNGKB_PSEUDONYM_KEY", "a key for tests only")
    monkeypatch.setenv("AIRFLOW_CONN_FAMILY_WORKBOOKS", WORKBOOKS)
    monkeypatch.setenv(
        "AIRFLOW_CONN_CIVIL_REGISTRY", "postgresql://reader:s%40cret@db.example:5433/siak?schema=kependudukan"
    )
    given: dict[str, Any] = {
        "params": {"as_of": None, "sources": list(SOURCES), "force": True},
        "dag_run": SimpleNamespace(
            run_id="scheduled__2026-11-23T18:00:00+00:00",
            run_after=datetime(2026, 11, 23, 18, tzinfo=UTC),
            run_type="scheduled",
        ),
        "task": SimpleNamespace(),
    }
    monkeypatch.setattr(airflow_run, "get_current_context", lambda: given)
    monkeypatch.setattr(airflow_run.BaseHook, "get_connection", _from_environment)
    return given


def test_a_person_is_asked_in_a_run_of_today_under_a_scheduler_alone(
    context: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert airflow_run.current_run().attended
    context["params"]["as_of"] = "2026-11-24"
    assert airflow_run.current_run().attended
    context["params"]["as_of"] = "2026-11-23"
    assert not airflow_run.current_run().attended
    context["params"]["as_of"] = None
    context["dag_run"].run_type = "backfill"
    assert not airflow_run.current_run().attended
    context["dag_run"].run_type = "manual"
    assert airflow_run.current_run().attended
    supervisor = InProcessSupervisorComms(supervisor=None)
    monkeypatch.setattr(airflow_run.task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    assert not airflow_run.current_run().attended


def test_what_a_skipped_task_hands_over_is_an_empty_list(context: dict[str, Any]) -> None:
    seen: list[object] = []

    @airflow_run.step
    def settle(run: Run, answers: Sequence[Answer]) -> list[str]:
        seen.append(answers)
        return []

    settle(None)
    answered = {"chosen_options": ["x"], "params_input": {}, "responded_at": datetime(2026, 11, 24, tzinfo=UTC)}
    settle([{**answered, "responded_by_user": {"id": "1", "name": "siti"}}])
    assert seen[0] == []
    assert [answer.responded_by_user for answer in seen[1]] == [{"id": "1", "name": "siti"}]  # type: ignore[attr-defined]


def _from_environment(conn_id: str) -> AirflowConnection:
    """Airflow's own reading of the variable, without a metadata database behind it."""
    import os

    from airflow.sdk.exceptions import AirflowNotFoundException

    value = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    if value is None:
        raise AirflowNotFoundException(conn_id)
    if value.startswith("{"):
        return AirflowConnection.from_json(value, conn_id=conn_id)
    return AirflowConnection(conn_id=conn_id, uri=value)


def test_the_run_is_that_of_the_dag_run(context: dict[str, Any]) -> None:
    run = airflow_run.current_run()
    assert run.run_id == "scheduled__2026-11-23T18:00:00+00:00"
    assert (run.as_of, run.force, tuple(run.sources)) == (date(2026, 11, 24), True, SOURCES)
    assert set(run.connections) == {"family_workbooks", "civil_registry"}


@pytest.mark.parametrize(
    "value",
    [
        WORKBOOKS,
        "postgresql://reader:s%40cret@db.example:5433/siak?schema=kependudukan",
        "postgres://reader@db.example/siak",
        "mysql://reader:x@[::1]:3306/siak?charset=utf8mb4",
        "sqlite:////data/registry.sqlite",
        "http://cons:secret@api.example:8443/https?user_key=abc&base_path=%2Fv1",
        "http://https%3A%2F%2Fapi.example/",
        json.dumps({"conn_type": "http", "host": "h", "port": 80, "extra": {"user_key": "k"}}),
        json.dumps({"conn_type": "postgres", "host": "h", "login": "u", "password": "p", "extra": '{"schema": "s"}'}),
    ],
)
def test_a_connection_means_the_same_to_airflow_and_to_the_command_line(
    context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", value)
    seen = airflow_run.connection_of("warehouse")
    expected = parse_connection("warehouse", value)
    assert seen is not None
    blank = {"host": None, "login": None, "password": None, "schema": None}
    assert {**blank, **_fields(seen)} == {**blank, **_fields(expected)}


def _fields(connection: Any) -> dict[str, Any]:
    return {name: value for name, value in connection.model_dump(by_alias=True).items() if value not in (None, "")} | (
        {"password": connection.secret()} if connection.secret() else {}
    )


def test_a_step_gets_the_run_and_checked_references_and_returns_json(context: dict[str, Any]) -> None:
    seen: list[tuple[Run, Snapshot]] = []

    @airflow_run.step
    def validate(run: Run, snapshot: Snapshot) -> Validated:
        seen.append((run, snapshot))
        counts = {"biodata_wni": 3}
        return Validated(source="civil_registry", path=Path("/y"), read=counts, accepted=counts, rejected={}, nulled={})

    returned = validate(SNAPSHOT.model_dump(mode="json"))
    assert seen[0][1] == SNAPSHOT
    assert Validated.model_validate_json(json.dumps(returned)).path == Path("/y")
    journal = read_journal(journal_path(Settings(), "scheduled__2026-11-23T18:00:00+00:00"))
    assert [(entry.step, entry.source, entry.event) for entry in journal] == [
        ("validate", "civil_registry", "started"),
        ("validate", "civil_registry", "finished"),
    ]


def _failing(fault: BaseException) -> Any:
    @airflow_run.step
    def extract(run: Run, source: str) -> Snapshot:
        raise fault

    return extract


def test_an_expected_fault_fails_the_task_at_once_with_its_own_words(context: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match=r"^biodata_wni lacks nik\.$"):
        _failing(ContractError("biodata_wni lacks nik."))("civil_registry")


@pytest.mark.parametrize("kind", [SourceUnavailable, WarehouseUnreachable])
def test_what_is_out_of_reach_may_be_tried_again(context: dict[str, Any], kind: type[KampungkbError]) -> None:
    with pytest.raises(AirflowException, match="refused the connection") as caught:
        _failing(kind("It refused the connection."))("civil_registry")
    assert not isinstance(caught.value, AirflowFailException)


def test_an_unforeseen_fault_tells_its_kind_and_place_but_no_value(
    context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AirflowException) as caught:
        _failing(ValueError("Siti Rahayu, 2104015508900001"))("civil_registry")
    assert "ValueError" in str(caught.value)
    said = str(caught.value) + caplog.text + journal_path(Settings(), context["dag_run"].run_id).read_text()
    assert "test_airflow_run.py" in caplog.text
    assert "Siti" not in said and "2104015508900001" not in said


def test_no_key_or_password_stands_in_journal_or_log(context: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    @airflow_run.step
    def prepare(run: Run) -> list[str]:
        return list(run.sources)

    prepare()
    said = caplog.text + journal_path(Settings(), context["dag_run"].run_id).read_text()
    assert "a key for tests only" not in said and "s@cret" not in said


LINKED = {"path": "", "records": {"civil_registry": 3}, "linked": {"civil_registry": 1}, "persons": 2}


@pytest.mark.parametrize(
    ("handed", "told"),
    [
        ({"folder": "/lake/persons", "persons": 2}, "has another form than this release knows"),
        ({**LINKED, "path": "/lake/persons/2026-11-23"}, "not the results of 2026-11-24"),
    ],
)
def test_a_reference_of_another_release_or_night_is_refused_with_what_to_do(
    context: dict[str, Any], handed: dict[str, Any], told: str
) -> None:
    @airflow_run.step
    def score(run: Run, linked: Linked) -> None:
        raise AssertionError("begun")

    with pytest.raises(AirflowFailException, match=told) as fault:
        score(handed)
    assert "Clear the run from its first task" in str(fault.value)


def test_a_full_disk_is_named_whoever_met_it(context: dict[str, Any]) -> None:
    @airflow_run.step
    def link(run: Run) -> None:
        raise duckdb.IOException('Could not write file "/lake/x": No space left on device')

    with pytest.raises(AirflowException, match="the disk is full"):
        link()
