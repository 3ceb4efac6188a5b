"""Nights of a real registry through extract, validate, inspect and settle: what a closed gate does, and what lasts."""

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from kampungkb import gates, landing, validation
from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.contracts import contract
from kampungkb.errors import GateClosed, KampungkbError, SourceUnavailable
from kampungkb.gates import profile
from kampungkb.gates import thresholds as limits
from kampungkb.refs import Answer, Question, Snapshot, Validated
from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.sources import registry
from kampungkb.verdicts import ACCEPT, HOLD_BACK, Decision, Outcome, Profile, Verdict, read_verdict, write_verdict
from kampungkb.warehouse import publish
from kampungkb.warehouse.migrate import migrate
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import DABO, Family, Night

pytestmark = pytest.mark.integration

REGISTRY = "civil_registry"
VILLAGES = [f"210401{n:04d}" for n in range(2001, 2011)]
PERSONS = 60
LOADS = 7
FIRST, YESTERDAY = AS_OF - dt.timedelta(days=LOADS), AS_OF - dt.timedelta(days=1)


def run_of(home: Path, database: Path, as_of: dt.date, **changes: Any) -> Run:
    settings = Settings(home=home, pseudonym_key=SecretStr("a key for tests only"))
    connections = {REGISTRY: Connection(conn_type="sqlite", host=str(database))}
    return Run(f"run-{as_of}", as_of, settings, connections, sources=(REGISTRY,), **changes)


def fill(database: Path) -> None:
    """A registry of PERSONS in each village, three quarters of them with a birth certificate."""
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        for table in contract(REGISTRY).tables:
            columns = ", ".join(f"{name} text" for name in table.names)
            connection.execute(sa.text(f"create table {table.name} ({columns})"))
        people = [
            {
                "nik": f"21040{village}{number:010d}",
                "nama_lgkp": "ORANG",
                "akta_lhr": "1" if number % 4 == 0 else "2",
                "no_prop": "21",
                "no_kab": "4",
                "no_kec": "1",
                "no_kel": code[6:],
                "tgl_ubah": "2026-01-01T00:00:00",
            }
            for village, code in enumerate(VILLAGES)
            for number in range(PERSONS)
        ]
        names = ", ".join(people[0])
        values = ", ".join(f":{name}" for name in people[0])
        connection.execute(sa.text(f"insert into biodata_wni ({names}) values ({values})"), people)
    engine.dispose()


