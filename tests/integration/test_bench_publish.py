"""The benchmark of publication measures what it says: the night repeated, published, and loaded again by the others."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from benchmarks.publication.measures import copy_with_psql, insert_with_pandas, load_as_we_do, published_tables
from benchmarks.publication.repeated import repeat
from kampungkb.connections import WAREHOUSE
from kampungkb.run import Run
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
    for including in ("including all", "including defaults"):
        assert copy_with_psql(libpq_uri(engine), tables, tmp_path, including) > 0
    assert load_as_we_do(engine, libpq_uri(engine), tables, tmp_path) > 0
    with engine.connect() as connection:
        loaded = {
            name: connection.execute(text(f"select count(*) from others.{name.replace('.', '_')}")).scalar_one()
            for name in tables
        }
    assert loaded == tables
    assert insert_with_pandas(engine, libpq_uri(engine), tables)["rows"] >= len(tables)
    engine.dispose()
