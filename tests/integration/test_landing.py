"""When a source is read, and when an earlier snapshot is the answer."""

import datetime as dt
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from kampungkb import landing
from kampungkb.connections import Connection
from kampungkb.contracts import contract
from kampungkb.errors import ConfigurationError, ContractError, KampungkbError, SourceRefused, SourceUnavailable
from kampungkb.refs import Snapshot
from kampungkb.run import Run
from kampungkb.sources import registry

pytestmark = pytest.mark.integration

REGISTRY, SURVEY = "civil_registry", "family_survey"


class World:
    """A registry in an SQLite file and a folder with one workbook, and a run on both."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.file = folder / "registry.db"
        self.folder = folder / "workbooks"
        self.folder.mkdir()
        self.run = run
        self.connections = {
            REGISTRY: Connection(conn_type="sqlite", host=str(self.file)),
            "family_workbooks": Connection(conn_type="fs", extra={"path": str(self.folder)}),
        }
        engine = sa.create_engine(f"sqlite:///{self.file}")
        meta = sa.MetaData()
        for table in contract(REGISTRY).tables:
            sa.Table(table.name, meta, *(sa.Column(name, sa.Text) for name in table.names))
        meta.create_all(engine)
        self.engine = engine
        self.add_person("1")
        book = openpyxl.Workbook()
        for table in contract(SURVEY).tables:
            sheet = book.create_sheet(table.name)
            sheet.append(table.names)
            sheet.append(["210401000100000001"])
        book.save(self.folder / "a.xlsx")

    def add_person(self, nik: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text("insert into biodata_wni (nik) values (:nik)"), {"nik": nik})

    def land(self, night: int = 0, source: str = REGISTRY, **changes: Any) -> Snapshot:
        as_of = self.run.as_of + dt.timedelta(days=night)
        return landing.extract(replace(self.run, as_of=as_of, connections=self.connections, **changes), source)

    def persons(self, snapshot: Snapshot) -> set[str]:
        return set(pq.read_table(snapshot.path / "biodata_wni.parquet")["nik"].to_pylist())


@pytest.fixture
def world(run: Run, tmp_path: Path) -> World:
    return World(run, tmp_path)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let the registry fail from now on."""

    def start(fault: Exception) -> None:
        def failing(*_: Any) -> None:
            raise fault

        monkeypatch.setattr(registry, "extract", failing)

    return start


def ids(world: World, source: str = REGISTRY) -> list[str]:
    return [manifest.snapshot_id for manifest in landing.snapshots(world.run.settings, source)]


def test_a_snapshot_has_a_manifest_that_describes_it(world: World) -> None:
    snapshot = world.land()
    manifest = landing.read_manifest(snapshot.path)
    assert (snapshot.snapshot_id, manifest.source, manifest.as_of) == (
        f"{world.run.as_of}.1",
        REGISTRY,
        world.run.as_of,
    )
    assert (manifest.contract_version, manifest.full_on) == (contract(REGISTRY).version, world.run.as_of)
    assert {name: table.rows for name, table in manifest.tables.items()} == {"biodata_wni": 1, "data_keluarga": 0}
    for table in manifest.tables.values():
        assert landing.sha256_of(snapshot.path / table.file) == table.sha256


def test_files_and_folders_are_the_owners_alone(world: World) -> None:
    world.land(source=SURVEY)
    world.land()
    lake = world.run.settings.lake
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [lake, *lake.rglob("*")]}
    assert modes == {(True, 0o700), (False, 0o600)}


def test_the_same_date_is_replayed_without_reading_the_source(world: World) -> None:
    first = world.land()
    world.add_person("2")
    world.file.rename(world.file.with_suffix(".away"))
    again = world.land()
    assert (again.replayed, again.stale, again.parsed, again.path) == (True, False, 0, first.path)
    assert again.read == first.read


def test_force_reads_anew_beside_the_first_snapshot(world: World) -> None:
    first = world.land()
    before = {path: path.read_bytes() for path in first.path.iterdir()}
    world.add_person("2")
    second = world.land(force=True)
    assert (second.snapshot_id, second.replayed) == (f"{world.run.as_of}.2", False)
    assert world.persons(second) == {"1", "2"}
    assert {path: path.read_bytes() for path in first.path.iterdir()} == before
    assert world.land().path == second.path


def test_the_tenth_snapshot_of_a_day_is_newer_than_the_ninth(world: World) -> None:
    for _ in range(10):
        world.land(force=True)
    assert world.land().snapshot_id.endswith(".10")


@pytest.mark.parametrize("force", [False, True])
def test_a_date_before_the_newest_snapshot_of_any_source_never_reads(world: World, force: bool) -> None:
    world.land(0)
    world.land(5, source=SURVEY)
    world.add_person("2")
    past = world.land(3, force=force)
    assert (past.snapshot_id, past.replayed, past.stale) == (f"{world.run.as_of}.1", True, True)
    assert str(world.run.as_of) in str(past.reason)
    assert world.persons(past) == {"1"}
    assert ids(world) == [f"{world.run.as_of}.1"]


