"""What `open` holds for reports beside the index: each figure is one of the marts in steps, or made of such figures."""

import dataclasses
from datetime import date
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from kampungkb.run import Run
from kampungkb.settings import INCLUDE
from kampungkb.warehouse import publish
from tests.conftest import AS_OF
from tests.integration.warehouse_lake import BATU_BERDAUN, DABO, Check, Night, night, random_families

pytestmark = pytest.mark.integration

Rows = list[dict[str, Any]]
CHECKS = [
    Check("family_survey", "F01", DABO, "validity", "critical", 400, 2),
    Check("family_survey", "F06", DABO, "validity", "warning", 1000, 7),
    Check("family_survey", "F07", DABO, "completeness", "critical", 500, 60),
    Check("family_survey", "F07", BATU_BERDAUN, "completeness", "critical", 600, 6),
    Check("civil_registry", "R06", DABO, "consistency", "critical", 499, 100),
    Check("family_survey", "F04", "unknown", "validity", "critical", 900, 3),
]


def rows(engine: Engine, query: str) -> Rows:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def load(run: Run, day: int, content: Night) -> Run:
    of_day = dataclasses.replace(run, run_id=f"night-{day}", as_of=AS_OF.replace(day=day))
    publish(of_day, *content.write(of_day))
    return of_day


