"""Reads marts and compares them, row by row, with what another computation says."""

import csv
from typing import Any

import pandas as pd

from kampungkb.settings import INCLUDE
from tests.acceptance.conftest import World
from tests.generator.expectation import INSURANCE, REGISTRY, SURVEY
from tests.oracle import ibangga

TOLERANCE = 1e-6
KEYS = {
    "family_index": ["family_key", "basis"],
    "family_indicator": ["family_key", "basis", "indicator"],
    "village_index": ["as_of", "village_code", "basis"],
}


def villages() -> list[str]:
    with (INCLUDE / "reference" / "regions.csv").open(encoding="utf-8") as file:
        codes = [row["code"].replace(".", "") for row in csv.DictReader(file)]
    return [code for code in codes if len(code) == 10]


def oracle(world: World, without: tuple[str, ...] = ()) -> ibangga.Expected:
    """The oracle over the rows that the generator says must be accepted, with the warehouse's links as given."""
    accepted = world.scenario.expectation().accepted

    def frame(source: str, table: str) -> pd.DataFrame | None:
        return None if source in without else pd.DataFrame(accepted[source, table], dtype=object)

    keluarga = frame(SURVEY, "keluarga")
    anggota = frame(SURVEY, "anggota")
    assert keluarga is not None and anggota is not None
    return ibangga.expect(
        keluarga=keluarga.assign(village_code=keluarga["KODE_DESA"]),
        anggota=anggota,
        biodata_wni=frame(REGISTRY, "biodata_wni"),
        peserta=frame(INSURANCE, "peserta"),
        person_link=world.query("select source, source_key, person_key from vault.person_link"),
        family_link=world.query("select source_key, family_key from vault.family_link"),
        villages=villages(),
        as_of=world.scenario.as_of,
    )


def assert_mart_is(world: World, table: str, expected: pd.DataFrame, where: str = "true") -> None:
    """Every row and every column of the expectation, numbers to the tolerance, nulls only where nulls are."""
    keys = KEYS[table]
    names = ", ".join(f'"{name}"' for name in expected.columns)
    found = world.query(f"select {names} from mart.{table} where {where}")
    indexed = {tuple(row[key] for key in keys): row for row in records(found)}
    wanted = {tuple(row[key] for key in keys): row for row in records(expected)}
    assert len(indexed) == len(found), f"mart.{table} repeats a key"
    assert indexed.keys() == wanted.keys()
    off = [
        (key, column, indexed[key][column], value)
        for key, row in wanted.items()
        for column, value in row.items()
        if not same(indexed[key][column], value)
    ]
    assert not off, f"{len(off)} values of mart.{table} differ, such as {off[:5]}"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return rows


def same(found: Any, wanted: Any) -> bool:
    if found is None or wanted is None or isinstance(wanted, str | bool):
        return bool(found == wanted)
    if isinstance(wanted, int | float):
        return abs(float(found) - float(wanted)) <= TOLERANCE
    return bool(found == wanted)
