"""The family survey: real workbooks in, landed text out."""

import datetime as dt
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from kampungkb.connections import Connection
from kampungkb.contracts import contract
from kampungkb.errors import ConfigurationError, ContractError
from kampungkb.landing import extract, read_manifest
from kampungkb.refs import Snapshot
from kampungkb.run import FAMILY_SURVEY, Run
from kampungkb.sources import workbooks

pytestmark = pytest.mark.integration

TERMS = contract(FAMILY_SURVEY)
FAMILY = "210401000100000001"
Rows = list[list[Any]]


def family_rows(*families: dict[str, Any]) -> Rows:
    """A header of every contract column and one row a family, ones where nothing else is said."""
    return _rows(
        "KELUARGA", {"KODE_KELUARGA": FAMILY, "TGL_PENDATAAN": "2026-03-01", "KODE_DESA": "2104011001"}, families
    )


def member_rows(*members: dict[str, Any]) -> Rows:
    return _rows("ANGGOTA", {"KODE_KELUARGA": FAMILY, "K.02": "Ani", "K.04": "1990-02-03"}, members)


def _rows(table: str, usual: dict[str, Any], given: Sequence[dict[str, Any]]) -> Rows:
    names = [
        *TERMS.table(table).names,
        *dict.fromkeys(n for row in given for n in row if n not in TERMS.table(table).names),
    ]
    return [
        names,
        *(
            [{**usual, **row}.get(name, 1 if name in TERMS.table(table).names else None) for name in names]
            for row in given
        ),
    ]


