"""Exact linkage: which records are one person, and by which rule."""

import random
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import pytest

from kampungkb.errors import ReconciliationError
from kampungkb.linkage import link
from kampungkb.pseudonym import pseudonym
from kampungkb.refs import Linked
from kampungkb.run import Run
from tests.oracle.accepted import Rows, write_accepted
from tests.oracle.names import name_of

pytestmark = pytest.mark.integration

NIK = "2104010101900001"
OTHER_NIK = "2104010202910002"
BORN = date(1990, 1, 1)


def member(family: str = "f", number: int = 1, **facts: Any) -> dict[str, Any]:
    own = {"K.01": NIK, "K.02": "Siti Aminah", "K.04": BORN, "K.01__doubtful": False}
    return {"KODE_KELUARGA": family, "NO_URUT": number, **own, **facts}


def registered(nik: str = NIK, **facts: Any) -> dict[str, Any]:
    return {"nik": nik, "nama_lgkp": "SITI AMINAH", "tgl_lhr": BORN, **facts}


def card(number: str = "c1", **facts: Any) -> dict[str, Any]:
    return {"noKartu": number, "nik": NIK, "nama": "SITI AMINAH", "tglLahir": BORN, **facts}


def linked(run: Run, **tables: Rows) -> tuple[Linked, pd.DataFrame]:
    """The reference and the crosswalk of the given rows, by source record."""
    reference = link(run, write_accepted(run, {"keluarga": [], **tables}))
    frame = pd.read_parquet(reference.path / "person_link.parquet")
    return reference, frame.set_index(["source", "source_key"])


def rules(frame: pd.DataFrame) -> list[str]:
    return sorted(frame["match_rule"])


@pytest.mark.parametrize(
    ("survey", "registry", "rule"),
    [
        ({}, {}, "exact_nik_birth_date"),
        ({"K.02": "Aminah"}, {}, "exact_nik_birth_date"),
        ({"K.04": date(1991, 1, 1)}, {}, "exact_nik_name"),
        ({"K.04": None}, {}, "exact_nik_name"),
        ({"K.04": None, "K.02": "  siti \t  AMINAH "}, {}, "exact_nik_name"),
        ({"K.02": "Rusdi", "K.04": date(1965, 7, 9)}, {}, "single"),
        ({"K.02": "Rusdi", "K.04": None}, {"tgl_lhr": None}, "single"),
        ({"K.01": None, "K.04": None}, {}, "single"),
        ({"K.01": OTHER_NIK, "K.04": None}, {}, "single"),
        ({"K.01__doubtful": True, "K.04": None}, {}, "single"),
        ({"K.01__doubtful": None}, {}, "exact_nik_birth_date"),
    ],
)
def test_the_same_nik_needs_an_agreeing_birth_date_or_name(
    run: Run, survey: Mapping[str, Any], registry: Mapping[str, Any], rule: str
) -> None:
    _, frame = linked(run, anggota=[member(**survey)], biodata_wni=[registered(**registry)])

    assert rules(frame) == [rule, rule]
    assert frame["person_key"].nunique() == (2 if rule == "single" else 1)
    assert list(frame["match_probability"].dropna()) == ([] if rule == "single" else [1.0, 1.0])


def test_records_of_one_source_are_linked_too(run: Run) -> None:
    reference, frame = linked(
        run,
        anggota=[member("f1"), member("f2", 3)],
        peserta=[card("c1"), card("c2"), card("c3", nik=None, tglLahir=None)],
    )

    assert frame["person_key"].nunique() == 2
    assert reference.records == {"family_survey": 2, "health_insurance": 3}
    assert reference.linked == {"family_survey": 2, "health_insurance": 2}
    assert reference.persons == 2


def test_a_person_known_to_one_source_only_does_not_count_as_linked(run: Run) -> None:
    reference, _ = linked(run, anggota=[member("f1"), member("f2")], biodata_wni=[registered(OTHER_NIK)])

    assert reference.linked == {"family_survey": 0, "civil_registry": 0}
    assert reference.persons == 2


