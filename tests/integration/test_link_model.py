"""The probabilistic model in a night: small populations made by hand, and what must become of them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from kampungkb.connections import CIVIL_REGISTRY
from kampungkb.errors import ConfigurationError
from kampungkb.linkage import step
from kampungkb.linkage.decisions import Decision, Pair, Record, Verdict
from kampungkb.linkage.model import read_definition
from kampungkb.linkage.retraining import train_installation
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.settings import Settings
from tests.oracle.accepted import Rows, write_accepted
from tests.oracle.names import name_of

pytestmark = pytest.mark.integration

VILLAGE, OTHER_VILLAGE = "2104011001", "2104022008"
CARD, OTHER_CARD = "2104010101010001", "2104010101010002"


def number(born: date, serial: int = 1, sex: int = 1, district: str = "210401") -> str:
    return f"{district}{born.day + (40 if sex == 2 else 0):02d}{born:%m%y}{serial:04d}"


def person(name: str, born: date, sex: int = 1, serial: int = 1, village: str = VILLAGE) -> dict[str, Any]:
    return {"name": name, "born": born, "sex": sex, "nik": number(born, serial, sex), "village": village}


def member(who: dict[str, Any], family: str, place: int, **facts: Any) -> dict[str, Any]:
    own = {"K.01": who["nik"], "K.02": who["name"], "K.03": who["sex"], "K.04": who["born"], "K.01__doubtful": False}
    return {"KODE_KELUARGA": family, "NO_URUT": place, "village_code": who["village"], **own, **facts}


def registered(who: dict[str, Any], card: str, **facts: Any) -> dict[str, Any]:
    own = {"nik": who["nik"], "nama_lgkp": who["name"], "jenis_klmin": who["sex"], "tgl_lhr": who["born"]}
    return {**own, "no_kk": card, "village_code": who["village"], **facts}


def insured(who: dict[str, Any], key: str, **facts: Any) -> dict[str, Any]:
    own = {"nik": who["nik"], "nama": who["name"], "sex": "LP"[who["sex"] - 1], "tglLahir": who["born"]}
    return {"noKartu": key, "village_code": who["village"], **own, **facts}


def family(code: str, card: str | None) -> dict[str, Any]:
    return {"KODE_KELUARGA": code, "NO_KK": card, "NO_KK__doubtful": False, "village_code": VILLAGE}


def night(run: Run, **tables: Rows) -> pd.DataFrame:
    reference = step.link(run, write_accepted(run, {"keluarga": [], **tables}))
    return pd.read_parquet(reference.path / "person_link.parquet").set_index("source_key")


def persons(frame: pd.DataFrame) -> list[set[str]]:
    return sorted((set(keys.index) for _, keys in frame.groupby("person_key")), key=min)


ALIF = person("MUHAMMAD ALIF", date(2019, 5, 14))
ALAN = person("MUHAMMAD ALAN", date(2019, 5, 14), serial=2)
BURHAN = person("BURHAN NASUTION", date(1961, 8, 2))
RUSDI = person("RUSDI NASUTION", date(1988, 11, 23))
RATNA = person("RATNA DEWI", date(1991, 2, 9), sex=2)


def test_twins_stay_two_although_their_numbers_are_missing(run: Run) -> None:
    frame = night(
        run,
        keluarga=[family("f", CARD)],
        anggota=[member(ALIF, "f", 1, **{"K.01": None}), member(ALAN, "f", 2, **{"K.01": None})],
        biodata_wni=[registered(ALIF, CARD), registered(ALAN, CARD)],
    )
    assert persons(frame) == [{ALIF["nik"], "f-1"}, {ALAN["nik"], "f-2"}]
    assert set(frame["match_rule"]) == {"model"}
    assert set(frame["model_version"]) != {None}


def test_namesakes_born_within_a_year_stay_two(run: Run) -> None:
    older = person("SITI AMINAH", date(1975, 3, 8), sex=2)
    younger = person("SITI AMINAH", date(1975, 9, 27), sex=2)
    frame = night(run, anggota=[member(older, "f", 1)], biodata_wni=[registered(younger, CARD)])
    assert len(persons(frame)) == 2


def test_father_and_son_of_one_name_stay_two(run: Run) -> None:
    son = person(BURHAN["name"], date(1988, 8, 2))
    frame = night(
        run,
        keluarga=[family("f", CARD)],
        anggota=[member(son, "f", 1, **{"K.01": None})],
        biodata_wni=[registered(BURHAN, CARD)],
    )
    assert len(persons(frame)) == 2


def test_swapped_numbers_of_spouses_are_swapped_back(run: Run) -> None:
    frame = night(
        run,
        keluarga=[family("f", CARD)],
        anggota=[member(RUSDI, "f", 1, **{"K.01": RATNA["nik"]}), member(RATNA, "f", 2, **{"K.01": RUSDI["nik"]})],
        biodata_wni=[registered(RUSDI, CARD), registered(RATNA, CARD)],
    )
    assert persons(frame) == [{RUSDI["nik"], "f-1"}, {RATNA["nik"], "f-2"}]


def test_another_members_number_links_no_stranger(run: Run) -> None:
    frame = night(
        run,
        keluarga=[family("f", CARD)],
        anggota=[member(ALIF, "f", 1, **{"K.01": BURHAN["nik"]})],
        biodata_wni=[registered(BURHAN, CARD)],
    )
    assert len(persons(frame)) == 2


def test_an_equal_number_and_birth_date_of_another_name_elsewhere_is_no_exact_link(run: Run) -> None:
    stranger = {**person("BONAR SITUMORANG", RUSDI["born"], village=OTHER_VILLAGE), "nik": RUSDI["nik"]}
    frame = night(run, anggota=[member(stranger, "f", 1)], biodata_wni=[registered(RUSDI, CARD)])
    assert len(persons(frame)) == 2


def test_a_married_woman_who_moved_is_found(run: Run) -> None:
    moved = {**RATNA, "village": OTHER_VILLAGE}
    frame = night(
        run,
        keluarga=[family("f", OTHER_CARD)],
        anggota=[member(moved, "f", 2, **{"K.02": "Ny. Ratna Dewi", "K.01": number(RATNA["born"], 2, 2)})],
        biodata_wni=[registered(RATNA, CARD)],
        peserta=[insured(RATNA, "c")],
    )
    assert {RATNA["nik"], "c"} in persons(frame) or len(persons(frame)) == 1


def test_a_newborn_under_its_mothers_name_is_found(run: Run) -> None:
    born = date(2026, 10, 3)
    alif = person("MUHAMMAD ALIF", born)
    frame = night(
        run,
        biodata_wni=[registered(alif, CARD, nama_lgkp_ibu=RATNA["name"], nik_ibu=RATNA["nik"])],
        peserta=[insured(alif, "c", nama="BAYI NY RATNA DEWI", nik=None)],
    )
    assert len(persons(frame)) == 1


@pytest.mark.parametrize("given", ["Muh. Alif", "H. MUHAMMAD ALIF", "MUHAMAD ALIF", "MUHAMMAD A."])
def test_a_name_written_otherwise_is_found_without_a_number(run: Run, given: str) -> None:
    surveyed = member(ALIF, "f", 1, **{"K.01": None, "K.02": given})
    frame = night(run, keluarga=[family("f", CARD)], anggota=[surveyed], biodata_wni=[registered(ALIF, CARD)])
    assert len(persons(frame)) == 1


def test_a_family_that_is_known_already_vouches_for_its_other_members(run: Run) -> None:
    """The cards differ, the boy's number is missing and his birth date unknown: his parents' links decide."""
    boy = person("ZULKIFLI", date(2012, 4, 5))
    surveyed = [member(RUSDI, "f", 1), member(RATNA, "f", 2), member(boy, "f", 3, **{"K.01": None, "K.04": None})]
    registry = [registered(who, CARD) for who in (RUSDI, RATNA, boy)]
    frame = night(run, keluarga=[family("f", OTHER_CARD)], anggota=surveyed, biodata_wni=registry)

    assert {boy["nik"], "f-3"} in persons(frame)
    assert frame.loc["f-3", "match_rule"] == "model_household"


def test_a_family_that_vouches_no_longer_is_heard_although_the_member_did_not_change(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    boy = person("ZULKIFLI", date(2012, 4, 5))
    registry = [*(registered(who, CARD) for who in (RUSDI, RATNA, boy)), *population(20)["biodata_wni"]]

    def load(as_of: date, *parents: dict[str, Any]) -> pd.DataFrame:
        surveyed = [member(who, "f", place) for place, who in enumerate(parents, start=1)]
        surveyed.append(member(boy, "f", 3, **{"K.01": None, "K.04": None}))
        tonight = Run(run_id="vouching", as_of=as_of, settings=run.settings)
        return night(tonight, keluarga=[family("f", OTHER_CARD)], anggota=surveyed, biodata_wni=registry)

    with caplog.at_level("INFO"):
        assert {boy["nik"], "f-3"} in persons(load(run.as_of, RUSDI, RATNA))
        strangers = person("BONAR", date(1970, 1, 30)), person("TIUR", date(1972, 7, 7), sex=2)
        assert {"f-3"} in persons(load(run.as_of + timedelta(days=1), *strangers))
        assert {boy["nik"], "f-3"} in persons(load(run.as_of + timedelta(days=2), RUSDI, RATNA))
    anew = [int(record.args[2]) for record in caplog.records if "compared anew" in str(record.msg) and record.args]  # type: ignore[arg-type,index]
    assert anew[0] == 26
    assert max(anew[1:]) < 13


def test_a_person_has_one_registry_record_and_one_place_in_a_family(run: Run) -> None:
    copied = {**RUSDI, "nik": number(RUSDI["born"], 2)}
    frame = night(
        run,
        anggota=[member(RUSDI, "f", 1), member(RUSDI, "f", 2)],
        biodata_wni=[registered(RUSDI, CARD), registered(copied, CARD)],
        peserta=[insured(RUSDI, "c1"), insured(RUSDI, "c2")],
    )
    assert frame["person_key"].nunique() >= 2
    for one, other in ((RUSDI["nik"], copied["nik"]), ("f-1", "f-2")):
        assert frame.loc[one, "person_key"] != frame.loc[other, "person_key"]
    assert frame.loc["c1", "person_key"] == frame.loc["c2", "person_key"]


@pytest.mark.parametrize(("verdict", "count"), [("same", 1), ("different", 2), ("unsure", 2)])
def test_a_stewards_decision_stands_above_rules_and_model(
    run: Run, monkeypatch: pytest.MonkeyPatch, verdict: Verdict, count: int
) -> None:
    tables: dict[str, Rows] = {
        "anggota": [member(RUSDI if verdict == "different" else BURHAN, "f", 1)],
        "biodata_wni": [registered(RUSDI, CARD)],
    }
    assert len(persons(night(run, **tables))) == (1 if verdict == "different" else 2)

    pair = Pair.of(Record(FAMILY_SURVEY, "f-1"), Record(CIVIL_REGISTRY, RUSDI["nik"]))
    decided = Decision(1, pair, verdict, "a steward", datetime(2026, 11, 1, tzinfo=UTC), "seen at the counter")
    monkeypatch.setattr(step, "decisions_for", lambda run: [decided])
    frame = night(run, **tables)
    assert len(persons(frame)) == count
    if verdict == "same":
        assert set(frame["match_rule"]) == {"steward"}


def population(size: int, changed: int = 0) -> dict[str, Rows]:
    """Members, registry and cards of `size` people with errors here and there; the first `changed` differ."""
    people = []
    for place in range(size):
        name = name_of(place + 40_000 if place < changed else place)
        people.append(person(name, date(1950, 1, 1) + timedelta(days=211 * place % 25_000), sex=1 + place % 2))
    surveyed = [
        member(who, f"f{place // 4}", 1 + place % 4, **({"K.01": None} if place % 5 == 0 else {}))
        for place, who in enumerate(people)
    ]
    return {
        "keluarga": [family(f"f{number}", f"21040101010{number:05d}") for number in range(size // 4 + 1)],
        "anggota": surveyed,
        "biodata_wni": [registered(who, f"21040101010{place // 4:05d}") for place, who in enumerate(people)],
        "peserta": [
            insured(who, f"c{place:04d}", **({"nik": None} if place % 7 == 0 else {}))
            for place, who in enumerate(people)
        ],
    }


def test_few_records_are_compared_anew(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        night(run, **population(60))
        tomorrow = Run(run_id="2", as_of=run.as_of + timedelta(days=1), settings=run.settings)
        night(tomorrow, **population(60, changed=1))
    anew = [int(record.args[2]) for record in caplog.records if "compared anew" in str(record.msg) and record.args]  # type: ignore[arg-type,index]
    assert anew[0] == 180
    assert 0 < anew[1] < 12


@pytest.mark.parametrize(
    "tables",
    [
        {"anggota": []},
        {"anggota": [member(RUSDI, "f", 1)]},
        {"anggota": [], "biodata_wni": [], "peserta": []},
        {"anggota": [{"KODE_KELUARGA": "f", "NO_URUT": 1, "K.02": "?"}], "biodata_wni": [{"nik": "x" * 16}]},
    ],
)
def test_nothing_to_compare_is_no_fault(run: Run, tables: dict[str, Rows]) -> None:
    frame = night(run, **tables)
    assert len(frame) == sum(map(len, tables.values()))
    assert set(frame["match_rule"]) <= {"single"}


def test_pairs_are_kept_by_their_keys_with_levels_and_weights(run: Run) -> None:
    night(run, anggota=[member(RUSDI, "f", 1, **{"K.01": None})], biodata_wni=[registered(RUSDI, CARD)])
    folder = run.settings.lake / "persons" / run.as_of.isoformat()
    (pair,) = pq.read_table(folder / "candidate_pair.parquet").to_pylist()

    assert (pair["left_source"], pair["left_key"]) == ("civil_registry", RUSDI["nik"])
    assert (pair["right_source"], pair["right_key"]) == ("family_survey", "f-1")
    assert pair["level_nik"] == -1 and pair["weight_nik"] == 0
    names = [each.name for each in read_definition().comparisons]
    assert [name for name in pair if name.startswith("level_")] == [f"level_{name}" for name in [*names, "household"]]
    assert pair["probability"] == pytest.approx(1 / (1 + 2 ** -pair["match_weight"]))


def probabilities(run: Run) -> dict[tuple[str, str], float]:
    folder = run.settings.lake / "persons" / run.as_of.isoformat()
    pairs = pq.read_table(folder / "candidate_pair.parquet").to_pylist()
    return {(pair["left_key"], pair["right_key"]): pair["probability"] for pair in pairs}


def test_two_namesakes_share_the_probability_that_only_one_can_have(run: Run) -> None:
    namesake = {**RUSDI, "nik": number(RUSDI["born"], serial=7)}
    frame = night(
        run,
        anggota=[member(RUSDI, "f", 1, **{"K.01": None})],
        biodata_wni=[registered(RUSDI, CARD), registered(namesake, OTHER_CARD)],
    )
    given = probabilities(run)
    assert [given[who["nik"], "f-1"] for who in (RUSDI, namesake)] == [pytest.approx(0.5, abs=1e-3)] * 2
    assert len(persons(frame)) == 3


def test_two_cards_of_one_person_are_no_rivals(run: Run) -> None:
    frame = night(
        run,
        anggota=[member(RUSDI, "f", 1, **{"K.01": None})],
        peserta=[insured(RUSDI, "c1"), insured(RUSDI, "c2")],
    )
    given = probabilities(run)
    assert min(given["f-1", card] for card in ("c1", "c2")) > 0.999
    assert len(persons(frame)) == 1


def test_training_needs_records_that_can_teach(settings: Settings, run: Run) -> None:
    with pytest.raises(ConfigurationError, match="no accepted records"):
        train_installation(settings)
    write_accepted(run, {"keluarga": [], "anggota": [member(RUSDI, "f", 1)]})
    with pytest.raises(ConfigurationError, match="cannot be trained on 1 records"):
        train_installation(settings)


def test_training_twice_gives_the_same_model_and_the_next_night_uses_it(settings: Settings, run: Run) -> None:
    tables = population(300)
    write_accepted(run, tables)
    first, path = train_installation(settings)
    second, _ = train_installation(settings)
    assert first.parameters == second.parameters

    frame = night(run, **{name: rows[:40] for name, rows in tables.items()})
    assert set(frame["model_version"].dropna()) == {first.version}
    assert duckdb.sql(f"select count(*) from read_json('{path}')").fetchall() == [(1,)]