def write_workbook(path: Path, families: Rows, members: Rows, sheets: Sequence[str] = ("KELUARGA", "ANGGOTA")) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in zip(sheets, (families, members), strict=False):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def usual_workbook(path: Path, code: str = FAMILY, **answers: Any) -> Path:
    return write_workbook(
        path, family_rows({"KODE_KELUARGA": code, **answers}), member_rows({"KODE_KELUARGA": code, "NO_URUT": 1})
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "workbooks"
    path.mkdir()
    return path


@pytest.fixture
def land(run: Run, folder: Path) -> Callable[..., Snapshot]:
    connection = Connection(conn_type="fs", extra={"path": str(folder)})
    base = replace(run, connections={"family_workbooks": connection})

    def _land(night: int = 0, **changes: Any) -> Snapshot:
        return extract(replace(base, as_of=base.as_of + dt.timedelta(days=night), **changes), FAMILY_SURVEY)

    return _land


def table(snapshot: Snapshot, name: str) -> list[dict[str, Any]]:
    return pq.read_table(snapshot.path / f"{name}.parquet").to_pylist()


def outcome(snapshot: Snapshot) -> dict[str, tuple[str, str | None]]:
    return {row["file"]: (row["status"], row["reason"]) for row in table(snapshot, "workbooks")}


def test_rows_land_as_text_with_their_place(land: Callable[..., Snapshot], folder: Path) -> None:
    usual_workbook(folder / "Kecamatan A" / "desa.XLSX", RT="007", **{"P.01": " Ya "})
    snapshot = land()
    (family,) = table(snapshot, "keluarga")
    assert family["file"] == "Kecamatan A/desa.XLSX"
    assert (family["sheet"], family["row_number"]) == ("KELUARGA", 2)
    assert (family["KODE_KELUARGA"], family["KODE_KELUARGA__cell"]) == (FAMILY, "text")
    assert (family["RT"], family["P.01"], family["P.02"], family["extra"]) == ("007", " Ya ", "1", None)
    assert (snapshot.read, snapshot.parsed, snapshot.stale) == ({"keluarga": 1, "anggota": 1}, 1, False)


def test_row_numbers_are_those_of_the_spreadsheet(land: Callable[..., Snapshot], folder: Path) -> None:
    header, *families = family_rows({"NO_KK": "a"}, {"NO_KK": "b"})
    gap = [None] * len(header)
    rows = [gap, gap, ["SURVEI KELUARGA"], gap, header, families[0], gap, [" "], families[1], ["Jumlah", 2]]
    shifted = [[None, None, *row] for row in rows]
    write_workbook(folder / "a.xlsx", shifted, member_rows({"NO_URUT": 1}))
    assert [(r["NO_KK"], r["row_number"]) for r in table(land(), "keluarga")] == [("a", 6), ("b", 9)]


@pytest.mark.parametrize(("titles", "status"), [(0, "read"), (15, "read"), (16, "rejected")])
def test_the_header_stands_in_the_first_16_rows(
    land: Callable[..., Snapshot], folder: Path, titles: int, status: str
) -> None:
    usual_workbook(folder / "good.xlsx")
    write_workbook(folder / "titles.xlsx", [[f"title {n}"] for n in range(titles)] + family_rows({}), member_rows({}))
    assert outcome(land())["titles.xlsx"][0] == status


def test_headers_are_compared_trimmed_and_without_case_in_any_order(
    land: Callable[..., Snapshot], folder: Path
) -> None:
    header, family = family_rows({"NO_KK": "2104010000000001", "P.03A": 3})
    rows = [[f" {name.lower()} " for name in reversed(header)], list(reversed(family))]
    write_workbook(folder / "a.xlsx", rows, member_rows({}), sheets=("Keluarga", "anggota"))
    (landed,) = table(land(), "keluarga")
    assert (landed["NO_KK"], landed["P.03A"]) == ("2104010000000001", "3")


def test_every_form_of_a_cell_lands_with_its_kind(land: Callable[..., Snapshot], folder: Path) -> None:
    with xlsxwriter.Workbook(folder / "a.xlsx") as book:
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        minute = book.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        families, members = book.add_worksheet("KELUARGA"), book.add_worksheet("ANGGOTA")
        names = TERMS.table("KELUARGA").names
        for sheet, titles in ((families, names), (members, TERMS.table("ANGGOTA").names)):
            sheet.write_row(0, 0, titles)
        code, card, visit, address = (names.index(n) for n in ("KODE_KELUARGA", "NO_KK", "TGL_PENDATAAN", "ALAMAT"))
        families.write_string(1, code, " 021040100010000001 ")
        families.write_number(1, card, 2104010101900010)
        families.write_datetime(1, visit, dt.datetime(2026, 3, 1), day)
        families.write_string(1, address, "x" * 32767)
        families.write_number(2, code, 210401000100000000)
        families.write_formula(2, card, "=NA()", None, "#N/A")
        families.write_datetime(2, visit, dt.datetime(2026, 3, 1, 14, 30), minute)
        families.write_formula(3, code, '=A2&""', None, FAMILY)
        families.write_boolean(3, card, True)
        families.write_formula(3, visit, "=1/0", None, "#DIV/0!")
        families.write_string(4, card, "   ")
        families.write_number(4, visit, 0.1)
        families.write_formula(5, card, "=NA()", None, "#N/A")
    rows = table(land(), "keluarga")
    landed = [
        (r["KODE_KELUARGA"], r["KODE_KELUARGA__cell"], r["NO_KK"], r["NO_KK__cell"], r["TGL_PENDATAAN"]) for r in rows
    ]
    assert landed == [
        (" 021040100010000001 ", "text", "2104010101900010", "number", "2026-03-01"),
        ("210401000100000000", "number", "#N/A", "error", "2026-03-01"),
        (FAMILY, "text", "TRUE", "boolean", "#DIV/0!"),
        (None, None, "   ", "text", "0.1"),
        (None, None, "#N/A", "error", None),
    ]
    assert len(rows[0]["ALAMAT"]) == 32767
    assert [r["row_number"] for r in rows] == [2, 3, 4, 5, 6]


def test_text_dates_and_openpyxl_dates_land_as_written(land: Callable[..., Snapshot], folder: Path) -> None:
    days = [dt.date(2026, 3, 1), dt.datetime(2026, 3, 1, 8), "01/03/2026", "1-3-26", 46082]
    write_workbook(folder / "a.xlsx", family_rows(*({"TGL_PENDATAAN": day} for day in days)), member_rows({}))
    landed = [row["TGL_PENDATAAN"] for row in table(land(), "keluarga")]
    assert landed == ["2026-03-01", "2026-03-01", "01/03/2026", "1-3-26", "46082"]


def _password(path: Path) -> None:
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 512 + "EncryptedPackage".encode("utf-16-le"))


