"""What a load says of families and persons without naming them: which record speaks, and what is never told."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kampungkb import lake
from kampungkb.refs import Linked
from kampungkb.run import Run
from kampungkb.scoring import score
from tests.integration.warehouse_lake import write
from tests.oracle.accepted import source_key, write_accepted

pytestmark = pytest.mark.integration

DABO, LINGGA, ELSEWHERE = "2104011001", "2104022001", "1101012001"
Row = dict[str, Any]
TABLES = {"anggota": "family_survey", "biodata_wni": "civil_registry", "peserta": "health_insurance"}


def family(code: str, village: str = DABO, visited: date = date(2026, 1, 1), card: str | None = None) -> Row:
    return {"KODE_KELUARGA": code, "village_code": village, "TGL_PENDATAAN": visited, "NO_KK": card}


def member(person: str, code: str, number: int = 1, relation: int = 1, village: str = DABO, **facts: Any) -> Row:
    row = {"KODE_KELUARGA": code, "NO_URUT": number, "K.10": relation, "K.02": "Siti", "village_code": village}
    return {"person": person, **row, **facts}


def citizen(person: str, nik: str, alive: int | None = 1, away: int | None = 0, **facts: Any) -> Row:
    return {"person": person, "nik": nik, "nama_lgkp": "SITI", "stat_hidup": alive, "flag_status": away, **facts}


def card(person: str, number: str, **facts: Any) -> Row:
    return {"person": person, "noKartu": number, "nama": "SITI", **facts}


def profiles(run: Run, tables: dict[str, list[Row]]) -> tuple[dict[str, Row], dict[str, Row]]:
    """Score the rows, each linked to its `person`; returns the profiles of families by code and of persons."""
    validated = write_accepted(run, tables)
    folder = lake.persons(run.settings, run.as_of)
    links = [
        (source, source_key(table, row), row["person"]) for table, source in TABLES.items() for row in tables[table]
    ]
    codes = [row["KODE_KELUARGA"] for row in tables["keluarga"]]
    texts = {
        name: ([link[n] for link in links], pa.string())
        for n, name in enumerate(("source", "source_key", "person_key"))
    }
    write(folder / "person_link.parquet", **texts)
    write(folder / "family_link.parquet", source_key=(codes, pa.string()), family_key=(codes, pa.string()))
    path = score(run, validated, Linked(path=folder, records={}, linked={}, persons=0)).path
    found = [pq.read_table(path / f"{name}_profile.parquet").to_pylist() for name in ("family", "person")]
    return {row.pop("family_key"): row for row in found[0]}, {row.pop("person_key"): row for row in found[1]}


@pytest.fixture
def tables() -> dict[str, list[Row]]:
    """Tables of all sources with nobody in them."""
    return {name: [] for name in ("keluarga", "data_keluarga", *TABLES)}


def test_the_survey_speaks_first_then_the_registry_then_the_insurance(run: Run, tables: dict[str, list[Row]]) -> None:
    tables["keluarga"] = [family("1" * 18)]
    tables["anggota"] = [member("ani", "1" * 18, **{"K.03": 2, "K.07": 4})]
    tables["biodata_wni"] = [
        citizen("ani", "1" * 16, jenis_klmin=1, tgl_lhr=date(1971, 5, 6), stat_kwn=2, village_code=ELSEWHERE),
        citizen("budi", "2" * 16, jenis_klmin=1, stat_hbkel=3, stat_kwn=2, village_code=ELSEWHERE),
    ]
    tables["peserta"] = [
        card("ani", "1" * 13, tglLahir=date(1999, 1, 1), sex="L"),
        card("citra", "2" * 13, tglLahir=date(2001, 12, 31), sex="P", village_code=LINGGA),
    ]
    _, found = profiles(run, tables)
    sources = ("in_survey", "in_registry", "in_insurance")
    told = ("family_key", "village_code", "sex", "birth_period", "relation", "marital_status", "registry_status")
    assert {key: tuple(row[name] for name in told) for key, row in found.items()} == {
        "ani": ("1" * 18, DABO, "female", "1970-1974", "head", "widowed", "active"),
        "budi": (None, ELSEWHERE, "male", None, "spouse", "married", "active"),
        "citra": (None, LINGGA, "female", "2000-2004", None, None, None),
    }
    assert {key: tuple(row[name] for name in sources) for key, row in found.items()} == {
        "ani": (True, True, True),
        "budi": (False, True, False),
        "citra": (False, False, True),
    }


def test_of_two_records_of_a_person_the_last_visited_or_the_one_in_force_counts(
    run: Run, tables: dict[str, list[Row]]
) -> None:
    tables["keluarga"] = [family("1" * 18, LINGGA, date(2025, 3, 1)), family("2" * 18, DABO, date(2026, 3, 1))]
    tables["anggota"] = [
        member("ani", "1" * 18, relation=1, village=LINGGA),
        member("ani", "2" * 18, relation=3, village=DABO),
    ]
    changed = [datetime(year, 1, 1, tzinfo=UTC) for year in (2024, 2026)]
    tables["biodata_wni"] = [
        citizen("ani", "1" * 16, alive=2, tgl_ubah=changed[1]),
        citizen("ani", "2" * 16, tgl_ubah=changed[0]),
        citizen("budi", "3" * 16, alive=2, tgl_ubah=changed[0]),
        citizen("budi", "4" * 16, away=1, tgl_ubah=changed[1]),
        citizen("citra", "5" * 16, alive=2, away=1),
        citizen("dedi", "6" * 16, alive=None),
    ]
    _, found = profiles(run, tables)
    assert (found["ani"]["family_key"], found["ani"]["village_code"], found["ani"]["relation"]) == (
        "2" * 18, DABO, "child",
    )  # fmt: skip
    assert {key: row["registry_status"] for key, row in found.items()} == {
        "ani": "active", "budi": "moved", "citra": "dead", "dedi": None,
    }  # fmt: skip


def test_a_birth_date_becomes_five_years_and_the_old_stand_together(run: Run, tables: dict[str, list[Row]]) -> None:
    born = {
        date(1908, 1, 1): "<1940",
        date(1939, 12, 31): "<1940",
        date(1940, 1, 1): "1940-1944",
        date(1999, 12, 31): "1995-1999",
        date(2000, 1, 1): "2000-2004",
        date(2024, 12, 31): "2020-2024",
    }
    tables["peserta"] = [card(f"{day}", f"{n:013d}", tglLahir=day) for n, day in enumerate(born)]
    _, found = profiles(run, {**tables, "keluarga": [family("1" * 18)]})
    assert {key: row["birth_period"] for key, row in found.items()} == {f"{day}": told for day, told in born.items()}


def test_a_family_is_told_by_its_head_its_size_and_its_card(run: Run, tables: dict[str, list[Row]]) -> None:
    sizes = {"0": 0, "1": 1, "2": 2, "3-4": 4, "5-6": 5, "7+": 9}
    codes = {group: f"{n:018d}" for n, group in enumerate(sizes)}
    tables["keluarga"] = [family(code, card=f"{code[-1]}" * 16) for code in codes.values()]
    tables["keluarga"][0]["NO_KK"] = None
    tables["data_keluarga"] = [{"no_kk": "1" * 16}, {"no_kk": "1" * 16, "village_code": LINGGA}]
    tables["anggota"] = [
        member(
            f"{code}{n}",
            code,
            number=n,
            relation=1 if n in (2, 3) else 3,
            **{"K.03": 1 if n == 3 else 2, "K.07": min(n, 4)},
        )
        for group, code in codes.items()
        for n in range(1, min(sizes[group], 9) + 1)
    ]
    found, _ = profiles(run, tables)
    assert {code: row["size_group"] for code, row in found.items()} == {code: group for group, code in codes.items()}
    assert [found[code]["family_card"] for code in sorted(codes.values())] == ["missing", "registered", *["given"] * 4]
    assert (found[codes["5-6"]]["head_sex"], found[codes["5-6"]]["head_marital_status"]) == ("female", "married")
    assert (found[codes["1"]]["head_sex"], found[codes["1"]]["head_marital_status"]) == (None, None)
