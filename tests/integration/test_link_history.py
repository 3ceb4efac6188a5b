"""Every change of the crosswalk is told in `vault.person_link_history`, and keys given up in `vault.person_alias`."""

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.refs import Linked
from kampungkb.settings import Settings
from tests.integration.linked_nights import FIRST, LinkedNights, card

pytestmark = pytest.mark.integration

A, B, C, D = "0000000000001", "0000000000002", "0000000000003", "0000000000004"
ONE, TWO, THREE = date(1990, 1, 1), date(1991, 2, 2), date(1992, 3, 3)


@pytest.fixture
def nights(settings: Settings, warehouse_engine: Engine, warehouse_connection: Connection) -> LinkedNights:
    return LinkedNights(settings, warehouse_engine, {WAREHOUSE: warehouse_connection})


def cards(*rows: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {"peserta": list(rows)}


def key(nights: LinkedNights, number: str) -> str:
    return nights.keys()["health_insurance", number]


def crosswalk(linked: Linked) -> list[dict[str, Any]]:
    rows = pq.read_table(linked.path / "person_link.parquet")
    return list(rows.sort_by([("source", "ascending"), ("source_key", "ascending")]).to_pylist())


def alias(nights: LinkedNights) -> dict[str, tuple[str, date]]:
    found = nights.rows("select old_key, person_key, since from vault.person_alias")
    return {old: (person, since) for old, person, since in found}


def test_records_appear_vanish_and_return(nights: LinkedNights) -> None:
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B")))
    nights.load(cards(card(A, ONE, "A")))
    nights.load(cards(card(A, ONE, "A")))
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B")))

    assert [nights.events(night) for night in (1, 2, 3, 4)] == [
        {A: "appeared", B: "appeared"},
        {B: "vanished"},
        {},
        {B: "returned"},
    ]


def test_a_record_that_joins_a_person_changes_the_rule_of_the_other(nights: LinkedNights) -> None:
    nights.load(cards(card(A, ONE, "A")))
    nights.load(cards(card(A, ONE, "A"), card(B, ONE, "B")))

    assert nights.events(2) == {A: "linked", B: "appeared"}
    told = nights.rows(
        "select match_rule, match_probability, old_person_key = person_key from vault.person_link_history"
        " where event = 'linked'"
    )
    assert told == [("exact_nik_birth_date", 1.0, True)]


def test_a_merge_is_told_and_leaves_an_alias_of_the_younger_key(nights: LinkedNights) -> None:
    nights.load(cards(card(A, ONE, "A")))
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B"), card(C, TWO, "C")))
    old, younger = key(nights, A), key(nights, B)
    nights.load(cards(card(A, ONE, "A"), card(B, ONE, "B"), card(C, ONE, "C")))

    assert nights.events(3) == {A: "linked", B: "merged", C: "merged"}
    assert alias(nights) == {younger: (old, FIRST + timedelta(days=3))}


def test_an_alias_follows_its_records_through_further_merges_and_splits(nights: LinkedNights) -> None:
    nights.load(cards(card(A, ONE, "A")))
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B")))
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B"), card(C, THREE, "C")))
    first, second, third = (key(nights, record) for record in (A, B, C))
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B"), card(C, TWO, "C")))
    nights.load(cards(card(A, ONE, "A"), card(B, ONE, "B"), card(C, ONE, "C")))
    assert {old: person for old, (person, _) in alias(nights).items()} == {second: first, third: first}

    nights.load(cards(card(A, ONE, "A"), card(B, ONE, "B"), card(C, THREE, "C")))
    assert nights.events(6) == {C: "split"}
    assert {old: person for old, (person, _) in alias(nights).items()} == {second: first, third: key(nights, C)}


def test_a_split_and_a_move_are_told(nights: LinkedNights) -> None:
    nights.load(cards(card(A, ONE, "A"), card(B, ONE, "B"), card(C, TWO, "C"), card(D, TWO, "D")))
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B"), card(C, TWO, "C"), card(D, THREE, "D")))

    assert nights.events(2) == {A: "linked", B: "moved", D: "split"}


def versions(nights: LinkedNights) -> list[tuple[Any, ...]]:
    return nights.rows("select xmin::text, h::text from vault.person_link_history h order by 2")


def test_the_same_night_again_touches_no_row_and_a_corrected_one_replaces_its_own(nights: LinkedNights) -> None:
    nights.load(cards(card(A, ONE, "A")))
    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B")))
    nights.load(cards(card(A, ONE, "A"), card(B, ONE, "B")))
    assert nights.events(3) == {A: "linked", B: "merged"}
    before = versions(nights)
    nights.load(cards(card(A, ONE, "A"), card(B, ONE, "B")), night=3, run_id="again")
    assert versions(nights) == before

    nights.load(cards(card(A, ONE, "A"), card(B, TWO, "B"), card(C, TWO, "C")), night=3, run_id="corrected")
    assert nights.events(3) == {B: "linked", C: "appeared"}
    runs = nights.rows("select run_id, count(*) from vault.person_link_history group by 1 order by 1")
    assert runs == [("corrected", 2), ("night-1", 1), ("night-2", 1)]
    assert alias(nights) == {}


class Village:
    """Persons known to three sources, whose records change as life and offices change them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.people: list[dict[str, Any]] = []
        for _ in range(40):
            self.birth()

    def birth(self) -> None:
        number = len(self.people) + 1
        born = date(1950, 1, 1) + timedelta(days=self.dice.randrange(26_000))
        self.people.append(
            {
                "nik": f"2104{number:012d}",
                "name": f"NAMA {number}",
                "born": born,
                "family": f"{self.dice.randrange(12):018d}",
                "order": number,
                "card": f"{number:013d}",
                "surveyed": self.dice.random() < 0.9,
                "registered": self.dice.random() < 0.9,
                "insured": self.dice.random() < 0.8,
                "survey_nik": f"2104{number:012d}",
            }
        )

    def death(self) -> None:
        person = self.dice.choice(self.people)
        person["surveyed"] = person["registered"] = person["insured"] = False

    def move(self) -> None:
        self.dice.choice(self.people)["family"] = f"{self.dice.randrange(12):018d}"

    def marriage(self) -> None:
        person = self.dice.choice(self.people)
        person["family"], person["name"] = f"{self.dice.randrange(12):018d}", f"NY {person['name']}"

    def corrected_nik(self) -> None:
        person = self.dice.choice(self.people)
        person["nik"] = person["survey_nik"] = f"2105{self.dice.randrange(10**12):012d}"

    def mistyped_nik(self) -> None:
        """The surveyor writes the NIK of another person, sometimes with that person's birth date: a wrong link."""
        person, other = self.dice.sample(self.people, 2)
        person["survey_nik"] = other["nik"]
        if self.dice.random() < 0.5:
            person["born"] = other["born"]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "anggota": [
                {
                    **{"KODE_KELUARGA": p["family"], "NO_URUT": p["order"], "K.01": p["survey_nik"]},
                    **{"K.02": p["name"], "K.04": p["born"], "K.01__doubtful": False},
                }
                for p in self.people
                if p["surveyed"]
            ],
            "biodata_wni": [
                {"nik": p["nik"], "nama_lgkp": p["name"], "tgl_lhr": p["born"]} for p in self.people if p["registered"]
            ],
            "peserta": [
                {"noKartu": p["card"], "nik": p["nik"], "nama": p["name"], "tglLahir": p["born"]}
                for p in self.people
                if p["insured"]
            ],
        }


