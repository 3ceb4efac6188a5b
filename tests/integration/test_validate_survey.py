"""The family survey's rules: known numbers of each fault come out as planted, by rule, row, column and village."""

import random
from pathlib import Path
from typing import Any

import pytest

from kampungkb.run import Run
from kampungkb.validation.staging import FEW
from tests.integration.validation_landing import (
    DABO,
    DABO_LAMA,
    Outcome,
    Planted,
    Row,
    family_code,
    good_family,
    good_member,
    land,
    run_in,
    run_validation,
)

CODED = [f"P.{n:02d}" for n in (1, 4, 5, 6, 7, 8, 9, 11, 12, 13)]
WITH_NOT_APPLICABLE = ["P.02", "P.03A", "P.03B", "P.03C", "P.03D", "P.10", *(f"P.{n}" for n in range(14, 19))]
LAST_CODE = {"P.19": 6, "P.20": 5, "P.21": 6, "P.22": 3, "P.23": 5, "P.24": 4, "P.25": 4, "P.26": 2}
OPTIONAL = [f"P.{n}" for n in range(14, 19)]
MEMBER_LAST_CODE = {"K.07": 4, "K.09": 2, "K.12": 7, "K.13": 10, "K.14": 12, "K.15": 4}


def plant_families() -> Planted:
    faults = Planted(good_family)
    plant, family = faults.plant, good_family
    plant(family(1))
    plant(family(2, KODE_DESA=DABO_LAMA), village=DABO_LAMA)
    for broken in ("12345", "21040110012026000A", "2104011001202600011", None, " \u00a0\t"):
        plant(family(3, KODE_KELUARGA=broken), rejects={"F01": "KODE_KELUARGA"})
    plant(family(4, KODE_KELUARGA__cell="number"), rejects={"F01": "KODE_KELUARGA"})
    # F02: the latest date stays, then the last file, then the last row.
    plant(family(10, TGL_PENDATAAN="2026-01-05"), rejects={"F02": "KODE_KELUARGA"})
    plant(family(10, TGL_PENDATAAN="06-01-2026"))
    plant(family(10, TGL_PENDATAAN="04/01/2026"), rejects={"F02": "KODE_KELUARGA"})
    plant(family(11, file="b.xlsx"))
    plant(family(11, file="a.xlsx"), rejects={"F02": "KODE_KELUARGA"})
    plant(family(12), rejects={"F02": "KODE_KELUARGA"})
    plant(family(12))
    # A row that another rule rejects does not compete for its key.
    plant(
        family(13, TGL_PENDATAAN="2026-11-01", KODE_DESA="9999999999"), rejects={"F04": "KODE_DESA"}, village="unknown"
    )
    plant(family(13, TGL_PENDATAAN="2026-01-01"))
    for broken in ("123", "210401100120000A", "#N/A"):
        plant(family(20, NO_KK=broken, KODE_KELUARGA=family_code(100 + len(faults.rows))), nulls=[("F03", "NO_KK")])
    plant(family(21, NO_KK__cell="number"), counts=["F08"])
    plant(family(22, NO_KK__cell="number", NO_KK="210401"), nulls=[("F03", "NO_KK")])
    for broken in (None, "  ", "2104011", "21.04.01.1001", "DABO"):
        plant(family(23, KODE_DESA=broken), rejects={"F04": "KODE_DESA"}, village="unknown")
    for broken in (None, "", "45000", "01-06-26", "31-02-2026", "2014-12-31", "2026-11-25", "1/6/2026"):
        old = ["F09"] if broken == "2014-12-31" else []
        plant(family(24, TGL_PENDATAAN=broken), rejects={"F05": "TGL_PENDATAAN"}, counts=old)
    for number, day in enumerate(("2015-01-01", "2025-11-23", "2025-11-24", "2026-11-24"), start=30):
        plant(family(number, TGL_PENDATAAN=day), counts=["F09"] if day < "2025-11-24" else [])
    for column in [*CODED, *WITH_NOT_APPLICABLE, *LAST_CODE]:
        last = LAST_CODE.get(column, 3 if column in WITH_NOT_APPLICABLE else 2)
        for broken in (str(last + 1), "0", "bukan kode", "1.5"):
            number = 200 + len(faults.rows)
            plant(family(number, **{column: broken}), nulls=[("F06", column)])
        for fine in (str(last), f" 0{last} ", f"{last}.0"):
            plant(family(200 + len(faults.rows), **{column: fine}))
        blank = [] if column in OPTIONAL else ["F07"]
        for empty in (None, "", "\u2003\n"):
            plant(family(200 + len(faults.rows), **{column: empty}), counts=blank)
    plant(family(900, **{"P.01": "YA", "P.02": "tidak BERLAKU", "P.03A": " Tidak\u00a0"}, NO_KK=None), counts=["F07"])
    # Several rules at once, in another village: each is recorded; values of rejected rows are not.
    plant(
        family(901, KODE_KELUARGA="x", KODE_DESA=DABO_LAMA, TGL_PENDATAAN="kemarin", NO_KK="1", **{"P.01": "9"}),
        rejects={"F01": "KODE_KELUARGA", "F05": "TGL_PENDATAAN"}, nulls=[("F03", "NO_KK"), ("F06", "P.01")],
        village=DABO_LAMA,
    )  # fmt: skip
    plant(
        family(902, KODE_DESA=DABO_LAMA, NO_KK="1", **{"P.01": "9", "P.19": "#N/A", "P.26": ""}),
        nulls=[("F03", "NO_KK"), ("F06", "P.01"), ("F06", "P.19")], counts=["F07"], village=DABO_LAMA,
    )  # fmt: skip
    return faults


