"""The doctor finds real faults, says what to do about each, and goes on with the other checks."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from kampungkb.cli import app
from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, HEALTH_INSURANCE, WAREHOUSE, Connection
from kampungkb.errors import KampungkbError
from kampungkb.orchestration.doctor import Bounds, Finding, examine, load_limits, require_health
from kampungkb.orchestration.environment import connection_variable
from kampungkb.pseudonym import pseudonym
from kampungkb.reporting.messages import message
from kampungkb.run import Run
from kampungkb.sample import generate, load_registry, serve_insurance
from kampungkb.settings import Settings
from kampungkb.warehouse.migrate import alembic_config, migrate

pytestmark = pytest.mark.integration


def states(found: list[Finding]) -> dict[str, tuple[str, str]]:
    """State and text key of the last finding of each check."""
    return {each.check: (each.state, each.key) for each in found}


def said(found: list[Finding], check: str) -> str:
    return " ".join(message(each.key, **each.values).en for each in found if each.check == check)


@pytest.fixture
def loaded(warehouse_run: Run, warehouse_engine: sqlalchemy.Engine) -> Run:
    """A warehouse with one family and a load that has just ended."""
    migrate(warehouse_engine)
    with warehouse_engine.begin() as connection:
        connection.execute(
            text("insert into vault.family_link values ('K1', :key)"),
            {"key": pseudonym((warehouse_run.pseudonym_key,), "family", "K1")},
        )
        connection.execute(
            text(
                "insert into ops.load_run (run_id, as_of, status, stale_sources, started_at, finished_at, counts) "
                "values ('r', '2026-11-24', 'success', '{}', now(), now(), '{}')"
            )
        )
    return warehouse_run


def test_a_sound_warehouse_has_no_finding_that_is_not_well(loaded: Run) -> None:
    found = states(examine(loaded))
    checks = ("folders", "disk", "versions", "key", "warehouse", "clock", "migrations", "last_load")
    assert {found[check][0] for check in checks} == {"ok"}
    assert found["key"] == ("ok", "doctor_key_same")


def test_another_key_than_the_warehouses_is_a_fault(loaded: Run) -> None:
    other = loaded.settings.model_copy(update={"pseudonym_key": SecretStr("another")})
    found = examine(replace(loaded, settings=other))
    assert states(found)["key"] == ("fault", "doctor_key_other")
    assert "another" not in said(found, "key").replace("another key", "")


def test_a_missing_key_is_a_fault_and_the_disk_is_looked_at_all_the_same(loaded: Run) -> None:
    found = states(examine(replace(loaded, settings=Settings(home=loaded.settings.home))))
    assert (found["key"][0], found["disk"][0], found["warehouse"][0]) == ("fault", "ok", "fault")


def test_a_warehouse_that_does_not_answer_is_named(warehouse_run: Run) -> None:
    gone = Connection.model_validate({"conn_type": "postgres", "host": "127.0.0.1", "port": 9, "schema": "w"})
    found = examine(replace(warehouse_run, connections={WAREHOUSE: gone}))
    assert states(found)["warehouse"][0] == "fault"
    assert "127.0.0.1:9" in said(found, "warehouse")


def test_a_clock_that_is_off_is_measured(loaded: Run, warehouse_engine: sqlalchemy.Engine) -> None:
    with warehouse_engine.begin() as connection:
        for statement in (
            "create schema wrong",
            "create function wrong.clock_timestamp() returns timestamptz language sql as "
            "$$ select pg_catalog.clock_timestamp() - interval '10 minutes' $$",
            f'alter database "{warehouse_engine.url.database}" set search_path = wrong, pg_catalog, public',
        ):
            connection.execute(text(statement))
    (found,) = [each for each in examine(loaded) if each.check == "clock"]
    assert found.state == "fault"
    assert int(str(found.values["seconds"])) in range(595, 606)


def test_tables_of_an_older_program_are_a_warning_and_of_a_newer_one_a_fault(
    warehouse_run: Run, warehouse_engine: sqlalchemy.Engine
) -> None:
    assert states(examine(warehouse_run))["migrations"] == ("ok", "doctor_migrations_none")
    config = alembic_config()
    with warehouse_engine.begin() as connection:
        connection.execute(text("create schema ops"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
    assert states(examine(warehouse_run))["migrations"] == ("warning", "doctor_migrations_old")
    with warehouse_engine.begin() as connection:
        connection.execute(text("update ops.alembic_version set version_num = '9999'"))
    assert states(examine(warehouse_run))["migrations"] == ("fault", "doctor_migrations_new")


def test_a_load_that_is_long_ago_is_a_warning(loaded: Run, warehouse_engine: sqlalchemy.Engine) -> None:
    with warehouse_engine.begin() as connection:
        connection.execute(text("update ops.load_run set finished_at = now() - interval '31 hours'"))
    assert states(examine(loaded))["last_load"] == ("warning", "doctor_load_old")


def test_a_lake_that_others_can_read_is_a_fault(run: Run) -> None:
    run.settings.lake.mkdir(mode=0o700)
    assert states(examine(run))["folders"][0] == "ok"
    run.settings.lake.chmod(0o750)
    assert states(examine(run))["folders"] == ("fault", "doctor_folder_open")


def test_little_space_is_a_warning_and_less_a_fault(run: Run) -> None:
    for bounds, state in ((Bounds(warning=1e9), "warning"), (Bounds(warning=1e9, fault=1e8), "fault")):
        limits = load_limits().model_copy(update={"disk_free_gib": bounds})
        assert states(examine(run, limits))["disk"] == (state, "doctor_disk_short")


@pytest.fixture
def full_volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of one MiB that is full."""
    place = tmp_path / "volume"
    place.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small volume cannot be mounted here")
    try:
        with (place / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(b"x" * 65_536)
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_volume_is_a_fault_of_folder_and_disk(run: Run, full_volume: Path) -> None:
    settings = run.settings.model_copy(update={"home": full_volume})
    found = examine(replace(run, settings=settings))
    assert states(found)["folders"] == ("fault", "doctor_folder_closed")
    assert states(found)["disk"] == ("fault", "doctor_disk_short")
    assert "No space left" in said(found, "folders")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Connection]:
    """A small sample: workbooks, the registry in SQLite, the insurer's service."""
    folder = tmp_path_factory.mktemp("sources") / "sample"
    generate(folder, families=60)
    load_registry(folder, f"sqlite:///{folder / 'registry.db'}", None)
    port_file = folder / "port"
    how = {"cons_id": "c", "secret": "s", "user_key": "u", "port_file": port_file}
    entries = folder / "health_insurance" / "peserta.parquet"
    threading.Thread(target=serve_insurance, args=(entries,), kwargs=how, daemon=True).start()
    deadline = time.monotonic() + 30
    while not port_file.exists():
        assert time.monotonic() < deadline, "the service did not start"
        time.sleep(0.05)
    insurer = {"conn_type": "http", "host": "127.0.0.1", "login": "c", "password": "s", "extra": {"user_key": "u"}}
    return {
        FAMILY_WORKBOOKS: Connection(conn_type="fs", extra={"path": str(folder / "family_survey")}),
        CIVIL_REGISTRY: Connection(conn_type="sqlite", host=str(folder / "registry.db")),
        HEALTH_INSURANCE: Connection.model_validate({**insurer, "port": int(port_file.read_text())}),
    }