def test_a_past_date_with_its_own_snapshot_is_replayed_and_not_stale(world: World) -> None:
    world.land(0)
    world.land(1)
    for force in (False, True):
        past = world.land(0, force=force)
        assert (past.as_of, past.replayed, past.stale) == (world.run.as_of, True, False)


def test_a_past_date_without_any_snapshot_fails(world: World) -> None:
    world.land(5, source=SURVEY)
    with pytest.raises(KampungkbError, match="The past cannot be extracted"):
        world.land(3)
    world.land(6)
    with pytest.raises(KampungkbError, match="before the newest landed snapshot"):
        world.land(5)


def test_the_newest_date_is_still_read_for_a_source_that_lacks_it(world: World) -> None:
    world.land(0)
    world.land(5, source=SURVEY)
    world.add_person("2")
    assert world.persons(world.land(5)) == {"1", "2"}


@pytest.mark.parametrize(("age", "usable"), [(1, True), (7, True), (8, False)])
def test_a_source_that_is_down_is_stood_in_for_up_to_seven_days(
    world: World, fail: Callable[[Exception], None], age: int, usable: bool
) -> None:
    world.land(0)
    fail(SourceUnavailable("The registry does not answer."))
    if usable:
        snapshot = world.land(age)
        assert (snapshot.as_of, snapshot.stale, snapshot.replayed) == (world.run.as_of, True, True)
        assert snapshot.reason == "The registry does not answer."
    else:
        with pytest.raises(SourceUnavailable, match=r"does not answer\. Nothing can stand in .*at most 7 days"):
            world.land(age)
    assert ids(world) == [f"{world.run.as_of}.1"]


def test_a_source_that_was_down_is_read_by_the_next_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.land(0)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "extract", lambda *_: (_ for _ in ()).throw(SourceUnavailable("down")))
        assert world.land(1).stale
    world.add_person("2")
    recovered = world.land(1)
    assert (recovered.stale, world.persons(recovered)) == (False, {"1", "2"})


def test_a_source_that_was_never_read_cannot_be_stood_in_for(world: World, fail: Callable[[Exception], None]) -> None:
    fail(SourceUnavailable("The registry does not answer."))
    with pytest.raises(SourceUnavailable, match="there is no earlier snapshot"):
        world.land(0)


@pytest.mark.parametrize("fault", [SourceRefused("no"), ContractError("no"), ConfigurationError("no")])
def test_a_refusal_or_another_shape_always_fails(
    world: World, fail: Callable[[Exception], None], fault: Exception
) -> None:
    world.land(0)
    fail(fault)
    with pytest.raises(type(fault)):
        world.land(1)


def test_a_changed_connection_is_read_and_not_replayed(world: World, run: Run, tmp_path: Path) -> None:
    world.land(0)
    (tmp_path / "second").mkdir()
    other = World(run, tmp_path / "second")
    other.add_person("9")
    snapshot = other.land(0)
    assert (snapshot.replayed, other.persons(snapshot)) == (False, {"1", "9"})


def test_sample_and_real_snapshots_never_stand_in_for_one_another(
    world: World, fail: Callable[[Exception], None]
) -> None:
    real = world.connections[REGISTRY]
    world.connections[REGISTRY] = real.model_copy(update={"extra": {"sample": True}})
    world.land(5)
    world.connections[REGISTRY] = real
    assert world.land(3).replayed is False
    fail(SourceUnavailable("down"))
    with pytest.raises(SourceUnavailable, match=r"last snapshot is of|no earlier snapshot"):
        world.land(12)


def test_what_a_killed_extraction_left_is_removed(world: World) -> None:
    folder = world.land(0).path.parent
    (folder / ".partial-2020-01-01.1").mkdir()
    (folder / ".partial-2020-01-01.1" / "biodata_wni.parquet").write_bytes(b"rows")
    world.land(1)
    assert list(folder.glob(".partial-*")) == []


def test_two_loads_of_a_date_at_once_land_one_snapshot(world: World) -> None:
    with ThreadPoolExecutor() as pool:
        landed = [*pool.map(lambda _: world.land(0), range(2))]
    assert sorted(snapshot.replayed for snapshot in landed) == [False, True]
    assert ids(world) == [landed[0].snapshot_id]


def test_a_damaged_snapshot_is_not_replayed(world: World) -> None:
    snapshot = world.land(0)
    (snapshot.path / "biodata_wni.parquet").write_bytes(b"damaged")
    with pytest.raises(KampungkbError, match=r"damaged \(biodata_wni\.parquet"):
        world.land(0)
    assert world.persons(world.land(1)) == {"1"}


def test_a_reference_survives_json(world: World) -> None:
    snapshot = world.land(0)
    assert Snapshot.model_validate_json(snapshot.model_dump_json()) == snapshot
    assert "210401000100000001" not in world.land(0, source=SURVEY).model_dump_json()


def test_a_source_without_connection_says_which_to_set(run: Run) -> None:
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_CIVIL_REGISTRY"):
        landing.extract(run, REGISTRY)
