"""The score agrees with the oracle, family by family, on random populations that the product never saw."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest

from kampungkb.contracts import contract
from kampungkb.linkage import link
from kampungkb.refs import Scored
from kampungkb.run import Run
from kampungkb.scoring import score
from tests.oracle import ibangga
from tests.oracle.accepted import write_accepted
from tests.oracle.changes import CHANGES
from tests.oracle.population import VILLAGES, Row, population

pytestmark = pytest.mark.integration

STATE = {"1": True, "0": False, "-": None}
PROVENANCE = {
    "s": "survey",
    "r": "civil_registry",
    "i": "health_insurance",
    "x": "mixed",
    "n": "not_applicable",
    "m": "missing",
}


def frame_of(source: str, table: str, rows: list[Row]) -> pd.DataFrame:
    """Rows as a frame that has every contract column."""
    return pd.DataFrame(rows, columns=[*contract(source).table(table).names, "village_code"], dtype=object)


def load(run: Run, tables: dict[str, list[Row]]) -> tuple[Scored, ibangga.Expected]:
    """Link and score the rows, and what the oracle says about them."""
    validated = write_accepted(run, tables)
    linked = link(run, validated)
    scored = score(run, validated, linked)
    expected = ibangga.expect(
        keluarga=frame_of("family_survey", "keluarga", tables["keluarga"]),
        anggota=frame_of("family_survey", "anggota", tables["anggota"]),
        biodata_wni=frame_of("civil_registry", "biodata_wni", tables.get("biodata_wni", [])),
        peserta=frame_of("health_insurance", "peserta", tables.get("peserta", [])),
        person_link=pd.read_parquet(linked.path / "person_link.parquet"),
        family_link=pd.read_parquet(linked.path / "family_link.parquet"),
        villages=VILLAGES,
        as_of=run.as_of,
    )
    return scored, expected


def score_frame(scored: Scored) -> pd.DataFrame:
    return pd.read_parquet(scored.path / "family_score.parquet")


def indicator_frame(scored: Scored) -> pd.DataFrame:
    """`states` and `provenances` spelled out, as mart.family_indicator shows them."""
    declared = pd.read_parquet(scored.path / "indicator.parquet").sort_values("position")
    rows = []
    for family in score_frame(scored).itertuples():
        assert len(family.states) == len(family.provenances) == len(declared)
        for indicator, state, origin in zip(declared.itertuples(), family.states, family.provenances, strict=True):
            rows.append(
                {
                    "family_key": family.family_key,
                    "village_code": family.village_code,
                    "basis": family.basis,
                    "indicator": indicator.indicator,
                    "dimension": indicator.dimension,
                    "in_index": indicator.in_index,
                    "applicable": state != "-",
                    "achieved": STATE[state],
                    "provenance": PROVENANCE[origin],
                }
            )
    return pd.DataFrame(rows)


def village_frame(scored: Scored) -> pd.DataFrame:
    """Means and counts over the families of a village, as the marts take them."""
    scores = score_frame(scored)
    measures = ["ketentraman", "kemandirian", "kebahagiaan", "ibangga"]
    frame = scores.groupby(["village_code", "basis"])[measures].mean()
    frame["families"] = scores.groupby(["village_code", "basis"]).size()
    for category in ("rentan", "berkembang", "tangguh"):
        frame[category] = scores["category"].eq(category).groupby([scores["village_code"], scores["basis"]]).sum()
    return frame.reset_index()


def assert_same(found: pd.DataFrame, expected: pd.DataFrame, keys: list[str]) -> None:
    columns = [column for column in expected.columns if column in found.columns]
    left = found[columns].sort_values(keys).reset_index(drop=True)
    right = expected[columns].sort_values(keys).reset_index(drop=True)
    pd.testing.assert_frame_equal(left, right, check_dtype=False, check_exact=False, rtol=0, atol=1e-6)


def assert_agrees(scored: Scored, expected: ibangga.Expected) -> None:
    assert_same(score_frame(scored), expected.family_index, ["family_key", "basis"])
    assert_same(indicator_frame(scored), expected.family_indicator, ["family_key", "basis", "indicator"])
    inhabited = expected.village_index[expected.village_index["families"] > 0]
    assert_same(village_frame(scored), inhabited, ["village_code", "basis"])


@pytest.mark.parametrize("seed", range(6))
def test_every_family_indicator_and_village_agrees_with_the_oracle(run: Run, seed: int) -> None:
    scored, expected = load(run, population(seed, families=400, as_of=run.as_of))

    assert scored.families == 400
    assert scored.rows == 800
    assert_agrees(scored, expected)


def test_nights_in_which_rows_change_agree_with_the_oracle(run: Run) -> None:
    dice, tables = random.Random(53), population(53, families=150, as_of=run.as_of)
    load(run, tables)
    for night in range(1, 4):
        for change in dice.sample(CHANGES, 5):
            change(tables, dice)
        assert_agrees(*load(replace(run, as_of=run.as_of + timedelta(night)), tables))


@pytest.mark.parametrize("absent", ["biodata_wni", "peserta"])
def test_an_absent_source_is_no_evidence(run: Run, absent: str) -> None:
    tables = population(50, families=200, as_of=run.as_of)
    del tables[absent]

    assert_agrees(*load(run, tables))


def test_without_other_sources_integrated_equals_survey(run: Run) -> None:
    tables = population(51, families=200, as_of=run.as_of)
    scored, _ = load(run, {name: tables[name] for name in ("keluarga", "anggota")})

    scores = score_frame(scored).drop(columns="basis").astype(object)
    by_basis = dict(list(scores.groupby(score_frame(scored)["basis"])))
    pd.testing.assert_frame_equal(
        by_basis["survey"].sort_values("family_key").reset_index(drop=True),
        by_basis["integrated"].sort_values("family_key").reset_index(drop=True),
    )


def test_the_random_populations_reach_every_answer_and_provenance(run: Run) -> None:
    _, expected = load(run, population(0, families=400, as_of=run.as_of))
    integrated = expected.family_indicator[expected.family_indicator["basis"] == "integrated"]
    found = integrated.groupby("indicator")["provenance"].agg(set)

    assert found["birth_certificate"] == {"survey", "civil_registry", "mixed", "not_applicable", "missing"}
    assert found["health_insurance"] == {"survey", "health_insurance", "mixed", "missing"}
    assert found["marriage_document"] == {"survey", "civil_registry", "not_applicable", "missing"}
    assert found["no_divorce"] == {"survey", "civil_registry", "not_applicable", "missing"}
    assert set(expected.family_index["category"].dropna()) == {"rentan", "berkembang", "tangguh"}
    assert expected.family_index["ibangga"].isna().any()
    for indicator, rows in integrated.groupby("indicator"):
        assert {True, False} <= set(rows["achieved"].dropna()), indicator


def test_insurance_is_decided_on_the_date_of_the_run(run: Run) -> None:
    tables = population(52, families=150, as_of=run.as_of)
    tomorrow = Run(run_id="next", as_of=date(2027, 3, 1), settings=run.settings)

    assert_agrees(*load(run, tables))
    assert_agrees(*load(tomorrow, tables))
