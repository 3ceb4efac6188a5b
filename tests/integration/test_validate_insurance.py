"""The health insurance's rules: known numbers of each fault come out as planted."""

import pytest

from kampungkb.run import Run
from tests.integration.validation_landing import (
    DABO_LAMA,
    Outcome,
    Planted,
    good_entry,
    land,
    run_in,
    run_validation,
)


def plant_entries() -> Planted:
    faults = Planted(good_entry)
    plant, entry = faults.plant, good_entry
    plant(entry(1))
    for broken in ("000123456789", "00012345678901", "000123456789A", None, ""):
        plant(entry(2, noKartu=broken), rejects={"J01": "noKartu"})
    # J02: the latest instant stays, whatever offset it is written with; none is the oldest.
    plant(entry(10, updatedAt="2026-06-01T08:00:00+07:00"), rejects={"J02": "noKartu"})
    plant(entry(10, updatedAt="2026-06-01T02:00:00Z"))
    plant(entry(11, updatedAt=None), rejects={"J02": "noKartu"})
    plant(entry(11, updatedAt="2026-06-01"))
    plant(entry(12, nama="A"), rejects={"J02": "noKartu"})
    plant(entry(12, nama="B"))
    plant(
        entry(13, nama="Z", updatedAt="2026-10-01T00:00:00Z", noKartu="0000000000013", sex="X"), nulls=[("J05", "sex")]
    )
    plant(entry(13), rejects={"J02": "noKartu"})
    for broken in (None, "\u00a0"):
        plant(entry(20, nama=broken), rejects={"J03": "nama"})
    for number, broken in enumerate(("123", "21040105038000AB"), start=30):
        plant(entry(number, nik=broken), nulls=[("J04", "nik")])
    number = 40
    for broken in ("l", "Laki-laki", "1"):
        plant(entry(number, sex=broken), nulls=[("J05", "sex")])
        number += 1
    for column in ("tglLahir", "tglTMT", "tglTAT"):
        for broken in ("05-03-1980", "1980-02-30", "1980-03-05T00:00:00", "0000-00-00"):
            plant(entry(number, **{column: broken}), nulls=[("J05", column)])
            number += 1
    for broken in ("kemarin", "01-06-2026", "2026-06-01T25:00:00Z", "1780272000"):
        plant(entry(number, updatedAt=broken), nulls=[("J05", "updatedAt")])
        number += 1
    plant(entry(number, sex="x", tglLahir="x", tglTMT="x", tglTAT="x", updatedAt="x"), nulls=[
        ("J05", column) for column in ("sex", "tglLahir", "tglTMT", "tglTAT", "updatedAt")
    ])  # fmt: skip
    plant(entry(100, tglTMT="2031-01-01"), nulls=[("J06", "tglTMT"), ("J06", "tglTAT")])
    plant(entry(101, tglTMT="2030-01-01"))
    plant(entry(102, tglTMT="2031-01-01", tglTAT=None))
    plant(entry(103, tglTMT="2031-01-01", tglTAT="tidak ada"), nulls=[("J05", "tglTAT")])
    plant(entry(110, kodeDesa="9999999999"), counts=["J07"], village="unknown")
    plant(entry(111, kodeDesa="21.04.01.1001"), counts=["J07"], village="unknown")
    plant(entry(112, kodeDesa=None), counts=["J08"], village="unknown")
    plant(entry(113, nik=" "), counts=["J08"])
    plant(entry(114, tglLahir=""), counts=["J08"])
    plant(entry(115, updatedAt="2025-11-23T23:59:59+07:00"), counts=["J09"])
    plant(entry(116, updatedAt="2025-11-23T17:00:00Z"))
    plant(entry(117, updatedAt="2025-11-24T00:00:00.123456+07:00"))
    plant(
        entry(120, noKartu="1", nama="", nik="2", kodeDesa=DABO_LAMA),
        rejects={"J01": "noKartu", "J03": "nama"}, nulls=[("J04", "nik")], village=DABO_LAMA,
    )  # fmt: skip
    return faults


@pytest.fixture(scope="module")
def module_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_in(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def entries() -> Planted:
    planted = plant_entries()
    for row in planted.rows:
        row["provUmum.nmProvider"] = f"baris {row.pop('row_number')}"
    return planted


@pytest.fixture(scope="module")
def judged(module_run: Run, entries: Planted) -> Outcome:
    return run_validation(module_run, land(module_run, "health_insurance", peserta=entries.rows))


def test_quarantine_holds_exactly_what_was_planted(judged: Outcome, entries: Planted) -> None:
    assert sorted(row[1:] for row in judged.quarantine("peserta")) == sorted(row[1:] for row in entries.quarantine)


def test_failed_checks_are_what_was_planted_by_village(judged: Outcome, entries: Planted) -> None:
    assert judged.failed() == entries.failed


def test_the_entries_that_stay_are_the_ones_planted(judged: Outcome, entries: Planted) -> None:
    rejected = {number for number, _, action, _ in entries.quarantine if action == "row"}
    staying = {f"baris {number}" for number in range(4, 4 + len(entries.rows)) if number not in rejected}
    assert {row["provUmum.nmProvider"] for row in judged.dicts("peserta")} == staying


def test_a_period_that_ends_before_it_begins_loses_both_dates(judged: Outcome) -> None:
    rows = {row["noKartu"]: row for row in judged.dicts("peserta")}
    assert (rows[f"{100:013d}"]["tglTMT"], rows[f"{100:013d}"]["tglTAT"]) == (None, None)
    assert rows[f"{103:013d}"]["tglTMT"].isoformat() == "2031-01-01"


def test_nulled_counts_values_and_rejected_counts_rows(judged: Outcome, entries: Planted) -> None:
    values = [entry for entry in entries.quarantine if entry[2] == "value"]
    assert judged.result.nulled["peserta"] == len(values)
    assert judged.result.rejected["peserta"] == len(
        {row for row, _, action, _ in entries.quarantine if action == "row"}
    )


def test_an_unknown_village_is_kept_as_written(judged: Outcome) -> None:
    rows = {row["noKartu"]: row for row in judged.dicts("peserta")}
    assert rows[f"{110:013d}"]["village_code"] == "9999999999"
    assert rows[f"{112:013d}"]["village_code"] is None


def test_every_quarantined_source_row_has_its_own_key(judged: Outcome, entries: Planted) -> None:
    ((keys,),) = judged.rows("select count(distinct row_key) from quarantine")
    assert keys == len({number for number, *_ in entries.quarantine})
