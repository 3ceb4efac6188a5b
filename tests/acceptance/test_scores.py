"""Indexes and indicators on both bases agree with the oracle, which knows neither the product nor its rules."""

import pandas as pd
import pytest

from tests.acceptance.conftest import MakeWorld, World
from tests.acceptance.marts import assert_mart_is, oracle

pytestmark = [pytest.mark.e2e, pytest.mark.integration]
TABLES = ("family_index", "family_indicator", "village_index")


@pytest.fixture(scope="module", params=[11, 12, 13])
def world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    made = make_world(seed=request.param, families=110)
    made.load()
    return made


def test_every_row_of_the_marts_agrees_with_the_oracle(world: World) -> None:
    expected = oracle(world)
    for table in TABLES:
        assert_mart_is(world, table, getattr(expected, table))


def test_every_provenance_and_both_answers_occur(world: World) -> None:
    """Else the agreement above would say little."""
    found = world.query("select distinct provenance from mart.family_indicator where basis = 'integrated'")
    sources = {"survey", "civil_registry", "health_insurance", "mixed", "not_applicable", "missing"}
    assert set(found["provenance"]) == sources


def test_every_accepted_record_is_linked_once_and_exact_pairs_share_a_person(world: World) -> None:
    links = world.query("select source, source_key, person_key from vault.person_link")
    expectation = world.scenario.expectation()
    keys = {
        "family_survey": [
            f"{r['KODE_KELUARGA']}-{r['NO_URUT']}" for r in expectation.accepted["family_survey", "anggota"]
        ],
        "civil_registry": [row["nik"] for row in expectation.accepted["civil_registry", "biodata_wni"]],
        "health_insurance": [row["noKartu"] for row in expectation.accepted["health_insurance", "peserta"]],
    }
    for source, own in links.groupby("source"):
        assert sorted(own["source_key"]) == sorted(keys[str(source)])
    person = {(row.source, row.source_key): row.person_key for row in links.itertuples()}
    registry = {row["nik"]: row for row in expectation.accepted["civil_registry", "biodata_wni"]}
    pairs = 0
    for member in expectation.accepted["family_survey", "anggota"]:
        record = registry.get(member["K.01"])
        if record is None or member["K.01__doubtful"]:
            continue
        agrees = member["K.04"] == record["tgl_lhr"] or normal(member["K.02"]) == normal(record["nama_lgkp"])
        key = f"{member['KODE_KELUARGA']}-{member['NO_URUT']}"
        if agrees and member["K.04"] and record["tgl_lhr"]:
            assert person["family_survey", key] == person["civil_registry", record["nik"]]
            pairs += 1
    assert pairs > 100


def normal(name: str) -> str:
    return " ".join(name.upper().split())


def test_accuracy_counts_the_linked_records_that_contradict_the_registry(world: World) -> None:
    """Recounted from the scenario's accepted rows; only who is whom is the product's own."""
    accepted = world.scenario.expectation().accepted
    links = world.query("select source, source_key, person_key from vault.person_link").itertuples()
    person = {(row.source, row.source_key): row.person_key for row in links}
    registry = {person["civil_registry", row["nik"]]: row for row in accepted["civil_registry", "biodata_wni"]}
    village = {row["KODE_KELUARGA"]: row["KODE_DESA"] for row in accepted["family_survey", "keluarga"]}
    records = [
        ("family_survey", key, village[row["KODE_KELUARGA"]], (row["K.02"], row["K.04"], row["K.03"]))
        for row in accepted["family_survey", "anggota"]
        for key in [f"{row['KODE_KELUARGA']}-{row['NO_URUT']}"]
    ]
    sexes = {"L": 1, "P": 2, None: None}
    records += [
        ("health_insurance", row["noKartu"], row["kodeDesa"], (row["nama"], row["tglLahir"], sexes[row["sex"]]))
        for row in accepted["health_insurance", "peserta"]
    ]
    regions = set(world.query("select code from core.dim_region where length(code) = 10")["code"])
    expected: dict[tuple[str, str, str], list[int]] = {}
    for source, key, code, (name, born, sex) in records:
        other = registry.get(person[source, key])
        if other is None:
            continue
        where = code if code in regions else "unknown"
        facts = {
            "A01": (normal(name), normal(other["nama_lgkp"])),
            "A02": (born, other["tgl_lhr"]),
            "A03": (sex, other["jenis_klmin"]),
        }
        for rule, (own, held) in facts.items():
            if own is not None and held is not None:
                counts = expected.setdefault((source, rule, where), [0, 0])
                counts[0] += 1
                counts[1] += own != held
    found = world.query("select * from ops.check_result where dimension = 'accuracy'").itertuples()
    assert {(row.source, row.rule, row.village_code): [row.checked, row.failed] for row in found} == expected
    for source in ("family_survey", "health_insurance"):
        for rule in ("A01", "A02"):
            assert sum(counts[1] for at, counts in expected.items() if at[:2] == (source, rule)) > 0, (source, rule)


def test_without_evidence_integrated_equals_survey(make_world: MakeWorld) -> None:
    world = make_world(seed=14, families=60)
    loaded = world.load(without=("AIRFLOW_CONN_CIVIL_REGISTRY", "AIRFLOW_CONN_HEALTH_INSURANCE"))
    assert set(loaded.validated) == {"family_survey"}
    columns = "village_code, members, ketentraman, kemandirian, kebahagiaan, ibangga, category"
    survey, integrated = (
        world.query(f"select family_key, {columns} from mart.family_index where basis = '{basis}' order by family_key")
        for basis in ("survey", "integrated")
    )
    assert len(survey) > 0
    pd.testing.assert_frame_equal(survey, integrated)
    expected = oracle(world, without=("civil_registry", "health_insurance"))
    for table in TABLES:
        assert_mart_is(world, table, getattr(expected, table))
