"""Persons whom one source holds more than once are needs to clean: by name for stewards, in numbers for analysts."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from kampungkb.settings import Settings
from tests.integration.linked_nights import FIRST, LinkedNights, card

pytestmark = pytest.mark.integration

NIK = "2104010101900001"
BORN = date(1990, 1, 1)
ONE, TWO, THREE = "0000000000001", "0000000000002", "0000000000003"
DABO, MEPAR = "2104011001", "2104022001"


@pytest.fixture
def nights(settings: Settings, warehouse_engine: Engine) -> LinkedNights:
    return LinkedNights(settings, warehouse_engine)


def member(family: str, number: int, village: str | None = DABO, name: str = "Siti Aminah") -> dict[str, Any]:
    facts = {"K.01": NIK, "K.02": name, "K.04": BORN, "K.01__doubtful": False, "village_code": village}
    return {"KODE_KELUARGA": family, "NO_URUT": number, **facts}


def active(number: str, **facts: Any) -> dict[str, Any]:
    return card(number, BORN, nik=NIK, **{"statusPeserta.kode": "0", "tglTMT": date(2020, 1, 1), **facts})


def duplicates(nights: LinkedNights) -> dict[str, str]:
    return dict(nights.rows("select source_key, kind from vault.duplicate_record"))  # type: ignore[arg-type]


def counts(nights: LinkedNights) -> list[tuple[Any, ...]]:
    return nights.rows("select village_code, source, kind, persons, records from mart.duplicate_count order by 1, 2, 3")


def test_a_person_surveyed_in_two_families_is_a_need_in_both_villages(nights: LinkedNights) -> None:
    nights.load(
        {"anggota": [member("f1", 1), member("f2", 3, MEPAR), member("f3", 1, name="Another") | {"K.01": None}]}
    )
    assert duplicates(nights) == {"f1-1": "surveyed_in_two_families", "f2-3": "surveyed_in_two_families"}
    assert counts(nights) == [
        (DABO, "family_survey", "surveyed_in_two_families", 1, 1),
        (MEPAR, "family_survey", "surveyed_in_two_families", 1, 1),
    ]
    [(name, nik, records)] = nights.rows("select distinct name, nik, records from vault.duplicate_record")
    assert (name, nik, records) == ("Siti Aminah", NIK, 2)


def test_two_cards_in_force_are_a_need_and_an_ended_one_is_not(nights: LinkedNights) -> None:
    nights.load({"peserta": [active(ONE), active(TWO, kodeDesa=None)]})
    assert duplicates(nights) == {ONE: "several_active_cards", TWO: "several_active_cards"}
    assert counts(nights) == [("unknown", "health_insurance", "several_active_cards", 1, 2)]

    ended = active(TWO, tglTAT=FIRST)
    future, cancelled = active(THREE, tglTMT=date(2030, 1, 1)), active("0000000000004", **{"statusPeserta.kode": "1"})
    nights.load({"peserta": [active(ONE), ended, future, cancelled]})
    assert duplicates(nights) == {} and counts(nights) == []


def test_a_card_that_ends_by_date_is_no_duplicate_the_day_after_though_nothing_changed(nights: LinkedNights) -> None:
    tables = {"peserta": [active(ONE), active(TWO, tglTAT=FIRST + timedelta(days=1))]}
    nights.load(tables)
    assert duplicates(nights) == {ONE: "several_active_cards", TWO: "several_active_cards"}
    nights.load(tables)
    assert duplicates(nights) == {} and counts(nights) == []


def test_one_record_in_each_source_is_no_duplicate(nights: LinkedNights) -> None:
    registered = {"nik": NIK, "nama_lgkp": "SITI AMINAH", "tgl_lhr": BORN}
    nights.load({"anggota": [member("f1", 1)], "biodata_wni": [registered], "peserta": [active(ONE)]})
    assert duplicates(nights) == {}
