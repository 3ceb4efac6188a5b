"""The civil registry's rules: known numbers of each fault come out as planted."""

import random

import pytest

from kampungkb.run import Run
from tests.integration.validation_landing import (
    DABO,
    DABO_LAMA,
    Outcome,
    Planted,
    good_card,
    good_person,
    land,
    run_in,
    run_validation,
)

LAST_CODE = {
    "jenis_klmin": 2, "akta_lhr": 2, "stat_kwn": 4, "akta_kwn": 2, "stat_hbkel": 11, "stat_hidup": 2, "flag_status": 1,
}  # fmt: skip


def plant_persons() -> Planted:
    faults = Planted(good_person)
    plant, person = faults.plant, good_person
    plant(person(1))
    plant(person(2, no_kel="1007"), village=DABO_LAMA)
    for broken in ("210401050380000", "21040105038000123", "2104010503800O01", None, " "):
        plant(person(3, nik=broken), rejects={"R01": "nik"})
    plant(person(4, nik=" 0000000000000004\t"))
    # R02: the latest instant stays; no instant is the oldest; offsets count.
    plant(person(10, tgl_ubah="2026-06-01T08:00:00"), rejects={"R02": "nik"})
    plant(person(10, tgl_ubah="2026-06-01T08:00:01"))
    plant(person(10, tgl_ubah="2026-06-01T00:59:59+00:00"), rejects={"R02": "nik"})
    plant(person(11, tgl_ubah=None), rejects={"R02": "nik"})
    plant(person(11, tgl_ubah="kapan-kapan"), rejects={"R02": "nik"})
    plant(person(11, tgl_ubah="01-01-2020 00:00:00"), counts=["R09"])
    # On a tie the row whose columns, joined in the contract's order, sort last by their UTF-8 bytes.
    plant(person(12, nama_lgkp="ANI"), rejects={"R02": "nik"})
    plant(person(12, nama_lgkp="ani"), rejects={"R02": "nik"})
    plant(person(12, nama_lgkp="Éni"))
    plant(person(13, tgl_lhr="1980-03-05", nama_lgkp="B"), rejects={"R02": "nik"})
    plant(person(13, tgl_lhr="06-03-1980", nama_lgkp="B"))
    # A row that another rule rejects does not compete.
    plant(person(14, tgl_ubah="2026-11-01T00:00:00", nama_lgkp=" "), rejects={"R03": "nama_lgkp"})
    plant(person(14))
    plant(person(15, nama_lgkp=None), rejects={"R03": "nama_lgkp"})
    plant(person(16, nama_lgkp="\u00a0\u2007"), rejects={"R03": "nama_lgkp"})
    for number, broken in enumerate(("2026-11-25", "1906-11-23", "30-02-1980", "29210", "#N/A"), start=20):
        plant(person(number, tgl_lhr=broken), nulls=[("R04", "tgl_lhr")])
    fine = ("1906-11-24", "2026-11-24", "05/03/1980", "05-03-1980", "1980-03-05 00:00:00", "1980-03-05T00:00:00.000")
    for number, day in enumerate(fine, start=30):
        plant(person(number, tgl_lhr=day))
    plant(person(38, tgl_lhr="2026-11-24T16:59:59Z"))
    plant(person(39, tgl_lhr="2026-11-24T17:00:00Z"), nulls=[("R04", "tgl_lhr")])  # tomorrow in Jakarta
    number = 40
    for column, last in LAST_CODE.items():
        for broken in (str(last + 1), "x", "-1"):
            plant(person(number, **{column: broken}), nulls=[("R05", column)])
            number += 1
        plant(person(number, **{column: f" 0{last}.0"}))
        blank = ["R08"] if column in ("jenis_klmin", "stat_kwn", "akta_lhr") else []
        plant(person(number + 1, **{column: ""}), counts=blank)
        number += 2
    plant(person(100, tgl_lhr=None), counts=["R08"])
    plant(person(101, no_kk="2104010101010009"), counts=["R06"])
    plant(person(102, no_kk=" 2104010101010001 "))
    plant(person(103, no_kk=None))
    plant(person(104, no_kel="9999"), counts=["R07"], village="unknown")
    plant(person(105, no_kec="satu"), counts=["R07"], village="unknown")
    plant(person(106, no_kel=None), village="unknown")
    plant(person(107, no_prop=21, no_kab="04", no_kec="1.0", no_kel=" 1001 "))
    plant(person(110, tgl_ubah="2021-11-23T23:59:59"), counts=["R09"])
    plant(person(111, tgl_ubah="2021-11-24T00:00:00"))
    plant(person(112, tgl_ubah="2021-11-23T17:00:00Z"))
    plant(
        person(120, nik="1", nama_lgkp="", tgl_lhr="x", jenis_klmin="9", no_kel="1007"),
        rejects={"R01": "nik", "R03": "nama_lgkp"}, nulls=[("R04", "tgl_lhr"), ("R05", "jenis_klmin")],
        village=DABO_LAMA,
    )  # fmt: skip
    return faults


