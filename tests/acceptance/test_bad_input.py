"""Bad input ends in one clear sentence that says what to do, and leaves the warehouse as it was."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa

from kampungkb.errors import KampungkbError
from tests.acceptance.conftest import MakeWorld, World
from tests.generator import cells

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
SCHEMAS = ("mart", "core", "ops", "vault")


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    made = make_world(seed=41, families=55)
    made.load()
    return made


def folder(path: Path) -> str:
    return json.dumps({"conn_type": "fs", "extra": {"path": str(path)}})


def without_workbooks(world: World, tmp: Path) -> dict[str, str]:
    (tmp / "leer").mkdir()
    return {"AIRFLOW_CONN_FAMILY_WORKBOOKS": folder(tmp / "leer")}


def missing_folder(world: World, tmp: Path) -> dict[str, str]:
    return {"AIRFLOW_CONN_FAMILY_WORKBOOKS": folder(tmp / "nirgends")}


def only_a_text_file(world: World, tmp: Path) -> dict[str, str]:
    (tmp / "data.xlsx").write_text("nama;nik")
    return {"AIRFLOW_CONN_FAMILY_WORKBOOKS": folder(tmp)}


def only_a_workbook_without_sheet(world: World, tmp: Path) -> dict[str, str]:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "KELUARGA"
    book.worksheets[0].append(list(cells.FAMILY_COLUMNS))
    book.save(tmp / "data.xlsx")
    return {"AIRFLOW_CONN_FAMILY_WORKBOOKS": folder(tmp)}


def changed_registry(statement: str) -> Callable[[World, Path], dict[str, str]]:
    def make(world: World, tmp: Path) -> dict[str, str]:
        shutil.copy(world.home.parent / "registry.db", tmp / "registry.db")
        with sa.create_engine(f"sqlite:///{tmp / 'registry.db'}").begin() as connection:
            connection.execute(sa.text(statement))
        return {"AIRFLOW_CONN_CIVIL_REGISTRY": f"sqlite:///{tmp / 'registry.db'}"}

    return make


def missing_database(world: World, tmp: Path) -> dict[str, str]:
    return {"AIRFLOW_CONN_CIVIL_REGISTRY": f"sqlite:///{tmp / 'none.db'}"}


def unauthorised_api(world: World, tmp: Path) -> dict[str, str]:
    return {"AIRFLOW_CONN_HEALTH_INSURANCE": json.dumps(world.api.connection(secret="not the secret"))}


def api_without_key(world: World, tmp: Path) -> dict[str, str]:
    fields = {**world.api.connection(), "extra": {}}
    return {"AIRFLOW_CONN_HEALTH_INSURANCE": json.dumps(fields)}


def warehouse_down(world: World, tmp: Path) -> dict[str, str]:
    return {"AIRFLOW_CONN_WAREHOUSE": "postgresql://loader:geheim@127.0.0.1:9/kampungkb"}


def unreadable_connection(world: World, tmp: Path) -> dict[str, str]:
    return {"AIRFLOW_CONN_CIVIL_REGISTRY": '{"conn_type": '}


CASES: dict[str, tuple[Callable[[World, Path], dict[str, str]], tuple[str, ...]]] = {
    "a folder without workbooks": (without_workbooks, ("leer", ".xlsx")),
    "a folder that is not there": (missing_folder, ("nirgends",)),
    "nothing but a file that is no zip": (only_a_text_file, ("data.xlsx",)),
    "nothing but a workbook without a sheet": (only_a_workbook_without_sheet, ("data.xlsx", "ANGGOTA")),
    "a database without the table": (changed_registry("drop table biodata_wni"), ("biodata_wni",)),
    "a database without the other table": (changed_registry("drop table data_keluarga"), ("data_keluarga",)),
    "a table without a column": (
        changed_registry("alter table biodata_wni rename column akta_lhr to akta"),
        ("akta_lhr",),
    ),
    "a database that is not there": (missing_database, ("civil_registry",)),
    "an API that does not know our secret": (unauthorised_api, ("health_insurance",)),
    "an API connection without the user key": (api_without_key, ("user_key",)),
    "a warehouse that cannot be reached": (warehouse_down, ("warehouse",)),
    "a connection that is no connection": (unreadable_connection, ("AIRFLOW_CONN_CIVIL_REGISTRY",)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_steps_refuse_with_one_sentence_and_change_nothing(world: World, tmp_path: Path, case: str) -> None:
    spoil, named = CASES[case]
    before, variables = world.dump(*SCHEMAS), dict(world.variables)
    world.variables |= spoil(world, tmp_path)
    try:
        with pytest.raises(KampungkbError) as fault:
            world.load(force=True)
    finally:
        world.variables = variables
    message = str(fault.value)
    assert "\n" not in message.strip() and len(message) < 600
    assert all(name.lower() in message.lower() for name in named), message
    assert "geheim" not in message and "not the secret" not in message
    assert world.dump(*SCHEMAS) == before


def command(home: Path, variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "KAMPUNGKB_"))}
    environ |= {"KAMPUNGKB_HOME": str(home), "KAMPUNGKB_PSEUDONYM_KEY": "a key for tests only", **variables}
    return subprocess.run(
        [sys.executable, "-m", "kampungkb", *arguments],
        env={name: value for name, value in environ.items() if value},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_missing_pseudonym_key_with_real_connections_is_named_at_once(world: World) -> None:
    done = command(world.home, {**world.variables, "KAMPUNGKB_PSEUDONYM_KEY": ""}, "run")
    assert done.returncode != 0
    assert "KAMPUNGKB_PSEUDONYM_KEY" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_the_sample_is_not_written_into_a_configured_warehouse_unasked(world: World) -> None:
    only = {"AIRFLOW_CONN_WAREHOUSE": world.variables["AIRFLOW_CONN_WAREHOUSE"]}
    done = command(world.home, only, "run")
    assert done.returncode != 0
    assert "KAMPUNGKB_ALLOW_SAMPLE" in done.stderr.splitlines()[-1]


def test_a_source_without_the_survey_is_refused(world: World) -> None:
    only = {"AIRFLOW_CONN_CIVIL_REGISTRY": world.variables["AIRFLOW_CONN_CIVIL_REGISTRY"]}
    done = command(world.home, only, "run")
    assert done.returncode != 0
    assert "AIRFLOW_CONN_FAMILY_WORKBOOKS" in done.stdout + done.stderr


@pytest.mark.slow
def test_the_command_ends_with_the_reason_of_a_failed_step(world: World, tmp_path: Path) -> None:
    spoilt = changed_registry("alter table biodata_wni rename column akta_lhr to akta")(world, tmp_path)
    before = world.dump(*SCHEMAS)
    done = command(world.home, {**world.variables, **spoilt}, "run", "--as-of", "2026-11-25")
    assert done.returncode != 0
    assert "akta_lhr" in "\n".join((done.stdout + done.stderr).splitlines()[-3:]).lower()
    assert "Traceback" not in done.stdout + done.stderr
    assert world.dump(*SCHEMAS) == before
