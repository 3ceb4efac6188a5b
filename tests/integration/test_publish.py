"""Publication to a real PostgreSQL: what the warehouse holds, what re-runs and backfills change, what is refused."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from kampungkb import lake
from kampungkb.errors import AuditError, ConfigurationError, WarehouseError
from kampungkb.progress import Progress
from kampungkb.refs import Published
from kampungkb.run import Run
from kampungkb.warehouse import publish
from kampungkb.warehouse.publication import BY_AS_OF, PARTS
from kampungkb.warehouse.spells import HISTORIES
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import (
    BASES,
    BATU_BERDAUN,
    CHECKS,
    DABO,
    INDICATORS,
    LAMA,
    MEPAR,
    Check,
    Family,
    Night,
    category,
    night,
    random_families,
    score,
)

pytestmark = pytest.mark.integration

VIEWS = "select schemaname || '.' || viewname as name from pg_views where schemaname in ('core', 'mart', 'open')"
LINK_FAULTS = [("A01", 6), ("A02", 2), ("A03", 1)]
Rows = list[dict[str, Any]]


def rows(engine: Engine, query: str, **values: object) -> Rows:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


def load(run: Run, lake_of: Night, **changes: Any) -> Published:
    """Write a night's lake and publish it."""
    run = dataclasses.replace(run, **changes)
    return publish(run, *lake_of.write(run))


def contents(engine: Engine, schemas: tuple[str, ...] = ("core", "mart", "ops", "vault")) -> dict[str, Rows]:
    """Every row of every table with its xmin, which changes when a row is written, whatever is written."""
    tables = rows(
        engine,
        "select schemaname || '.' || tablename as name from pg_tables where schemaname = any(:schemas)",
        schemas=list(schemas),
    )
    return {
        table["name"]: sorted(rows(engine, f"select xmin::text as xmin, t.* from {table['name']} t"), key=repr)
        for table in tables
    }


def schemas(engine: Engine) -> set[str]:
    """The schemas that are not PostgreSQL's own, staging included."""
    found = rows(engine, "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'")
    return {row["nspname"] for row in found} - {"public"}


def mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def expected_index(families: list[Family], group: Callable[[Family], str]) -> dict[tuple[str, str], dict[str, Any]]:
    """The index of groups of families, written from the definition: means over families with a value."""
    grouped: dict[tuple[str, str], list[tuple[float | None, ...]]] = defaultdict(list)
    for family in families:
        grouped[group(family), "survey"].append(score(family.survey))
        grouped[group(family), "integrated"].append(score(family.integrated))
    return {
        key: {
            "families": len(scores),
            **{
                name: mean([s[n] for s in scores])
                for n, name in enumerate(("ketentraman", "kemandirian", "kebahagiaan", "ibangga"))
            },
            "category": category(mean([s[3] for s in scores])),
            **{name: [category(s[3]) for s in scores].count(name) for name in ("rentan", "berkembang", "tangguh")},
        }
        for key, scores in grouped.items()
    }


def assert_measures(row: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), name


def test_every_family_stands_in_the_marts_on_both_bases(warehouse_run: Run, warehouse_engine: Engine) -> None:
    families = random_families(7, 40)
    load(warehouse_run, Night(families, CHECKS))
    found = {
        (row["family_key"], row["basis"]): row for row in rows(warehouse_engine, "select * from mart.family_index")
    }
    assert len(found) == 80
    indicators = {
        (row["family_key"], row["basis"], row["indicator"]): row
        for row in rows(warehouse_engine, "select * from mart.family_indicator")
    }
    assert len(indicators) == 80 * len(INDICATORS)
    for family in families:
        for basis, states in zip(BASES, (family.survey, family.integrated), strict=True):
            row = found[family.key, basis]
            dimensions = ("ketentraman", "kemandirian", "kebahagiaan", "ibangga")
            assert tuple(row[name] for name in dimensions) == score(states)
            assert (row["village_code"], row["members"]) == (family.village, family.members)
            for state, (name, dimension, in_index) in zip(states, INDICATORS, strict=True):
                indicator = indicators[family.key, basis, name]
                assert (indicator["dimension"], indicator["in_index"]) == (dimension, in_index)
                assert indicator["applicable"] is (state != "-")
                assert indicator["achieved"] is {"1": True, "0": False, "-": None}[state]
                assert indicator["provenance"] == ("missing" if state == "-" else "survey")