def _without(column: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        header, family = family_rows({})
        at = header.index(column)
        write_workbook(path, [header[:at] + header[at + 1 :], family[:at] + family[at + 1 :]], member_rows({}))

    return write


def _cut(path: Path) -> None:
    usual_workbook(path)
    path.write_bytes(path.read_bytes()[:3000])


def _wide(path: Path) -> None:
    write_workbook(path, [*family_rows({}), [None] * 5000 + [1]], member_rows({}))


@pytest.mark.parametrize(
    ("broken", "says", "sheet"),
    [
        (lambda path: path.write_text("a;b\n1;2\n"), "not an .xlsx workbook", None),
        (lambda path: path.write_bytes(b""), "empty", None),
        (lambda path: path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600), "old .xls", None),
        (_password, "password-protected", None),
        (_cut, "half copied", None),
        (lambda path: write_workbook(path, family_rows({}), [], sheets=("KELUARGA",)), "ANGGOTA is missing", "ANGGOTA"),
        (_without("P.26"), "Required column missing: P.26", "KELUARGA"),
        (lambda path: write_workbook(path, [["nothing"]], member_rows({})), "KODE_KELUARGA", "KELUARGA"),
        (lambda path: write_workbook(path, family_rows({}), []), "KODE_KELUARGA", "ANGGOTA"),
        (_wide, "more than 256 columns", "KELUARGA"),
    ],
    ids=["text", "empty", "xls", "password", "cut", "sheet", "column", "header", "no rows", "wide"],
)
def test_a_bad_workbook_is_rejected_with_a_reason_and_no_other_suffers(
    land: Callable[..., Snapshot], folder: Path, broken: Callable[[Path], object], says: str, sheet: str | None
) -> None:
    usual_workbook(folder / "good.xlsx")
    broken(folder / "bad.xlsx")
    snapshot = land()
    rejected = next(row for row in table(snapshot, "workbooks") if row["file"] == "bad.xlsx")
    assert (rejected["status"], rejected["sheet"]) == ("rejected", sheet)
    assert says in rejected["reason"]
    assert {row["file"] for row in table(snapshot, "keluarga")} == {"good.xlsx"}


def test_a_workbook_that_was_half_copied_is_read_by_the_next_run_of_the_date(
    land: Callable[..., Snapshot], folder: Path
) -> None:
    usual_workbook(folder / "good.xlsx")
    _cut(folder / "copied.xlsx")
    half = land()
    assert land().snapshot_id == half.snapshot_id
    usual_workbook(folder / "copied.xlsx")
    whole = land()
    assert (whole.replayed, whole.parsed) == (False, 1)
    assert {row["file"] for row in table(whole, "keluarga")} == {"copied.xlsx", "good.xlsx"}
    assert land().snapshot_id == whole.snapshot_id


@pytest.mark.parametrize("column", ["RT", "RW", "ALAMAT", "P.14", "P.18"])
def test_an_optional_column_may_be_absent_and_is_drift(
    land: Callable[..., Snapshot], folder: Path, column: str
) -> None:
    _without(column)(folder / "a.xlsx")
    snapshot = land()
    assert table(snapshot, "keluarga")[0][column] is None
    assert [(d.table, d.column, d.change) for d in read_manifest(snapshot.path).drift] == [
        ("KELUARGA", column, "missing")
    ]


