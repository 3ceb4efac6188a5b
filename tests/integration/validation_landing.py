"""Landed snapshots written by hand, with the faults that a test plants, and what must come of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import SecretStr

from kampungkb.contracts import contract
from kampungkb.refs import Snapshot, Validated
from kampungkb.run import Run
from kampungkb.settings import EXPECTATIONS, Settings
from kampungkb.validation import validate

AS_OF = date(2026, 11, 24)
DABO, DABO_LAMA = "2104011001", "2104011007"
Row = dict[str, Any]

SURVEY_BESIDE = {
    "keluarga": ("file", "sheet", "row_number", "KODE_KELUARGA__cell", "NO_KK__cell", "extra"),
    "anggota": ("file", "sheet", "row_number", "KODE_KELUARGA__cell", "K.01__cell", "extra"),
}
WORKBOOK_COLUMNS = ("file", "sha256", "status", "reason", "sheet")


def run_in(home: Path) -> Run:
    """A run for the tests' date on a home of its own, for fixtures that outlive one test."""
    return Run("test-run", AS_OF, Settings(home=home, pseudonym_key=SecretStr("a key for tests only")))


def family_code(number: int) -> str:
    return f"{number:018d}"


def good_family(number: int, file: str = "a.xlsx", **cells: Any) -> Row:
    """A family that breaks no rule; its birth dates and NIKs agree."""
    answers = {name: "1" for name in contract("family_survey").table("keluarga").names if name.startswith("P.")}
    return {
        "KODE_KELUARGA": family_code(number),
        "KODE_KELUARGA__cell": "text",
        "NO_KK": f"{number:016d}",
        "NO_KK__cell": "text",
        "KODE_DESA": DABO,
        "TGL_PENDATAAN": "2026-06-01",
        **answers,
        "file": file,
        "sheet": "KELUARGA",
        **cells,
    }


def good_member(family: int, number: int = 1, file: str = "a.xlsx", **cells: Any) -> Row:
    """A member that breaks no rule: a man born on 5 March 1980, head of the family where he is the first."""
    return {
        "KODE_KELUARGA": family_code(family),
        "KODE_KELUARGA__cell": "text",
        "NO_URUT": str(number),
        "K.01": f"210401050380{family * 10 + number:04d}",
        "K.01__cell": "text",
        "K.02": "NAMA CONTOH",
        "K.03": "1",
        "K.04": "1980-03-05",
        "K.07": "2",
        "K.09": "1",
        "K.10": "1" if number == 1 else "3",
        "K.13": "7",
        "K.15": "1",
        "file": file,
        "sheet": "ANGGOTA",
        **cells,
    }


def good_person(number: int, **cells: Any) -> Row:
    """A person of the registry that breaks no rule."""
    return {
        "nik": f"{number:016d}",
        "no_kk": "2104010101010001",
        "nama_lgkp": "NAMA CONTOH",
        "jenis_klmin": "1",
        "tgl_lhr": "1980-03-05",
        "akta_lhr": "2",
        "stat_kwn": "2",
        "akta_kwn": "2",
        "stat_hbkel": "1",
        "stat_hidup": "1",
        "flag_status": "0",
        "no_prop": "21",
        "no_kab": "4",
        "no_kec": "1",
        "no_kel": "1001",
        "tgl_ubah": "2026-06-01T08:00:00",
        **cells,
    }


def good_card(**cells: Any) -> Row:
    return {"no_kk": "2104010101010001", "no_prop": "21", "no_kab": "4", "no_kec": "1", "no_kel": "1001", **cells}


def good_entry(number: int, **cells: Any) -> Row:
    """An insurance entry that breaks no rule."""
    return {
        "noKartu": f"{number:013d}",
        "nik": f"{number:016d}",
        "nama": "NAMA CONTOH",
        "sex": "L",
        "tglLahir": "1980-03-05",
        "statusPeserta.kode": "0",
        "kodeDesa": DABO,
        "tglTMT": "2020-01-01",
        "tglTAT": "2030-01-01",
        "updatedAt": "2026-06-01T08:00:00+07:00",
        **cells,
    }