def test_each_provenance_is_told_in_a_word(warehouse_run: Run, warehouse_engine: Engine) -> None:
    references = Night([Family("1" * 18, DABO, "1111--1111", "1111--1111")], CHECKS).write(warehouse_run)
    path = references[2].path / "family_score.parquet"
    table = pq.read_table(path)
    position = table.column_names.index("provenances")
    pq.write_table(table.set_column(position, "provenances", [["srixnmssss"] * 2]), path)
    publish(warehouse_run, *references)
    words = rows(
        warehouse_engine,
        "select provenance, applicable from mart.family_indicator join core.dim_indicator using (indicator)"
        " where basis = 'survey' order by position limit 6",
    )
    assert [tuple(row.values()) for row in words] == [
        ("survey", True),
        ("civil_registry", True),
        ("health_insurance", True),
        ("mixed", True),
        ("not_applicable", False),
        ("missing", False),
    ]


def test_areas_show_the_means_over_their_families(warehouse_run: Run, warehouse_engine: Engine) -> None:
    families = random_families(3, 90, (DABO, DABO, BATU_BERDAUN))
    load(warehouse_run, Night(families, CHECKS))
    for unit, digits in (("village", 10), ("district", 6), ("regency", 4)):
        expected = expected_index(families, lambda family, digits=digits: family.village[:digits])  # type: ignore[misc]
        found = rows(warehouse_engine, f"select * from mart.{unit}_index where families > 0")
        assert {(row[f"{unit}_code"], row["basis"]) for row in found} == set(expected)
        for row in found:
            assert_measures(row, expected[row[f"{unit}_code"], row["basis"]])


def test_every_valid_village_has_its_rows_also_without_families(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night())
    found = rows(warehouse_engine, "select * from mart.village_index where families = 0 order by basis desc")
    assert [(row["village_code"], row["basis"], row["village"], row["district"]) for row in found] == [
        (MEPAR, "survey", "Mepar", "Lingga"),
        (MEPAR, "integrated", "Mepar", "Lingga"),
    ]
    empty = {"ketentraman", "kemandirian", "kebahagiaan", "ibangga", "category"}
    assert all({name for name, value in row.items() if value is None} == empty for row in found)
    load(warehouse_run, night(), as_of=date(2019, 6, 30), run_id="run-2019")
    villages = rows(
        warehouse_engine,
        "select village_code, kampung_kb from mart.village_index where as_of = '2019-06-30' and basis = 'survey'",
    )
    assert {row["village_code"]: row["kampung_kb"] for row in villages} == {DABO: True, BATU_BERDAUN: True, LAMA: False}