@pytest.fixture(scope="module")
def module_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_in(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def persons() -> Planted:
    planted = plant_persons()
    for row in planted.rows:
        row["no_prop"] = str(row["no_prop"])
        row["tmpt_lhr"] = f"baris {row.pop('row_number')}"  # the registry numbers no rows; this tells them apart
    return planted


@pytest.fixture(scope="module")
def judged(module_run: Run, persons: Planted) -> Outcome:
    return run_validation(
        module_run, land(module_run, "civil_registry", biodata_wni=persons.rows, data_keluarga=[good_card()])
    )


def by_rule(quarantine: list[tuple[int, str, str, str]]) -> list[tuple[str, str, str]]:
    return sorted(entry[1:] for entry in quarantine)


def test_quarantine_holds_exactly_what_was_planted(judged: Outcome, persons: Planted) -> None:
    assert by_rule(judged.quarantine("biodata_wni")) == by_rule(persons.quarantine)


def test_failed_checks_are_what_was_planted_by_village(judged: Outcome, persons: Planted) -> None:
    assert judged.failed() == persons.failed


def test_the_rows_that_stay_are_the_ones_planted(judged: Outcome, persons: Planted) -> None:
    rejected = {number for number, _, action, _ in persons.quarantine if action == "row"}
    staying = {f"baris {number}" for number in range(4, 4 + len(persons.rows)) if number not in rejected}
    assert {row["tmpt_lhr"] for row in judged.dicts("biodata_wni")} == staying


def test_every_quarantined_source_row_has_its_own_key(judged: Outcome, persons: Planted) -> None:
    ((keys,),) = judged.rows("select count(distinct row_key) from quarantine")
    assert keys == len({number for number, *_ in persons.quarantine})


def test_checks_are_counted_a_row_or_a_cell(judged: Outcome, persons: Planted) -> None:
    rows = persons.rows
    assert judged.checked("R02") == judged.checked("R04") == judged.checked("R09") == len(rows)
    assert judged.checked("R05") == sum(bool((row[c] or "").strip()) for row in rows for c in LAST_CODE)
    assert judged.checked("R08") == 4 * len(rows)


def test_accepted_rows_are_typed(judged: Outcome) -> None:
    rows = {row["nik"]: row for row in judged.dicts("biodata_wni")}
    assert rows[f"{4:016d}"]["source_key"] == f"{4:016d}"
    assert rows[f"{32:016d}"]["tgl_lhr"].isoformat() == "1980-03-05"
    assert rows[f"{104:016d}"]["village_code"] == "2104019999"
    assert rows[f"{105:016d}"]["village_code"] is None
    assert rows[f"{107:016d}"]["village_code"] == DABO
    assert rows[f"{20:016d}"]["tgl_lhr"] is None
    ((moment,),) = judged.rows(f"select tgl_ubah from biodata_wni where nik = '{112:016d}'")
    assert moment.isoformat() == "2021-11-24T00:00:00+07:00"


def test_identical_rows_are_told_apart(module_run: Run) -> None:
    twins = [good_person(1, nik="1"), good_person(1, nik="1"), good_person(1, nik="1"), *[good_person(5)] * 3]
    for row in twins:
        row.pop("row_number", None)
    snapshot = land(module_run, "civil_registry", biodata_wni=[dict(row) for row in twins], data_keluarga=[good_card()])
    outcome = run_validation(module_run, snapshot)
    assert outcome.result.rejected["biodata_wni"] == 5
    assert outcome.result.accepted["biodata_wni"] == 1
    assert outcome.rows("select count(distinct row_key) from quarantine") == [(5,)]


def test_order_of_landed_rows_changes_nothing(module_run: Run, persons: Planted) -> None:
    def judged_in(order: int) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
        rows = [dict(row) for row in persons.rows]
        random.Random(order).shuffle(rows)
        for row in rows:
            row.pop("row_number", None)
        snapshot = land(module_run, "civil_registry", biodata_wni=rows, data_keluarga=[good_card()])
        outcome = run_validation(module_run, snapshot)
        return (
            outcome.rows("select * from quarantine order by all"),
            outcome.rows("select * from biodata_wni order by source_key"),
        )

    assert judged_in(1) == judged_in(2)
