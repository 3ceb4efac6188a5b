"""The three contracts say what the sources' description says, and an incoherent contract is refused."""

from pathlib import Path

import pytest
import yaml

from kampungkb.contracts import contract, read_contract
from kampungkb.errors import ConfigurationError
from kampungkb.run import SOURCES
from kampungkb.settings import INCLUDE

YES_NO = {1: ("Ya",), 2: ("Tidak",)}
YES_NO_NA = YES_NO | {3: ("Tidak berlaku",)}


def _unlabelled(count: int) -> dict[int, tuple[str, ...]]:
    return dict.fromkeys(range(1, count + 1), ())


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_a_contract_under_its_own_name_with_every_column_described(source: str) -> None:
    found = contract(source)
    assert found.source == source
    assert found.version.count(".") == 2
    for table in found.tables:
        for column in table.columns:
            assert column.description, column.name
            assert column.classification in ("public", "internal", "personal"), column.name


def test_the_survey_has_the_sheets_columns_and_digits_of_the_form() -> None:
    survey = contract("family_survey")
    families, members = survey.table("keluarga"), survey.table("Anggota")
    assert [table.name for table in survey.tables] == ["KELUARGA", "ANGGOTA"]
    assert families.names == (
        *("KODE_KELUARGA", "NO_KK", "KODE_DESA", "RT", "RW", "ALAMAT", "TGL_PENDATAAN", "P.01", "P.02"),
        *("P.03A", "P.03B", "P.03C", "P.03D", *(f"P.{number:02d}" for number in range(4, 27))),
    )
    assert members.names == (
        *("KODE_KELUARGA", "NO_URUT", "K.01", "K.02", "K.03", "K.04", "K.05", "K.07", "K.09", "K.10"),
        *("K.11", "K.12", "K.13", "K.14", "K.15"),
    )
    optional = [name for table in survey.tables for name in table.names if name not in table.needed]
    assert optional == [
        *("RT", "RW", "ALAMAT", "P.14", "P.15", "P.16", "P.17", "P.18"),
        *("K.05", "K.11", "K.12", "K.14"),
    ]
    digits = {c.name: c.digits for table in survey.tables for c in table.of_kind("identity")}
    assert digits == {"KODE_KELUARGA": 18, "NO_KK": 16, "K.01": 16}


def test_the_survey_has_the_codes_and_labels_of_the_form() -> None:
    survey = contract("family_survey")
    codes = {c.name: c.codes for table in survey.tables for c in table.of_kind("code")}
    with_na = {"P.02", "P.03A", "P.03B", "P.03C", "P.03D", "P.10", "P.14", "P.15", "P.16", "P.17", "P.18"}
    housing = {"P.19": 6, "P.20": 5, "P.21": 6, "P.22": 3, "P.23": 5, "P.24": 4, "P.25": 4, "P.26": 2}
    without_na = {f"P.{number:02d}" for number in range(1, 14)} - {"P.02", "P.03", "P.10"}
    assert codes == {
        **dict.fromkeys(with_na, YES_NO_NA),
        **dict.fromkeys(without_na, YES_NO),
        **{name: _unlabelled(count) for name, count in housing.items()},
        "K.03": {1: ("Laki-laki",), 2: ("Perempuan",)},
        "K.07": {1: ("Belum kawin",), 2: ("Kawin",), 3: ("Cerai hidup",), 4: ("Cerai mati",)},
        "K.09": YES_NO,
        "K.10": {1: ("Kepala keluarga",), 2: ("Istri", "Suami"), 3: ("Anak",), 4: ("Lainnya",)},
        "K.12": {
            number: (label,)
            for number, label in enumerate(
                ("Islam", "Kristen", "Katolik", "Hindu", "Buddha", "Khonghucu", "Lainnya"), start=1
            )
        },
        "K.13": _unlabelled(10),
        "K.14": _unlabelled(12),
        "K.15": {1: ("PBI",), 2: ("Non-PBI",), 3: ("Swasta",), 4: ("Tidak",)},
    }


