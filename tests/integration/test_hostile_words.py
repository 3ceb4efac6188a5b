"""Hostile words for each command that asks the warehouse: text or a refusal, and nothing of them is run or opened."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from kampungkb.cli import app
from kampungkb.connections import WAREHOUSE
from kampungkb.orchestration.environment import connection_variable
from kampungkb.run import Run
from kampungkb.warehouse import publish
from tests.integration.warehouse_lake import night

pytestmark = pytest.mark.integration

HOSTILE = (
    "x' or '1'='1'; drop schema mart cascade; --",
    "kkb_analyst -c role=postgres \\",
    "../../../../etc/passwd",
    "$(touch owned) {{ 7 * 7 }}",
)
STEWARD = ("--by", "siti", "--because", "a complaint")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("sql", "?"),
    ("sql", "select 1", "--as", "?"),
    ("sql", "select current_user", "--as", "kkb_steward", "--purpose", "?"),
    ("actions", "--purpose", "?"),
    ("actions", "--purpose", "a visit", "--village", "?"),
    ("actions", "--purpose", "a visit", "--sector", "?"),
    ("reports", "action-lists", "--purpose", "a visit", "--village", "?", "--out", "lists"),
    ("reports", "action-lists", "--purpose", "a visit", "--sector", "?", "--out", "lists"),
    ("review", "list", "--by", "?"),
    ("review", "list", "--by", "siti", "--village", "?"),
    ("review", "list", "--by", "siti", "--source", "?"),
    ("review", "list", "--by", "siti", "--sort", "?"),
    ("review", "show", "?", "--by", "siti"),
    ("review", "show", "family_survey:?=civil_registry:?", "--by", "siti"),
    ("review", "decide", "?", "same", *STEWARD),
    ("review", "undo", "?", *STEWARD),
    ("person", "export", "--key", "?", "--out", "handed", *STEWARD),
    ("person", "export", "--record", "civil_registry", "--out", "handed", *STEWARD),
    ("person", "export", "--out", "handed", *STEWARD),
    ("person", "erase", "--key", "?", "--yes", *STEWARD),
    ("person", "erase", "--yes", *STEWARD),
    ("key", "rotate", "--dry-run", "--by", "?", "--because", "?"),
)
"""The word stands for each `?`; commands that ask for a number get it on the standard input."""


@pytest.fixture
def world(warehouse_run: Run, warehouse_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """A published night without its lake, reached as a user reaches it, in an empty working folder."""
    publish(warehouse_run, *night(3, 20).write(warehouse_run))
    shutil.rmtree(warehouse_run.settings.lake)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("KAMPUNGKB_HOME", str(warehouse_run.settings.root))
    monkeypatch.setenv("KAMPUNGKB_PSEUDONYM_KEY", warehouse_run.pseudonym_key.decode())
    monkeypatch.setenv("KAMPUNGKB_NEW_PSEUDONYM_KEY", "another key for tests only")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection_variable(warehouse_run.connections[WAREHOUSE]))
    return warehouse_engine


def content(engine: Engine) -> dict[str, int]:
    """Rows of every table and view, the record of reads left out."""
    with engine.connect() as connection:
        names = connection.execute(
            text(
                "select table_schema || '.' || table_name from information_schema.tables "
                "where table_schema in ('core', 'mart', 'open', 'ops', 'vault', 'service')"
            )
        ).scalars()
        return {
            name: connection.execute(text(f"select count(*) from {name}")).scalar_one()
            for name in names
            if name != "ops.access_log"
        }


def test_a_word_of_a_command_is_no_sql_no_path_and_no_option(world: Engine) -> None:
    before = content(world)
    for command in COMMANDS:
        for hostile in HOSTILE:
            done = CliRunner().invoke(app, [part.replace("?", hostile) for part in command], input=f"{hostile}\n")
            assert done.exit_code in (0, 1, 2), command
            assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
            assert "root:" not in done.output and "postgres\n" not in done.output, command
            assert content(world) == before, command
    left = {path.name for path in Path.cwd().rglob("*") if path.is_file()}
    assert left == set()


def test_a_purpose_stands_on_record_as_it_was_said_and_takes_no_other_role(world: Engine) -> None:
    for hostile in HOSTILE:
        query = "select current_user as me, count(*) from vault.person_link"
        done = CliRunner().invoke(app, ["sql", query, "--as", "kkb_steward", "--purpose", hostile])
        assert done.output.splitlines()[1].startswith("kkb_steward,")
    with world.connect() as connection:
        said = connection.execute(text("select purpose from ops.access_log")).scalars().all()
    assert set(said) == set(HOSTILE)
