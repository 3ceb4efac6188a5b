"""What the load before has published already is neither staged, audited nor written again, and nobody can tell.

A warehouse that knows what it holds is held, row for row, against one that forgets it before every load.
"""

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Engine, insert, text

from kampungkb.errors import AuditError
from kampungkb.run import Run
from kampungkb.warehouse import audit, content, differences, embedded, publish
from kampungkb.warehouse.connect import engine_of
from kampungkb.warehouse.migrate import migrate
from kampungkb.warehouse.models import Base
from kampungkb.warehouse.staged_tables import MARTS_SQL, staged_columns, tables_read
from kampungkb.warehouse.staging import DATED, staging
from tests.conftest import AS_OF
from tests.integration.test_publish import contents, rows, schemas
from tests.integration.warehouse_lake import BATU_BERDAUN, CHECKS, DABO, Night, night

pytestmark = pytest.mark.integration


def everything(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table, without the clock of a run and without what the next load may rely on."""
    return {
        name: [
            str(row["said"])
            for row in rows(
                engine,
                f"select (to_jsonb(t) - array['started_at', 'finished_at'])::text as said from {name} t order by 1",
            )
        ]
        for name in Base.metadata.tables.keys() - {"ops.published_content"}
    }


@pytest.fixture
def forgetful(warehouse_run: Run, embedded_server: embedded.ServerInfo) -> Any:
    """A run into a warehouse of its own, whose record is forgotten before each load."""
    name = "forgetful"
    embedded.ensure_database(embedded_server, name)
    connection = embedded_server.connection(name)
    yield dataclasses.replace(warehouse_run, connections={"warehouse": connection})
    engine = engine_of(embedded_server.connection("postgres"))
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as admin:
        admin.execute(text(f"drop database {name} with (force)"))
    engine.dispose()


def taken(caplog: pytest.LogCaptureFixture) -> int:
    """How many tables the last publication took as they are published."""
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Staged")]
    return int(said[-1].split(" tables as")[0].rpartition(" ")[2])


def by_what_moved(caplog: pytest.LogCaptureFixture) -> int:
    """Of how many tables the last publication staged what moved alone."""
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Staged")]
    return int(said[-1].split(" by what moved")[0].rpartition(" ")[2])


LOADS = (0, 1, 2, 2, 3, 5, 4, 5, 6, 7)
"""Days that are loaded: one after the other, some again, one late (a backfill)."""


def test_loads_that_know_what_stands_there_leave_what_loads_that_do_not_leave(
    warehouse_run: Run, warehouse_engine: Engine, forgetful: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    other = engine_of(forgetful.connections["warehouse"])
    first = night(seed=1, count=40, rejected=3, pairs=("one", "two"))
    fewer = dataclasses.replace(first, families=first.families[:-3])
    of_day: dict[int, Night] = {
        **dict.fromkeys((0, 1, 2, 4), first),
        3: dataclasses.replace(fewer, pairs=("two",)),
        5: fewer,
        6: dataclasses.replace(fewer, checks=CHECKS[:-1], stale=frozenset({"civil_registry"})),
        7: dataclasses.replace(fewer, kampung_kb=first.kampung_kb + "2104022001,2020-01-01,,\n"),
    }
    for number, day in enumerate(LOADS):
        for run, engine in ((warehouse_run, warehouse_engine), (forgetful, other)):
            if run is forgetful and number:
                with engine.begin() as connection:
                    content.forget(connection)
            on = dataclasses.replace(run, run_id=f"run-{number}", as_of=AS_OF + timedelta(day))
            publish(on, *of_day[day].write(on))
        assert everything(warehouse_engine) == everything(other), f"load {number} of day {day}"
        assert schemas(warehouse_engine) == set(Base.metadata._schemas)
    other.dispose()


def with_few_moved(first: Night) -> dict[int, Night]:
    """Nights in which families get other answers, move, go, come and come back, and problems are solved."""
    one, two, three, *others = first.families
    answered = dataclasses.replace(one, survey=two.survey, integrated=three.integrated, evidence="1m--------")
    moved = dataclasses.replace(two, village=BATU_BERDAUN if two.village == DABO else DABO, members=5)
    come = dataclasses.replace(three, code="99990000000000000")
    return {
        1: dataclasses.replace(first, families=[answered, two, three, *others]),
        2: dataclasses.replace(first, families=[answered, moved, *others], rejected=first.rejected - 1, pairs=("two",)),
        3: dataclasses.replace(first, families=[answered, moved, come, *others], rejected=first.rejected - 1),
        4: first,
        5: dataclasses.replace(
            first,
            families=[dataclasses.replace(one, members=7), two, three, *others],
            kampung_kb=first.kampung_kb.replace("2018", "2019"),
        ),
    }


def test_of_few_moved_families_and_problems_they_alone_are_staged_and_the_rows_are_those_of_a_load_of_everything(
    warehouse_run: Run, warehouse_engine: Engine, forgetful: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    other = engine_of(forgetful.connections["warehouse"])
    first = night(seed=1, count=40, rejected=10, pairs=("one", "two"))
    staged: list[int] = []
    for day, of_day in {0: first, **with_few_moved(first)}.items():
        for run, engine in ((forgetful, other), (warehouse_run, warehouse_engine)):
            if run is forgetful and day:
                with engine.begin() as connection:
                    content.forget(connection)
            on = dataclasses.replace(run, run_id=f"run-{day}", as_of=AS_OF + timedelta(day))
            publish(on, *of_day.write(on))
        staged.append(by_what_moved(caplog))
        assert everything(warehouse_engine) == everything(other), f"day {day}"
    assert staged == [0, 1, 2, 1, 2, 1]
    other.dispose()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("family_key", "null", "family_key must not be null"),
        ("village_code", "null", "village_code must not be null"),
        ("basis", "'other'", "basis must be one of survey, integrated"),
        ("basis", "'integrated'", "family_key, basis together must be unique"),
        ("ibangga", "101", "ibangga must lie from 0 to 100"),
        ("village_code", "'9999999999'", "the village stands in the region reference"),
        ("family_key", "'unknown'", "every family has one row in each basis"),
        ("family_key", "'unknown'", "the family stands in the crosswalk"),
        ("states", "'1'", "states, provenances and evidence hold one character an indicator"),
    ],
)
def test_what_moved_is_judged_as_everything_is(
    warehouse_run: Run, warehouse_engine: Engine, column: str, value: str, rule: str
) -> None:
    first = night(seed=1, count=40)
    publish(warehouse_run, *first.write(warehouse_run))
    before = contents(warehouse_engine)
    told: list[set[str]] = []
    for force in (False, True):
        tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1), force=force)
        references = first.write(tonight)
        path = references[-1].path / "family_score.parquet"
        one = f"if(place = 1, {value}, {column})"
        rows_of = duckdb.read_parquet(str(path)).query("found", "select *, row_number() over () as place from found")
        broken = rows_of.query("found", f"select * exclude (place) replace ({one} as {column}) from found")
        broken.write_parquet(f"{path}.new")
        Path(f"{path}.new").replace(path)
        with pytest.raises(AuditError) as stopped:
            publish(tonight, *references)
        told.append(set(str(stopped.value).split(": ", 1)[1].split("; ")))
    assert told[0] == told[1]
    assert rule in str(told[0])
    assert contents(warehouse_engine) == before


def test_an_unchanged_night_writes_what_has_its_date_and_leaves_the_rest_alone(
    warehouse_run: Run, warehouse_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    same = night(pairs=("one", "two"))
    publish(warehouse_run, *same.write(warehouse_run))
    assert taken(caplog) == 0
    before = contents(warehouse_engine)
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    published = publish(tonight, *same.write(tonight))
    assert taken(caplog) > 30
    after = contents(warehouse_engine)
    written = {name for name in before if after[name] != before[name]}
    assert written == {
        *("mart.village_index", "mart.district_index", "mart.regency_index", "mart.data_quality"),
        *("mart.kampung_kb_effect", "core.fact_village_day", "core.source_load"),
        *("ops.load_run", "ops.check_result"),
    }
    assert not any(published.changed.get(name) for name in ("vault.person_link", "core.dim_person"))
    assert "Audit: every table holds what was judged before" in caplog.messages
    assert rows(warehouse_engine, "select distinct run_id from ops.quarantine") == [{"run_id": "run-2"}]
    seen = rows(warehouse_engine, "select distinct first_seen, last_seen from core.quarantine_history")
    assert seen == [{"first_seen": AS_OF, "last_seen": tonight.as_of}]
    assert rows(warehouse_engine, "select distinct first_seen, last_seen from vault.match_review") == seen


REVERSED = "select * exclude (place) from (select *, row_number() over () as place from found) order by place desc"


def test_the_same_rows_in_files_of_another_order_are_the_same_rows(
    warehouse_run: Run, warehouse_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    publish(warehouse_run, *night().write(warehouse_run))
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    references = night().write(tonight)
    for path in tonight.settings.lake.rglob(f"{tonight.as_of}/**/*.parquet"):
        duckdb.read_parquet(str(path)).query("found", REVERSED).write_parquet(str(path) + ".new")
        Path(f"{path}.new").replace(path)
    published = publish(tonight, *references)
    assert taken(caplog) > 30
    assert not published.changed.get("vault.person_link")


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "turned"),
    [
        (None, None, False),
        (AS_OF, AS_OF + timedelta(1), False),
        (AS_OF + timedelta(1), None, True),
        (None, AS_OF, True),
        (None, AS_OF - timedelta(1), False),
        (AS_OF + timedelta(2), None, False),
    ],
)
def test_figures_under_a_new_date_are_judged_again_where_a_region_begins_or_ends_with_it(
    warehouse_run: Run, warehouse_engine: Engine, valid_from: date | None, valid_to: date | None, turned: bool
) -> None:
    tonight = dataclasses.replace(warehouse_run, as_of=AS_OF + timedelta(1))
    with staging(warehouse_engine, tonight, content.Known(AS_OF)) as staged:
        region = staged.tables["dim_region"]
        with warehouse_engine.begin() as connection:
            connection.execute(insert(region).values(code="2104011001", valid_from=valid_from, valid_to=valid_to))
        staged.same, staged.dated = {"family_score"}, {"village_index"}
        assert staged.judged() == {"family_score"} | (set() if turned else {"village_index"})


def test_the_date_is_nothing_but_a_label_where_a_statement_is_told_to_have_it_as_one() -> None:
    for name in DATED:
        statement = (MARTS_SQL / f"{name}.sql").read_text(encoding="utf-8")
        labels = statement.count(":as_of as ") + statement.count(":stale_sources as stale_sources")
        assert labels == statement.count(":as_of") + statement.count(":stale_sources") > 0, name
        assert ":run_id" not in statement


def test_the_audit_looks_only_at_what_may_have_changed() -> None:
    everything_same = {table for path in audit.suites() for table in audit.looked_at(path)}
    assert everything_same <= staged_columns().keys()
    assert audit.suites(everything_same) == []
    assert len(audit.suites(everything_same - {"family_score"})) < len(audit.suites())
    assert {path.stem for path in audit.suites(everything_same - {"person_link"})} == {
        *("warehouse_person_link", "warehouse_person_profile")
    }


@pytest.mark.parametrize("broken_by", ["force", "program", "erasure"])
def test_everything_is_published_again_where_the_record_may_not_be_relied_on(
    warehouse_run: Run,
    warehouse_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken_by: str,
) -> None:
    caplog.set_level("INFO")
    publish(warehouse_run, *night().write(warehouse_run))
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", force=broken_by == "force")
    if broken_by == "program":
        monkeypatch.setattr(content, "program", lambda: "a later version")
    elif broken_by == "erasure":
        with warehouse_engine.begin() as connection:
            content.forget(connection)
    with warehouse_engine.begin() as connection:
        connection.execute(text("update core.family_score set members = 99"))
    publish(tonight, *night().write(tonight))
    assert taken(caplog) == 0
    assert rows(warehouse_engine, "select * from core.family_score where members = 99") == []


def test_a_changed_statement_a_changed_rule_and_a_changed_module_are_another_program(tmp_path: Path) -> None:
    made: list[str] = []
    for text_of in ("select 1", "select 2"):
        folder = tmp_path / text_of.replace(" ", "-")
        folder.mkdir()
        (folder / "village.sql").write_text(text_of)
        made.append(content.program([folder]))
    assert made[0] != made[1]
    assert content.program() == content.program()


def test_a_load_published_between_is_noticed_and_everything_staged_again(
    warehouse_run: Run, warehouse_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    publish(warehouse_run, *night(seed=1).write(warehouse_run))
    between = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    tonight = dataclasses.replace(warehouse_run, run_id="run-3", as_of=AS_OF + timedelta(2))
    kept: Callable[..., content.Known] = content.known

    def known_then_overtaken(engine: Engine, run: Run) -> content.Known:
        found = kept(engine, run)
        if run is tonight:
            publish(between, *night(seed=2).write(between))
        return found

    monkeypatch.setattr(content, "known", known_then_overtaken)
    publish(tonight, *night(seed=1).write(tonight))
    assert taken(caplog) == 0
    keys = {row["family_key"] for row in rows(warehouse_engine, "select family_key from mart.family_index")}
    assert keys == {family.key for family in night(seed=1).families}


def test_what_a_statement_reads_is_found_as_lineage_finds_it() -> None:
    import sqlglot
    from sqlglot import exp

    staged = staged_columns().keys()
    for path in sorted(MARTS_SQL.glob("*.sql")):
        statement = path.read_text(encoding="utf-8")
        parsed = sqlglot.parse_one(statement, dialect="postgres")
        read = {table.name for table in parsed.find_all(exp.Table) if not table.db} & staged
        assert tables_read(statement) & staged == read, path.name


DEFINED = """
    select schemaname || '.' || tablename as name, indexname, indexdef from pg_indexes
    where schemaname in ('core', 'mart', 'open', 'ops', 'vault', 'service')
    union all
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint where contype in ('p', 'u')
    order by 1, 2, 3
"""


def test_a_first_load_leaves_the_keys_and_indexes_that_were_there(
    warehouse_run: Run, warehouse_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(warehouse_engine)
    before = rows(warehouse_engine, DEFINED)
    monkeypatch.setattr(differences, "MANY", 1)
    publish(warehouse_run, *night().write(warehouse_run))
    assert rows(warehouse_engine, DEFINED) == before
    assert len(rows(warehouse_engine, "select 1 from core.family_score")) == 120
