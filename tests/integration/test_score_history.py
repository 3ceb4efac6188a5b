"""The history of the families' scores: as-of queries, whatever the order of loads, and who crossed the line."""

import dataclasses
import random
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
from alembic import command
from sqlalchemy import Engine, insert, text

from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.warehouse import publish
from kampungkb.warehouse.history import place_spells
from kampungkb.warehouse.migrate import alembic_config, migrate
from kampungkb.warehouse.models import LoadRun
from kampungkb.warehouse.staging import staging
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import (
    BATU_BERDAUN,
    CHECKS,
    DABO,
    Family,
    Night,
    category,
    night,
    random_families,
    score,
)

pytestmark = pytest.mark.integration

Scores = Mapping[str, str]  # family key → packed answers; the village follows from the first answer
BASIS = "integrated"


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

    def load(self, as_of: date, scores: Scores) -> int:
        self.loads += 1
        run_id = f"run-{self.loads}"
        dimensions = [score(states) for states in scores.values()]
        texts = {
            "family_key": list(scores),
            "basis": [BASIS] * len(scores),
            "village_code": [DABO if states[0] == "1" else BATU_BERDAUN for states in scores.values()],
            "category": [category(d[3]) for d in dimensions],
            "states": list(scores.values()),
            "provenances": ["s" * 10] * len(scores),
            "evidence": ["-" * 10] * len(scores),
        }
        figures = {name: [d[n] for d in dimensions] for n, name in enumerate(("ketentraman", "kemandirian"))}
        figures |= {name: [d[n] for d in dimensions] for n, name in ((2, "kebahagiaan"), (3, "ibangga"))}
        columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
        columns |= {name: pa.array(values, pa.float64()) for name, values in figures.items()}
        columns["members"] = pa.array([2] * len(scores), pa.int32())
        with staging(self.engine, Run(run_id, as_of, Settings())) as staged:
            staged.load("family_score", pa.table(columns))
            staged.load("dim_indicator", pa.table({"methodology": pa.array(["one"], pa.string())}))
            with self.engine.begin() as connection:
                changed = place_spells(connection, staged, "core.fact_family_score", as_of)
                connection.execute(
                    insert(LoadRun).values(
                        run_id=run_id,
                        as_of=as_of,
                        status="success",
                        stale_sources=[],
                        started_at=text("now()"),
                        finished_at=text("clock_timestamp()"),
                        counts={},
                    )
                )
        return changed

    def spells(self) -> set[tuple[Any, ...]]:
        found = rows(self.engine, "select family_key, states, valid_from, valid_to from core.fact_family_score")
        return {tuple(row.values()) for row in found}

    def on(self, when: date) -> dict[str, str]:
        found = rows(self.engine, "select family_key, states from core.family_on(:day)", day=when)
        return {row["family_key"]: row["states"] for row in found}


@pytest.fixture
def history(warehouse_engine: Engine) -> History:
    return History(warehouse_engine)


GOOD, FAIR, POOR = "1111111111", "1111111110", "0000001110"


def test_a_family_has_a_new_row_only_when_something_changes(history: History) -> None:
    history.load(day(0), {"a": GOOD, "b": GOOD})
    assert history.load(day(1), {"a": GOOD, "b": GOOD}) == 0
    history.load(day(2), {"a": POOR})
    assert history.spells() == {("a", GOOD, day(0), day(2)), ("a", POOR, day(2), None), ("b", GOOD, day(0), day(2))}


def test_a_day_between_two_loads_shows_the_load_before_it(history: History) -> None:
    history.load(day(0), {"a": GOOD})
    history.load(day(5), {"a": POOR, "b": FAIR})
    assert history.on(day(4)) == {"a": GOOD}
    assert history.on(day(5)) == {"a": POOR, "b": FAIR}
    assert history.on(day(-1)) == {}


def test_a_backfill_parts_a_spell_and_a_second_one_joins_it_again(history: History) -> None:
    history.load(day(0), {"a": GOOD})
    history.load(day(4), {"a": GOOD})
    history.load(day(2), {"a": POOR})
    assert history.spells() == {("a", GOOD, day(0), day(2)), ("a", POOR, day(2), day(4)), ("a", GOOD, day(4), None)}
    history.load(day(2), {"a": GOOD})
    assert history.spells() == {("a", GOOD, day(0), None)}


def spells_of(loads: Mapping[date, Scores]) -> set[tuple[Any, ...]]:
    """From the definition: runs of neighbouring loads that say the same about a family."""
    days = sorted(loads)
    spells: set[tuple[Any, ...]] = set()
    for family in {family for scores in loads.values() for family in scores}:
        begun: date | None = None
        for when, then in zip(days, [*days[1:], None], strict=True):
            states = loads[when].get(family)
            if states is None:
                continue
            begun = begun or when
            if then is None or loads[then].get(family) != states:
                spells.add((family, states, begun, then))
                begun = None
    return spells


