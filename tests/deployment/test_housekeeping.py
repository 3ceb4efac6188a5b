"""The weekly housekeeping of Airflow: rows and logs of old runs go, young ones and the last run of each DAG stay."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kampungkb.settings import PROJECT_ROOT

pytestmark = [pytest.mark.integration, pytest.mark.long]


def test_rows_and_logs_of_runs_over_ninety_days_are_deleted(tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **{"ON_AIRFLOW": "", "LOGS": str(home / "logs")},
    }
    subprocess.run(["airflow", "db", "migrate"], env=environ, check=True, capture_output=True)
    runs = {"nightly_load": (120, 89, 1), "retention": (200, 130)}
    with sqlite3.connect(home / "airflow.db") as database:
        for dag, ages in runs.items():
            for days in ages:
                at = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.%f")
                database.execute(
                    "insert into dag_run (dag_id, run_id, run_type, state, run_after, start_date, end_date, "
                    "clear_number, span_status) values (?, ?, 'scheduled', 'success', ?, ?, ?, 0, 'not_started')",
                    (dag, str(days), at, at, at),
                )
    for dag, ages in runs.items():
        for days in ages:
            log = home / "logs" / dag / f"run_id={days}" / "attempt=1.log"
            log.parent.mkdir(parents=True)
            log.write_text("…\n", encoding="utf-8")
            at = (datetime.now(UTC) - timedelta(days=days)).timestamp()
            os.utime(log, (at, at))

    script = ["bash", str(PROJECT_ROOT / "deploy" / "housekeeping.sh")]
    done = subprocess.run(script, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    with sqlite3.connect(home / "airflow.db") as database:
        left = database.execute("select dag_id, run_id from dag_run order by start_date").fetchall()
    assert left == [("retention", "130"), ("nightly_load", "89"), ("nightly_load", "1")]
    assert sorted(path.name for path in (home / "logs").rglob("run_id=*")) == ["run_id=1", "run_id=89"]
