"""A whole load by the command with `KAMPUNGKB_ENGINE=spark`: lake and warehouse are those that DuckDB leaves."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kampungkb import lake
from kampungkb.orchestration.surroundings import sample_folder
from kampungkb.sample import generate
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.base import SCHEMAS
from tests.conftest import AS_OF
from tests.e2e.machine import Machine
from tests.spark.conftest import SEEDS
from tests.spark.rows import assert_same, assert_same_rows

pytestmark = pytest.mark.spark

FAMILIES = 150
SAME = {"KAMPUNGKB_SAMPLE_FAMILIES": str(FAMILIES), "KAMPUNGKB_PSEUDONYM_KEY": "a key for tests only"}
OF_A_RUN = {"run_id", "started_at", "finished_at", "seconds"}
"""The columns that name a run or tell its clock."""
OF_FILES = "ops.published_content"
"""Checksums of the lake's files: the same rows lie otherwise in a file that another engine wrote."""


@dataclass(frozen=True)
class Loads:
    """The same sample, loaded on either engine."""

    duckdb: Machine
    spark: Machine


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"seed {seed}")
def loads(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loads]:
    """A sample of each seed, loaded on either engine."""
    folder = tmp_path_factory.mktemp("loads")
    made = Loads(Machine(folder / "duckdb", **SAME), Machine(folder / "spark", **SAME, KAMPUNGKB_ENGINE="spark"))
    try:
        for machine in (made.duckdb, made.spark):
            sample = sample_folder(Settings(home=lake.private_folder(machine.home)))
            generate(sample, families=FAMILIES, seed=request.param, as_of=AS_OF)
            machine.run(AS_OF.isoformat())
        yield made
    finally:
        for machine in (made.duckdb, made.spark):
            embedded.discard(Settings(home=machine.home))


def tables_of_the_lake(home: Path) -> dict[str, Path]:
    """What the steps wrote, by its place in the lake."""
    lake = home / "lake"
    folders = ("accepted", "persons", "scores")
    return {str(path.relative_to(lake)): path for folder in folders for path in (lake / folder).rglob("*.parquet")}


def test_every_table_of_the_lake_is_duckdbs(loads: Loads) -> None:
    found, truth = tables_of_the_lake(loads.spark.home), tables_of_the_lake(loads.duckdb.home)
    assert found.keys() == truth.keys()
    rows = {name: assert_same(found[name], path, 1e-6 if "persons" in name else 1e-9) for name, path in truth.items()}
    assert sum(rows.values()) > 0, rows


def test_every_table_of_the_warehouse_is_duckdbs(loads: Loads) -> None:
    found, truth = loads.spark.contents(*SCHEMAS), loads.duckdb.contents(*SCHEMAS)
    assert found.keys() == truth.keys()
    for name, table in truth.items():
        if name == OF_FILES:
            continue
        kept = [place for place, column in enumerate(table.columns) if column not in OF_A_RUN]
        assert found[name].columns == table.columns, name
        assert_same_rows(
            name,
            [table.columns[place] for place in kept],
            [tuple(row[place] for place in kept) for row in found[name].rows],
            [tuple(row[place] for place in kept) for row in table.rows],
            1e-6 if name.startswith("vault.") else 1e-9,
        )
    filled = {name.partition(".")[0] for name, table in truth.items() if table.rows}
    assert {"core", "mart", "open", "ops", "vault"} <= filled


def test_without_java_the_load_stops_before_it_reads_a_source(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home", **SAME, KAMPUNGKB_ENGINE="spark")
    try:
        done = machine.command("run", "--as-of", AS_OF.isoformat(), JAVA_HOME=str(tmp_path / "no java"))
        assert done.returncode != 0
        assert "prepare: KAMPUNGKB_ENGINE=spark needs Java 17" in " ".join((done.stdout + done.stderr).split())
        assert not list((machine.home / "lake").glob("landing/*"))
    finally:
        embedded.discard(Settings(home=machine.home))