def test_over_ten_nights_of_life_no_key_changes_without_a_recorded_reason(nights: LinkedNights) -> None:
    village = Village(seed=1)
    happenings: list[Callable[[], None]] = [
        *(village.birth, village.death, village.move, village.marriage, village.corrected_nik, village.mistyped_nik)
    ]
    before: dict[tuple[str, str], str] = {}
    for night in range(1, 11):
        for happening in happenings:
            happening()
        tables = village.tables()
        first = nights.load(tables)
        after = nights.keys()
        events = {
            (source, source_key): event
            for source, source_key, event in nights.rows(
                "select source, source_key, event from vault.person_link_history where as_of = :as_of",
                as_of=FIRST + timedelta(days=night),
            )
        }
        changed = {record for record in before.keys() & after.keys() if before[record] != after[record]}
        assert {record for record, event in events.items() if event in ("merged", "split", "moved")} == changed
        assert {record for record, event in events.items() if event == "vanished"} == before.keys() - after.keys()
        assert nights.replayed() == after
        before = after
        if night % 5:
            continue
        written = crosswalk(first)
        again = nights.load(tables, night=night, run_id="again")
        assert crosswalk(again) == written
        assert nights.keys() == after
    told = {event for (event,) in nights.rows("select distinct event from vault.person_link_history")}
    assert {"appeared", "vanished", "linked", "merged"} <= told
    assert not nights.rows("select * from vault.person_link_history where run_id = 'again'")
