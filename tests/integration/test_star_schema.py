"""The star schema with history: any past night comes back exactly, whatever the order of loads."""

import dataclasses
import random
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from kampungkb.errors import AuditError
from kampungkb.run import Run
from kampungkb.warehouse import publication, publish
from kampungkb.warehouse.migrate import alembic_config, migrate
from kampungkb.warehouse.staging import staging
from tests.conftest import AS_OF
from tests.integration.simulated_nights import nights
from tests.integration.warehouse_lake import CHECKS, DABO, MEPAR, REGIONS, Family, Night, Person, night

pytestmark = pytest.mark.integration
Said = Mapping[str, tuple[Any, ...]]  # what a night says of each key

FAMILY = ("village_code", "surveyed_on", "family_card", "head_sex", "head_marital_status", "size_group")
PERSON = (
    *("family_key", "village_code", "sex", "birth_period", "relation", "marital_status"),
    *("in_survey", "in_registry", "in_insurance", "registry_status"),
)
VILLAGE_INDEX = """
    select
        load.as_of, village.village_code, village.village, village.district, village.kampung_kb, basis.basis,
        load.stale_sources, measured.*,
        case
            when measured.ibangga is null then null
            when round(measured.ibangga::numeric, 9) < 40 then 'rentan'
            when round(measured.ibangga::numeric, 9) <= 70 then 'berkembang'
            else 'tangguh'
        end as category
    from (select as_of, stale_sources from ops.load_run where as_of = :day order by finished_at desc limit 1) as load
    cross join core.village_on(:day) as village
    cross join (values ('survey'), ('integrated')) as basis (basis)
    cross join lateral (
        select
            count(*) as families,
            round(avg(family.ketentraman::numeric), 12)::float8 as ketentraman,
            round(avg(family.kemandirian::numeric), 12)::float8 as kemandirian,
            round(avg(family.kebahagiaan::numeric), 12)::float8 as kebahagiaan,
            round(avg(family.ibangga::numeric), 12)::float8 as ibangga,
            count(*) filter (where family.category = 'rentan') as rentan,
            count(*) filter (where family.category = 'berkembang') as berkembang,
            count(*) filter (where family.category = 'tangguh') as tangguh
        from core.family_on(:day) as family
        where family.village_code = village.village_code and family.basis = basis.basis
    ) as measured
    order by village.village_code, basis.basis
"""


def day(number: int) -> date:
    return AS_OF + timedelta(number)


def rows(engine: Engine, query: str, **values: object) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


def load(run: Run, engine: Engine, lake_of: Night, as_of: date) -> dict[str, int]:
    """Publish a night; returns the rows changed by table.

    The audit of the staged tables is left out: it takes most of the time of a small night.
    """
    migrate(engine)
    run = dataclasses.replace(run, as_of=as_of, run_id=f"run-{as_of}")
    references = lake_of.write(run)
    counts = publication.load_counts(*references[:2])
    record = {"as_of": as_of, "status": "success", "stale_sources": [], "started_at": datetime.now(UTC)}
    with staging(engine, run) as staged:
        publication._stage(staged, run, *references, (), lambda: None)
        return publication._apply(engine, staged, run, {**record, "counts": counts}).changed


def families_said(lake_of: Night) -> Said:
    return {
        f.key: (f.village, f.surveyed_on, f.family_card, f.head_sex, f.head_marital_status, f.size_group)
        for f in lake_of.families
    }


def persons_said(lake_of: Night) -> Said:
    return {
        p.key: (
            *(p.family, p.village, p.sex, p.birth_period, p.relation, p.marital_status),
            *(source in p.sources for source in ("family_survey", "civil_registry", "health_insurance")),
            p.registry_status,
        )
        for p in lake_of.known_persons()
    }


def scores_said(lake_of: Night) -> Said:
    return {f.key: (f.village, f.members, f.integrated) for f in lake_of.families}


