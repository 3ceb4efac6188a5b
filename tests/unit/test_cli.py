"""The command: what it offers, how quickly, and how it refuses."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kampungkb.cli import app
from kampungkb.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

COMMANDS = (
    *("run", "up", "sql", "actions", "reports", "retention", "data-docs", "warehouse"),
    *("sample", "load-registry", "serve-insurance", "linkage", "review", "person", "doctor"),
)


def _command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins"), **variables}
    return subprocess.run(
        [sys.executable, "-m", "kampungkb", *arguments], env=environ, capture_output=True, text=True, check=False
    )


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in shown.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output


def test_help_loads_no_engine_and_no_airflow() -> None:
    code = (
        "import sys\nfrom kampungkb.cli import app\n"
        "print([m for m in ('airflow', 'duckdb', 'pandas', 'sqlalchemy', 'great_expectations') if m in sys.modules])"
    )
    environ = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    shown = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "variables", "named"),
    [
        (("run", "--source", "weather"), {}, "Unknown source: weather"),
        (("run",), {"AIRFLOW_CONN_FAMILY_WORKBOOKS": "fs://?path=%2Fdata"}, "KAMPUNGKB_PSEUDONYM_KEY"),
        (("run",), {"AIRFLOW_CONN_WAREHOUSE": "no connection"}, "AIRFLOW_CONN_WAREHOUSE"),
        (("run",), {"KAMPUNGKB_ENGINE": "abacus"}, "KAMPUNGKB_ENGINE"),
        (
            ("run",),
            {"AIRFLOW_CONN_WAREHOUSE": "postgres://u:p@127.0.0.1:9/w", "KAMPUNGKB_PSEUDONYM_KEY": "k"},
            "KAMPUNGKB_ALLOW_SAMPLE",
        ),
        (("sql", "select 1"), {"AIRFLOW_CONN_WAREHOUSE": "postgres://u:geheim@127.0.0.1:9/w"}, "127.0.0.1:9"),
        (("load-registry", "/nowhere", "sqlite://"), {}, "/nowhere"),
    ],
)
def test_an_expected_fault_is_one_sentence_on_the_error_stream(
    home: Path, arguments: tuple[str, ...], variables: dict[str, str], named: str
) -> None:
    done = _command(*arguments, **variables)
    assert done.returncode == 1
    assert named in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr and "geheim" not in done.stderr


@pytest.mark.parametrize("date", ["2026-13-01", "tomorrow", "24-11-2026"])
def test_a_date_that_is_none_is_refused_before_anything_starts(home: Path, date: str) -> None:
    done = _command("run", "--as-of", date)
    assert done.returncode == 2
    assert date in done.stderr
    assert not (home / "airflow").exists()


@pytest.mark.integration
def test_the_embedded_warehouse_is_held_up_until_a_signal_and_answers_queries_meanwhile(home: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    holder = subprocess.Popen(
        [sys.executable, "-m", "kampungkb", "warehouse"], env=environ, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert "postgresql://" in holder.stdout.readline()
    asked = _command("sql", "select 'ñ,\"x' as a, null as b union all select 'z', '1' order by 1")
    assert asked.stdout.splitlines() == ["a,b", "z,1", '"ñ,""x",']
    refused = _command("sql", "drop schema public")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    holder.terminate()
    begun = time.monotonic()
    assert holder.wait(30) == 143
    assert time.monotonic() - begun < 20