def test_the_registry_has_the_tables_and_codes_of_the_population_administration() -> None:
    registry = contract("civil_registry")
    persons, cards = registry.table("biodata_wni"), registry.table("data_keluarga")
    assert {c.name: set(c.codes or ()) for c in persons.of_kind("code")} == {
        "jenis_klmin": {1, 2},
        "akta_lhr": {1, 2},
        "stat_kwn": {1, 2, 3, 4},
        "akta_kwn": {1, 2},
        "stat_hbkel": set(range(1, 12)),
        "stat_hidup": {1, 2},
        "flag_status": {0, 1},
    }
    assert {"nik", "no_kk", "nama_lgkp", "tgl_lhr", "no_prop", "no_kab", "no_kec", "no_kel", "tgl_ubah"} < set(
        persons.needed
    )
    assert cards.needed == ("no_kk",)
    assert {c.name: c.digits for table in registry.tables for c in table.of_kind("identity")} == {
        "nik": 16,
        "no_kk": 16,
    }


def test_the_insurance_entry_has_its_nested_fields_by_dotted_name() -> None:
    entries = contract("health_insurance").table("peserta")
    assert entries.names == (
        *("noKartu", "nik", "nama", "sex", "tglLahir", "statusPeserta.kode", "statusPeserta.keterangan"),
        *("jenisPeserta.kode", "jenisPeserta.keterangan", "hakKelas.kode", "hakKelas.keterangan"),
        *("provUmum.kdProvider", "provUmum.nmProvider", "kodeDesa", "tglTMT", "tglTAT", "updatedAt"),
    )
    assert {c.name: c.digits for c in entries.of_kind("identity")} == {"noKartu": 13, "nik": 16}
    assert {c.name: set(c.codes or ()) for c in entries.of_kind("label")} == {"sex": {"L", "P"}}


def test_a_table_that_the_contract_does_not_know_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        contract("civil_registry").table("biodata_wna")


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("{property: kind, value: date}", "{property: kind, value: dates}", "kind"),
        ("{property: digits, value: 18}", "{property: digit, value: 18}", "digit"),
        ("{property: digits, value: 18}", "{property: digits, value: eighteen}", "digits"),
        ("{property: presence, value: optional}", "{property: presence, value: maybe}", "maybe"),
        ("name: NO_KK", "name: kode_keluarga", "two columns have the same name"),
        ("{1: [Ya], 2: [Tidak]}", "{1: [Ya], 2: [ya]}", "P.01: a label stands for two codes"),
        ("{1: [Ya], 2: [Tidak]}", "{}", "P.01: a code or label column, and no other, states its codes"),
        ("schema:", "schemas:", "'schema' is missing"),
        ("id: family_survey", "id: [family_survey", "cannot be used"),
    ],
)
def test_an_incoherent_contract_is_refused_with_its_file_and_fault(
    written: str, instead: str, said: str, tmp_path: Path
) -> None:
    text = (INCLUDE / "contracts" / "family_survey.yaml").read_text(encoding="utf-8")
    assert written in text
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace(written, instead, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError) as fault:
        read_contract(broken)
    assert str(broken) in str(fault.value)
    assert said in str(fault.value)


@pytest.mark.parametrize("source", SOURCES)
def test_the_file_follows_the_open_data_contract_standard(source: str) -> None:
    declared = yaml.safe_load((INCLUDE / "contracts" / f"{source}.yaml").read_text(encoding="utf-8"))
    assert declared["apiVersion"].startswith("v3.")
    assert declared["kind"] == "DataContract"
    assert {"id", "name", "version", "status", "schema"} <= declared.keys()
    logical = {"string", "date", "number", "integer", "object", "array", "boolean", "timestamp", "time"}
    for table in declared["schema"]:
        for column in table["properties"]:
            assert column["logicalType"] in logical, column["name"]