def test_sources_that_answer_are_well(run: Run, sources: Mapping[str, Connection]) -> None:
    found = states(examine(replace(run, connections=sources)))
    assert {found[name] for name in ("family_survey", "civil_registry", "health_insurance")} == {
        ("ok", "doctor_source_ok")
    }
    assert require_health(replace(run, connections=sources)).checks == len(examine(replace(run, connections=sources)))


def test_each_source_that_would_fail_the_load_is_a_fault_of_its_own(
    run: Run, sources: Mapping[str, Connection], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'bare.db'}").begin() as bare:
        bare.execute(text("create table something (x)"))
    broken = {
        FAMILY_WORKBOOKS: Connection(conn_type="fs", extra={"path": str(tmp_path / "empty")}),
        CIVIL_REGISTRY: Connection(conn_type="sqlite", host=str(tmp_path / "bare.db")),
        HEALTH_INSURANCE: sources[HEALTH_INSURANCE].model_copy(update={"password": SecretStr("wrong")}),
    }
    found = examine(replace(run, connections=broken))
    assert {states(found)[name][0] for name in ("family_survey", "civil_registry", "health_insurance")} == {"fault"}
    assert "biodata_wni" in said(found, "civil_registry")
    with pytest.raises(KampungkbError, match=r"family_survey: .* \| civil_registry: .* \| health_insurance: "):
        require_health(replace(run, connections=broken))


def test_the_command_shows_a_table_in_both_languages_and_ends_with_what_a_script_can_test(
    home: Path, sources: Mapping[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0
    assert "penyimpanan / disk" in shown.output and "GiB kosong" in shown.output
    monkeypatch.setenv("AIRFLOW_CONN_CIVIL_REGISTRY", connection_variable(sources[CIVIL_REGISTRY]))
    monkeypatch.setenv("KAMPUNGKB_PSEUDONYM_KEY", "s3cret")
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 1
    assert "gangguan / fault" in shown.output and "family_workbooks" in shown.output
    assert "s3cret" not in shown.output