class World:
    """The registry, its lake and the warehouse that knows which loads were published."""

    def __init__(self, home: Path, database: Path, warehouse: sa.Engine, connection: Connection) -> None:
        self.home, self.database, self.warehouse, self.connection = home, database, warehouse, connection

    def publish(self, as_of: dt.date, snapshot: dt.date) -> None:
        """Record a load as publication does."""
        with self.warehouse.begin() as connection:
            connection.execute(
                sa.text(
                    "insert into ops.load_run (run_id, as_of, status, stale_sources, started_at, finished_at, counts) "
                    "values (:run, :as_of, 'success', '{}', now(), now(), cast(:counts as jsonb))"
                ),
                {
                    "run": f"run-{as_of}",
                    "as_of": as_of,
                    "counts": json.dumps({REGISTRY: {"snapshot": snapshot.isoformat()}}),
                },
            )

    def change(self, statement: str) -> None:
        engine = sa.create_engine(f"sqlite:///{self.database}")
        with engine.begin() as connection:
            connection.execute(sa.text(statement))
        engine.dispose()

    def run(self, night: int = 0, **changes: Any) -> Run:
        run = run_of(self.home, self.database, AS_OF + dt.timedelta(days=night), **changes)
        return replace(run, connections={**run.connections, WAREHOUSE: self.connection})

    def arrive(self, run: Run) -> tuple[list[Snapshot], list[Validated], list[Question]]:
        """Extract, validate, inspect."""
        snapshots = [landing.extract(run, REGISTRY)]
        validated = [validation.validate(run, snapshot) for snapshot in snapshots]
        return snapshots, validated, gates.inspect(run, snapshots, validated)

    def night(self, night: int = 0, **changes: Any) -> Validated:
        """The four steps without a person."""
        run = self.run(night, **changes)
        snapshots, validated, questions = self.arrive(run)
        assert questions == []
        [settled] = gates.settle(run, snapshots, validated)
        return settled

    def verdict(self, snapshot_id: str) -> Verdict:
        found = read_verdict(self.run().settings, REGISTRY, snapshot_id)
        assert found is not None
        return found

    def villages(self, validated: Validated) -> set[str]:
        rows = pq.read_table(validated.path / "biodata_wni.parquet", columns=["village_code"])
        return set(rows["village_code"].to_pylist())


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry, for every test to copy."""
    root = tmp_path_factory.mktemp("week")
    fill(root / "registry.db")
    return root


@pytest.fixture(scope="module")
def lake_of_a_week(week: Path, embedded_server: Any) -> Path:
    """The lake of two nights on it; in the nights between the registry was out of reach."""
    from kampungkb.warehouse import embedded

    embedded.ensure_database(embedded_server, "week")
    connection = embedded_server.connection("week")
    for night in (FIRST, YESTERDAY):
        run = run_of(week / "home", week / "registry.db", night)
        run = replace(run, connections={**run.connections, WAREHOUSE: connection})
        snapshots = [landing.extract(run, REGISTRY)]
        validated = [validation.validate(run, snapshot) for snapshot in snapshots]
        assert gates.inspect(run, snapshots, validated) == []
    return week


@pytest.fixture
def world(
    lake_of_a_week: Path, tmp_path: Path, warehouse_engine: sa.Engine, warehouse_connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:  # fmt: skip
    """Seven published loads, and the eighth night to come."""
    shutil.copytree(lake_of_a_week, tmp_path / "world")
    monkeypatch.setattr(landing, "origin", lambda _: "the registry")  # the copy stands elsewhere
    for path in (tmp_path / "world" / "home" / "lake").rglob("*.json"):
        known = json.loads(path.read_text())
        if "origin" in known:
            path.write_text(json.dumps({**known, "origin": "the registry"}))
    migrate(warehouse_engine)
    made = World(
        tmp_path / "world" / "home", tmp_path / "world" / "registry.db", warehouse_engine, warehouse_connection
    )
    for night in range(LOADS):
        day = FIRST + dt.timedelta(days=night)
        made.publish(day, YESTERDAY if day == YESTERDAY else FIRST)
    yield made


HALF = "delete from biodata_wni where cast(no_kel as integer) > 2004"
ONE_VILLAGE = "delete from biodata_wni where no_kel = '2010'"


def test_an_ordinary_night_passes_and_its_figures_are_kept(world: World) -> None:
    settled = world.night()
    assert (settled.stale, settled.snapshot_date) == (False, AS_OF)
    verdict = world.verdict(f"{AS_OF}.1")
    assert verdict.level == "open"
    assert {outcome.gate for outcome in verdict.outcomes} == {"volume", "rejected", "distribution", "villages"}
    assert verdict.decision is not None and (verdict.decision.accepted, verdict.decision.by) == (True, "gate")


def test_a_night_of_the_same_rows_has_the_figures_of_the_night_before_and_counts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.night()
    monkeypatch.setattr(profile, "connect", lambda _: pytest.fail("the same rows were counted again"))
    world.night(1)
    before, tonight = (world.verdict(f"{day}.1").profile for day in (AS_OF, AS_OF + dt.timedelta(days=1)))
    assert tonight == before


def test_a_closed_gate_lets_the_last_good_snapshot_stand_in_with_the_figures(world: World) -> None:
    world.change(HALF)
    settled = world.night(force=True)
    assert (settled.stale, settled.snapshot_date) == (True, YESTERDAY)
    assert world.villages(settled) == set(VILLAGES)
    assert settled.reason is not None
    assert f"The delivery {AS_OF}.1 was held back by a gate" in settled.reason
    assert "240 rows in biodata_wni, 600 are usual" in settled.reason


def test_the_same_date_again_stands_in_again_and_extracts_nothing(world: World) -> None:
    world.change(HALF)
    first = world.night(force=True)
    again = world.night()
    assert again == first
    assert next(manifest.snapshot_id for manifest in landing.snapshots(world.run().settings, REGISTRY)) == f"{AS_OF}.1"


def test_force_judges_a_new_delivery(world: World) -> None:
    world.change("create table kept as select * from biodata_wni")
    world.change(HALF)
    world.night(force=True)
    world.change("insert into biodata_wni select * from kept where cast(no_kel as integer) > 2004")
    settled = world.night(force=True)
    assert (settled.stale, settled.snapshot_date) == (False, AS_OF)
    assert world.villages(settled) == set(VILLAGES)
    assert not world.night().stale


def test_what_was_held_back_is_never_built_upon_nor_stands_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.change(HALF)
    world.night(force=True)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "extract", lambda *_: (_ for _ in ()).throw(SourceUnavailable("down")))
        settled = world.night(1)
    assert settled.snapshot_date == YESTERDAY
    seen: list[Any] = []
    real = registry.extract
    monkeypatch.setattr(
        registry, "extract", lambda run, c, previous, f: seen.append(previous) or real(run, c, previous, f)
    )
    world.night(2)
    assert seen[0].manifest.as_of == YESTERDAY


def test_a_backfill_of_a_date_that_was_held_back_uses_the_one_before(world: World) -> None:
    world.change("create table kept as select * from biodata_wni")
    world.change(HALF)
    world.night(force=True)
    world.change("insert into biodata_wni select * from kept where cast(no_kel as integer) > 2004")
    world.night(1, force=True)
    settled = world.night(0)
    assert (settled.stale, settled.snapshot_date) == (True, YESTERDAY)


def test_after_a_week_of_refused_deliveries_the_run_fails_and_names_the_figures(world: World) -> None:
    world.change(HALF)
    assert world.night(6, force=True).stale
    for force in (True, False):  # and when it is run again
        with pytest.raises(GateClosed, match=r"240 rows.*600 are usual.*Nothing can stand in for civil_registry"):
            world.night(7, force=force)


def test_before_seven_loads_are_published_history_only_reports(world: World) -> None:
    with world.warehouse.begin() as connection:
        connection.execute(sa.text("delete from ops.load_run where as_of = (select min(as_of) from ops.load_run)"))
    world.change(HALF)
    assert not world.night(force=True).stale
    found = world.verdict(f"{AS_OF}.1")
    reported = [outcome for outcome in found.outcomes if outcome.level == "closed"]
    assert found.level == "open"
    assert {outcome.gate for outcome in reported} >= {"volume", "villages"}
    assert all(outcome.report_only and outcome.loads == 6 for outcome in reported)


def test_another_address_has_a_history_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "origin", lambda _: "another registry")
    world.change(HALF)
    assert not world.night(force=True).stale
    assert all(outcome.loads == 0 for outcome in world.verdict(f"{AS_OF}.1").outcomes)


def test_a_suspicious_delivery_is_accepted_at_once_where_nobody_can_be_asked_and_that_is_recorded(world: World) -> None:
    world.change(ONE_VILLAGE)
    assert not world.night(force=True).stale
    decision = world.verdict(f"{AS_OF}.1").decision
    assert decision is not None
    assert (decision.accepted, decision.by, decision.by_default) == (True, "default", True)


def test_the_default_of_the_thresholds_may_be_to_hold_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cautious = limits.thresholds(REGISTRY).model_copy(update={"unanswered": "hold_back"})
    monkeypatch.setattr("kampungkb.gates.judging.thresholds", lambda _: cautious)
    world.change(ONE_VILLAGE)
    settled = world.night(force=True)
    assert settled.stale and "held back by default" in (settled.reason or "")


def answer(option: str) -> Answer:
    return Answer(
        chosen_options=[option],
        responded_at=dt.datetime.now(dt.UTC),
        responded_by_user={"id": "7", "name": "siti"},
    )


@pytest.mark.parametrize(("option", "stale"), [(ACCEPT, False), (HOLD_BACK, True)])
def test_a_person_decides_what_is_suspicious_once_and_for_all(world: World, option: str, stale: bool) -> None:
    world.change(ONE_VILLAGE)
    run = world.run(attended=True, force=True)
    snapshots, validated, [question] = world.arrive(run)
    assert VILLAGES[-1] in question.body
    for _ in range(2):  # killed and tried again
        [settled] = gates.settle(run, snapshots, validated, [answer(option)])
        assert settled.stale is stale
    decision = world.verdict(f"{AS_OF}.1").decision
    assert decision is not None and (decision.by, decision.by_default) == ("siti", False)
    again = world.run(attended=True)
    snapshots, validated, questions = world.arrive(again)
    assert questions == []
    [settled] = gates.settle(again, snapshots, validated)
    assert settled.stale is stale


def test_a_run_that_died_while_it_waited_asks_again(world: World) -> None:
    world.change(ONE_VILLAGE)
    _, _, first = world.arrive(world.run(attended=True, force=True))
    run = replace(world.run(attended=True), run_id="another run")
    snapshots, validated, again = world.arrive(run)
    assert again == first != []
    [settled] = gates.settle(run, snapshots, validated, [answer(HOLD_BACK)])
    assert settled.stale


def test_a_question_without_an_answer_is_a_fault(world: World) -> None:
    world.change(ONE_VILLAGE)
    run = world.run(attended=True, force=True)
    snapshots, validated, _ = world.arrive(run)
    with pytest.raises(KampungkbError, match="1 deliveries wait for a decision and 0 were decided"):
        gates.settle(run, snapshots, validated)


def test_a_renamed_column_is_suspicious_and_said_to_be_renamed(world: World) -> None:
    world.night()
    world.change("alter table biodata_wni rename column pddk_akh to pddk_akhir")
    world.night(1)
    [finding] = world.verdict(f"{AS_OF + dt.timedelta(days=1)}.1").findings
    assert finding.reason == "biodata_wni.pddk_akh is missing and seems to be renamed to pddk_akhir"
    world.night(2)  # accepted once, it is no news any more
    assert world.verdict(f"{AS_OF + dt.timedelta(days=2)}.1").level == "open"


def test_codes_that_change_their_meaning_close_the_gate(world: World) -> None:
    world.change("update biodata_wni set akta_lhr = case akta_lhr when '1' then '2' else '1' end")
    settled = world.night(force=True)
    assert settled.stale and "biodata_wni.akta_lhr has PSI" in (settled.reason or "")


def test_a_first_load_of_dirty_rows_is_never_held_back(
    run: Run, tmp_path: Path, warehouse_connection: Connection
) -> None:
    fill(tmp_path / "registry.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("update biodata_wni set nik = 'x' where rowid % 10 < 9"))
    engine.dispose()
    first = run_of(run.settings.root, tmp_path / "registry.db", AS_OF)
    first = replace(first, connections={**first.connections, WAREHOUSE: warehouse_connection})
    snapshots = [landing.extract(first, REGISTRY)]
    validated = [validation.validate(first, snapshot) for snapshot in snapshots]
    assert gates.inspect(first, snapshots, validated) == []
    assert gates.settle(first, snapshots, validated) == validated
    assert validated[0].rejected["biodata_wni"] == 540


def test_publication_records_what_the_gates_found_and_who_decided(
    warehouse_run: Run, warehouse_engine: sa.Engine
) -> None:
    found = [
        Outcome(gate="volume", subject="peserta", level="open", measured=7, usual=7.0, loads=7, reason="7 rows"),
        Outcome(gate="villages", subject="peserta", level="suspicious", measured=0.1, reason="1 of 10"),
        Outcome(
            gate="distribution", subject="peserta.sex", level="closed", report_only=True, measured=2, reason="PSI 2"
        ),
    ]
    verdict = Verdict(
        source="health_insurance",
        snapshot_id=f"{AS_OF}.2",
        as_of=AS_OF,
        origin="",
        sample=False,
        profile=Profile(read={}, rejected={}, villages={}, codes={}),
        outcomes=tuple(found),
        asked_in="run-1",
        decision=Decision(accepted=True, by="siti", at=dt.datetime(2026, 11, 24, 3, tzinfo=dt.UTC)),
    )
    write_verdict(warehouse_run.settings, verdict)
    write_verdict(warehouse_run.settings, verdict.model_copy(update={"snapshot_id": f"{AS_OF}.1", "outcomes": ()}))
    night = Night([Family("210401000000000001", DABO, "1111111111", "1111111111")])
    for _ in range(2):
        publish(warehouse_run, *night.write(warehouse_run))
    with warehouse_engine.connect() as connection:
        results = connection.execute(
            sa.text("select gate, level, decision from ops.gate_result order by gate")
        ).fetchall()
        decisions = connection.execute(
            sa.text(
                "select source, gate, snapshot, decision, decided_by, by_default, decided_at from ops.gate_decision"
            )
        ).fetchall()
    assert [tuple(row) for row in results] == [
        ("distribution", "closed", None),
        ("villages", "suspicious", "accepted"),
        ("volume", "open", None),
    ]
    assert [tuple(row) for row in decisions] == [
        (
            "health_insurance",
            "villages",
            f"{AS_OF}.2",
            "accepted",
            "siti",
            False,
            verdict.decision and verdict.decision.at,
        )
    ]