def _write(path: Path, columns: Iterable[str], rows: list[Row]) -> None:
    types = {"row_number": pa.int64()}
    arrays = {name: pa.array([row.get(name) for row in rows], types.get(name, pa.string())) for name in columns}
    pq.write_table(pa.table(arrays), path)


def _columns(source: str, table: str) -> tuple[str, ...]:
    return (*contract(source).table(table).names, *SURVEY_BESIDE.get(table, ()))


def land(run: Run, source: str, **tables: list[Row]) -> Snapshot:
    """Write rows as the landed snapshot of a source. Rows of workbooks are numbered from 4 where they are not."""
    folder = run.settings.lake / "landing" / source / "by-hand"
    folder.mkdir(parents=True, exist_ok=True)
    for declared in contract(source).tables:
        table = declared.name.lower()
        rows = tables.get(table, [])
        for number, row in enumerate(rows, start=4):
            row.setdefault("row_number", number)
        _write(folder / f"{table}.parquet", _columns(source, table), rows)
    if source == "family_survey":
        files = sorted({str(row["file"]) for table in ("keluarga", "anggota") for row in tables.get(table, [])})
        workbooks = tables.get("workbooks", [{"file": file, "status": "read"} for file in files])
        _write(folder / "workbooks.parquet", WORKBOOK_COLUMNS, workbooks)
    return Snapshot(
        source=source, path=folder, snapshot_id="by-hand", as_of=run.as_of,
        read={table.name.lower(): len(tables.get(table.name.lower(), [])) for table in contract(source).tables},
    )  # fmt: skip


@dataclass
class Outcome:
    """What a validation wrote, read back."""

    result: Validated

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query over `keluarga`, …, `quarantine`, `checks`."""
        with duckdb.connect() as reader:
            reader.execute("set TimeZone = 'Asia/Jakarta'")
            for path in self.result.path.glob("*.parquet"):
                reader.execute(f"create view {path.stem} as select * from read_parquet('{path}')")
            return reader.execute(query).fetchall()

    def dicts(self, table: str) -> list[Row]:
        with duckdb.connect() as reader:
            relation = reader.execute(f"select * from read_parquet('{self.result.path / table}.parquet')")
            names = [column[0] for column in relation.description or ()]
            return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]

    def quarantine(self, table: str) -> list[tuple[Any, ...]]:
        """(row number, rule, action, column) of a table's rows in quarantine, sorted."""
        return self.rows(
            f"select row_number, rule, action, column_name from quarantine where source_table = '{table}' order by all"
        )

    def failed(self) -> dict[tuple[str, str], int]:
        """Failed checks by rule and village, where there are any."""
        found = self.rows("select rule, village_code, failed from checks where failed > 0")
        return {(rule, village): number for rule, village, number in found}

    def checked(self, rule: str) -> int:
        ((number,),) = self.rows(f"select coalesce(sum(checked), 0) from checks where rule = '{rule}'")
        return int(number)


def run_validation(run: Run, snapshot: Snapshot, expectations: Path = EXPECTATIONS) -> Outcome:
    return Outcome(validate(run, snapshot, expectations=expectations))


@dataclass
class Planted:
    """Rows with faults, and the quarantine and failed checks that must come of them."""

    good: Any
    rows: list[Row] = field(default_factory=list)
    quarantine: list[tuple[int, str, str, str]] = field(default_factory=list)
    failed: dict[tuple[str, str], int] = field(default_factory=dict)

    def plant(
        self, row: Row, *, rejects: Mapping[str, str] | None = None, nulls: Iterable[tuple[str, str]] = (),
        counts: Iterable[str] = (), village: str = DABO,
    ) -> None:  # fmt: skip
        """Add a row, with the R rules (and their column), the nulled values and the W rules that it breaks."""
        rejects = rejects or {}
        number = row.setdefault("row_number", len(self.rows) + 4)
        self.rows.append(row)
        self.quarantine += [(number, rule, "row", column) for rule, column in rejects.items()]
        if not rejects:
            self.quarantine += [(number, rule, "value", column) for rule, column in nulls]
        checks_of_values = {(rule, "tglTMT" if rule == "J06" else column) for rule, column in nulls}
        for rule in [*rejects, *(rule for rule, _ in sorted(checks_of_values)), *counts]:
            self.failed[rule, village] = self.failed.get((rule, village), 0) + 1