@pytest.mark.parametrize("seed", range(1))
def test_thirty_nights_in_any_order_give_back_every_night(history: History, seed: int) -> None:
    rng = random.Random(seed)
    loads: dict[date, Scores] = {}
    for _ in range(30):
        when = day(rng.randrange(12))
        loads[when] = {key: rng.choice((GOOD, FAIR, POOR)) for key in rng.sample("abcde", rng.randrange(6))}
        history.load(when, loads[when])
        assert history.spells() == spells_of(loads)
    for when, scores in loads.items():
        assert history.on(when) == scores


INDEX_OF_NIGHT = """
    select village_code, basis, count(*) as families, round(avg(ibangga::numeric), 12)::float8 as ibangga,
        count(*) filter (where category = 'rentan') as rentan
    from core.family_on(:day) group by 1, 2 order by 1, 2"""
PUBLISHED_INDEX = """
    select village_code, basis, families, ibangga, rentan from mart.village_index
    where as_of = :day and families > 0 order by 1, 2"""


def load(run: Run, lake_of: Night, as_of: date) -> None:
    run = dataclasses.replace(run, as_of=as_of, run_id=f"run-{as_of}")
    publish(run, *lake_of.write(run))


def test_the_village_index_of_any_night_can_be_computed_from_history(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    for when, seed in ((day(0), 1), (day(2), 2), (day(1), 3)):
        load(warehouse_run, night(seed=seed, count=30), when)
    for when in (day(0), day(1), day(2)):
        from_history = rows(warehouse_engine, INDEX_OF_NIGHT, day=when)
        assert from_history == rows(warehouse_engine, PUBLISHED_INDEX, day=when)
        assert from_history
    found = rows(
        warehouse_engine,
        "select h.applicable, h.achieved, h.provenance from core.fact_family_indicator h"
        " join mart.family_indicator l using (family_key, basis, indicator)"
        " where h.valid_to is null"
        " and (h.applicable, h.achieved, h.provenance) is distinct from (l.applicable, l.achieved, l.provenance)",
    )
    assert found == []


def test_families_that_cross_the_line_are_shown_with_the_indicators_that_moved(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    falling = Family("1" * 18, DABO, "1111111111", "1111111111")
    rising = Family("2" * 18, DABO, "1000000000", "1000000000")
    staying = Family("3" * 18, DABO, "1111110001", "1111110001")
    load(warehouse_run, Night([falling, rising, staying], CHECKS), day(0))
    after = [
        dataclasses.replace(falling, integrated="100000100-"),
        dataclasses.replace(rising, integrated="1-10110110"),
        dataclasses.replace(staying, integrated="1111110011"),
    ]
    load(warehouse_run, Night(after, CHECKS), day(3))
    found = {row["family_key"]: row for row in rows(warehouse_engine, "select * from mart.family_change")}
    assert set(found) == {falling.key, rising.key}
    fell, rose = found[falling.key], found[rising.key]
    assert (fell["as_of"], fell["compared_with"], fell["basis"]) == (day(3), day(0), "integrated")
    assert (fell["change"], fell["category_before"], fell["category"]) == ("fell_into_rentan", "tangguh", "rentan")
    assert (fell["lost"], fell["gained"], fell["reclassified"]) == (["k2", "k3", "m1", "m2", "m3", "b2", "b3"], [], [])
    assert (rose["change"], rose["category"]) == ("rose_out_of_rentan", "tangguh")
    assert (rose["lost"], rose["gained"], rose["reclassified"]) == ([], ["k3", "m2", "m3", "b2", "b3"], ["k2"])


def test_the_history_of_a_warehouse_from_before_begins_with_its_latest_load(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    config = alembic_config()
    families = random_families(1, 4)
    with warehouse_engine.begin() as connection:
        connection.execute(text("create schema ops"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(
            text(
                "insert into ops.load_run values ('r', date '2026-11-24', 'success', '{}', now(), now(), '{}');"
                "insert into core.dim_indicator values ('k1', 'ibangga_2021', 1, 'ketentraman', true, 'housing', 'x');"
                "insert into core.family_score values ('f', 'survey', '2104011001', 1, 1, 1, 1, 1, 'rentan', '1', 's')"
            )
        )
    migrate(warehouse_engine)
    (kept,) = rows(warehouse_engine, "select * from core.fact_family_score")
    assert (kept["family_key"], kept["valid_from"], kept["valid_to"]) == ("f", day(0), None)
    load(warehouse_run, Night(families, CHECKS), day(1))
    assert rows(warehouse_engine, "select family_key from core.family_on(:day)", day=day(0)) == [{"family_key": "f"}]
