"""The sample against its own truth: every planted fault is really there, and no other row breaks a rule.

The rules are written here a second time, from the description of the sources, over what openpyxl reads.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from kampungkb.sample import SampleManifest, generate

pytestmark = pytest.mark.unit

AS_OF = date(2026, 11, 24)
LABELS = {
    "P": {"ya": 1, "tidak": 2, "tidak berlaku": 3},
    "K.03": {"laki-laki": 1, "perempuan": 2},
    "K.07": {"belum kawin": 1, "kawin": 2, "cerai hidup": 3, "cerai mati": 4},
    "K.09": {"ya": 1, "tidak": 2},
    "K.10": {"kepala keluarga": 1, "istri": 2, "suami": 2, "anak": 3, "lainnya": 4},
    "K.12": {"islam": 1, "kristen": 2, "katolik": 3, "hindu": 4, "buddha": 5, "khonghucu": 6, "lainnya": 7},
    "K.15": {"pbi": 1, "non-pbi": 2, "swasta": 3, "tidak": 4},
}
TWO = ("P.01", "P.04", "P.05", "P.06", "P.07", "P.08", "P.09", "P.11", "P.12", "P.13", "P.26")
THREE = ("P.02", "P.03A", "P.03B", "P.03C", "P.03D", "P.10", "P.14", "P.15", "P.16", "P.17", "P.18", "P.22")
GREATEST = {
    **dict.fromkeys(TWO, 2),
    **dict.fromkeys(THREE, 3),
    **{"P.19": 6, "P.20": 5, "P.21": 6, "P.23": 5, "P.24": 4, "P.25": 4},
    **{"K.03": 2, "K.07": 4, "K.09": 2, "K.10": 4, "K.12": 7, "K.13": 10, "K.14": 12, "K.15": 4},
}


@dataclass(frozen=True)
class Row:
    """One row of a sheet as the file holds it."""

    file: str
    sheet: str
    number: int
    cells: dict[str, Any]

    @property
    def place(self) -> tuple[str, str, int]:
        return self.file, self.sheet, self.number

    def __getitem__(self, column: str) -> Any:
        value = self.cells.get(column)
        return value.strip() or None if isinstance(value, str) else value


def read_sheet(path: Path, sheet: str) -> Iterator[Row]:
    header: list[str] | None = None
    rows = openpyxl.load_workbook(path, read_only=True, data_only=True)[sheet].iter_rows(values_only=True)
    for number, values in enumerate(rows, start=1):
        if header is None:
            names = ["" if value is None else str(value).strip().upper() for value in values]
            header = names if "KODE_KELUARGA" in names else None
            continue
        filled = [value for value in values if value not in (None, "")]
        if filled and not str(filled[0]).startswith("JUMLAH"):
            yield Row(path.name, sheet, number, dict(zip(header, values, strict=False)))


def code(column: str, value: Any) -> int | None:
    """The code that a cell means, or None where it means none."""
    group = "P" if column in TWO[:-1] + THREE[:-1] else column
    if isinstance(value, str):
        if value.lower() in LABELS.get(group, {}):
            value = LABELS[group][value.lower()]
        elif not re.fullmatch(r"\d{1,2}", value):
            return None
    number = float(value)
    return int(number) if number.is_integer() and 1 <= number <= GREATEST[column] else None


def day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    for form in ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y") if isinstance(value, str) and len(value) == 10 else ():
        try:
            return datetime.strptime(value, form).date()
        except ValueError:
            continue
    return None


def is_number(value: Any, digits: int) -> bool:
    return bool(re.fullmatch(rf"\d{{{digits}}}", str(value)))


def bad_codes(row: Row, columns: Iterator[str] | tuple[str, ...]) -> set[str]:
    return {name for name in columns if row[name] is not None and code(name, row[name]) is None}


def broken_in_families(rows: list[Row], villages: set[str]) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    standing = defaultdict(list)
    for order, row in enumerate(rows):
        key, visit = row["KODE_KELUARGA"], day(row["TGL_PENDATAAN"])
        rejections = {
            "F01": not (isinstance(key, str) and is_number(key, 18)),
            "F04": str(row["KODE_DESA"]) not in villages,
            "F05": visit is None or not date(2015, 1, 1) <= visit <= AS_OF,
        }
        columns = {"F01": "KODE_KELUARGA", "F04": "KODE_DESA", "F05": "TGL_PENDATAAN"}
        found |= {(*row.place, rule, columns[rule]) for rule, broken in rejections.items() if broken}
        if not any(rejections.values()):
            standing[key].append((visit, order, row))
        if row["NO_KK"] is not None and not is_number(row["NO_KK"], 16):
            found.add((*row.place, "F03", "NO_KK"))
        found |= {(*row.place, "F06", name) for name in bad_codes(row, tuple(n for n in GREATEST if n[0] == "P"))}
    for same in standing.values():
        found |= {(*row.place, "F02", "KODE_KELUARGA") for *_, row in sorted(same, key=lambda entry: entry[:2])[:-1]}
    return found


def broken_in_members(rows: list[Row], families: dict[tuple[str, str], date]) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    taken: set[tuple[str, str, int]] = set()
    for row in rows:
        key, number = row["KODE_KELUARGA"], row["NO_URUT"]
        rules = {
            "M01": not isinstance(key, str) or (row.file, key) not in families,
            "M04": row["K.02"] is None,
            "M08": row["K.10"] is None or code("K.10", row["K.10"]) is None,
        }
        whole = bool(re.fullmatch(r"[1-9]\d*", str(number)))
        repeated = whole and not any(rules.values()) and (row.file, key, int(number)) in taken
        rules["M02"] = not whole or repeated
        columns = {"M01": "KODE_KELUARGA", "M04": "K.02", "M08": "K.10", "M02": "NO_URUT"}
        found |= {(*row.place, rule, columns[rule]) for rule, broken in rules.items() if broken}
        if whole and not any(rules.values()):
            taken.add((row.file, key, int(number)))
        if row["K.01"] is not None and not is_number(row["K.01"], 16):
            found.add((*row.place, "M03", "K.01"))
        if bad_codes(row, ("K.03",)):
            found.add((*row.place, "M05", "K.03"))
        visit = families.get((row.file, key))
        born = day(row["K.04"])
        if row["K.04"] is not None and visit and (born is None or not -1 < (visit - born).days < 120 * 365.25):
            found.add((*row.place, "M06", "K.04"))
        found |= {
            (*row.place, "M07", name) for name in bad_codes(row, ("K.07", "K.09", "K.12", "K.13", "K.14", "K.15"))
        }
    return found


@dataclass(frozen=True)
class Sample:
    folder: Path
    manifest: SampleManifest

    def truth(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "truth" / f"{name}.parquet")

    def rows(self, sheet: str) -> list[Row]:
        files = sorted((self.folder / "family_survey").glob("*.xlsx"))
        return [row for path in files for row in read_sheet(path, sheet)]

    def planted(self, sheet: str) -> set[tuple[Any, ...]]:
        faults = self.truth("faults")
        faults = faults[(faults["sheet"] == sheet) & (faults["action"] != "count")]
        return set(faults[["file", "sheet", "row_number", "rule", "column_name"]].itertuples(index=False, name=None))

    def found(self) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
        families, villages = self.rows("KELUARGA"), set(self.truth("families")["village_code"])
        in_families = broken_in_families(families, villages)
        rejected = {entry[:3] for entry in in_families if entry[3] in ("F01", "F02", "F04", "F05")}
        accepted = {
            (row.file, row["KODE_KELUARGA"]): visit
            for row in families
            if row.place not in rejected and (visit := day(row["TGL_PENDATAAN"]))
        }
        return in_families, broken_in_members(self.rows("ANGGOTA"), accepted)


Make = Callable[..., Sample]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    def _make(**how: Any) -> Sample:
        folder = tmp_path_factory.mktemp("sample")
        return Sample(folder, generate(folder, as_of=AS_OF, **how))

    return _make


@pytest.fixture(scope="module")
def sample(make: Make) -> Sample:
    return make(families=700, seed=11, error_scale=2.0)


@pytest.fixture(scope="module")
def clean(make: Make) -> Sample:
    return make(families=300, seed=12, error_scale=0.0)


def test_the_survey_breaks_exactly_the_planted_rules(sample: Sample) -> None:
    in_families, in_members = sample.found()
    assert in_families == sample.planted("KELUARGA")
    assert in_members == sample.planted("ANGGOTA")


def test_every_rule_is_broken_somewhere(sample: Sample) -> None:
    expected = {f"F{n:02d}" for n in range(1, 10)} | {f"M{n:02d}" for n in range(1, 13)} - {"M10"}
    expected |= {f"R{n:02d}" for n in range(1, 10)} | {f"J{n:02d}" for n in range(1, 10)}
    assert set(sample.manifest.faults) == expected
    assert min(sample.manifest.faults.values()) > 0


def test_some_members_break_two_rules_at_once(sample: Sample) -> None:
    planted = pd.DataFrame(list(sample.planted("ANGGOTA")), columns=["file", "sheet", "row", "rule", "column"])
    both = planted.groupby(["file", "row"])["rule"].agg(set)
    assert any({"M04", "M08"} <= rules for rules in both)


def test_the_truth_names_every_row_of_the_workbooks(sample: Sample) -> None:
    records = sample.truth("records")
    for sheet in ("KELUARGA", "ANGGOTA"):
        named = records[records["sheet"] == sheet]
        assert {row.place for row in sample.rows(sheet)} == set(
            named[["file", "sheet", "row_number"]].itertuples(index=False, name=None)
        )


def test_the_keys_of_accepted_records_are_unique_and_lead_to_a_person(sample: Sample) -> None:
    records, persons = sample.truth("records"), sample.truth("persons")
    accepted = records[records["accepted"] & (records["source_table"] != "KELUARGA")]
    assert accepted["source_key"].notna().all()
    assert not accepted.duplicated(["source", "source_key"]).any()
    assert accepted["person_id"].isin(persons["person_id"]).all()
    assert persons["person_id"].is_unique and persons["nik"].is_unique


def test_registry_faults_are_exactly_the_planted(sample: Sample) -> None:
    rows = pd.read_parquet(sample.folder / "civil_registry" / "biodata_wni.parquet")
    cards = pd.read_parquet(sample.folder / "civil_registry" / "data_keluarga.parquet")
    villages = set(sample.truth("families")["village_code"])
    born = pd.to_datetime(rows["tgl_lhr"])
    codes = {"jenis_klmin": (1, 2), "akta_lhr": (1, 2), "stat_kwn": (1, 2, 3, 4), "akta_kwn": (1, 2)}
    codes |= {"stat_hbkel": tuple(range(1, 12)), "stat_hidup": (1, 2), "flag_status": (0, 1)}
    numbers = rows[["no_prop", "no_kab", "no_kec", "no_kel"]].astype("int64")
    village = numbers @ [10**8, 10**6, 10**4, 1]
    misshapen = ~rows["nik"].fillna("").str.fullmatch(r"\d{16}")
    nameless = rows["nama_lgkp"].fillna("").str.strip() == ""
    ranked = rows.assign(
        instant=rows["tgl_ubah"].fillna(pd.Timestamp("1900-01-01")), row=rows.index, akta=rows["akta_lhr"].fillna(0)
    )
    in_force = ranked[~(misshapen | nameless)]
    losers = in_force.sort_values(["nik", "instant", "akta"]).loc[lambda f: f.duplicated("nik", keep="last"), "row"]
    found = {
        "R01": misshapen,
        "R02": rows.index.isin(losers),
        "R03": nameless,
        "R04": born.notna() & ((born > pd.Timestamp(AS_OF)) | (born < pd.Timestamp("1906-11-24"))),
        "R05": pd.DataFrame({name: rows[name].notna() & ~rows[name].isin(own) for name, own in codes.items()}).any(
            axis=1
        ),
        "R06": ~rows["no_kk"].isin(cards["no_kk"]),
        "R07": ~village.astype(str).isin(villages),
        "R08": rows[["tgl_lhr", "jenis_klmin", "stat_kwn", "akta_lhr"]].isna().any(axis=1),
    }
    faults = sample.truth("faults")
    for rule, broken in found.items():
        assert set(rows.index[broken]) == set(faults.loc[faults["rule"] == rule, "row"]), rule


def test_insurance_faults_are_exactly_the_planted(sample: Sample) -> None:
    rows = pd.read_parquet(sample.folder / "health_insurance" / "peserta.parquet")
    villages = set(sample.truth("families")["village_code"])
    dates = {
        name: pd.to_datetime(rows[name], format="%Y-%m-%d", errors="coerce")
        for name in ("tglLahir", "tglTMT", "tglTAT")
    }
    instant = pd.to_datetime(rows["updatedAt"], format="ISO8601", errors="coerce")
    misshapen = ~rows["noKartu"].fillna("").str.fullmatch(r"\d{13}")
    nameless = rows["nama"].fillna("").str.strip() == ""
    ranked = rows.assign(instant=instant.fillna(pd.Timestamp("1900-01-01", tz="Asia/Jakarta")), row=rows.index)
    losers = (
        ranked[~(misshapen | nameless)]
        .sort_values(["noKartu", "instant", "statusPeserta.kode"])
        .loc[lambda f: f.duplicated("noKartu", keep="last"), "row"]
    )
    unreadable = [rows[name].notna() & dates[name].isna() for name in dates]
    found = {
        "J01": misshapen,
        "J02": rows.index.isin(losers),
        "J03": nameless,
        "J04": rows["nik"].notna() & ~rows["nik"].fillna("").str.fullmatch(r"\d{16}"),
        "J05": pd.concat(
            [*unreadable, ~rows["sex"].isin(["L", "P"]), rows["updatedAt"].notna() & instant.isna()], axis=1
        ).any(axis=1),
        "J06": dates["tglTMT"] > dates["tglTAT"],
        "J07": rows["kodeDesa"].notna() & ~rows["kodeDesa"].isin(villages),
        "J08": rows[["nik", "tglLahir", "kodeDesa"]].isna().any(axis=1),
    }
    faults = sample.truth("faults")
    for rule, broken in found.items():
        assert set(rows.index[broken]) == set(faults.loc[faults["rule"] == rule, "row"]), rule


def test_without_errors_no_rule_is_broken_and_the_three_sources_agree(clean: Sample) -> None:
    assert clean.manifest.faults == {}
    assert clean.found() == (set(), set())
    persons = clean.truth("persons").set_index("person_id")
    records = clean.truth("records")
    assert records["accepted"].all()
    registry = pd.read_parquet(clean.folder / "civil_registry" / "biodata_wni.parquet")
    entries = pd.read_parquet(clean.folder / "health_insurance" / "peserta.parquet")
    assert set(registry["nik"]) == set(entries["nik"]) == set(persons["nik"])
    told = {row["K.01"]: row for row in clean.rows("ANGGOTA")}
    assert set(told) <= set(persons["nik"])
    for nik, certificate in zip(registry["nik"], registry["akta_lhr"], strict=True):
        if nik in told:
            assert (certificate == 2) == (code("K.09", told[nik]["K.09"]) == 1)
    active = dict(zip(entries["nik"], entries["statusPeserta.kode"] == "0", strict=True))
    run_out = entries["tglTAT"].fillna("9999") < AS_OF.isoformat()
    active.update(dict.fromkeys(entries.loc[run_out, "nik"], False))
    assert all(active[nik] == (code("K.15", row["K.15"]) in (1, 2)) for nik, row in told.items())
