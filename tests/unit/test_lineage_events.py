"""What a step tells OpenLineage: datasets under the names that other programs give them, sources that are present."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from openlineage.client.event_v2 import Job, RunEvent
from openlineage.client.event_v2 import Run as ToldRun
from openlineage.client.transport.factory import DefaultTransportFactory

from kampungkb.connections import connections_from_environment
from kampungkb.lineage.events import datasets_of, lineage_of
from kampungkb.lineage.places import place
from kampungkb.lineage.transport import TRANSPORT
from kampungkb.refs import Linked, Snapshot, Validated
from kampungkb.run import CONNECTION_OF_SOURCE, SOURCES, Run

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("conn_id", "uri", "dataset", "named"),
    [
        (
            "family_workbooks",
            "fs://?path=%2Fdata%2Fsurvey",
            "source/family_survey/KELUARGA",
            "file /data/survey/KELUARGA",
        ),
        (
            "civil_registry",
            "postgresql://reader:p%40ss@db.example/siak?schema=kependudukan",
            "source/civil_registry/biodata_wni",
            "postgres://db.example:5432 siak.kependudukan.biodata_wni",
        ),
        (
            "civil_registry",
            "mysql://reader:p%40ss@db.example:3307/siak",
            "source/civil_registry/biodata_wni",
            "mysql://db.example:3307 siak.biodata_wni",
        ),
        (
            "civil_registry",
            "sqlite:////data/registry.db",
            "source/civil_registry/biodata_wni",
            "file /data/registry.db/biodata_wni",
        ),
        (
            "health_insurance",
            "http://17245:s3cret@jkn.example:8443/https?user_key=0a1b&base_path=%2Fvclaim",
            "source/health_insurance/peserta",
            "https://jkn.example:8443 vclaim/peserta",
        ),
        (
            "health_insurance",
            "http://sample:s3cret@127.0.0.1:41532/http?user_key=0a1b&sample=true",
            "source/health_insurance/peserta",
            "http://127.0.0.1 peserta",
        ),
        (
            "warehouse",
            "postgresql://loader:p%40ss@db.example:5433/kampungkb",
            "mart.village_index",
            "postgres://db.example:5433 kampungkb.mart.village_index",
        ),
        (
            "warehouse",
            '{"conn_type": "postgres", "host": "127.0.0.1", "port": 41533, "schema": "warehouse", '
            '"extra": {"embedded": true}}',
            "mart.village_index",
            "postgres://embedded warehouse.mart.village_index",
        ),
    ],
)
def test_a_dataset_is_named_as_others_name_it_and_without_a_secret(
    run: Run, conn_id: str, uri: str, dataset: str, named: str
) -> None:
    connections = connections_from_environment({f"AIRFLOW_CONN_{conn_id.upper()}": uri})
    assert " ".join(place(replace(run, connections=connections), dataset)) == named


def test_files_lie_under_the_home_and_a_warehouse_that_nobody_named_is_the_embedded_one(run: Run) -> None:
    bare = replace(run, connections={})
    assert place(bare, "scores/family_score").name == str(run.settings.lake / "scores" / "family_score")
    assert place(bare, "data-docs/index.html").name == str(run.settings.root / "data-docs" / "index.html")
    assert place(bare, "mart.village_index") == ("postgres://embedded", "warehouse.mart.village_index")
    assert place(bare, "source/civil_registry/biodata_wni") == (
        CONNECTION_OF_SOURCE["civil_registry"],
        "biodata_wni",
    )


def test_what_a_step_reads_an_earlier_one_writes(run: Run) -> None:
    written = {"vault.match_decision", "reference/regions.csv", "reference/kampung_kb.csv"}
    for step in ("extract", "validate", "inspect", "settle", "link", "score", "publish", "document", "write_reports"):
        read, writes = datasets_of(step, SOURCES)
        assert read
        assert {name for name in read if not name.startswith("source/")} <= written, step
        written |= set(writes)


def test_an_absent_source_is_no_input_and_no_column_is_made_of_it(run: Run) -> None:
    folder = run.settings.lake / "accepted" / run.as_of.isoformat() / "family_survey"
    survey = Validated(source="family_survey", path=folder, read={}, accepted={}, rejected={}, nulled={})
    linked = Linked(path=run.settings.lake / "persons", records={}, linked={}, persons=0)
    inputs, outputs = lineage_of(run, "link", {"validated": [survey]}, linked)
    assert not [each for each in inputs if "civil_registry" in each.name or "health_insurance" in each.name]
    [links] = [each for each in outputs if each.name.endswith("/person_link")]
    made_of = links.facets["columnLineage"].fields["person_key"].inputFields  # type: ignore[attr-defined, index]
    assert {Path(each.name).parent.name for each in made_of} == {"family_survey"}


def test_a_step_that_failed_tells_what_it_would_have_written(run: Run) -> None:
    snapshot = Snapshot(
        source="health_insurance", path=Path("x"), snapshot_id="2026-11-24.1", as_of=date(2026, 11, 24), read={}
    )
    inputs, outputs = lineage_of(run, "validate", {"snapshot": snapshot})
    assert [Path(each.name).name for each in inputs] == ["peserta", "pages"]
    assert {Path(each.name).name for each in outputs} == {"peserta", "dated_peserta", "quarantine", "checks"}


def test_events_are_kept_in_a_file_a_day_for_the_owner_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMPUNGKB_HOME", str(run.settings.root))
    transport = DefaultTransportFactory().create(dict(TRANSPORT))
    event = RunEvent(
        eventTime="2026-11-24T01:00:00+07:00",
        run=ToldRun("0190c1f2-0000-7000-8000-000000000000"),
        job=Job("kampungkb", "nightly_load.link"),
    )
    for _ in range(2):
        transport.emit(event)
    [file] = (run.settings.root / "openlineage").iterdir()
    assert [json.loads(line)["job"]["name"] for line in file.read_text().splitlines()] == ["nightly_load.link"] * 2
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_login_within_the_address_of_a_service_is_not_told(run: Run) -> None:
    uri = '{"conn_type": "http", "host": "https://user:secret@bpjs.example"}'
    connections = connections_from_environment({"AIRFLOW_CONN_HEALTH_INSURANCE": uri})
    told = place(replace(run, connections=connections), "source/health_insurance/peserta")
    assert told.namespace == "https://bpjs.example"
