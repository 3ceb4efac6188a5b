"""Accepted Parquet files from rows written in a test, typed as the architecture page says."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb import lake
from kampungkb.contracts import Table, contract
from kampungkb.refs import Validated
from kampungkb.run import SOURCES, Run

Rows = Sequence[Mapping[str, Any]]

TYPES = {
    "code": pa.int32(),
    "integer": pa.int32(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
NO_KEY = ("data_keluarga", "source_key")
PERSON_TABLE = {"family_survey": "anggota", "civil_registry": "biodata_wni", "health_insurance": "peserta"}


def schema_of(table: Table, source: str) -> pa.Schema:
    fields = [pa.field(column.name, TYPES.get(column.kind, pa.string())) for column in table.columns]
    doubtful = {"KELUARGA": ["NO_KK"], "ANGGOTA": ["K.01"]}.get(table.name, [])
    fields += [pa.field(f"{name}__doubtful", pa.bool_()) for name in doubtful]
    fields += [pa.field(name, pa.string()) for name in ("source_key", "village_code") if (table.name, name) != NO_KEY]
    if source == "family_survey":
        fields += [pa.field("file", pa.string()), pa.field("sheet", pa.string()), pa.field("row_number", pa.int32())]
    return pa.schema(fields)


def source_key(table: str, row: Mapping[str, Any]) -> str:
    if table == "anggota":
        return f"{row['KODE_KELUARGA']}-{row['NO_URUT']}"
    return str(
        row[{"keluarga": "KODE_KELUARGA", "biodata_wni": "nik", "peserta": "noKartu", "data_keluarga": "no_kk"}[table]]
    )


def write_accepted(run: Run, tables: Mapping[str, Rows]) -> list[Validated]:
    """Write the tables of every source of which one is given (the others of that source are empty)."""
    references = []
    for source in SOURCES:
        declared = contract(source).tables
        if not any(table.name.lower() in tables for table in declared):
            continue
        folder = lake.private_folder(lake.accepted(run.settings, run.as_of, source))
        counts = {}
        for table in declared:
            name = table.name.lower()
            rows = [{"source_key": source_key(name, row), **row} for row in tables.get(name, ())]
            columns = schema_of(table, source)
            full = [{column: row.get(column) for column in columns.names} for row in rows]
            pq.write_table(pa.Table.from_pylist(full, schema=columns), folder / f"{name}.parquet")
            counts[name] = len(rows)
        none = dict.fromkeys(counts, 0)
        references.append(
            Validated(source=source, path=folder, read=counts, accepted=counts, rejected=none, nulled=none)
        )
    return references
