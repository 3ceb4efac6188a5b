"""Persons of an independent population, with other names and other mistakes than the sample's, are found again."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from kampungkb.linkage import link
from kampungkb.run import Run
from kampungkb.settings import Settings
from tests.acceptance.identities import Quality, World, make_world, quality, write_accepted

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def linked(world: World, folder: Path) -> Quality:
    settings = Settings(home=folder / "home", pseudonym_key=SecretStr("a key for tests only"))
    crosswalk = link(Run("identities", date(2026, 11, 24), settings), write_accepted(world, folder / "accepted"))
    with duckdb.connect() as connection:
        links = connection.read_parquet(str(crosswalk.path / "person_link.parquet"))
        return quality(world.truth, links.project("source, source_key, person_key").fetchall())


@pytest.mark.parametrize(
    ("seed", "scale", "precision", "recall"), [(11, 1.0, 0.998, 0.97), (12, 2.0, 0.998, 0.95)], ids=["usual", "doubled"]
)
def test_records_of_one_person_are_found_and_of_two_kept_apart(
    tmp_path: Path, seed: int, scale: float, precision: float, recall: float
) -> None:
    found = linked(make_world(seed, 2500, scale), tmp_path)
    assert found.precision >= precision, found
    assert found.recall >= recall, found


def test_records_without_any_fault_are_all_found(tmp_path: Path) -> None:
    found = linked(make_world(13, 300, 0.0), tmp_path)
    assert found.precision == 1.0, found
    assert found.recall >= 0.999, found