def test_a_village_that_ended_keeps_its_rows_while_it_has_families(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    load(warehouse_run, Night(random_families(2, 12, (LAMA, DABO)), CHECKS))
    (regency,) = rows(warehouse_engine, "select families from mart.regency_index where basis = 'survey'")
    villages = rows(warehouse_engine, "select village_code, families from mart.village_index where basis = 'survey'")
    assert LAMA in {row["village_code"] for row in villages}
    assert regency["families"] == sum(row["families"] for row in villages) == 12


def test_kampung_kb_holds_for_the_date(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night())
    found = rows(warehouse_engine, "select village_code from mart.village_index where kampung_kb and basis = 'survey'")
    assert [row["village_code"] for row in found] == [DABO]


def test_the_category_of_a_village_is_decided_on_nine_decimals(warehouse_run: Run, warehouse_engine: Engine) -> None:
    for expected in (
        {DABO: (40, "berkembang"), BATU_BERDAUN: (39.99999999995, "berkembang"), MEPAR: (39.999999995, "rentan")},
        {DABO: (70, "berkembang"), BATU_BERDAUN: (70.00000000005, "berkembang"), MEPAR: (70.000000005, "tangguh")},
    ):
        # Two families a village, 5 above and 5 below its mean.
        families = [Family(f"{code}{n:08d}", code, "1" * 10, "1" * 10) for code in expected for n in (0, 1)]
        references = Night(families, CHECKS).write(warehouse_run)
        values = [expected[f.village][0] + (5 if n % 2 else -5) for n, f in enumerate(families) for _ in BASES]
        for name in ("ketentraman", "kemandirian", "kebahagiaan", "ibangga"):
            spoil(references[2].path / "family_score.parquet", name, lambda _, values=values: values)  # type: ignore[misc]
        publish(warehouse_run, *references)
        found = rows(warehouse_engine, "select village_code, category from mart.village_index where basis = 'survey'")
        assert {row["village_code"]: row["category"] for row in found} == {
            code: wanted for code, (_, wanted) in expected.items()
        }


def test_coverage_counts_the_families_to_which_an_indicator_applies(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    families = random_families(5, 50)
    load(warehouse_run, Night(families, CHECKS))
    found = rows(warehouse_engine, "select * from mart.indicator_coverage")
    assert len(found) == 3 * 2 * len(INDICATORS)
    for row in found:
        position = [name for name, _, _ in INDICATORS].index(row["indicator"])
        states = [
            (f.survey if row["basis"] == "survey" else f.integrated)[position]
            for f in families
            if f.village == row["village_code"]
        ]
        applicable, achieved = len(states) - states.count("-"), states.count("1")
        assert (row["applicable"], row["achieved"]) == (applicable, achieved)
        assert row["share"] == (pytest.approx(achieved / applicable, abs=1e-12) if applicable else None)


def test_quality_weighs_rules_within_a_dimension_and_averages_dimensions(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    load(warehouse_run, night())
    found = {
        (row["village_code"], row["dimension"]): (row["score"], row["checked"], row["failed"])
        for row in rows(warehouse_engine, "select * from mart.data_quality where source = 'family_survey'")
    }
    validity = 100 * (4 * 98 + 2 * 2587) / (4 * 100 + 2 * 2600)
    completeness = 100 * 2277 / 2300
    assert found == {
        (DABO, "validity"): (pytest.approx(validity), 2700, 15),
        (DABO, "completeness"): (pytest.approx(completeness), 2300, 23),
        (DABO, "overall"): (pytest.approx((validity + completeness) / 2), 5000, 38),
        ("unknown", "validity"): (0, 3, 3),
        ("unknown", "overall"): (0, 3, 3),
    }


def test_accuracy_of_linked_records_is_a_dimension_like_the_others(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    compared = [Check("family_survey", rule, DABO, "accuracy", "warning", 40, wrong) for rule, wrong in LINK_FAULTS]
    load(warehouse_run, night(link_checks=compared))
    found = {
        row["dimension"]: (row["score"], row["checked"], row["failed"])
        for row in rows(
            warehouse_engine,
            "select * from mart.data_quality where source = 'family_survey' and village_code = :village",
            village=DABO,
        )
    }
    validity = 100 * (4 * 98 + 2 * 2587) / (4 * 100 + 2 * 2600)
    assert found["accuracy"] == (92.5, 120, 9)
    assert found["overall"] == (pytest.approx((validity + 99 + 92.5) / 3), 5120, 47)
    kept = rows(warehouse_engine, "select rule, failed from ops.check_result where dimension = 'accuracy' order by 1")
    assert [(row["rule"], row["failed"]) for row in kept] == LINK_FAULTS


def test_a_dimension_that_was_never_checked_has_no_score(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night())
    assert rows(warehouse_engine, "select * from mart.data_quality where source = 'civil_registry'") == []


def test_the_run_is_recorded_with_its_counts_and_stale_sources(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(stale=frozenset({"health_insurance"})))
    (record,) = rows(warehouse_engine, "select * from ops.load_run")
    assert (record["run_id"], record["as_of"], record["status"]) == ("run-1", AS_OF, "success")
    assert record["stale_sources"] == ["health_insurance"]
    assert record["started_at"] < record["finished_at"]
    survey = record["counts"]["family_survey"]
    members = survey["records"]
    assert survey["tables"]["anggota"] == {"read": members + 2, "accepted": members, "rejected": 2, "nulled": 3}
    assert survey["total"] == {"read": members + 62, "accepted": members + 60, "rejected": 2, "nulled": 3}
    stale = rows(
        warehouse_engine,
        "select stale_sources from mart.village_index union select stale_sources from mart.district_index"
        " union select stale_sources from mart.regency_index",
    )
    assert stale == [{"stale_sources": ["health_insurance"]}]


def test_quarantine_and_checks_carry_the_run(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night())
    load(warehouse_run, night(), run_id="run-2")
    assert rows(warehouse_engine, "select distinct run_id, count(*) as held from ops.quarantine group by 1") == [
        {"run_id": "run-2", "held": 15}
    ]
    checked = rows(warehouse_engine, "select run_id, count(*) as rules from ops.check_result group by 1 order by 1")
    assert [tuple(row.values()) for row in checked] == [("run-1", 5), ("run-2", 5)]


def test_an_absent_source_leaves_two_equal_bases(warehouse_run: Run, warehouse_engine: Engine) -> None:
    families = [dataclasses.replace(f, integrated=f.survey) for f in random_families(4, 20)]
    load(warehouse_run, Night(families, CHECKS, sources=("family_survey",)))
    differing = rows(
        warehouse_engine,
        "select * from mart.family_index s join mart.family_index i using (family_key)"
        " where s.basis = 'survey' and i.basis = 'integrated' and s.ibangga is distinct from i.ibangga",
    )
    assert differing == []
    assert len(rows(warehouse_engine, "select * from mart.family_index")) == 40


def test_publishing_the_same_night_again_touches_no_row(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night())
    before = contents(warehouse_engine, ("core", "mart", "vault"))
    heard: list[Progress] = []
    again = load(warehouse_run, night(), run_id="run-2", tell=heard.append)
    assert [each.done for each in heard] == list(range(1, len(PARTS) + 1)) and heard[-1].total == len(PARTS)
    assert contents(warehouse_engine, ("core", "mart", "vault")) == before
    assert {name for name, changed in again.changed.items() if changed} == {"ops.check_result"}


def test_views_of_the_marts_say_the_same_after_the_same_night(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night())
    views = [row["name"] for row in rows(warehouse_engine, VIEWS)]
    assert len(views) >= 5
    before = {view: rows(warehouse_engine, f"select * from {view} v order by v::text") for view in views}
    load(warehouse_run, night(), run_id="run-2")
    assert {view: rows(warehouse_engine, f"select * from {view} v order by v::text") for view in views} == before


def test_only_what_differs_is_written(warehouse_run: Run, warehouse_engine: Engine) -> None:
    families = random_families(1, 60)
    load(warehouse_run, Night(families, CHECKS))
    before = contents(warehouse_engine)["core.family_score"]
    leaving, *rest = families
    changed = dataclasses.replace(rest[0], survey="1" * 10, integrated="0" * 10)
    arriving = Family("9" * 18, MEPAR, "1" * 10, "1" * 10)
    published = load(warehouse_run, Night([changed, *rest[1:], arriving], CHECKS), run_id="run-2")
    after = contents(warehouse_engine)["core.family_score"]
    assert published.changed["core.family_score"] == 6
    touched = {row["family_key"] for row in after if row not in before} | {
        row["family_key"] for row in before if row not in after
    }
    assert touched == {leaving.key, changed.key, arriving.key}


def test_the_next_night_moves_the_marts_and_keeps_the_index_of_the_night_before(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    load(warehouse_run, night(seed=1))
    first = rows(warehouse_engine, "select * from mart.village_index order by village_code, basis")
    second = load(warehouse_run, night(seed=2), run_id="run-2", as_of=AS_OF + timedelta(1))
    assert second.latest
    assert (
        rows(
            warehouse_engine, "select * from mart.village_index where as_of = :d order by village_code, basis", d=AS_OF
        )
        == first
    )
    keys = {row["family_key"] for row in rows(warehouse_engine, "select family_key from mart.family_index")}
    assert keys == {family.key for family in random_families(2, 60)}


def test_a_backfill_changes_history_alone(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(seed=1))
    before = contents(warehouse_engine)
    earlier = AS_OF - timedelta(30)
    backfill = load(warehouse_run, night(seed=2), run_id="run-backfill", as_of=earlier)
    after = contents(warehouse_engine)
    assert not backfill.latest
    by_as_of = {*BY_AS_OF, "ops.load_run"}
    for table in before:
        if table in (*HISTORIES, "core.quarantine_spell", "mart.kampung_kb_effect"):
            continue  # test_star_schema.py, test_quarantine_history.py, test_programme_marts.py
        new = [row for row in after[table] if row not in before[table]]
        assert [row for row in before[table] if row not in after[table]] == []
        if table in by_as_of:
            assert {row["as_of"] for row in new} == {earlier}
        elif table != "ops.check_result":
            assert new == []


def test_a_backfill_replaces_the_history_of_its_date(warehouse_run: Run, warehouse_engine: Engine) -> None:
    earlier = AS_OF - timedelta(30)
    load(warehouse_run, night(seed=1), as_of=earlier)
    load(warehouse_run, night(seed=2), run_id="run-2")
    load(warehouse_run, night(seed=3), run_id="run-3", as_of=earlier)
    expected = expected_index(random_families(3, 60), lambda family: family.village)
    found = rows(warehouse_engine, "select * from mart.village_index where as_of = :d and families > 0", d=earlier)
    assert len(found) == len(expected)
    for row in found:
        assert_measures(row, expected[row["village_code"], row["basis"]])


def spoil(path: Path, column: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Rewrite one column of a Parquet file of the lake."""
    table = pq.read_table(path)
    position = table.column_names.index(column)
    pq.write_table(table.set_column(position, table.field(position), [change(table[column].to_pylist())]), path)


FAULTS: dict[str, tuple[str, str, Callable[[list[Any]], list[Any]], str]] = {
    "an index beyond 100": (
        "scores/family_score",
        "ibangga",
        lambda v: [100.5, *v[1:]],
        "ibangga must lie from 0 to 100",
    ),
    "a family twice": ("scores/family_score", "family_key", lambda v: [v[2], *v[1:]], "together must be unique"),
    "an unknown village": ("scores/family_score", "village_code", lambda v: ["9999999999", *v[1:]], "region reference"),
    "a packed answer too few": (
        "scores/family_score",
        "states",
        lambda v: [v[0][1:], *v[1:]],
        "one character an indic",
    ),
    "a family without a link": (
        "persons/family_link",
        "family_key",
        lambda v: ["nobody", *v[1:]],
        "stands in the cross",
    ),
    "a person record twice": ("persons/person_link", "source_key", lambda v: [v[1], *v[1:]], "source_key together"),
    "a record without a person": ("persons/person_link", "person_key", lambda v: [None, *v[1:]], "must not be null"),
    "a rejected row lost": ("accepted/quarantine", "row_key", lambda v: [v[1], *v[1:]], "counted must be staged"),
    "an unknown severity": ("accepted/checks", "severity", lambda v: ["fatal", *v[1:]], "severity must be one of"),
}


def spoiled_night(run: Run, fault: str) -> tuple[Any, ...]:
    """The references of a night with one fault in its lake."""
    place, column, change, _ = FAULTS[fault]
    references = night(seed=2).write(run)
    folders = {
        "scores": lake.scores(run.settings, run.as_of),
        "persons": lake.persons(run.settings, run.as_of),
        "accepted": lake.accepted(run.settings, run.as_of, "family_survey"),
    }
    kind, name = place.split("/")
    spoil(folders[kind] / f"{name}.parquet", column, change)
    return references


@pytest.mark.parametrize("fault", FAULTS)
def test_the_audit_refuses_a_faulty_night(warehouse_run: Run, warehouse_engine: Engine, fault: str) -> None:
    with pytest.raises(AuditError, match=FAULTS[fault][3]):
        publish(warehouse_run, *spoiled_night(warehouse_run, fault))
    assert schemas(warehouse_engine) == set()


def test_a_refused_night_leaves_the_warehouse_as_it_was(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(seed=1))
    before = contents(warehouse_engine)
    tonight = dataclasses.replace(warehouse_run, run_id="run-2", as_of=AS_OF + timedelta(1))
    with pytest.raises(AuditError, match="the warehouse is as it was"):
        publish(tonight, *spoiled_night(tonight, "an index beyond 100"))
    assert contents(warehouse_engine) == before
    assert schemas(warehouse_engine) == {"core", "mart", "open", "ops", "vault", "service"}


def test_a_missing_village_of_the_reference_is_found(
    warehouse_run: Run, warehouse_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from kampungkb.warehouse import staging

    altered = tmp_path / "marts"
    altered.mkdir()
    for file in staging.MARTS_SQL.glob("*.sql"):
        (altered / file.name).write_text(file.read_text())
    with (altered / "village_index.sql").open("a") as statement:
        statement.write("where village.village_code <> '2104022001'\n")
    monkeypatch.setattr(staging, "MARTS_SQL", altered)
    with pytest.raises(AuditError, match=r"village_index: every village of the reference .*\(2 rows\)"):
        load(warehouse_run, night())


def test_messages_of_the_audit_hold_no_value(warehouse_run: Run, warehouse_engine: Engine) -> None:
    references = night().write(warehouse_run)
    spoil(references[1].path / "person_link.parquet", "source_key", lambda v: ["2104010203040506"] * 2 + v[2:])
    with pytest.raises(AuditError) as raised:
        publish(warehouse_run, *references)
    assert "2104010203040506" not in str(raised.value)


def test_a_lake_file_that_cannot_be_read_is_named(warehouse_run: Run, warehouse_engine: Engine) -> None:
    references = night().write(warehouse_run)
    (references[1].path / "person_link.parquet").write_bytes(b"PAR1 not parquet")
    with pytest.raises(WarehouseError, match=r"person_link.parquet cannot be read.*run the load again"):
        publish(warehouse_run, *references)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("regions.csv", "code,name,level\n21,Riau,provinsi\n", "regions.csv lacks the column parent"),
        ("kampung_kb.csv", "village_code,valid_from,valid_to,successor_code\n2104011001,last year,,\n", "no date"),
        ("kampung_kb.csv", None, r"kampung_kb.csv cannot be read"),
    ],
)
def test_a_reference_file_that_cannot_be_used_is_named(
    warehouse_run: Run, warehouse_engine: Engine, file: str, content: str | None, told: str
) -> None:
    references = night().write(warehouse_run)
    path = warehouse_run.settings.root / "reference" / file
    if content is None:
        path.write_bytes(b'"\xff')
    else:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=told):
        publish(warehouse_run, *references)
