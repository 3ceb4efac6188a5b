"""When a problem was first seen, last seen and resolved; what is new, open and resolved from load to load."""

import dataclasses
import random
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from alembic import command
from sqlalchemy import Engine, insert, text

from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse import publish
from kampungkb.warehouse.history import place_in_history
from kampungkb.warehouse.migrate import alembic_config, migrate
from kampungkb.warehouse.models import LoadRun
from kampungkb.warehouse.staging import staging
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, Night, night
from tests.seeds import seeds

pytestmark = pytest.mark.integration

SURVEY, REGISTRY = "family_survey", "civil_registry"
Problem = tuple[str, str, str]  # row key, rule, column
Seen = Mapping[str, Mapping[Problem, str]]  # source → problem → village


def day(number: int) -> date:
    return AS_OF + timedelta(number)


def rows(engine: Engine, query: str, **values: object) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


class History:
    """Loads placed in the history one after the other, as a publication does it, without its other tables."""

    def __init__(self, engine: Engine) -> None:
        migrate(engine)
        self.engine = engine
        self.loads = 0

    def load(self, as_of: date, seen: Seen) -> int:
        """Publish what each source has in quarantine; sources that are not named are absent."""
        self.loads += 1
        run_id = f"run-{self.loads}"
        problems = [(source, *p, village) for source, own in seen.items() for p, village in own.items()]
        with staging(self.engine, Run(run_id, as_of, Settings())) as staged:
            names = ("source", "row_key", "rule", "column_name", "village_code")
            columns = {name: pa.array([p[n] for p in problems], pa.string()) for n, name in enumerate(names)}
            same = {name: pa.array([name] * len(problems), pa.string()) for name in ("source_table", "action")}
            staged.load("quarantine_row", pa.table({**columns, **same}))
            staged.load("expected_count", pa.table({"source": pa.array(seen, pa.string())}))
            with self.engine.begin() as connection:
                changed = place_in_history(connection, staged, as_of)["core.quarantine_spell"]
                connection.execute(
                    insert(LoadRun).values(
                        run_id=run_id,
                        as_of=as_of,
                        status="success",
                        stale_sources=[],
                        started_at=text("now()"),
                        finished_at=text("clock_timestamp()"),
                        counts={source: {} for source in seen},
                    )
                )
        return changed

    def spells(self) -> set[tuple[Any, ...]]:
        found = rows(self.engine, "select * from core.quarantine_history")
        names = ("source", "row_key", "rule", "column_name", "first_seen", "last_seen", "resolved_on", "village_code")
        return {tuple(row[name] for name in names) for row in found}

    def changes(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """(as_of, source, village, rule) → (compared with, new, open, resolved, since, days open, days to resolve)."""
        found = rows(self.engine, "select * from mart.data_quality_change")
        keys = ("as_of", "source", "village_code", "rule")
        figures = ("compared_with", "new_problems", "still_open", "resolved", "open_since", "open_days")
        return {
            tuple(row[name] for name in keys): (*(row[name] for name in figures), row["resolved_after_days"])
            for row in found
        }


@pytest.fixture
def history(warehouse_engine: Engine) -> History:
    return History(warehouse_engine)


def survey(*keys: str, village: str = DABO) -> Seen:
    """A load of the survey alone, with one unreadable NIK in each of these rows."""
    return {SURVEY: {(key, "M03", "K.01"): village for key in keys}}


def test_a_problem_is_new_then_open_then_resolved_after_days(history: History) -> None:
    history.load(day(0), survey("a", "b"))
    history.load(day(1), survey("a", "b", "c"))
    history.load(day(7), survey("a", "c"))
    history.load(day(9), survey("a"))
    assert history.spells() == {
        (SURVEY, "a", "M03", "K.01", day(0), day(9), None, DABO),
        (SURVEY, "b", "M03", "K.01", day(0), day(1), day(7), DABO),
        (SURVEY, "c", "M03", "K.01", day(1), day(7), day(9), DABO),
    }
    assert history.changes() == {
        (day(0), SURVEY, DABO, "M03"): (None, 2, 0, 0, day(0), 0, None),
        (day(1), SURVEY, DABO, "M03"): (day(0), 1, 2, 0, day(0), 1, None),
        (day(7), SURVEY, DABO, "M03"): (day(1), 0, 2, 1, day(0), 7, Decimal("7.0")),
        (day(9), SURVEY, DABO, "M03"): (day(7), 0, 1, 1, day(0), 9, Decimal("8.0")),
    }


def test_villages_and_rules_are_counted_apart(history: History) -> None:
    one, two = ("a", "M03", "K.01"), ("a", "M05", "K.04")
    history.load(day(0), {SURVEY: {one: DABO, two: DABO, ("b", "M03", "K.01"): BATU_BERDAUN}})
    history.load(day(1), {SURVEY: {two: DABO, ("b", "M03", "K.01"): BATU_BERDAUN}})
    assert {key: figures[1:4] for key, figures in history.changes().items() if key[0] == day(1)} == {
        (day(1), SURVEY, DABO, "M03"): (0, 0, 1),
        (day(1), SURVEY, DABO, "M05"): (0, 1, 0),
        (day(1), SURVEY, BATU_BERDAUN, "M03"): (0, 1, 0),
    }


def test_a_problem_that_moves_goes_on_in_its_new_village(history: History) -> None:
    history.load(day(0), survey("a"))
    history.load(day(2), survey("a", village=BATU_BERDAUN))
    history.load(day(1), survey("a"))  # a backfill does not move it back
    assert history.spells() == {(SURVEY, "a", "M03", "K.01", day(0), day(2), None, BATU_BERDAUN)}


def test_a_problem_that_comes_back_is_new_again(history: History) -> None:
    for number, keys in enumerate(("a", "", "a")):
        history.load(day(number), survey(*keys))
    assert history.spells() == {
        (SURVEY, "a", "M03", "K.01", day(0), day(0), day(1), DABO),
        (SURVEY, "a", "M03", "K.01", day(2), day(2), None, DABO),
    }


def test_a_source_that_a_load_does_not_have_is_not_judged(history: History) -> None:
    registry = {REGISTRY: {("r", "R04", "tgl_lhr"): DABO}}
    history.load(day(0), {**survey("a"), **registry})
    history.load(day(1), survey("a"))
    history.load(day(2), {**survey("a"), **registry})
    assert (REGISTRY, "r", "R04", "tgl_lhr", day(0), day(2), None, DABO) in history.spells()
    own = {key[0]: figures for key, figures in history.changes().items() if key[1] == REGISTRY}
    assert own == {day(0): (None, 1, 0, 0, day(0), 0, None), day(2): (day(0), 0, 1, 0, day(0), 2, None)}


def test_the_same_load_again_changes_nothing(history: History) -> None:
    history.load(day(0), survey("a", "b"))
    history.load(day(1), survey("b", "c"))
    spells, changes = history.spells(), history.changes()
    assert history.load(day(1), survey("b", "c")) == 0
    assert history.load(day(0), survey("a", "b")) == 0
    assert (history.spells(), history.changes()) == (spells, changes)


def test_a_second_run_for_a_date_takes_the_place_of_the_first(history: History) -> None:
    history.load(day(0), survey("a"))
    history.load(day(1), survey("b"))
    history.load(day(1), survey("a"))
    assert history.spells() == {(SURVEY, "a", "M03", "K.01", day(0), day(1), None, DABO)}


def test_a_backfill_takes_its_place_between_the_loads(history: History) -> None:
    history.load(day(0), survey("a", "b"))
    history.load(day(4), survey("b", "c", "d"))
    history.load(day(2), survey("c"))
    assert history.spells() == {
        (SURVEY, "a", "M03", "K.01", day(0), day(0), day(2), DABO),
        (SURVEY, "b", "M03", "K.01", day(0), day(0), day(2), DABO),
        (SURVEY, "b", "M03", "K.01", day(4), day(4), None, DABO),
        (SURVEY, "c", "M03", "K.01", day(2), day(4), None, DABO),
        (SURVEY, "d", "M03", "K.01", day(4), day(4), None, DABO),
    }
    assert {key[0]: figures[:4] for key, figures in history.changes().items()} == {
        day(0): (None, 2, 0, 0),
        day(2): (day(0), 1, 0, 2),
        day(4): (day(2), 2, 1, 0),
    }


def spells_of(loads: Mapping[date, Seen]) -> set[tuple[Any, ...]]:
    """The history by going through all loads in the order of their dates."""
    spells = set()
    for source in {source for seen in loads.values() for source in seen}:
        days = sorted(when for when, seen in loads.items() if source in seen)
        for problem in {problem for when in days for problem in loads[when][source]}:
            begun = None
            for when, then in zip(days, [*days[1:], None], strict=True):
                if problem not in loads[when][source]:
                    continue
                begun = begun or when
                if then is None or problem not in loads[then][source]:
                    spells.add((source, *problem, begun, when, then, loads[when][source][problem]))
                    begun = None
    return spells


def changes_of(loads: Mapping[date, Seen]) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    """(as_of, source, rule) → new, open, resolved: from each pair of neighbouring loads of the source."""
    found: dict[tuple[Any, ...], tuple[int, int, int]] = {}
    for source in {source for seen in loads.values() for source in seen}:
        before: Iterable[Problem] = ()
        for when in sorted(when for when, seen in loads.items() if source in seen):
            now = loads[when][source]
            for rule in {rule for _, rule, _ in {*before, *now}}:
                then, own = ({p for p in problems if p[1] == rule} for problems in (before, now))
                found[when, source, rule] = (len(own - then), len(own & then), len(then - own))
            before = now
    return found


@pytest.mark.parametrize("seed", seeds(3))
def test_whatever_is_loaded_in_whatever_order_the_history_is_that_of_the_dates(history: History, seed: int) -> None:
    rng = random.Random(seed)
    problems = [(key, rule, column) for key in "abc" for rule, column in (("M03", "K.01"), ("M05", "K.04"))]
    loads: dict[date, Seen] = {}
    for _ in range(25):
        when = day(rng.randrange(6))
        sources = rng.choice([(SURVEY,), (REGISTRY,), (SURVEY, REGISTRY), (SURVEY, REGISTRY)])
        seen = {source: dict.fromkeys(rng.sample(problems, rng.randrange(5)), DABO) for source in sources}
        history.load(when, seen)
        loads[when] = seen
        assert history.spells() == spells_of(loads)
        counted: dict[tuple[Any, ...], tuple[int, int, int]] = {}
        for (as_of, source, _, rule), figures in history.changes().items():
            counted[as_of, source, rule] = figures[1:4]
        assert counted == changes_of(loads)


def publish_night(run: Run, lake_of: Night, **changes: Any) -> None:
    run = dataclasses.replace(run, **changes)
    publish(run, *lake_of.write(run))


def test_a_repaired_row_leaves_quarantine_and_stays_in_the_history(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    publish_night(warehouse_run, night(rejected=2))
    publish_night(warehouse_run, night(rejected=1), run_id="run-2", as_of=day(3))
    repaired = "select row_key from {} where source = 'family_survey' and row_key = 'family_survey-row-1'"
    assert rows(warehouse_engine, repaired.format("ops.quarantine")) == []
    assert rows(
        warehouse_engine,
        "select first_seen, last_seen, resolved_on, action, village_code from core.quarantine_history"
        " where row_key = 'family_survey-row-1'",
    ) == [{"first_seen": day(0), "last_seen": day(0), "resolved_on": day(3), "action": "row", "village_code": DABO}]
    (change,) = rows(
        warehouse_engine,
        "select * from mart.data_quality_change where as_of = :as_of and source = 'family_survey'",
        as_of=day(3),
    )
    assert (change["compared_with"], change["village_code"]) == (day(0), DABO)
    assert (change["new_problems"], change["still_open"], change["resolved"]) == (0, 4, 1)
    assert (change["open_since"], change["open_days"], change["resolved_after_days"]) == (day(0), 3, 3)


def test_what_stands_in_quarantine_at_the_upgrade_begins_the_history(warehouse_engine: Engine) -> None:
    config = alembic_config()
    with warehouse_engine.begin() as connection:
        connection.execute(text("create schema ops"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "insert into ops.load_run values ('before', :as_of, 'success', '{}', now(), now(),"
                " '{\"family_survey\": {}}')"
            ),
            {"as_of": AS_OF},
        )
        connection.execute(
            text(
                "insert into ops.quarantine (run_id, source, source_table, row_key, village_code, rule, action)"
                " values ('before', 'family_survey', 'source_table', 'a', '2104011001', 'M02', 'row')"
            )
        )
    history = History(warehouse_engine)
    history.load(day(1), {SURVEY: {("a", "M02", ""): DABO, ("b", "M02", ""): DABO}})
    assert history.spells() == {
        (SURVEY, "a", "M02", "", day(0), day(1), None, DABO),
        (SURVEY, "b", "M02", "", day(1), day(1), None, DABO),
    }
