"""The benchmark of publication measures what it says: the night repeated, published, and loaded again by the others."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from benchmarks.publication.measures import (
    OTHERS,
    copy_with_adbc,
    copy_with_psql,
    empty_tables,
    insert_with_pandas,
    load_as_we_do,
    parquet_files,
    publish_once,
    published_tables,
    rows_of,
    sample,
    text_files,
)
from benchmarks.publication.repeated import repeat
from kampungkb.connections import WAREHOUSE
from kampungkb.run import Run, today
from kampungkb.warehouse import publish
from kampungkb.warehouse.connect import libpq_uri, url
from tests.integration.warehouse_lake import night

pytestmark = [pytest.mark.integration, pytest.mark.long]


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_a_night_is_repeated_published_and_copied(warehouse_run: Run, tmp_path: Path) -> None:
    references = night(seed=1, count=20).write(warehouse_run)
    publish(warehouse_run, *repeat(references, 3, tmp_path / "repeated"))
    engine = create_engine(url(warehouse_run.connections[WAREHOUSE]))
    tables = published_tables(engine)
    assert tables["core.fact_family_score"] == 3 * 40
    assert tables["core.dim_person"] == 3 * references[1].persons
    uri = libpq_uri(engine)
    parquet = parquet_files(uri, tables, tmp_path / "parquet")
    copied = text_files(uri, tables, tmp_path / "text")
    loads: list[Callable[[dict[str, str]], None]] = [
        lambda here: copy_with_psql(uri, copied, here),
        lambda here: insert_with_pandas(engine, parquet, here),
    ]
    for load in (*loads, lambda here: copy_with_adbc(uri, parquet, here)):
        load(empty_tables(uri, tables, keyed=False))
        assert rows_in(engine, tables) == tables
    for load in (*loads, lambda here: load_as_we_do(engine, uri, parquet, here)):
        load(empty_tables(uri, tables, keyed=True))
        assert rows_in(engine, tables) == tables
    some = parquet_files(uri, tables, tmp_path / "part", 0.25)
    assert 0 < rows_of(some) < sum(tables.values()) / 3
    engine.dispose()


def test_a_sample_is_loaded_up_to_its_scores_and_published(home: Path) -> None:
    references = sample(home, 60, today())
    assert 0 < references[2].families <= 60
    assert publish_once(home, today(), references)["rows"] > references[2].rows


def rows_in(engine: Engine, tables: dict[str, int]) -> dict[str, int]:
    """The rows of the loaded tables."""
    with engine.connect() as connection:
        return {
            name: connection.execute(text(f"select count(*) from {OTHERS}.{name.replace('.', '_')}")).scalar_one()
            for name in tables
        }
