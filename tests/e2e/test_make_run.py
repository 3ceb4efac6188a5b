"""What `make run` does on a machine with nothing on it: sample, Airflow, embedded warehouse, summary."""

import csv
import io
import json
import re
import sqlite3
from collections.abc import Iterator

import openpyxl
import psutil
import pytest

from kampungkb.orchestration.journal import read_journal
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from tests.e2e.machine import Machine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FAMILIES = "400"
STEPS = ["prepare", "extract", "validate", "inspect", "settle", "link", "score", "publish", "document"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("machine") / "home", KAMPUNGKB_SAMPLE_FAMILIES=FAMILIES)
    yield made
    embedded.discard(Settings(home=made.home))


@pytest.fixture(scope="module")
def first(machine: Machine) -> str:
    """The output of the first night."""
    return machine.run("2026-11-24")


def test_the_summary_tells_rows_links_index_and_how_to_ask(machine: Machine, first: str) -> None:
    assert re.search(r"pendataan keluarga / family survey +\w+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+", first)
    assert re.search(r"kependudukan / civil registry +[\d.]+ +[\d.]+ +\d+,\d %", first)
    assert re.search(r"masalah baru +masih terbuka +selesai +dibanding", first)
    assert re.search(r"pendataan keluarga / family survey +[1-9][\d.]* +0 +0 +–", first)  # all is new in a first load
    for basis in ("pendataan / survey", "terpadu / integrated"):
        assert re.search(rf"Lingga +{basis} +\d+ +\d+,\d\d +\d+,\d\d +\d+,\d\d +\d+,\d\d +\w+", first)
        assert re.search(rf"Kampung KB +{basis} +\d+ .*\d+,\d\d", first)
    assert 'kampungkb sql "select' in first


def test_the_example_of_the_summary_works(machine: Machine, first: str) -> None:
    example = re.search(r'kampungkb sql "(.*)"', first)
    assert example is not None
    done = machine.command("sql", example[1])
    assert done.returncode == 0, done.stderr
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 10


def test_each_step_shows_a_line_and_stands_in_the_journal(machine: Machine, first: str) -> None:
    [journal] = (machine.home / "runs").glob("*.jsonl")
    ended = [entry for entry in read_journal(journal) if entry.event == "finished"]
    assert {entry.step for entry in ended} == set(STEPS)
    assert len(ended) == 13  # extract and validate for each of three sources
    assert all(entry.outcome == "ok" and entry.peak_mib for entry in ended)
    assert all(f"/ {step}" in first for step in STEPS)


def test_nothing_is_left_running_and_the_home_is_for_the_owner_alone(machine: Machine, first: str) -> None:
    open_to_others = [
        path
        for path in (machine.home, machine.home / "airflow", machine.home / "runs", machine.home / "lake")
        if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
    mine = [p.pid for p in psutil.process_iter() if str(machine.home) in " ".join(_cmdline(p))]
    assert mine == []


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def test_airflow_keeps_the_run_task_by_task_for_its_page(machine: Machine, first: str) -> None:
    with sqlite3.connect(machine.home / "airflow" / "airflow.db") as database:
        runs = database.execute("select dag_id, state from dag_run").fetchall()
        tasks = database.execute("select task_id, map_index, state from task_instance").fetchall()
        assets = database.execute("select count(*) from asset_event").fetchone()
    assert runs == [("nightly_load", "success")]
    assert len(tasks) == 14
    assert {task for task, _, state in tasks if state != "success"} == {"decide"}
    assert [state for task, _, state in tasks if task == "decide"] == ["skipped"]
    assert assets == (1,)


def test_the_same_date_again_changes_nothing(machine: Machine, first: str) -> None:
    before = machine.marts()
    assert before["mart.family_index"] and before["vault.person_link"]
    again = machine.run("2026-11-24")
    assert "--force" in again  # the replay is said
    assert machine.marts() == before


def test_the_next_night_reads_the_one_workbook_that_changed_and_the_marts_follow(machine: Machine, first: str) -> None:
    folder = machine.home / "sample" / "family_survey"
    changed = sorted(folder.rglob("*.xlsx"))[0]
    book = openpyxl.load_workbook(changed)
    sheet = book["KELUARGA"]
    rows = list(sheet.iter_rows())
    names = [[str(cell.value).strip().upper() for cell in row] for row in rows]
    header = next(n for n, row in enumerate(names) if "KODE_KELUARGA" in row)
    place = names[header].index("P.01") + 1
    for row in rows[header + 1 :]:
        sheet.cell(row=row[0].row, column=place, value=2)
    book.save(changed)

    output = machine.run("2026-11-25")
    assert "1 workbooks read anew" in output
    [[(moved,)]] = machine.query(
        "select count(*) from mart.village_index today join mart.village_index before "
        "using (village_code, basis) where today.as_of = '2026-11-25' and before.as_of = '2026-11-24' "
        "and today.basis = 'survey' and today.ketentraman < before.ketentraman"
    )
    assert moved >= 1


def test_a_wrong_column_name_in_a_query_is_one_sentence(machine: Machine, first: str) -> None:
    done = machine.command("sql", "select no_such_column from mart.village_index")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and "no_such_column" in done.stderr


def test_an_unreachable_warehouse_ends_with_the_reason_and_an_exit_code(machine: Machine, first: str) -> None:
    workbooks = json.dumps({"conn_type": "fs", "extra": {"path": str(machine.home / "sample" / "family_survey")}})
    done = machine.command(
        "run",
        AIRFLOW_CONN_FAMILY_WORKBOOKS=workbooks,
        AIRFLOW_CONN_WAREHOUSE="postgres://loader:geheim@127.0.0.1:9/warehouse",
        KAMPUNGKB_PSEUDONYM_KEY="a key for tests only",
    )
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr
    assert "geheim" not in done.stdout + done.stderr


def test_the_queries_for_stewards_find_rows_to_fix(machine: Machine, first: str) -> None:
    page = (PROJECT_ROOT / "docs" / "how-to" / "fix-a-quarantined-row.md").read_text(encoding="utf-8")
    queries = re.findall(r'kampungkb sql "(select.*?)"\n', page, flags=re.DOTALL)
    assert len(queries) == 5
    assert all(machine.query(*queries))
