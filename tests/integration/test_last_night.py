"""`ops.last_night` answers the first question of the morning with one query."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from kampungkb.run import Run, today
from kampungkb.warehouse import publish
from tests.integration.test_publish import rows
from tests.integration.warehouse_lake import CHECKS, Check, night

pytestmark = pytest.mark.integration


def last_night(engine: Engine) -> dict[str, dict[str, object]]:
    return {str(row["source"]): row for row in rows(engine, "select * from ops.last_night")}


def test_it_tells_of_the_last_published_run_source_by_source(warehouse_run: Run, warehouse_engine: Engine) -> None:
    first = replace(warehouse_run, run_id="first", as_of=today() - timedelta(days=1))
    publish(first, *night(checks=list(CHECKS)).write(first))
    found = last_night(warehouse_engine)
    assert {row["run_id"] for row in found.values()} == {"first"}
    assert all(row["is_late"] for row in found.values()), "nothing of today has been published yet"
    assert all(row["score_change"] is None for row in found.values())

    second = replace(warehouse_run, run_id="second", as_of=today())
    worse = [replace(each, failed=each.checked) if isinstance(each, Check) else each for each in CHECKS]
    publish(second, *night(checks=worse, stale=frozenset({"civil_registry"})).write(second))
    found = last_night(warehouse_engine)
    (load,) = rows(warehouse_engine, "select * from ops.load_run where run_id = 'second'")
    assert set(found) == set(load["counts"])
    for source, row in found.items():
        total = load["counts"][source]["total"]
        assert (row["run_id"], row["is_late"], row["stale"]) == ("second", False, source == "civil_registry")
        assert (row["rows_read"], row["rows_accepted"]) == (total["read"], total["accepted"])
        assert (row["rows_rejected"], row["values_nulled"]) == (total["rejected"], total["nulled"])
        assert row["gate"] is None
    scores = {
        (str(row["as_of"]), row["source"]): row["score"]
        for row in rows(warehouse_engine, "select * from mart.data_quality_source where dimension = 'overall'")
    }
    survey = found["family_survey"]
    before, after = (scores[(str(run.as_of), "family_survey")] for run in (first, second))
    assert after < before
    assert (survey["score"], survey["score_change"]) == (after, after - before)
    changes = rows(
        warehouse_engine,
        "select source, sum(new_problems) as new, sum(resolved) as resolved from mart.data_quality_change "
        "where as_of = (select max(as_of) from ops.load_run) group by source",
    )
    told = {(source, row["new_problems"], row["resolved_problems"]) for source, row in found.items()}
    assert {(row["source"], row["new"], row["resolved"]) for row in changes} <= told


def test_the_worst_gate_and_who_decided_stand_beside_the_source(warehouse_run: Run, warehouse_engine: Engine) -> None:
    publish(warehouse_run, *night(checks=list(CHECKS)).write(warehouse_run))
    with warehouse_engine.begin() as connection:
        for gate, level, decision in (("volume", "suspicious", "accepted"), ("rejected", "closed", "held_back")):
            connection.execute(
                text(
                    "insert into ops.gate_result (run_id, source, gate, subject, as_of, snapshot, level, report_only, "
                    "loads, reason, decision, decided_by) values (:run, 'civil_registry', :gate, 'biodata_wni', "
                    ":as_of, 's', :level, false, 3, 'figures', :decision, 'gate')"
                ),
                {
                    "run": warehouse_run.run_id,
                    "as_of": warehouse_run.as_of,
                    **{"gate": gate, "level": level, "decision": decision},
                },
            )
    found = last_night(warehouse_engine)
    registry = found["civil_registry"]
    assert (registry["gate"], registry["gate_level"]) == ("rejected", "closed")
    assert (registry["gate_decision"], registry["decided_by"]) == ("held_back", "gate")
    assert found["family_survey"]["gate"] is None
