"""How landed tables are written: as text, in groups of many rows, with a dictionary for columns of few values alone.

A function over a column with a dictionary about as long as DuckDB's vectors (2,048 values) takes it up to twenty times
as long as over the same column without.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kampungkb.contracts import Table
from kampungkb.sources.protocol import PARQUET_COMPRESSION

GROUP_ROWS = 20_000
"""At least so many rows stand in one row group, but in the last."""


def write_landed(path: Path, table: Table, batches: Iterable[pa.Table]) -> int:
    """Write tables with the contract's columns, as text and in its order, as they come; returns their rows."""
    schema = pa.schema([pa.field(name, pa.string()) for name in table.names])
    answers = [column.name for column in table.of_kind("code", "integer", "label")]
    rows = 0
    with (
        pq.ParquetWriter(path, schema, compression=PARQUET_COMPRESSION, use_dictionary=answers) as writer,  # type: ignore[arg-type]  # stubs know only a truth value
        ThreadPoolExecutor(1) as beside,
    ):
        held: list[pa.Table] = []
        written = beside.submit(_write_group, writer, held)
        for batch in batches:
            held.append(batch)
            rows += len(batch)
            if sum(map(len, held)) >= GROUP_ROWS:
                written.result()
                written = beside.submit(_write_group, writer, held)
                held = []
        written.result()
        _write_group(writer, held)
    return rows


def _write_group(writer: pq.ParquetWriter, tables: Sequence[pa.Table]) -> None:
    if tables:
        whole = pa.concat_tables(tables)
        writer.write_table(whole, row_group_size=max(1, len(whole)))