@pytest.fixture(scope="module")
def module_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_in(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def families() -> Planted:
    return plant_families()


@pytest.fixture(scope="module")
def judged_families(module_run: Run, families: Planted) -> Outcome:
    rows = [dict(row) for row in families.rows]
    members = [
        good_member(0, file=row["file"], KODE_KELUARGA=row["KODE_KELUARGA"], row_number=row["row_number"])
        for row in rows
        if row["KODE_KELUARGA"]
    ]
    return run_validation(module_run, land(module_run, "family_survey", keluarga=rows, anggota=members))


class TestFamilies:
    def test_quarantine_holds_exactly_what_was_planted(self, judged_families: Outcome, families: Planted) -> None:
        assert judged_families.quarantine("keluarga") == sorted(families.quarantine)

    def test_failed_checks_are_what_was_planted_by_village(self, judged_families: Outcome, families: Planted) -> None:
        of_families = {key: n for key, n in judged_families.failed().items() if key[0].startswith("F")}
        assert of_families == families.failed

    def test_counts_are_distinct_rows_and_single_values(self, judged_families: Outcome, families: Planted) -> None:
        result = judged_families.result
        rejected = {row for row, _, action, _ in families.quarantine if action == "row"}
        assert result.read["keluarga"] == len(families.rows)
        assert result.rejected["keluarga"] == len(rejected)
        assert result.accepted["keluarga"] == len(families.rows) - len(rejected)
        assert result.nulled["keluarga"] == sum(action == "value" for _, _, action, _ in families.quarantine)

    def test_every_quarantined_source_row_has_its_own_key(self, judged_families: Outcome) -> None:
        rows, keys = judged_families.rows(
            "select count(distinct (source_table, file, sheet, row_number)), count(distinct row_key) from quarantine"
        )[0]
        assert rows == keys

    def test_accepted_rows_are_typed_and_lack_only_nulled_values(self, judged_families: Outcome) -> None:
        rows = {row["KODE_KELUARGA"]: row for row in judged_families.dicts("keluarga")}
        row = rows[family_code(902)]
        assert (row["NO_KK"], row["P.01"], row["P.19"], row["P.26"], row["P.02"]) == (None, None, None, None, 1)
        assert (row["source_key"], row["village_code"]) == (family_code(902), DABO_LAMA)
        labelled = rows[family_code(900)]
        assert (labelled["P.01"], labelled["P.02"], labelled["P.03A"]) == (1, 3, 2)
        assert rows[family_code(10)]["TGL_PENDATAAN"].isoformat() == "2026-01-06"
        assert rows[family_code(11)]["file"] == "b.xlsx"
        assert rows[family_code(21)]["NO_KK__doubtful"] is True
        assert rows[family_code(22)]["NO_KK__doubtful"] is False
        assert "KODE_KELUARGA__cell" not in row

    def test_checks_count_cells_rows_and_blanks_as_the_score_needs(
        self, judged_families: Outcome, families: Planted
    ) -> None:
        rows = families.rows
        answers = [*CODED, *WITH_NOT_APPLICABLE, *LAST_CODE]
        assert judged_families.checked("F01") == judged_families.checked("F02") == len(rows)
        assert judged_families.checked("F06") == sum(bool((row[c] or "").strip()) for row in rows for c in answers)
        assert judged_families.checked("F07") == len(rows) * (1 + len(answers) - len(OPTIONAL))
        assert judged_families.checked("F08") == judged_families.checked("F09") == len(rows)

    def test_reasons_say_what_is_wrong_in_both_languages_and_no_value(self, judged_families: Outcome) -> None:
        reasons = {reason for (reason,) in judged_families.rows("select distinct reason from quarantine")}
        assert all(" / " in reason for reason in reasons)
        assert not [reason for reason in reasons if "bukan kode" in reason and "#N/A" in reason]
        assert not [reason for reason in reasons if family_code(902) in reason]

    def test_order_of_landed_rows_changes_nothing(
        self, module_run: Run, judged_families: Outcome, families: Planted
    ) -> None:
        before = (
            judged_families.rows("select * from quarantine order by all"),
            judged_families.rows("select * from keluarga order by source_key"),
        )
        rows = [dict(row) for row in families.rows]
        members = [
            good_member(0, file=row["file"], KODE_KELUARGA=row["KODE_KELUARGA"], row_number=row["row_number"])
            for row in rows
            if row["KODE_KELUARGA"]
        ]
        random.Random(7).shuffle(rows)
        random.Random(8).shuffle(members)
        again = run_validation(module_run, land(module_run, "family_survey", keluarga=rows, anggota=members))
        assert again.rows("select * from quarantine order by all") == before[0]
        assert again.rows("select * from keluarga order by source_key") == before[1]
        assert again.result == judged_families.result


def plant_members() -> Planted:
    faults = Planted(good_member)
    plant, member = faults.plant, good_member
    plant(member(1))
    plant(member(2, file="b.xlsx"))
    # M01: no accepted family in this workbook.
    for code in ("000000000000000077", None, " "):
        plant(member(1, KODE_KELUARGA=code), rejects={"M01": "KODE_KELUARGA"}, village="unknown")
    plant(member(1, 9, KODE_KELUARGA__cell="number"), rejects={"M01": "KODE_KELUARGA"})
    plant(member(2, file="a.xlsx"), rejects={"M01": "KODE_KELUARGA"})  # F02 gave the family to b.xlsx
    plant(member(3), rejects={"M01": "KODE_KELUARGA"}, village=DABO_LAMA)  # F05 rejected the family
    # M02: the first row of those that nothing else rejects stays.
    for broken in (None, "0", "-1", "1.5", "satu", "  "):
        plant(member(1, NO_URUT=broken), rejects={"M02": "NO_URUT"})
    plant(member(1, 2, **{"K.02": " "}), rejects={"M04": "K.02"})
    plant(member(1, 2))
    plant(member(1, NO_URUT="02"), rejects={"M02": "NO_URUT"})
    plant(member(1, NO_URUT="2.0"), rejects={"M02": "NO_URUT"})
    plant(member(1, 3, **{"K.01": "21040105038000"}), nulls=[("M03", "K.01")])
    plant(member(1, 4, **{"K.01": "2104010503800004X"}), nulls=[("M03", "K.01")])
    plant(member(1, 5, **{"K.01__cell": "number"}), counts=["M12"])
    plant(member(1, 6, **{"K.01__cell": "number", "K.01": "123"}), nulls=[("M03", "K.01")])
    for number, empty in enumerate((None, "\u00a0", "\t"), start=10):
        plant(member(1, number, **{"K.02": empty}), rejects={"M04": "K.02"})
    for number, broken in enumerate(("3", "L", "Laki"), start=20):
        plant(member(1, number, **{"K.03": broken}), nulls=[("M05", "K.03")])
    plant(member(1, 25, **{"K.03": "perempuan"}), counts=["M10"])
    plant(member(1, 26, **{"K.03": "2", "K.01": "2104014503800026"}))
    for number, broken in enumerate(("29210", "2026-06-02", "31/04/1980", "05-03-80", "1906-05-31", "#N/A"), start=30):
        plant(member(1, number, **{"K.04": broken}), nulls=[("M06", "K.04")])
    plant(member(1, 40, **{"K.04": "1906-06-01", "K.01": "2104010106060040"}))  # 120 years to the day
    plant(member(1, 41, **{"K.04": "01-06-2026", "K.01": "2104010106260041"}))
    plant(member(1, 42, **{"K.04": "06-03-1980"}), counts=["M10"])
    number = 50
    for column, last in MEMBER_LAST_CODE.items():
        for broken in (str(last + 1), "0", "entah"):
            plant(member(1, number, **{column: broken}), nulls=[("M07", column)])
            number += 1
        plant(member(1, number, **{column: f"{last}.0"}))
        number += 1
        blank = [] if column in ("K.12", "K.14") else ["M11"]
        plant(member(1, number, **{column: " "}), counts=blank)
        number += 1
    for broken in ("ibu", "1.5"):
        plant(member(1, number, **{"K.11": broken}), nulls=[("M07", "K.11")])
        number += 1
    plant(member(1, number, **{"K.11": "01", "K.07": "CERAI MATI", "K.12": "islam", "K.15": "non-pbi"}))
    for broken in ("5", "Ayah", None, " "):
        plant(member(1, 100, **{"K.10": broken}), rejects={"M08": "K.10"})
    plant(member(1, 101, **{"K.10": "suami"}))
    plant(member(1, 102, **{"K.10": "Istri"}))
    for column in ("K.01", "K.03", "K.04"):
        plant(member(1, 110 + len(faults.rows), **{column: "\n"}), counts=["M11"])
    plant(
        member(1, NO_URUT="x", **{"K.02": "", "K.10": "9", "K.01": "1"}),
        rejects={"M02": "NO_URUT", "M04": "K.02", "M08": "K.10"}, nulls=[("M03", "K.01")],
    )  # fmt: skip
    return faults


def families_of_members() -> list[Row]:
    return [
        good_family(1),
        good_family(2, file="a.xlsx", TGL_PENDATAAN="2025-12-01"),
        good_family(2, file="b.xlsx"),
        good_family(3, TGL_PENDATAAN="2027-01-01", KODE_DESA=DABO_LAMA),
        good_family(4, KODE_DESA=DABO_LAMA),
    ]


@pytest.fixture(scope="module")
def members() -> Planted:
    return plant_members()


@pytest.fixture(scope="module")
def judged_members(module_run: Run, members: Planted) -> Outcome:
    rows = [dict(row) for row in members.rows]
    return run_validation(module_run, land(module_run, "family_survey", keluarga=families_of_members(), anggota=rows))


class TestMembers:
    def test_quarantine_holds_exactly_what_was_planted(self, judged_members: Outcome, members: Planted) -> None:
        assert judged_members.quarantine("anggota") == sorted(members.quarantine)

    def test_failed_checks_are_what_was_planted_by_village(self, judged_members: Outcome, members: Planted) -> None:
        of_members = {k: n for k, n in judged_members.failed().items() if k[0].startswith("M") and k[0] != "M09"}
        assert of_members == members.failed

    def test_a_family_needs_exactly_one_accepted_head(self, judged_members: Outcome) -> None:
        # Family 1 has one head, 2 has one (in b.xlsx), 4 none; the rejected families are not asked.
        assert judged_members.checked("M09") == 3
        assert {k: n for k, n in judged_members.failed().items() if k[0] == "M09"} == {("M09", DABO_LAMA): 1}

    def test_nik_and_birth_date_are_compared_only_where_all_three_are_valid(
        self, judged_members: Outcome, members: Planted
    ) -> None:
        absent = {"K.01", "K.03", "K.04"}
        without = [row for row, _, action, column in members.quarantine if action == "value" and column in absent]
        blank = [row for row in members.rows if any(not (row[c] or "").strip() for c in absent)]
        broken_in_rejected = [row for row in members.rows if row["K.01"] == "1"]
        expected = len(members.rows) - len(without) - len(blank) - len(broken_in_rejected)
        assert judged_members.checked("M10") == expected

    def test_accepted_members_carry_their_keys_and_types(self, judged_members: Outcome) -> None:
        rows = {row["source_key"]: row for row in judged_members.dicts("anggota")}
        assert rows[f"{family_code(1)}-2"]["NO_URUT"] == 2
        assert rows[f"{family_code(1)}-5"]["K.01__doubtful"] is True
        assert rows[f"{family_code(1)}-41"]["K.04"].isoformat() == "2026-06-01"
        assert rows[f"{family_code(2)}-1"]["file"] == "b.xlsx"
        assert rows[f"{family_code(1)}-1"]["village_code"] == DABO

    def test_every_quarantined_source_row_has_its_own_key(self, judged_members: Outcome) -> None:
        rows, keys = judged_members.rows(
            "select count(distinct (source_table, file, sheet, row_number)), count(distinct row_key) from quarantine"
        )[0]
        assert rows == keys


class TestWorkbooks:
    def test_rejected_and_stale_workbooks_stand_in_quarantine(self, run: Run) -> None:
        workbooks = [
            {"file": "a.xlsx", "status": "read"},
            {"file": "desa/b.xlsx", "status": "rejected", "reason": "lembar tidak ada"},
            {"file": "c.xlsx", "status": "stale", "reason": "kolom tidak ada", "sheet": "ANGGOTA"},
        ]
        snapshot = land(run, "family_survey", keluarga=[good_family(1)], anggota=[good_member(1)], workbooks=workbooks)
        outcome = run_validation(run, snapshot)
        found = outcome.rows("select rule, action, file, sheet, village_code, reason from quarantine order by file")
        assert [row[:5] for row in found] == [
            ("F00", "file", "c.xlsx", "ANGGOTA", "unknown"),
            ("F00", "file", "desa/b.xlsx", None, "unknown"),
        ]
        assert "kolom tidak ada" in found[0][5]
        assert outcome.result.files_rejected == 2
        assert outcome.checked("F00") == 0


class TestIdempotence:
    def test_the_same_snapshot_gives_the_same_files(self, run: Run) -> None:
        rows: dict[str, list[dict[str, Any]]] = {
            "keluarga": [good_family(n, **{"P.19": "9" if n % 3 else "1"}) for n in range(1, 40)],
            "anggota": [good_member(n) for n in range(1, 45)],
        }
        first = run_validation(run, land(run, "family_survey", **rows))
        contents = {path.name: path.read_bytes() for path in first.result.path.iterdir()}
        second = run_validation(run, land(run, "family_survey", **rows))
        assert {path.name: path.read_bytes() for path in second.result.path.iterdir()} == contents

    def test_a_repaired_row_leaves_quarantine(self, run: Run) -> None:
        broken = run_validation(run, land(run, "family_survey", keluarga=[good_family(1, NO_KK="1")], anggota=[]))
        assert broken.quarantine("keluarga") == [(4, "F03", "value", "NO_KK")]
        repaired = run_validation(run, land(run, "family_survey", keluarga=[good_family(1)], anggota=[]))
        assert repaired.quarantine("keluarga") == []


def test_another_region_reference_decides_which_villages_are_known(run: Run) -> None:
    own: Path = run.settings.root / "reference" / "regions.csv"
    own.parent.mkdir(parents=True)
    own.write_text("code,name,level,parent,valid_from,valid_to,successor_code\n2104999999,Baru,desa,,,,\n")
    rows = [good_family(1, KODE_DESA="2104999999"), good_family(2, KODE_DESA=DABO)]
    outcome = run_validation(run, land(run, "family_survey", keluarga=rows, anggota=[]))
    assert outcome.quarantine("keluarga") == [(5, "F04", "row", "KODE_DESA")]


@pytest.mark.parametrize("distinct", [FEW - 10, FEW, FEW + 50])
def test_an_answer_is_read_the_same_whether_few_or_many_others_stand_in_its_column(
    module_run: Run, distinct: int
) -> None:
    known = {"1": 1, " 1 ": 1, "01": 1, "2.0": 2, "tidak": 2, "YA": 1, " ": None}
    cells: list[str | None] = [*known, *(f"entah {number}" for number in range(distinct - len(known))), None]
    families = [good_family(number, **{"P.01": cell}) for number, cell in enumerate(cells, start=1)]
    judged = run_validation(
        module_run,
        land(
            module_run,
            "family_survey",
            keluarga=families,
            anggota=[good_member(number) for number in range(1, len(cells) + 1)],
        ),
    )
    answers = judged.rows('select "P.01" from keluarga order by row_number')
    assert [answer for (answer,) in answers] == [known.get(str(cell)) for cell in cells]
    ((nulled,),) = judged.rows("select count(*) from quarantine where rule = 'F06'")
    assert nulled == distinct - len(known)
