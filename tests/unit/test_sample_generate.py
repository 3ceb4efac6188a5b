"""Making a sample: reproducible, of any size, never beyond its date, never over somebody's files."""

import csv
import hashlib
from collections import Counter
from datetime import date
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE
from kampungkb.contracts import contract
from kampungkb.errors import ConfigurationError
from kampungkb.sample import SampleManifest, generate
from kampungkb.settings import INCLUDE

pytestmark = pytest.mark.unit

AS_OF = date(2026, 11, 24)


def checksums(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    generate(folder, families=800, seed=7, as_of=AS_OF)
    return folder


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "truth" / f"{name}.parquet")


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        generate(tmp_path / name, families=60, seed=3, as_of=AS_OF)
    generate(tmp_path / "other", families=60, seed=4, as_of=AS_OF)
    assert checksums(tmp_path / "one") == checksums(tmp_path / "two")
    assert checksums(tmp_path / "one") != checksums(tmp_path / "other")


def test_processes_that_write_workbooks_do_not_change_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kampungkb.sample.generation.FEW_WORKBOOKS", 2)
    for workers in (1, 2):
        generate(tmp_path / str(workers), families=100, seed=5, as_of=AS_OF, workers=workers)
    assert checksums(tmp_path / "1") == checksums(tmp_path / "2")


def test_the_manifest_stands_beside_the_sources(sample: Path) -> None:
    manifest = SampleManifest.model_validate_json((sample / "manifest.json").read_text(encoding="utf-8"))
    assert manifest.families == 800
    assert (
        manifest.rows["civil_registry/biodata_wni"]
        == pq.read_metadata(sample / CIVIL_REGISTRY / "biodata_wni.parquet").num_rows
    )
    assert manifest.workbooks == len(list((sample / "family_survey").glob("*.xlsx")))
    assert truth(sample, "families")["surveyed"].sum() == 800


@pytest.mark.parametrize("table", ["biodata_wni", "data_keluarga"])
def test_registry_files_hold_the_columns_of_the_contract(sample: Path, table: str) -> None:
    schema = pq.read_schema(sample / CIVIL_REGISTRY / f"{table}.parquet")
    assert tuple(schema.names) == contract(CIVIL_REGISTRY).table(table).names


def test_insurance_entries_hold_the_columns_of_the_contract(sample: Path) -> None:
    names = pq.read_schema(sample / HEALTH_INSURANCE / "peserta.parquet").names
    assert tuple(names[:-1]) == contract(HEALTH_INSURANCE).table("peserta").names
    assert names[-1] == "kodeKabupaten"


def test_workbooks_hold_both_sheets_and_an_ignored_one(sample: Path) -> None:
    path = sorted((sample / "family_survey").glob("*.xlsx"))[0]
    assert openpyxl.load_workbook(path, read_only=True).sheetnames == ["KELUARGA", "ANGGOTA", "PETUNJUK"]


def test_workbooks_differ_in_form(sample: Path) -> None:
    header_rows, orders, kinds = set(), set(), Counter()
    for path in (sample / "family_survey").glob("*.xlsx"):
        rows = list(openpyxl.load_workbook(path, read_only=True)["KELUARGA"].iter_rows(values_only=True))
        spelled = [[str(value).strip().upper() for value in row if value is not None] for row in rows]
        header = next(place for place, row in enumerate(spelled) if "KODE_KELUARGA" in row)
        header_rows.add(header)
        orders.add(tuple(spelled[header]))
        visits = spelled[header].index("TGL_PENDATAAN")
        kinds.update(type(row[visits]).__name__ for row in rows[header + 1 :] if len(row) > visits)
        assert str(rows[-1][0]) == "JUMLAH"
    assert len(header_rows) > 3 and len(orders) > 3
    assert {"datetime", "str"} <= set(kinds)


def test_identity_numbers_hold_the_birth_date_and_sex(sample: Path) -> None:
    persons = truth(sample, "persons")
    born = pd.to_datetime(persons["birth_date"])
    day = born.dt.day + (persons["sex"] == 2) * 40
    expected = day.map("{:02d}".format) + born.dt.strftime("%m%y")
    assert (persons["nik"].str[6:12] == expected).all()