def test_unknown_columns_are_kept_and_reported(land: Callable[..., Snapshot], folder: Path) -> None:
    write_workbook(folder / "a.xlsx", family_rows({"CATATAN": "pindah"}, {"CATATAN": None}), member_rows({}))
    usual_workbook(folder / "b.xlsx", CATATAN=5)
    for night in (0, 1):
        snapshot = land(night)
        extra = [json.loads(row["extra"]) if row["extra"] else None for row in table(snapshot, "keluarga")]
        assert extra == [{"CATATAN": "pindah"}, None, {"CATATAN": "5"}]
        (drift,) = read_manifest(snapshot.path).drift
        assert (drift.table, drift.column, drift.change, drift.files) == ("KELUARGA", "CATATAN", "unknown", 2)


def test_a_repeated_header_counts_once_and_the_second_is_kept(land: Callable[..., Snapshot], folder: Path) -> None:
    header, family = family_rows({"P.01": 1})
    write_workbook(folder / "a.xlsx", [[*header, "P.01"], [*family, 2]], member_rows({}))
    snapshot = land()
    (row,) = table(snapshot, "keluarga")
    assert (row["P.01"], json.loads(row["extra"])) == ("1", {"P.01": "2"})
    assert [d.change for d in read_manifest(snapshot.path).drift] == ["repeated"]


def test_lock_files_and_other_files_are_ignored(land: Callable[..., Snapshot], folder: Path) -> None:
    usual_workbook(folder / "a.xlsx")
    (folder / "~$a.xlsx").write_bytes(b"lock")
    (folder / "notes.txt").write_text("x")
    assert list(outcome(land())) == ["a.xlsx"]


def test_only_changed_workbooks_are_parsed_again(land: Callable[..., Snapshot], folder: Path) -> None:
    for number in range(3):
        usual_workbook(folder / f"{number}.xlsx", code=f"21040100010000000{number}")
    (folder / "bad.xlsx").write_bytes(b"broken")
    first = land(0)
    usual_workbook(folder / "1.xlsx", code="210401000100000009")
    second = land(1)
    assert (first.parsed, second.parsed, land(2).parsed) == (4, 1, 0)
    assert [r["KODE_KELUARGA"][-1] for r in table(second, "keluarga")] == ["0", "9", "2"]
    assert outcome(second)["bad.xlsx"] == outcome(first)["bad.xlsx"]


def test_incremental_equals_a_forced_full_reading(land: Callable[..., Snapshot], folder: Path) -> None:
    for number in range(4):
        usual_workbook(folder / f"{number}.xlsx", code=f"21040100010000000{number}", CATATAN=number)
    land(0)
    usual_workbook(folder / "2.xlsx", code="210401000100000008")
    (folder / "3.xlsx").unlink()
    incremental, full = land(1), land(1, force=True)
    assert (incremental.parsed, full.parsed) == (1, 3)
    assert full.snapshot_id != incremental.snapshot_id
    for name in ("keluarga", "anggota", "workbooks"):
        assert table(incremental, name) == table(full, name)


def test_a_night_without_another_workbook_lands_the_same_files(land: Callable[..., Snapshot], folder: Path) -> None:
    for number in range(3):
        usual_workbook(folder / f"{number}.xlsx", code=f"21040100010000000{number}")
    (folder / "bad.xlsx").write_bytes(b"broken")
    first, second = land(0), land(1)
    assert read_manifest(second.path).tables == read_manifest(first.path).tables


def test_a_deleted_workbook_takes_its_families_along(land: Callable[..., Snapshot], folder: Path) -> None:
    usual_workbook(folder / "a.xlsx")
    usual_workbook(folder / "b.xlsx", code="210401000100000002")
    land(0)
    (folder / "a.xlsx").unlink()
    snapshot = land(1)
    assert {row["file"] for name in ("keluarga", "anggota", "workbooks") for row in table(snapshot, name)} == {"b.xlsx"}


