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


def _empty(table: Table) -> str:
    columns = [f'"{column.name}" {_SQL_TYPE.get(column.kind, "varchar")}' for column in table.columns]
    doubtful = [f'"{column.name}__doubtful" boolean' for column in table.of_kind("identity")]
    return ", ".join([*columns, *doubtful, "source_key varchar", "village_code varchar"])


def attach(connection: Engine, validated: Sequence[Validated], *names: str) -> None:
    """Make the accepted tables `names` of these sources visible on the connection, as :func:`attach_folders` does."""
    attach_folders(connection, {reference.source: reference.path for reference in validated}, *names)


def attach_folders(connection: Engine, folders: Mapping[str, Path], *names: str) -> None:
    """Make the accepted tables `names` visible on the connection, from the folder of each present source.

    A table of a present source is a view over its Parquet file; one of an absent source is empty, with the types
    of its contract, so that a statement over all sources reads the same without it.
    """
    for name in names:
        source = SOURCE_OF_TABLE[name]
        if source in folders:
            view(connection, name, folders[source] / f"{name}.parquet")
        else:
            connection.execute(f"create table {name} ({_empty(contract(source).table(name))})")
