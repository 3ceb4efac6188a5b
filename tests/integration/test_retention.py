"""Retention: what is over its limit is gone from disk and warehouse and recorded; what a load needs stays."""

import dataclasses
import json
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from kampungkb import lake
from kampungkb.connections import Connection
from kampungkb.errors import ConfigurationError, KampungkbError
from kampungkb.landing import Manifest, extract, snapshots
from kampungkb.reporting.action_lists import default_folder
from kampungkb.retention import LIMITS_FILE, apply_retention, load_limits
from kampungkb.run import Run
from kampungkb.warehouse import publish
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import night

pytestmark = pytest.mark.integration


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def land(run: Run, source: str, day: date, sample: bool = False) -> Path:
    """A landed snapshot, as far as retention reads it."""
    folder = lake.private_folder(lake.landing(run.settings, source) / f"{day}.1")
    manifest = Manifest(
        source=source, snapshot_id=folder.name, as_of=day, run_id="r", extracted_at=datetime.now(UTC),
        contract_version="1", made_with="", origin="", sample=sample, tables={},
    )  # fmt: skip
    (folder / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
    (folder / "anggota.parquet").write_bytes(b"personal data")
    return folder


def left(run: Run, source: str) -> list[date]:
    return sorted(manifest.as_of for manifest in snapshots(run.settings, source))


@pytest.fixture
def old_home(warehouse_run: Run) -> Run:
    """A home with snapshots, results and logs of several ages."""
    for days in (200, 91, 90, 3):
        land(warehouse_run, "family_survey", ago(days))
    land(warehouse_run, "civil_registry", ago(120))
    land(warehouse_run, "civil_registry", ago(400))
    land(warehouse_run, "health_insurance", ago(300), sample=True)
    land(warehouse_run, "health_insurance", ago(5))
    for days in (300, 91, 2):
        for kind in ("accepted", "persons", "scores"):
            lake.private_folder(warehouse_run.settings.lake / kind / ago(days).isoformat())
    for days in (31, 30):
        lake.private_folder(default_folder(warehouse_run.settings) / ago(days).isoformat())
    runs = lake.private_folder(warehouse_run.settings.root / "runs")
    for name, days in (("old.jsonl", 100), ("new.jsonl", 1)):
        (runs / name).write_text("{}\n", encoding="utf-8")
        moment = datetime.combine(ago(days), datetime.min.time(), UTC).timestamp()
        os.utime(runs / name, (moment, moment))
    return warehouse_run


def test_the_lake_keeps_what_is_young_or_needed(old_home: Run, warehouse_engine: Engine) -> None:
    done = apply_retention(old_home)
    assert left(old_home, "family_survey") == [ago(90), ago(3)]
    assert left(old_home, "civil_registry") == [ago(120)]  # the newest of its source
    assert left(old_home, "health_insurance") == [ago(300), ago(5)]  # the newest of the sample, and of real data
    for kind in ("accepted", "persons", "scores"):
        assert [path.name for path in (old_home.settings.lake / kind).iterdir()] == [ago(2).isoformat()]
    assert [path.name for path in default_folder(old_home.settings).iterdir()] == [ago(30).isoformat()]
    assert [path.name for path in (old_home.settings.root / "runs").iterdir()] == ["new.jsonl"]
    counted = {each.subject: each.deleted for each in done.deleted if each.deleted}
    expected = {"landing/family_survey": 2, "landing/civil_registry": 1, "action_lists": 1, "runs": 1}
    assert counted == {**expected, "accepted": 2, "persons": 2, "scores": 2}
    with warehouse_engine.connect() as connection:
        recorded = connection.execute(text("select subject, deleted from ops.retention_run where deleted > 0")).all()
    assert {row.subject: row.deleted for row in recorded} == counted


def test_nothing_that_was_deleted_stays_in_another_file(old_home: Run) -> None:
    apply_retention(old_home)
    folders = {path.parent for path in old_home.settings.lake.rglob("*.parquet")}
    assert len(folders) == 5
    assert not list(old_home.settings.lake.rglob(".partial-*"))


def test_a_dry_run_tells_the_same_and_deletes_nothing(old_home: Run, warehouse_engine: Engine) -> None:
    before = sorted(str(path) for path in old_home.settings.root.rglob("*"))
    planned = apply_retention(old_home, dry_run=True)
    assert sorted(str(path) for path in old_home.settings.root.rglob("*")) == before
    with warehouse_engine.connect() as connection:
        assert connection.execute(text("select count(*) from ops.retention_run")).scalar_one() == 0
    assert apply_retention(old_home).deleted == planned.deleted


def test_the_warehouse_keeps_five_years_and_the_latest_load(warehouse_run: Run, warehouse_engine: Engine) -> None:
    for years in (6, 4):
        run = dataclasses.replace(warehouse_run, run_id=f"run-{years}", as_of=AS_OF.replace(year=AS_OF.year - years))
        publish(run, *night(3, 10).write(run))
    apply_retention(warehouse_run)
    kept = AS_OF.replace(year=AS_OF.year - 4)
    with warehouse_engine.connect() as connection:
        for table in ("mart.village_index", "mart.district_index", "mart.data_quality", "ops.load_run"):
            assert connection.execute(text(f"select distinct as_of from {table}")).scalars().all() == [kept]
        assert connection.execute(text("select distinct run_id from ops.check_result")).scalars().all() == ["run-4"]
    far = dataclasses.replace(warehouse_run, as_of=AS_OF.replace(year=AS_OF.year + 20))
    apply_retention(far)
    with warehouse_engine.connect() as connection:
        assert connection.execute(text("select distinct as_of from mart.village_index")).scalars().all() == [kept]


def test_the_record_of_retention_itself_is_kept_five_years(warehouse_run: Run, warehouse_engine: Engine) -> None:
    for years in (-6, -4, 0):
        apply_retention(dataclasses.replace(warehouse_run, as_of=AS_OF.replace(year=AS_OF.year + years)))
    with warehouse_engine.connect() as connection:
        days = connection.execute(text("select distinct as_of from ops.retention_run order by 1")).scalars().all()
    assert days == [AS_OF.replace(year=AS_OF.year - 4), AS_OF]


def test_a_backfill_over_deleted_snapshots_says_that_there_is_none(old_home: Run) -> None:
    apply_retention(old_home)
    folder = Connection(conn_type="fs", extra={"path": "/nowhere"})
    run = dataclasses.replace(old_home, as_of=ago(150), connections={"family_workbooks": folder})
    with pytest.raises(KampungkbError, match="there is no snapshot of this source up to that date"):
        extract(run, "family_survey")


def test_limits_of_the_home_replace_those_of_the_project(old_home: Run) -> None:
    own = lake.private_folder(old_home.settings.root / "reference") / LIMITS_FILE.name
    own.write_text(LIMITS_FILE.read_text(encoding="utf-8").replace("landing: 90", "landing: 250"), encoding="utf-8")
    apply_retention(old_home)
    assert left(old_home, "family_survey") == [ago(200), ago(91), ago(90), ago(3)]


@pytest.mark.parametrize("wrong", ["landing: 0", "landing: ninety", "landings: 90"])
def test_a_wrong_file_of_limits_is_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "retention.yaml"
    path.write_text(LIMITS_FILE.read_text(encoding="utf-8").replace("landing: 90", wrong), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"retention\.yaml"):
        load_limits(path)


def test_every_table_with_history_has_a_limit() -> None:
    """A table by as_of that is added later must not be kept for ever."""
    from kampungkb.warehouse.publication import BY_AS_OF, BY_RUN
    from kampungkb.warehouse.spells import HISTORIES

    kept = {*BY_AS_OF, *BY_RUN, *HISTORIES, "ops.load_run", "ops.retention_run", "core.quarantine_spell"}
    assert kept <= set(load_limits().warehouse)
    assert json.loads(json.dumps(load_limits().days)) == {
        "landing": 90, "results": 90, "quarantine": 180, "run_logs": 90, "history": 1825, "access_log": 1825,
        "action_lists": 30,
    }  # fmt: skip