def test_the_last_good_parse_of_a_broken_workbook_stands_in(land: Callable[..., Snapshot], folder: Path) -> None:
    usual_workbook(folder / "a.xlsx")
    usual_workbook(folder / "b.xlsx", code="210401000100000002")
    good = land(0)
    (folder / "b.xlsx").write_bytes(b"broken")
    for night, parsed in ((1, 1), (2, 0)):
        stale = land(night)
        assert outcome(stale)["b.xlsx"][0] == "stale"
        assert "not an .xlsx" in str(outcome(stale)["b.xlsx"][1])
        assert (stale.parsed, stale.stale) == (parsed, False)
        assert table(stale, "keluarga") == table(good, "keluarga")
    usual_workbook(folder / "b.xlsx", code="210401000100000003")
    healed = land(3)
    assert (outcome(healed)["b.xlsx"], healed.parsed) == (("read", None), 1)
    assert [row["KODE_KELUARGA"][-1] for row in table(healed, "keluarga")] == ["1", "3"]


def test_all_workbooks_broken_fails_unless_something_stands_in(land: Callable[..., Snapshot], folder: Path) -> None:
    (folder / "a.xlsx").write_bytes(b"broken")
    with pytest.raises(ContractError, match=r"None of the 1 workbooks .* a\.xlsx: The file is not an \.xlsx"):
        land(0)
    usual_workbook(folder / "a.xlsx")
    land(1)
    (folder / "a.xlsx").write_bytes(b"broken")
    assert land(2).read == {"keluarga": 1, "anggota": 1}


def _stray_cell(path: Path, row: int, column: int) -> None:
    with xlsxwriter.Workbook(path) as book:
        for name in ("KELUARGA", "ANGGOTA"):
            sheet = book.add_worksheet(name)
            sheet.write_string(0, 0, "KODE_KELUARGA")
            sheet.write_string(row, column, "x")


def test_a_stray_cell_in_the_last_row_does_not_fill_the_memory(land: Callable[..., Snapshot], folder: Path) -> None:
    usual_workbook(folder / "a.xlsx")
    _stray_cell(folder / "stray.xlsx", 1048575, 200)
    assert "below row 100000" in str(outcome(land())["stray.xlsx"][1])


def test_a_workbook_that_kills_its_reader_is_rejected_alone(
    land: Callable[..., Snapshot], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "WORKER_MEMORY", 1024**3)
    for number in range(3):
        usual_workbook(folder / f"{number}.xlsx", code=f"21040100010000000{number}")
    _stray_cell(folder / "corner.xlsx", 99998, 255)
    snapshot = land()
    assert snapshot.read["keluarga"] == 3
    assert outcome(snapshot)["corner.xlsx"][0] == "rejected"
    assert "memory" in str(outcome(snapshot)["corner.xlsx"][1])


def test_a_folder_that_is_missing_or_empty_fails_with_its_name(land: Callable[..., Snapshot], folder: Path) -> None:
    with pytest.raises(ContractError, match=r"workbooks holds no \.xlsx file"):
        land()
    shutil.rmtree(folder)
    with pytest.raises(ConfigurationError, match=r"workbooks does not exist. Correct the extra `path`"):
        land()


@pytest.mark.parametrize(
    "fields", [{"extra": {"path": "{}"}}, {"host": "{}"}, {"schema": "{}"}], ids=["path", "host", "schema"]
)
def test_the_folder_may_stand_in_any_usual_place_of_the_connection(
    run: Run, folder: Path, fields: dict[str, Any]
) -> None:
    usual_workbook(folder / "a.xlsx")
    text = json.dumps({"conn_type": "fs", **fields}).replace("{}", str(folder))
    connection = Connection.model_validate_json(text)
    assert extract(replace(run, connections={"family_workbooks": connection}), FAMILY_SURVEY).parsed == 1
