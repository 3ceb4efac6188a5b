"""Filling a registry database from a sample."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from kampungkb.errors import ConfigurationError, SourceUnavailable
from kampungkb.sample import generate, load_registry

AS_OF = date(2026, 11, 24)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    generate(folder, families=60, seed=21, as_of=AS_OF, error_scale=3.0)
    return folder


def expected(sample: Path, table: str) -> pd.DataFrame:
    return pd.read_parquet(sample / "civil_registry" / f"{table}.parquet")


def assert_filled(engine: sa.Engine, sample: Path, schema: str | None = None) -> None:
    for name in ("biodata_wni", "data_keluarga"):
        table = sa.Table(name, sa.MetaData(schema=schema), autoload_with=engine)
        with engine.connect() as connection:
            found = pd.DataFrame(connection.execute(sa.select(table)).mappings().all()).astype("string")
        wanted = expected(sample, name).astype("string")
        assert list(found.columns) == list(wanted.columns)
        for column in wanted.columns:
            # A char column may come back padded or with its blanks trimmed, according to the database.
            left, right = (frame[column].str.rstrip().fillna("∅").sort_values().to_list() for frame in (found, wanted))
            assert left == right, column


@pytest.mark.unit
def test_sqlite_gets_both_tables_and_a_second_load_replaces_them(sample: Path, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    load_registry(sample, engine)
    load_registry(sample, engine)
    assert_filled(engine, sample)
    engine.dispose()


@pytest.mark.unit
def test_an_address_as_text_will_do(sample: Path, tmp_path: Path) -> None:
    load_registry(sample, f"sqlite:///{tmp_path / 'registry.db'}")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select count(*) from data_keluarga")).scalar_one()
    engine.dispose()
    assert rows == len(expected(sample, "data_keluarga"))


@pytest.mark.unit
def test_a_folder_without_registry_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no biodata_wni\.parquet"):
        load_registry(tmp_path, "sqlite://")


@pytest.mark.unit
def test_a_database_that_refuses_is_one_clear_sentence(sample: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="does not take the sample"):
        load_registry(sample, f"sqlite:///{tmp_path / 'missing' / 'registry.db'}")


@pytest.mark.services
def test_postgresql_is_filled_by_copy(sample: Path, postgres_database: sa.URL) -> None:
    load_registry(sample, postgres_database)
    load_registry(sample, postgres_database)
    engine = sa.create_engine(postgres_database, poolclass=sa.NullPool)
    assert_filled(engine, sample)
    nik = sa.inspect(engine).get_columns("biodata_wni")[0]["type"]
    assert isinstance(nik, sa.CHAR) and nik.length == 16


@pytest.mark.services
def test_a_schema_of_its_own_is_filled(sample: Path, postgres_database: sa.URL) -> None:
    engine = sa.create_engine(postgres_database, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("create schema siak"))
    load_registry(sample, engine, "siak")
    assert_filled(engine, sample, "siak")


@pytest.mark.services
def test_mariadb_is_filled(sample: Path, mariadb_database: sa.URL) -> None:
    load_registry(sample, mariadb_database)
    load_registry(sample, mariadb_database)
    assert_filled(sa.create_engine(mariadb_database, poolclass=sa.NullPool), sample)