def test_families_are_composed_as_in_life(sample: Path) -> None:
    persons = truth(sample, "persons")
    by_family = persons.groupby("family_id")
    age = (pd.Timestamp(AS_OF) - pd.to_datetime(persons["birth_date"])).dt.days / 365.25
    assert (persons[persons["relation"] == 1].groupby("family_id").size() == 1).all()
    assert 2.7 < by_family.size().mean() < 3.4
    assert 0.005 < (age < 1).mean() < 0.05
    assert 0.05 < (age >= 60).mean() < 0.2
    assert (age >= 0).all() and age.max() < 110
    mothers = persons[(persons["relation"] <= 2) & (persons["sex"] == 2)].set_index("family_id")["birth_date"]
    children = (
        persons[persons["relation"] == 3].join(mothers.rename("mother"), on="family_id").dropna(subset=["mother"])
    )
    apart = (pd.to_datetime(children["birth_date"]) - pd.to_datetime(children["mother"])).dt.days / 365.25
    assert apart.min() > 15 and apart.max() < 52


def test_the_true_index_is_near_the_national_one_and_differs_between_villages(sample: Path) -> None:
    families, persons = truth(sample, "families").set_index("family_id"), truth(sample, "persons")
    age = (pd.Timestamp(AS_OF) - pd.to_datetime(persons["birth_date"])).dt.days // 365.25
    by_family = persons.groupby("family_id")
    answered = {name: families[name].map({1: 1.0, 2: 0.0}) for name in families if name.startswith("P.")}
    conflict = families[["P.03A", "P.03B", "P.03C", "P.03D"]]
    children = persons[(persons["relation"] == 3) & (age < 18)].groupby("family_id")
    pupils = persons[age.between(7, 18)].assign(there=lambda f: f["education"].isin([2, 4, 6, 7, 8, 9]))
    heads = persons[persons["relation"] == 1].set_index("family_id")
    greatest_decent = {"P.19": 5, "P.20": 3, "P.21": 3, "P.22": 2, "P.23": 3, "P.24": 2, "P.25": 1, "P.26": 1}
    decent = pd.DataFrame({name: families[name] <= code for name, code in greatest_decent.items()}).sum(axis=1) >= 6
    dimensions = [
        [
            answered["P.01"],
            answered["P.02"],
            (conflict != 1).all(axis=1).astype(float).mask((conflict == 3).all(axis=1)),
            children["certificate"].min(),
            by_family["cover"].max() < 4,
            heads["marital"].map({2: 1, 3: 0, 4: 1}),
        ],
        [
            *(answered[name] for name in ("P.04", "P.05", "P.06", "P.08")),
            1 - answered["P.07"],
            decent,
            pupils.groupby("family_id")["there"].min(),
        ],
        [answered[name] for name in ("P.09", "P.10", "P.11", "P.12")],
    ]
    means = [pd.concat([part.astype(float) for part in parts], axis=1).mean(axis=1) for parts in dimensions]
    index = pd.concat(means, axis=1).mean(axis=1, skipna=False) * 100
    assert 54 < index.mean() < 65
    assert index.groupby(families["village_code"]).mean().std() > 2


def test_known_errors_have_the_rates_that_are_promised(sample: Path) -> None:
    persons, records = truth(sample, "persons"), truth(sample, "records")
    members = records[(records["source_table"] == "ANGGOTA")]
    missing = truth(sample, "faults").query("rule == 'M11' and column_name == 'K.01'")
    assert 0.07 < len(missing) / len(members) < 0.09
    recorded = records[records["source"] == CIVIL_REGISTRY]["person_id"].nunique()
    assert 0.03 < 1 - recorded / len(persons) < 0.07
    insured = records[records["source"] == HEALTH_INSURANCE]["person_id"].nunique()
    assert 0.12 < 1 - insured / len(persons) < 0.18
    assert members["person_id"].duplicated().any()


def test_namesakes_live_in_the_same_village_and_are_of_an_age(sample: Path) -> None:
    persons = truth(sample, "persons").sort_values(["village_code", "sex", "name", "birth_date"])
    again = persons.shift()
    near = (pd.to_datetime(persons["birth_date"]) - pd.to_datetime(again["birth_date"])).dt.days.abs() < 365
    same = (persons[["village_code", "sex", "name"]] == again[["village_code", "sex", "name"]]).all(axis=1)
    other_family = persons["family_id"] != again["family_id"]
    assert (same & near & other_family).sum() * 2 / len(persons) > 0.008


