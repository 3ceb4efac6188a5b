"""The evaluation measures what it says: on a hand-made crosswalk whose answers can be counted on fingers."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from benchmarks.linkage_evaluation import report
from benchmarks.linkage_evaluation.febrl import Scored
from benchmarks.linkage_evaluation.measures import Measured, measure
from kampungkb import lake
from kampungkb.run import Run
from kampungkb.sample.truth import PERSONS, RECORDS
from kampungkb.settings import Settings
from tests.oracle.accepted import write_accepted

pytestmark = pytest.mark.integration

AS_OF = date(2026, 11, 25)
VILLAGE = "2104011001"
PEOPLE = {
    1: {"nik": "2104014101900001", "name": "SITI AMINAH", "sex": 2, "birth_date": date(1990, 1, 1), "marital": 2},
    2: {"nik": "2104010203600001", "name": "AHMAD", "sex": 1, "birth_date": date(1960, 3, 2), "marital": 2},
    3: {"nik": "2104010505260001", "name": "BUDI", "sex": 1, "birth_date": date(2026, 5, 5), "marital": 1},
}
# Who each record is in truth, and what the crosswalk makes of it: the baby's second record is lost, Ahmad's insurance
# card was given to Siti.
SURVEY = {"f-1": (1, "a"), "f-2": (2, "b"), "f-3": (3, "c")}
REGISTRY = {PEOPLE[1]["nik"]: (1, "a"), PEOPLE[2]["nik"]: (2, "b"), PEOPLE[3]["nik"]: (3, "d")}
INSURANCE = {"0000000000002": (2, "a")}


def survey_row(number: int, **other: object) -> dict[str, object]:
    person = PEOPLE[number]
    own = {"K.01": person["nik"], "K.02": person["name"], "K.03": person["sex"], "K.04": person["birth_date"]}
    return {"KODE_KELUARGA": "f", "NO_URUT": number, "K.01__doubtful": False, "village_code": VILLAGE, **own, **other}


def registry_row(number: int) -> dict[str, object]:
    person = PEOPLE[number]
    return {
        "nik": person["nik"],
        "nama_lgkp": person["name"],
        "jenis_klmin": person["sex"],
        "tgl_lhr": person["birth_date"],
        "village_code": VILLAGE,
    }


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    home = tmp_path_factory.mktemp("evaluated")
    run = Run("r", AS_OF, Settings(home=home, pseudonym_key=SecretStr("k")))
    card = {"noKartu": "0000000000002", "nik": None, "nama": "Ahmad", "sex": "L", "tglLahir": date(1960, 3, 2)}
    references = write_accepted(
        run,
        {
            "keluarga": [],
            "anggota": [survey_row(1), survey_row(2, **{"K.02": "H. Ahmad"}), survey_row(3, **{"K.01": None})],
            "biodata_wni": [registry_row(number) for number in PEOPLE],
            "peserta": [{**card, "village_code": VILLAGE}],
        },
    )
    for reference in references:
        (reference.path / "result.json").write_text(reference.model_dump_json(), encoding="utf-8")
    sources = {"family_survey": SURVEY, "civil_registry": REGISTRY, "health_insurance": INSURANCE}
    records = [(source, key, *answer) for source, keys in sources.items() for key, answer in keys.items()]
    persons = lake.private_folder(lake.persons(run.settings, AS_OF))
    pq.write_table(
        pa.Table.from_pylist(
            [{"source": source, "source_key": key, "person_key": given} for source, key, _, given in records]
        ),
        persons / "person_link.parquet",
    )
    pairs = [
        ("family_survey", "f-2", "health_insurance", "0000000000002", 0.8),
        ("family_survey", "f-1", "health_insurance", "0000000000002", 0.2),
        ("civil_registry", str(PEOPLE[3]["nik"]), "family_survey", "f-3", 0.92),
        ("civil_registry", str(PEOPLE[2]["nik"]), "family_survey", "f-3", 0.92),
    ]
    columns = ("left_source", "left_key", "right_source", "right_key", "probability")
    pq.write_table(
        pa.Table.from_pylist([{**dict(zip(columns, pair, strict=True)), "match_weight": 2.0} for pair in pairs]),
        persons / "candidate_pair.parquet",
    )
    truth = home / "truth"
    write_truth(truth, [(source, key, person) for source, key, person, _ in records])
    return measure(run, truth, families=1, seed=0, error_scale=1.0)


def write_truth(folder: Path, records: list[tuple[str, str, int]]) -> None:
    folder.mkdir()
    told = [{"source": s, "source_key": k, "person_id": p, "family_id": 1, "accepted": True} for s, k, p in records]
    full = [{name: row.get(name) for name in RECORDS.names} for row in told]
    pq.write_table(pa.Table.from_pylist(full, RECORDS), folder / "records.parquet")
    people = [{"person_id": n, "family_id": 1, "village_code": VILLAGE, **person} for n, person in PEOPLE.items()]
    full = [{name: row.get(name) for name in PERSONS.names} for row in people]
    pq.write_table(pa.Table.from_pylist(full, PERSONS), folder / "persons.parquet")


def row(measured: Measured, method: str, grouping: str, heading: str) -> tuple[int, int, int]:
    (found,) = [each for each in measured.pairs(method, grouping) if each["heading"] == heading]
    return found["true_pairs"], found["linked_pairs"], found["found_pairs"]


def test_pairs_are_counted_against_the_truth(measured: Measured) -> None:
    # True: Siti 1, Ahmad 3, Budi 1. Linked by the crosswalk: Siti 3 (two of them wrong), Ahmad 1.
    assert row(measured, "model", "all", "all") == (5, 4, 2)
    (model,) = measured.pairs("model")
    assert (model["precision"], model["recall"]) == (0.5, 0.4)


def test_exact_rules_stand_beside_the_model(measured: Measured) -> None:
    # By equal NIK and birth date: Siti and Ahmad in survey and registry.
    assert row(measured, "exact", "all", "all") == (5, 2, 2)


def test_persons_are_whole_or_not(measured: Measured) -> None:
    persons = {each["method"]: each["exact_persons"] for each in measured.clusterwise}
    assert persons == {"exact": pytest.approx(1 / 3), "model": 0.0}


@pytest.mark.parametrize(
    ("grouping", "heading", "expected"),
    [
        ("age", "0", (1, 0, 0)),
        ("age", "60+", (3, 1, 1)),
        ("error", "nik_missing", (3, 2, 0)),
        ("error", "name_titled_or_spelled", (2, 1, 1)),
        ("sources", "civil_registry – family_survey", (3, 2, 2)),
    ],
)
def test_pairs_stand_under_their_headings(
    measured: Measured, grouping: str, heading: str, expected: tuple[int, int, int]
) -> None:
    assert row(measured, "model", grouping, heading) == expected


def test_probabilities_are_held_against_the_truth(measured: Measured) -> None:
    by_kind = {kind: {r["lower"]: r for r in measured.calibration if r["kind"] == kind} for kind in report.KINDS}
    assert by_kind["given"][0.9]["pairs"] == 2
    assert by_kind["given"][0.9]["true_share"] == 0.5
    assert measured.brier["given"] == pytest.approx((0.2**2 + 0.2**2 + 0.08**2 + 0.92**2) / 4)
    # Each pair weighs two bits, which is 0.8; two of the four are true.
    assert by_kind["alone"][0.8]["pairs"] == 4
    assert by_kind["alone"][0.8]["mean_probability"] == pytest.approx(0.8)
    assert measured.brier["alone"] == pytest.approx((2 * 0.2**2 + 2 * 0.8**2) / 4)


def test_the_report_loads_nothing_and_speaks_both_languages(measured: Measured) -> None:
    page = report.page([measured], [Scored("FEBRL4", 10, 5, 5, 5, 1.0)])
    assert "Menurut umur" in page
    assert "By age" in page
    assert page.count("<svg") == 4
    loaded = [word for word in ("src=", "href=", "@import", "url(") if word in page]
    assert loaded == []
    assert all(str(person["nik"]) not in page for person in PEOPLE.values())
