"""The trend of the quality score and the freshness of the sources, in figures worked out by hand."""

import dataclasses
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from kampungkb.run import Run
from kampungkb.warehouse import publish
from tests.conftest import AS_OF
from tests.integration.validation_landing import (
    Row,
    good_card,
    good_entry,
    good_family,
    good_member,
    good_person,
    land,
    run_validation,
)
from tests.integration.warehouse_lake import DABO, Check, Night, night

pytestmark = pytest.mark.integration


def day(number: int) -> date:
    return AS_OF + timedelta(number)


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def load(run: Run, lake_of: Night, **changes: Any) -> None:
    run = dataclasses.replace(run, **changes)
    publish(run, *lake_of.write(run))


def checked(failed: int) -> list[Check]:
    return [Check("family_survey", "F01", DABO, "validity", "critical", 200, failed)]


def test_each_score_stands_beside_that_of_the_load_before(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(checks=checked(20)))
    load(warehouse_run, night(checks=checked(5)), run_id="run-3", as_of=day(3))
    load(warehouse_run, night(checks=checked(10)), run_id="run-1b", as_of=day(1))  # a backfill between them
    found = rows(warehouse_engine, "select * from mart.data_quality_trend where dimension = 'validity' order by as_of")
    names = ("as_of", "score", "compared_with", "score_before", "score_change")
    assert [tuple(row[name] for name in names) for row in found] == [
        (day(0), 90, None, None, None),
        (day(1), 95, day(0), 90, 5),
        (day(3), 97.5, day(1), 95, 2.5),
    ]


def test_the_freshness_of_each_source_stands_beside_each_load(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night(snapshot_date=day(0), last_change=day(-10)))
    stale = night(snapshot_date=day(0), last_change=day(-10), stale=frozenset({"civil_registry"}))
    partial = dataclasses.replace(stale, sources=("family_survey", "civil_registry"))
    load(warehouse_run, partial, run_id="run-2", as_of=day(2))
    found = rows(warehouse_engine, "select * from mart.source_freshness order by as_of, source")
    names = ("as_of", "source", "stale", "snapshot_age_days", "last_change", "last_change_age_days")
    assert [tuple(row[name] for name in names) for row in found] == [
        (day(0), "civil_registry", False, 0, day(-10), 10),
        (day(0), "family_survey", False, 0, day(-10), 10),
        (day(0), "health_insurance", False, 0, day(-10), 10),
        (day(2), "civil_registry", True, 2, day(-10), 12),
        (day(2), "family_survey", False, 2, day(-10), 12),
    ]
    assert {row["snapshot_date"] for row in found} == {day(0)}


def test_a_load_that_did_not_record_its_snapshots_has_no_ages(warehouse_run: Run, warehouse_engine: Engine) -> None:
    load(warehouse_run, night())
    found = rows(warehouse_engine, "select * from mart.source_freshness")
    assert len(found) == 3
    assert {(row["snapshot_date"], row["snapshot_age_days"], row["last_change_age_days"]) for row in found} == {
        (None, None, None)
    }


CHANGED: dict[str, tuple[str, Mapping[str, list[Row]], date | None]] = {
    "the latest survey, rejected or not": (
        "family_survey",
        {
            "keluarga": [
                good_family(1, TGL_PENDATAAN="2026-03-01"),
                good_family(2, TGL_PENDATAAN="2026-09-30", KODE_DESA="1"),
                good_family(3, TGL_PENDATAAN="2027-01-01"),  # after the load
                good_family(4, TGL_PENDATAAN="soon"),
            ],
            "anggota": [good_member(1)],
        },
        date(2026, 9, 30),
    ),
    "the latest change of a person or card": (
        "civil_registry",
        {
            "biodata_wni": [good_person(1, tgl_ubah="2026-06-01T08:00:00"), good_person(2, tgl_ubah=None)],
            "data_keluarga": [good_card(tgl_ubah="2026-08-17T23:30:00")],
        },
        date(2026, 8, 17),
    ),
    "the latest change of an entry, by Jakarta's date": (
        "health_insurance",
        {"peserta": [good_entry(1, updatedAt="2026-10-01T20:00:00Z"), good_entry(2, updatedAt="2026-01-01T00:00:00Z")]},
        date(2026, 10, 2),
    ),
    "nothing where no row says": ("health_insurance", {"peserta": [good_entry(1, updatedAt=None)]}, None),
}


@pytest.mark.parametrize("case", CHANGED)
def test_validation_says_when_a_source_was_changed_last(run: Run, case: str) -> None:
    source, tables, expected = CHANGED[case]
    result = run_validation(run, land(run, source, **tables)).result
    assert result.last_change == expected
    assert result.snapshot_date == run.as_of


def test_the_score_of_a_source_is_that_of_all_its_checks(warehouse_run: Run, warehouse_engine: Engine) -> None:
    """By the same formula, not the mean over villages: worked out here from the checks as they were written."""
    other = "2104012008"
    checks = [
        Check("family_survey", "F01", DABO, "validity", "critical", 200, 20),
        Check("family_survey", "F06", DABO, "validity", "warning", 1000, 10),
        Check("family_survey", "F01", other, "validity", "critical", 10, 10),
        Check("family_survey", "F07", other, "completeness", "warning", 30, 3),
        Check("family_survey", "F09", other, "currentness", "info", 0, 0),
        Check("civil_registry", "R01", "unknown", "validity", "critical", 7, 7),
    ]
    load(warehouse_run, night(checks=[Check("family_survey", "F01", DABO, "validity", "critical", 5, 5)]))
    load(warehouse_run, night(checks=checks), run_id="run-again")
    load(warehouse_run, night(checks=checked(0)), run_id="run-2", as_of=day(1))
    validity = 100 * (4 * 180 + 2 * 990 + 4 * 0) / (4 * 200 + 2 * 1000 + 4 * 10)
    found = {
        (row["as_of"], row["source"], row["dimension"]): (row["score"], row["checked"], row["failed"])
        for row in rows(warehouse_engine, "select * from mart.data_quality_source")
    }
    assert found == {
        (day(0), "family_survey", "validity"): (pytest.approx(validity), 1210, 40),
        (day(0), "family_survey", "completeness"): (pytest.approx(90), 30, 3),
        (day(0), "family_survey", "overall"): (pytest.approx((validity + 90) / 2), 1240, 43),
        (day(0), "civil_registry", "validity"): (0, 7, 7),
        (day(0), "civil_registry", "overall"): (0, 7, 7),
        (day(1), "family_survey", "validity"): (100, 200, 0),
        (day(1), "family_survey", "overall"): (100, 200, 0),
    }
