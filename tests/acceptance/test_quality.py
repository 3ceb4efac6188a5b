"""The checks and the quality score: which rule counts where, over what, and with which weight."""

from collections import Counter

import pandas as pd
import pytest

from tests.acceptance.conftest import MakeWorld, World
from tests.acceptance.marts import villages
from tests.generator.expectation import INSURANCE, REGISTRY, SURVEY, Row
from tests.generator.quality import checks as expected_checks

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

WEIGHTS = {"critical": 4, "warning": 2, "info": 1}
RULES = {
    **dict.fromkeys(("M04", "R03", "J03"), ("completeness", "critical")),
    **dict.fromkeys(("F07", "M11", "R08", "J08"), ("completeness", "warning")),
    **dict.fromkeys(("F01", "F04", "F05", "M08", "R01", "J01"), ("validity", "critical")),
    **dict.fromkeys(("F03", "F06", "M03", "M05", "M06", "M07", "R04", "R05", "J04", "J05"), ("validity", "warning")),
    **dict.fromkeys(("F08", "M12"), ("validity", "info")),
    **dict.fromkeys(("F02", "M02", "R02", "J02"), ("uniqueness", "critical")),
    "M01": ("consistency", "critical"),
    **dict.fromkeys(("M09", "J06"), ("consistency", "warning")),
    **dict.fromkeys(("M10", "R06", "R07", "J07"), ("consistency", "info")),
    **dict.fromkeys(("F09", "R09", "J09"), ("currentness", "info")),
    **dict.fromkeys(("A01", "A02", "A03"), ("accuracy", "warning")),
}


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    made = make_world(seed=61, families=100)
    made.load()
    return made


@pytest.fixture(scope="module")
def checks(world: World) -> pd.DataFrame:
    return world.query("select source, rule, village_code, dimension, severity, checked, failed from ops.check_result")


def test_each_rule_counts_in_its_dimension_with_its_severity(checks: pd.DataFrame) -> None:
    found = {(r.rule, r.dimension, r.severity) for r in checks.itertuples() if r.rule in RULES}
    assert found <= {(rule, *place) for rule, place in RULES.items()}
    first_version = {rule for rule in RULES if not rule.startswith("A")}
    assert first_version <= {rule for rule, _, _ in found}


def test_every_rule_is_checked_and_broken_as_planted_in_each_village(world: World) -> None:
    """R, N and W rules alike: counts by source, rule and village from the cells as they were written."""
    found = {
        (row.source, row.rule, row.village_code): (row.checked, row.failed)
        for row in world.rows("select source, rule, village_code, checked, failed from ops.check_result")
        if not row.rule.startswith("A")
    }
    expected = expected_checks(world.scenario, set(villages()))
    assert {rule for (_, rule, _), (_, failed) in expected.items() if failed} == {r for r in RULES if r[0] != "A"}
    off = {check: (found.get(check), expected.get(check)) for check in found.keys() | expected.keys()}
    assert found == expected, sorted((check, pair) for check, pair in off.items() if pair[0] != pair[1])[:10]


def test_a_row_rule_is_checked_once_for_each_landed_row(world: World, checks: pd.DataFrame) -> None:
    counts = world.scenario.expectation().counts
    tables = {
        (SURVEY, "keluarga"): ("F01", "F02", "F04", "F05"),
        (SURVEY, "anggota"): ("M01", "M02", "M04", "M08"),
        (REGISTRY, "biodata_wni"): ("R01", "R02", "R03"),
        (INSURANCE, "peserta"): ("J01", "J02", "J03"),
    }
    totals = checks.groupby("rule")["checked"].sum()
    for table, rules in tables.items():
        assert {rule: int(totals[rule]) for rule in rules} == dict.fromkeys(rules, counts[table].read)


def test_the_score_of_a_source_follows_from_all_its_checks(world: World) -> None:
    passed: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for row in world.rows("select source, dimension, severity, checked, failed from ops.check_result"):
        passed.setdefault((row.source, row.dimension), []).append((WEIGHTS[row.severity], row.checked, row.failed))
    expected = {
        key: 100 * sum(w * (checked - failed) for w, checked, failed in own) / sum(w * checked for w, checked, _ in own)
        for key, own in passed.items()
        if any(checked for _, checked, _ in own)
    }
    for source in {source for source, _ in expected}:
        scores = [score for (of, _), score in expected.items() if of == source]
        expected |= {(source, "overall"): sum(scores) / len(scores)}
    rows = world.rows("select source, dimension, score from mart.data_quality_source")
    assert {(row.source, row.dimension): row.score for row in rows} == pytest.approx(expected, abs=1e-6)


def test_the_score_follows_from_the_checks(world: World, checks: pd.DataFrame) -> None:
    expected: dict[tuple[str, str, str], tuple[float, int, int]] = {}
    for (source, village), own in checks.groupby(["source", "village_code"]):
        scores = []
        for dimension, part in own.groupby("dimension"):
            weight = part["severity"].map(WEIGHTS)
            checked, failed = int(part["checked"].sum()), int(part["failed"].sum())
            if checked == 0:
                continue
            score = 100 * float((weight * (part["checked"] - part["failed"])).sum() / (weight * part["checked"]).sum())
            expected[str(source), str(village), str(dimension)] = (score, checked, failed)
            scores.append(score)
        if scores:
            total = (int(own["checked"].sum()), int(own["failed"].sum()))
            expected[str(source), str(village), "overall"] = (sum(scores) / len(scores), *total)
    rows = world.query("select source, village_code, dimension, score, checked, failed from mart.data_quality")
    found = {(r.source, r.village_code, r.dimension): (float(r.score), r.checked, r.failed) for r in rows.itertuples()}
    assert found.keys() == expected.keys()
    off = {key: (found[key], value) for key, value in expected.items() if found[key] != pytest.approx(value, abs=1e-6)}
    assert not off


def test_quarantine_names_the_village_of_each_row(world: World) -> None:
    """A family's own and an entry's own; `unknown` where it is none of the reference."""
    known = set(villages())

    def village_of(row: Row) -> str:
        if row.source == REGISTRY:
            code = row.typed["village_code"]
        elif row.source == INSURANCE:
            code = row.cells["kodeDesa"]
        else:
            code = None if "F04" in row.rejects else row.typed.get("KODE_DESA")
        return code if code in known else "unknown"

    scenario = world.scenario
    families = [row for book in scenario.books for row in book.rows() if row.table == "keluarga"]
    expected = Counter(
        (row.source, line.rule, village_of(row))
        for row in (*families, *scenario.registry["biodata_wni"], *scenario.entries)
        for line in row.quarantined()
    )
    lines = world.rows(
        "select source, rule, village_code from ops.quarantine where source_table <> 'anggota' and rule <> 'F00'"
    )
    found = Counter(map(tuple, lines))
    assert found == expected, (found - expected, expected - found)