def test_programmes_are_counted_in_steps_among_those_that_answered(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    publish(warehouse_run, *night(5, 70).write(warehouse_run))
    exact = {
        (row["village_code"], row["programme"]): row
        for row in rows(warehouse_engine, "select * from mart.programme_coverage")
    }
    shown = rows(warehouse_engine, "select * from open.programme_coverage where length(region_code) = 10")
    assert {(row["region_code"], row["programme"]) for row in shown if row["answered"]} == {
        (DABO, "BKB"),
        (BATU_BERDAUN, "BKB"),
    }
    for row in shown:
        true = exact[row["region_code"], row["programme"]]
        does_not = true["eligible"] - true["participating"] - true["unanswered"]
        answers = row["participating"], row["not_participating"]
        assert answers == (5 * (true["participating"] // 5) or None, 5 * (does_not // 5) or None)
        assert row["answered"] == (sum(answers) if all(answers) else None)
        assert row["share"] == (round(row["participating"] / row["answered"], 2) if row["answered"] else None)


def test_a_quality_score_is_shown_in_points_that_are_five_rows_at_least(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    publish(warehouse_run, *night(checks=CHECKS).write(warehouse_run))
    shown = {
        (row["region_code"], row["source"], row["dimension"]): row["score"]
        for row in rows(warehouse_engine, "select * from open.data_quality")
    }
    survey = {
        (DABO, "validity"): 99,  # 100 x (3600 - 22) / 3600 = 99.4
        (DABO, "completeness"): 88,
        (DABO, "overall"): 93.5,
        (BATU_BERDAUN, "completeness"): 99,
        (BATU_BERDAUN, "overall"): 99,
        **dict.fromkeys([("210401", "validity"), ("2104", "validity")], 99),
        **dict.fromkeys([("210401", "completeness"), ("2104", "completeness")], 93.5),
        **dict.fromkeys([("210401", "overall"), ("2104", "overall")], 96.3),
    }
    assert shown == {(region, "family_survey", dimension): score for (region, dimension), score in survey.items()}


def test_no_score_and_no_change_of_one_is_about_one_to_four_rows() -> None:
    small = set(range(1, 5))
    for checked in (500, 501, 507, 550, 999):
        could_be: dict[int, set[int]] = {}
        for failed in range(checked + 1):
            could_be.setdefault(100 * (checked - failed) // checked, set()).add(failed)
        for before in could_be.values():
            assert not before <= small
            for after in could_be.values():
                changes = {abs(b - a) for a in before for b in after}
                assert not changes <= small


def test_candidates_are_ranked_by_what_is_shown(warehouse_run: Run, warehouse_engine: Engine) -> None:
    publish(warehouse_run, *night(11, 90).write(warehouse_run))
    (shown,) = (row for row in rows(warehouse_engine, "select * from open.kampung_kb_candidate") if row["rank"])
    assert (shown["village_code"], shown["rank"]) == (BATU_BERDAUN, 1)
    of_village = f"where village_code = '{BATU_BERDAUN}'"
    (index,) = rows(warehouse_engine, f"select * from open.village_index {of_village}")
    of_region = f"where region_code = '{BATU_BERDAUN}'"
    of_bkb = f"{of_region} and programme = 'BKB'"
    (programme,) = rows(warehouse_engine, f"select * from open.programme_coverage {of_bkb}")
    (environment,) = rows(
        warehouse_engine, f"select * from open.indicator_coverage {of_region} and indicator = 'house_environment'"
    )
    figures = {
        "index_gap": 1 - index["ibangga"] / 100,
        "rentan_share": round(index["rentan"] / index["families"], 2),
        "environment_unmet": round(environment["not_achieved"] / environment["applicable"], 2),
        "programme_gap": round(programme["not_participating"] / programme["answered"], 2),
    }
    assert {name: shown[name] for name in figures} == pytest.approx(figures)
    assert (shown["documents_unmet"], shown["services_unmet"]) == (None, None)
    declared = yaml.safe_load((INCLUDE / "methodology" / "kampung_kb.yaml").read_text(encoding="utf-8"))["candidate"]
    weights = {each["measure"]: each["weight"] for each in declared if each["measure"] in figures}
    need = 100 * sum(weights[name] * figure for name, figure in figures.items()) / sum(weights.values())
    assert shown["need_score"] == pytest.approx(need, abs=0.051)


def test_a_village_too_small_for_figures_has_no_rank(warehouse_run: Run, warehouse_engine: Engine) -> None:
    families = random_families(1, 40, villages=(DABO,))
    few = [dataclasses.replace(f, village=BATU_BERDAUN) for f in random_families(2, 4)]
    publish(warehouse_run, *night(families=[*families, *few]).write(warehouse_run))
    found = {row["village_code"]: row for row in rows(warehouse_engine, "select * from open.kampung_kb_candidate")}
    assert (found[BATU_BERDAUN]["rank"], found[BATU_BERDAUN]["need_score"]) == (None, None)


def test_the_history_keeps_what_was_shown_and_only_changes(warehouse_run: Run, warehouse_engine: Engine) -> None:
    def kept() -> list[tuple[str, date]]:
        found = rows(warehouse_engine, "select village_code, as_of from open.village_index_history order by 1, 2")
        return [(row["village_code"], row["as_of"]) for row in found]

    first, other = night(7, 60), night(8, 60)
    only_dabo = [f for f in other.families if f.village == DABO] + [f for f in first.families if f.village != DABO]
    shown = {}
    for day, content in ((10, first), (11, first), (12, dataclasses.replace(first, families=only_dabo))):
        load(warehouse_run, day, content)
        shown[day] = rows(warehouse_engine, f"select * from open.village_index where village_code = '{DABO}'")[0]
    days = {day: AS_OF.replace(day=day) for day in (10, 11, 12)}
    assert kept() == [(DABO, days[10]), (DABO, days[12]), (BATU_BERDAUN, days[10])]
    for day in (10, 12):
        (row,) = rows(
            warehouse_engine,
            f"select * from open.village_index_history where village_code = '{DABO}' and as_of = '{days[day]}'",
        )
        assert row == {name: shown[day][name] for name in row}
    load(warehouse_run, 12, dataclasses.replace(first, families=only_dabo))
    load(warehouse_run, 9, night(9, 60))
    assert kept() == [(DABO, days[10]), (DABO, days[12]), (BATU_BERDAUN, days[10])]


def test_the_age_of_the_sources_is_shown_to_every_reader(warehouse_run: Run, warehouse_engine: Engine) -> None:
    snapshot, change = AS_OF.replace(day=20), AS_OF.replace(day=19)
    content = night(stale=frozenset({"civil_registry"}), snapshot_date=snapshot, last_change=change)
    publish(warehouse_run, *content.write(warehouse_run))
    with warehouse_engine.begin() as connection:
        connection.execute(text("set local role kkb_viewer"))
        found = connection.execute(text("select * from open.source_freshness order by source")).mappings().all()
    assert [(row["source"], row["stale"]) for row in found] == [
        ("civil_registry", True),
        ("family_survey", False),
        ("health_insurance", False),
    ]
    assert {(row["as_of"], row["snapshot_date"], row["last_change"]) for row in found} == {(AS_OF, snapshot, change)}