def test_nothing_is_dated_after_as_of_but_planted_faults_and_ends_of_cover(sample: Path) -> None:
    entries = pd.read_parquet(sample / HEALTH_INSURANCE / "peserta.parquet")
    faults = truth(sample, "faults")
    future = entries.index[(entries["tglTMT"] > "2026-11-24") | (entries["updatedAt"] > "2026-11-24")]
    assert set(future) <= set(faults.loc[faults["rule"] == "J05", "row"])
    registry = pd.read_parquet(sample / CIVIL_REGISTRY / "biodata_wni.parquet")
    assert registry["tgl_ubah"].max() < pd.Timestamp(AS_OF)
    late = registry.index[pd.to_datetime(registry["tgl_lhr"]) > pd.Timestamp(AS_OF)]
    assert set(late) <= set(faults.loc[faults["rule"] == "R04", "row"])


def test_broken_workbooks_are_made_on_request_and_booked_as_f00(tmp_path: Path) -> None:
    manifest = generate(tmp_path / "s", families=200, seed=6, as_of=AS_OF, broken_workbooks=4)
    faults = truth(tmp_path / "s", "faults")
    files = set(faults.loc[faults["rule"] == "F00", "file"])
    assert manifest.broken_workbooks == len(files) == 4
    records = truth(tmp_path / "s", "records")
    assert not records.loc[records["file"].isin(files), "accepted"].any()
    assert set(faults.loc[faults["file"].isin(files), "rule"]) == {"F00"}


def test_many_families_get_synthetic_villages_and_a_longer_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kampungkb.sample.regions.FAMILIES_A_VILLAGE", 8)
    monkeypatch.setattr("kampungkb.sample.regions.LEAST_FAMILIES_A_VILLAGE", 2)
    monkeypatch.setattr("kampungkb.sample.generation.FAMILIES_A_BATCH", 300)
    manifest = generate(tmp_path / "s", families=1000, seed=8, as_of=AS_OF, workers=1)
    assert manifest.extended_reference and manifest.villages == 1000 // 8
    with (tmp_path / "s" / "reference" / "regions.csv").open(encoding="utf-8") as lines:
        extended = list(csv.DictReader(lines))
    with (INCLUDE / "reference" / "regions.csv").open(encoding="utf-8") as lines:
        known = list(csv.DictReader(lines))
    assert extended[: len(known)] == known
    codes = {row["code"].replace(".", "") for row in extended if row["level"] in ("desa", "kelurahan")}
    assert set(truth(tmp_path / "s", "families")["village_code"]) <= codes
    assert {row["parent"] for row in extended} - {""} <= {row["code"] for row in extended}
    persons = truth(tmp_path / "s", "persons")
    assert persons["nik"].is_unique and persons["person_id"].is_unique
    assert truth(tmp_path / "s", "families")["NO_KK"].is_unique
    accepted = truth(tmp_path / "s", "records").query("accepted and source_table in ('peserta', 'biodata_wni')")
    assert not accepted.duplicated(["source", "source_key"]).any()


def test_an_older_sample_is_replaced_and_other_files_are_not(tmp_path: Path) -> None:
    generate(tmp_path / "s", families=30, seed=1, as_of=AS_OF)
    generate(tmp_path / "s", families=20, seed=1, as_of=AS_OF)
    assert truth(tmp_path / "s", "families")["surveyed"].sum() == 20
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="something else than a sample"):
        generate(tmp_path / "mine", families=20, as_of=AS_OF)
    assert (tmp_path / "mine" / "notes.txt").read_text(encoding="utf-8") == "keep"


def test_impossible_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one family"):
        generate(tmp_path / "s", families=0)


def test_the_register_marks_26_villages_of_the_reference() -> None:
    register = pd.read_csv(INCLUDE / "reference" / "kampung_kb.csv", dtype=str)
    regions = pd.read_csv(INCLUDE / "reference" / "regions.csv", dtype=str)
    assert len(register) == register["village_code"].nunique() == 26
    assert register["village_code"].isin(regions["code"].str.replace(".", "")).all()