def spells_of(loads: Mapping[date, Said]) -> set[tuple[Any, ...]]:
    """From the definition: runs of neighbouring loads that say the same of a key."""
    days = sorted(loads)
    spells: set[tuple[Any, ...]] = set()
    for key in {key for said in loads.values() for key in said}:
        begun: date | None = None
        for when, then in zip(days, [*days[1:], None], strict=True):
            said = loads[when].get(key)
            if said is None:
                continue
            begun = begun or when
            if then is None or loads[then].get(key) != said:
                spells.add((key, *said, begun, then))
                begun = None
    return spells


def told(engine: Engine, relation: str, key: str, columns: tuple[str, ...], **values: object) -> set[tuple[Any, ...]]:
    return {
        tuple(row.values()) for row in rows(engine, f"select {', '.join((key, *columns))} from {relation}", **values)
    }


HISTORY: tuple[tuple[str, str, str, tuple[str, ...], Callable[[Night], Said]], ...] = (
    ("core.dim_family", "core.family_profile_on(:day)", "family_key", FAMILY, families_said),
    ("core.dim_person", "core.person_on(:day)", "person_key", PERSON, persons_said),
)


@pytest.mark.parametrize("seed", [3])
def test_thirty_nights_in_any_order_come_back_exactly(warehouse_run: Run, warehouse_engine: Engine, seed: int) -> None:
    """Some nights are loaded late, some twice, one again with corrected sources."""
    dice = random.Random(seed)
    told_by = dict(zip(map(day, range(30)), nights(seed, 30), strict=True))
    wrong = dice.choice(sorted(told_by))
    order = sorted(told_by, key=lambda when: (when - AS_OF).days + dice.choice((0, 0, 0, 5)))
    for n, when in enumerate([wrong, *order]):
        lake_of = night(seed=9, count=5) if n == 0 else told_by[when]
        load(warehouse_run, warehouse_engine, lake_of, when)
        if dice.random() < 0.2 and n:
            changed = load(warehouse_run, warehouse_engine, lake_of, when)
            assert {name: rewritten for name, rewritten in changed.items() if rewritten} == {}
    for when, lake_of in told_by.items():
        published = rows(
            warehouse_engine,
            "select * from mart.village_index where as_of = :day order by village_code, basis",
            day=when,
        )
        assert rows(warehouse_engine, VILLAGE_INDEX, day=when) == published
        assert sum(row["families"] for row in published) == 2 * len(lake_of.families) > 0
        for _, on_a_day, key, columns, said in HISTORY:
            expected = {(key_of, *values) for key_of, values in said(lake_of).items()}
            assert told(warehouse_engine, on_a_day, key, columns, day=when) == expected
        on_the_day = {(key, *values) for key, values in scores_said(lake_of).items()}
        scored = ("village_code", "members", "states")
        on_integrated = "core.family_on(:day) where basis = 'integrated'"
        assert told(warehouse_engine, on_integrated, "family_key", scored, day=when) == on_the_day
    for table, _, key, columns, said in HISTORY:
        expected = spells_of({when: said(lake_of) for when, lake_of in told_by.items()})
        assert told(warehouse_engine, table, key, (*columns, "valid_from", "valid_to")) == expected
    assert_days_add_up(warehouse_engine)


def assert_days_add_up(engine: Engine) -> None:
    """The sums by day give the means of the index, for villages and, added up, for the regency."""
    for name, code, unit in (("village", "village_code", 10), ("regency", "regency_code", 4)):
        wrong = rows(
            engine,
            f"""
            select index.as_of from mart.{name}_index as index left join (
                select as_of, left(village_code, {unit}) as code, basis, sum(families) as families,
                    round(sum(ibangga_sum) / nullif(sum(ibangga_families), 0), 12)::float8 as ibangga,
                    round(sum(kemandirian_sum) / nullif(sum(kemandirian_families), 0), 12)::float8 as kemandirian
                from core.fact_village_day group by 1, 2, 3
            ) as day on index.as_of = day.as_of and index.{code} = day.code and index.basis = day.basis
            where (index.families, index.ibangga, index.kemandirian)
                is distinct from (day.families, day.ibangga, day.kemandirian)
            """,
        )
        assert wrong == []


