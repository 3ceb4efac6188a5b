"""Accepted tables on an engine, under their contract names, whether their source is present or not."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kampungkb.connections import CIVIL_REGISTRY, HEALTH_INSURANCE
from kampungkb.contracts import Table, contract
from kampungkb.engine.interface import Engine, view
from kampungkb.refs import Validated
from kampungkb.run import FAMILY_SURVEY

SOURCE_OF_PERSONS = {"anggota": FAMILY_SURVEY, "biodata_wni": CIVIL_REGISTRY, "peserta": HEALTH_INSURANCE}
"""The tables that hold persons."""

SOURCE_OF_TABLE = {**SOURCE_OF_PERSONS, "keluarga": FAMILY_SURVEY, "data_keluarga": CIVIL_REGISTRY}

_SQL_TYPE = {"code": "integer", "integer": "integer", "date": "date", "timestamp": "timestamptz"}


def attach(connection: Engine, validated: Sequence[Validated], *names: str) -> None:
    """Make the accepted tables `names` of these sources visible on the connection, as :func:`attach_files` does."""
    attach_folders(connection, {reference.source: reference.path for reference in validated}, *names)


def attach_folders(connection: Engine, folders: Mapping[str, Path], *names: str) -> None:
    """Make the accepted tables `names` visible, from the folder of each present source."""
    attach_files(connection, files_in(folders, *names), *names)


def files_in(folders: Mapping[str, Path], *names: str) -> dict[str, Path]:
    """The files of the accepted tables `names` whose source is present, from the folder of each."""
    present = (name for name in names if SOURCE_OF_TABLE[name] in folders)
    return {name: folders[SOURCE_OF_TABLE[name]] / f"{name}.parquet" for name in present}


def attach_files(connection: Engine, files: Mapping[str, Path], *names: str, prefix: str = "") -> None:
    """Make the accepted tables `names` visible on the connection, each as a view `<prefix><name>` over its file.

    One without a file has no rows and the types of its contract, so that a statement over all sources reads the same
    without its source.
    """
    for name in names:
        if name in files:
            view(connection, f"{prefix}{name}", files[name])
        else:
            nothing = _nothing(contract(SOURCE_OF_TABLE[name]).table(name))
            connection.execute(f"create or replace view {prefix}{name} as {nothing}")


def _nothing(table: Table) -> str:
    types = {column.name: _SQL_TYPE.get(column.kind, "varchar") for column in table.columns}
    types |= {f"{column.name}__doubtful": "boolean" for column in table.of_kind("identity")}
    types |= {"source_key": "varchar", "village_code": "varchar"}
    columns = (f'cast(null as {type_}) as "{name}"' for name, type_ in types.items())
    return f"select {', '.join(columns)} where false"