def test_links_reach_through_a_third_record(run: Run) -> None:
    _, frame = linked(
        run,
        anggota=[member(**{"K.02": "Aminah"})],
        biodata_wni=[registered()],
        peserta=[card(tglLahir=None)],
    )

    assert frame["person_key"].nunique() == 1
    assert frame.loc[("health_insurance", "c1"), "match_rule"] == "exact_nik_name"
    assert frame.loc[("family_survey", "f-1"), "match_rule"] == "exact_nik_birth_date"


def test_a_number_shared_by_thousands_of_strangers_links_nobody(run: Run) -> None:
    strangers = [
        member(f"f{number}", **{"K.02": name_of(number), "K.04": date.fromordinal(690_000 + number)})
        for number in range(1, 8001)
    ]
    reference, frame = linked(run, anggota=strangers)

    assert reference.persons == 8000
    assert set(rules(frame)) == {"single"}


def test_a_long_chain_of_agreements_is_one_person(run: Run) -> None:
    numbers = list(range(1, 1001))
    random.Random(1).shuffle(numbers)
    chain = [  # each shares its birth date with one neighbour and its name with the other
        member(f"f{number}", **{"K.02": name_of((place + 1) // 2), "K.04": date.fromordinal(690_000 + place // 2)})
        for place, number in enumerate(numbers)
    ]
    reference, _ = linked(run, anggota=chain)

    assert reference.persons == 1


@pytest.mark.parametrize("seed", range(3))
def test_persons_are_the_connected_components_of_the_rules(run: Run, seed: int) -> None:
    dice = random.Random(seed)
    facts = [
        (
            dice.choice(["1", "2", "3"]) * 16,
            dice.choice([None, *range(6)]),
            dice.choice(["RUSDI", "rusdi ", "HALIMAH", "ZULKIFLI", "BONAR", "MEGAWATI"]),
        )
        for _ in range(120)
    ]
    members = [
        member(f"f{number}", **{"K.01": nik, "K.04": None if day is None else date(1940 + 7 * day, 3, 9), "K.02": name})
        for number, (nik, day, name) in enumerate(facts)
    ]
    _, frame = linked(run, anggota=members)

    person = list(range(len(facts)))
    for _ in facts:  # plain propagation over all pairs, until nothing can change any more
        for one, (nik, day, name) in enumerate(facts):
            for two, (other_nik, other_day, other_name) in enumerate(facts):
                same_name = name.strip().upper() == other_name.strip().upper()
                if nik == other_nik and ((day is not None and day == other_day) or same_name):
                    person[one] = person[two] = min(person[one], person[two])
    keys = [frame.loc[("family_survey", f"f{number}-1"), "person_key"] for number in range(len(facts))]
    assert len(set(keys)) == len(set(person)) == len(set(zip(keys, person, strict=True)))


def test_a_family_key_is_the_pseudonym_of_its_code(run: Run) -> None:
    reference, _ = linked(run, keluarga=[{"KODE_KELUARGA": "210401000000000001"}])
    families = pd.read_parquet(reference.path / "family_link.parquet")

    key = pseudonym((run.pseudonym_key,), "family", "210401000000000001")
    assert families.to_dict("records") == [{"source_key": "210401000000000001", "family_key": key}]


def test_a_lost_record_stops_the_run(run: Run) -> None:
    validated = write_accepted(run, {"keluarga": [], "anggota": [member()]})
    wrong = [validated[0].model_copy(update={"accepted": {"keluarga": 0, "anggota": 2}})]

    with pytest.raises(ReconciliationError, match="family_survey: 2 person records were accepted and 1 stand"):
        link(run, wrong)
    assert not (run.settings.lake / "persons" / run.as_of.isoformat()).exists()


def test_nothing_personal_is_logged(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        linked(run, anggota=[member()], biodata_wni=[registered()])

    assert "linked 2 person records to 1 persons" in caplog.text
    assert NIK not in caplog.text
    assert "AMINAH" not in caplog.text.upper()