def test_a_row_is_written_only_on_change_and_closed_when_its_key_is_gone(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    family = Family("1" * 18, DABO, "1" * 10, "1" * 10, members=1)
    person = Person("ani", ("family_survey", "civil_registry"), family.key, DABO, "female", "1990-1994", "head")
    assert (
        load(warehouse_run, warehouse_engine, Night([family], CHECKS, persons=[person]), day(0))["core.dim_person"] == 1
    )
    assert (
        load(warehouse_run, warehouse_engine, Night([family], CHECKS, persons=[person]), day(1))["core.dim_person"] == 0
    )
    married = dataclasses.replace(person, marital_status="married")
    moved = dataclasses.replace(family, village=MEPAR)
    married = dataclasses.replace(married, village=MEPAR)
    load(warehouse_run, warehouse_engine, Night([moved], CHECKS, persons=[married]), day(2))
    load(warehouse_run, warehouse_engine, Night([moved], CHECKS, persons=[]), day(4))
    spells = rows(warehouse_engine, "select * from core.dim_person order by valid_from")
    shown = ("village_code", "marital_status", "valid_from", "valid_to")
    assert [tuple(spell[name] for name in shown) for spell in spells] == [
        (DABO, None, day(0), day(2)),
        (MEPAR, "married", day(2), day(4)),
    ]
    homes = rows(warehouse_engine, "select village_code, valid_from, valid_to from core.dim_family order by valid_from")
    assert [tuple(row.values()) for row in homes] == [(DABO, day(0), day(2)), (MEPAR, day(2), None)]


def test_the_database_itself_refuses_a_second_current_row(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, warehouse_engine, night(count=5), day(0))
    for table in ("dim_family", "dim_person", "dim_village"):
        columns = [row["c"] for row in rows(warehouse_engine, COLUMNS, name=table)]
        shifted = ", ".join("valid_from + 1" if column == "valid_from" else column for column in columns)
        again = f"insert into core.{table} select {shifted} from core.{table} where valid_to is null limit 1"
        with pytest.raises(IntegrityError, match=f"{table}_current_key"), warehouse_engine.begin() as connection:
            connection.execute(text(again))


COLUMNS = "select column_name as c from information_schema.columns where table_name = :name order by ordinal_position"


def test_spells_that_overlap_stop_the_publication(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, warehouse_engine, night(seed=1, count=5), day(0))
    load(warehouse_run, warehouse_engine, night(seed=2, count=5), day(2))
    with warehouse_engine.begin() as connection:
        connection.execute(
            text("update core.dim_family set valid_to = :day where valid_to = :end").bindparams(day=day(9), end=day(2))
        )
        connection.execute(
            text(
                "insert into core.dim_family select family_key, :from, null, village_code, surveyed_on, family_card,"
                " head_sex, head_marital_status, size_group from core.dim_family where valid_to = :end"
            ),
            {"from": day(3), "end": day(9)},
        )
    with pytest.raises(AuditError, match=r"core\.dim_family: the spells of a key must not overlap \(5 rows\)"):
        load(warehouse_run, warehouse_engine, night(seed=1, count=5), day(1))
    assert rows(warehouse_engine, "select as_of from ops.load_run order by as_of") == [
        {"as_of": day(0)},
        {"as_of": day(2)},
    ]


def test_a_village_keeps_the_name_that_it_had(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, warehouse_engine, night(count=5), day(0))
    load(warehouse_run, warehouse_engine, night(count=5, regions=REGIONS.replace(",Mepar,", ",Mepar Baru,")), day(3))
    load(
        warehouse_run,
        warehouse_engine,
        night(count=5, regions=REGIONS.replace(",Lingga,kec", ",Lingga Raya,kec")),
        day(5),
    )
    found = rows(
        warehouse_engine,
        "select village, district, valid_from, valid_to from core.dim_village where village_code = :code order by 3",
        code=MEPAR,
    )
    assert [tuple(row.values()) for row in found] == [
        ("Mepar", "Lingga", day(0), day(3)),
        ("Mepar Baru", "Lingga", day(3), day(5)),
        ("Mepar", "Lingga Raya", day(5), None),
    ]
    (village,) = rows(
        warehouse_engine, "select village from core.village_on(:day) where village_code = :code", day=day(4), code=MEPAR
    )
    assert village == {"village": "Mepar Baru"}


def test_the_calendar_speaks_both_languages_and_counts_iso_weeks(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, warehouse_engine, night(count=5), day(0))
    (bounds,) = rows(
        warehouse_engine, "select min(day) as first, max(day) as last, count(*) as days from core.dim_date"
    )
    assert (bounds["first"], bounds["last"]) == (date(2015, 1, 1), date(AS_OF.year + 1, 12, 31))
    assert bounds["days"] == (bounds["last"] - bounds["first"]).days + 1
    for each in rows(warehouse_engine, "select * from core.dim_date"):
        when = each["day"]
        assert (each["iso_year"], each["iso_week"], each["weekday"]) == tuple(when.isocalendar())
        assert (each["year"], each["month"], each["quarter"]) == (when.year, when.month, (when.month + 2) // 3)
        assert (each["month_name_en"], each["weekday_name_en"]) == (f"{when:%B}", f"{when:%A}")
        assert each["weekend"] is (when.isoweekday() > 5)
    (new_year,) = rows(warehouse_engine, "select * from core.dim_date where day = '2027-01-01'")
    assert (new_year["month_name_id"], new_year["weekday_name_id"], new_year["iso_week"]) == ("Januari", "Jumat", 53)


def test_the_history_of_villages_and_days_is_read_out_of_a_warehouse_from_before(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    renamed = REGIONS.replace(",Mepar,", ",Mepar Baru,")
    for when, lake_of in (
        (day(0), night(seed=1, count=8)),
        (day(1), night(seed=1, count=8)),
        (day(3), night(seed=2, count=8, regions=renamed)),
    ):
        load(warehouse_run, warehouse_engine, lake_of, when)
    tables = ("core.dim_village", "core.fact_village_day")
    before = {name: rows(warehouse_engine, f"select * from {name} order by 1, 2, 3") for name in tables}
    config = alembic_config()
    with warehouse_engine.begin() as connection:
        for function in ("family_profile_on", "person_on", "village_on"):
            connection.execute(text(f"drop function core.{function}"))
        for name in ("dim_date", "dim_family", "dim_person", "dim_village", "fact_village_day"):
            connection.execute(text(f"drop table core.{name}"))
        config.attributes["connection"] = connection
        command.stamp(config, "0009")
        command.upgrade(config, "0010")
        command.stamp(config, "head")
    migrate(warehouse_engine)
    assert {name: rows(warehouse_engine, f"select * from {name} order by 1, 2, 3") for name in tables} == before
    assert len(before["core.dim_village"]) == 4
    assert rows(warehouse_engine, "select * from core.dim_person") == []
    changed = load(warehouse_run, warehouse_engine, night(seed=2, count=8, regions=renamed), day(4))
    assert changed["core.dim_village"] == 0
    assert changed["core.dim_family"] == 8


@pytest.mark.parametrize(
    ("spoiled", "value", "refusal"),
    [
        ("birth_period", "1990-03-17", "birth_period holds five years, or all before 1940, never a date"),
        ("in_registry", True, "every person of the crosswalk has a profile that names its sources"),
        ("village_code", MEPAR, "a surveyed person, and no other, belongs to a family and its village"),
    ],
)
def test_a_profile_that_cannot_be_right_is_refused(
    warehouse_run: Run, warehouse_engine: Engine, spoiled: str, value: object, refusal: str
) -> None:
    validated, linked, scored = Night([Family("1" * 18, DABO, "1" * 10, "1" * 10)], CHECKS).write(warehouse_run)
    path = scored.path / "person_profile.parquet"
    profiles = pq.read_table(path)
    changed = [value, *profiles[spoiled].to_pylist()[1:]]
    column = pa.array(changed, profiles.schema.field(spoiled).type)
    pq.write_table(profiles.set_column(profiles.column_names.index(spoiled), spoiled, column), path)
    with pytest.raises(AuditError, match=refusal):
        publish(warehouse_run, validated, linked, scored)
