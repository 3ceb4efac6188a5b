"""A deployment from its compose file: every service runs, the night comes by itself, figures and page are there."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.deployed.conftest import AIRFLOW_PARTS, DAG, PASSWORD, Installation, Night

PERSONS = {"family_survey": "ANGGOTA", "civil_registry": "biodata_wni", "health_insurance": "peserta"}


def test_every_service_is_well_by_its_own_check(installation: Installation) -> None:
    assert set(installation.deployment.processes) == {*AIRFLOW_PARTS, "sample-insurance"}
    installation.deployment.becomes_well(*installation.deployment.processes)


def test_the_load_comes_by_schedule_and_ends_well(installation: Installation, first_night: Night) -> None:
    run = first_night.run
    assert (run["run_type"], run["triggered_by"], run["state"]) == ("scheduled", "timetable", "success")
    states = installation.states(run)
    assert states.pop("decide") == ["skipped"]
    assert {state for each in states.values() for state in each} == {"success"}
    assert len(states["extract"]) == len(states["validate"]) == 3


def test_the_reports_follow_by_themselves(installation: Installation, first_night: Night) -> None:
    newest = installation.runs("publish_reports")[0]
    assert (newest["run_type"], newest["state"]) == ("asset_triggered", "success")
    assert list((installation.deployment.home / "reports").rglob("*.xlsx"))


@pytest.fixture
def truth(installation: Installation) -> Path:
    """The folder in which the sample tells what is true of it."""
    return installation.deployment.home / "sample" / "truth"


def test_every_accepted_record_is_in_the_warehouse_and_no_other(
    installation: Installation, first_night: Night, truth: Path
) -> None:
    records = pq.read_table(truth / "records.parquet").filter(pc.field("accepted"))
    counts = records.group_by(["source", "source_table"]).aggregate([([], "count_all")]).to_pylist()
    expected = {(row["source"], row["source_table"]): row["count_all"] for row in counts}
    linked = dict(installation.query("select source, count(*) from vault.person_link group by source"))
    assert linked == {source: expected[source, table] for source, table in PERSONS.items()}
    families = expected["family_survey", "KELUARGA"]
    assert installation.query("select count(*), count(distinct family_key) from vault.family_link") == [(families,) * 2]
    assert installation.query("select basis, count(*) from mart.family_index group by basis order by basis") == [
        ("integrated", families),
        ("survey", families),
    ]


def test_every_planted_fault_is_in_quarantine_and_no_other(
    installation: Installation, first_night: Night, truth: Path
) -> None:
    faults = pq.read_table(truth / "faults.parquet").filter(pc.field("action") != "count")
    planted = sorted((row["source"], row["rule"], row["action"]) for row in faults.to_pylist())
    held = sorted(installation.query("select source, rule, action from ops.quarantine"))
    assert held == planted


def test_the_page_answers_a_person_who_has_logged_in_and_nobody_else(
    installation: Installation, first_night: Night
) -> None:
    assert httpx.get(f"{installation.url}/kampungkb/api/me", timeout=60).status_code == 401
    answer = installation.page("/api/villages")
    shown = {(row["village"], row["families"]) for row in answer["rows"]}
    known = installation.query("select village, families from mart.village_index where basis = 'integrated'")
    assert shown and shown <= set(known)
    assert answer["total"] == len(known)


@pytest.fixture
def page(installation: Installation) -> Iterator[Any]:
    """A browser in which the admin has logged in."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        tab = browser.new_page()
        tab.set_default_timeout(120_000)
        tab.goto(f"{installation.url}/")
        tab.fill('input[name="username"]', "admin")
        tab.fill('input[name="password"]', PASSWORD)
        tab.keyboard.press("Enter")
        tab.wait_for_url(lambda url: "login" not in url)
        yield tab
        browser.close()


def test_in_a_browser_the_run_and_the_index_of_the_villages_are_shown(
    page: Any, installation: Installation, first_night: Night
) -> None:
    page.goto(f"{installation.url}/dags/{DAG}")
    page.wait_for_selector(f"text={DAG}")
    page.goto(f"{installation.url}/kampungkb/#/villages")
    page.wait_for_selector('main[aria-busy="false"] h1')
    shown = page.inner_text("main")
    known = {village for (village,) in installation.query("select village from mart.village_index")}
    assert sum(village in shown for village in known) >= 25  # a page of the list


def test_no_secret_stands_in_a_process_list_an_environment_or_a_log(
    installation: Installation, first_night: Night
) -> None:
    deployment = installation.deployment
    secrets = {path.name: _values(path) for path in deployment.secrets.iterdir()}
    members = deployment.members()
    assert len(members) > len(deployment.processes)
    for process in members:
        told = _told(process)
        found = [name for name, values in secrets.items() if any(value in text for value in values for text in told)]
        assert found == [], process.name()
    logs = [*deployment.logs.iterdir(), *(path for path in (deployment.airflow / "logs").rglob("*") if path.is_file())]
    assert logs
    for path in logs:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert [name for name, values in secrets.items() if any(value in text for value in values)] == [], path


def _values(path: Path) -> list[str]:
    """What must not be seen of a secret: it, or the passwords in it where it is an address or a file of connections."""
    text = path.read_text(encoding="utf-8")
    if path.name.endswith(("_address", ".json")):
        return []  # made of the passwords, each of which is a secret of its own
    if path.name == "spark-defaults.conf":
        return [line.split()[1] for line in text.splitlines() if "secret" in line]
    return [text]


def _told(process: psutil.Process) -> list[str]:
    """What /proc tells of a process to its user; nothing where it has ended meanwhile."""
    try:
        return [*process.cmdline(), *process.environ().values()]
    except psutil.Error:
        return []
