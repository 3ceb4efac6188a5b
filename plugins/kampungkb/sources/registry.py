"""The civil registry: two tables of any SQL database, streamed as text, most nights only what changed.

What comes in: a database and the previous snapshot. What goes out: `biodata_wni.parquet` and
`data_keluarga.parquet`, always the whole state. An incremental night reads every row of each key that has a change
time since the last extraction (with three days of overlap for late changes), or none, or none that is a date; rows
of other keys are taken from the previous snapshot. That equals a full extraction except for rows deleted at the
source, which the full extraction of every seventh day notices.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from kampungkb.connections import CIVIL_REGISTRY, Connection
from kampungkb.contracts import Contract, Kind, Table, contract
from kampungkb.engine import duckdb as engine
from kampungkb.progress import Progress, Tell
from kampungkb.run import JAKARTA, Run
from kampungkb.sources.cells import number_text, storable
from kampungkb.sources.database import Found, decoded, find_table, reading
from kampungkb.sources.landed_files import write_landed
from kampungkb.sources.protocol import Drift, Extracted, Previous

LIBRARIES: tuple[str, ...] = ()
BATCH_ROWS = 20_000
FULL_EVERY_DAYS = 7
OVERLAP = timedelta(days=3)
KEYS = {"biodata_wni": "nik", "data_keluarga": "no_kk"}
CHANGED = "tgl_ubah"
ISO_DATE = "____-__-__%"

log = logging.getLogger(__name__)


def extract(run: Run, connection: Connection, previous: Previous | None, folder: Path) -> Extracted:
    """Land both tables; see :class:`kampungkb.sources.protocol.Source`."""
    terms = contract(CIVIL_REGISTRY)
    schema = connection.extra.get("schema") or None
    with reading(connection) as database, engine.connect(run) as merging:
        found = {table.name: find_table(database, table, schema) for table in terms.tables}
        drift = tuple(d for table in terms.tables for d in found[table.name].drift)
        base = _base(run, previous, drift)
        for table in terms.tables:
            _land(database, merging, table, found[table.name], base, folder, run.tell)
        watermark = _watermark(merging, terms, folder)
    full_on = base.manifest.full_on if base else run.as_of
    types = {name: table.types for name, table in found.items()}
    return Extracted(watermark=watermark, full_on=full_on, drift=drift, types=types)


def readable_since(connection: Connection, landed: Previous) -> bool:
    """It is read whole or not at all."""
    return False


def _base(run: Run, previous: Previous | None, drift: Sequence[Drift]) -> Previous | None:
    """The snapshot to build on, or None where everything must be read."""
    if previous is None or run.force or not (previous.same_origin and previous.same_way):
        return None
    full_on = previous.manifest.full_on
    if full_on is None or run.as_of - full_on >= timedelta(days=FULL_EVERY_DAYS):
        return None
    return previous if _absent(previous.manifest.drift) == _absent(drift) else None


def _absent(drift: Sequence[Drift]) -> set[tuple[str, str]]:
    return {(d.table, d.column) for d in drift if d.change == "missing"}


def since(previous: Previous) -> date:
    """From which change date on rows are read again.

    Three days before the least of the last watermark, the last `as_of` and the day of the last extraction: a row
    dated in the future, or a run for a later day than the clock's, must not hide tomorrow's changes.
    """
    manifest = previous.manifest
    days = [manifest.as_of, manifest.extracted_at.astimezone(JAKARTA).date()]
    if manifest.watermark is not None:
        try:
            days.append(date.fromisoformat(manifest.watermark[:10]))
        except ValueError:
            return date.min
    return min(days) - OVERLAP


def _land(
    database: sa.Connection,
    merging: duckdb.DuckDBPyConnection,
    table: Table,
    found: Found,
    base: Previous | None,
    folder: Path,
    tell: Tell,
) -> None:
    started = time.perf_counter()
    target = folder / f"{table.name}.parquet"
    incremental = base is not None and CHANGED in found.columns
    fresh = folder / f"{table.name}.fresh" if incremental else target
    query = sa.select(*(found.columns[name] for name in table.names if name in found.columns))
    if base is not None and incremental:
        query = query.where(_touched(found, KEYS[table.name], since(base)))
    rows = _stream(database, query, table, found, fresh, tell)
    if base is not None and incremental:
        _merge(merging, table, base.table(table.name), fresh, target)
        fresh.unlink()
    log.info(
        "%s: %d rows of %s read (%s) in %.1f s",
        CIVIL_REGISTRY,
        rows,
        table.name,
        f"changed since {since(base)}" if base is not None and incremental else "all",
        time.perf_counter() - started,
    )


def _touched(found: Found, key: str, day: date) -> sa.ColumnElement[bool]:
    """Rows of every key with a change since `day`; without a key or a change date a row is always read."""
    keys, changed = found.columns[key], found.columns[CHANGED]
    stirred = sa.select(keys).select_from(found.clause).where(_changed(changed, CHANGED in found.times, day))
    return sa.or_(keys.is_(None), keys.in_(stirred.where(keys.is_not(None))))


def _changed(column: sa.ColumnElement[Any], is_time: bool, day: date) -> sa.ColumnElement[bool]:
    """Changed since a day. Text is compared as ISO text, and whatever is not ISO counts as changed."""
    if is_time:
        return sa.or_(column.is_(None), column >= sa.literal(datetime.combine(day, datetime.min.time())))
    text = sa.cast(column, sa.String)
    return sa.or_(column.is_(None), text >= day.isoformat(), sa.not_(text.like(ISO_DATE)))


def _stream(
    database: sa.Connection, query: sa.Select[Any], table: Table, found: Found, target: Path, tell: Tell
) -> int:
    """Write a query's rows as text, batch by batch; columns the database lacks are null."""
    kinds = {column.name: column.kind for column in table.columns}
    present = [name for name in table.names if name in found.columns]
    result = database.execution_options(stream_results=True, yield_per=BATCH_ROWS).execute(query)

    def batches() -> Iterator[pa.Table]:
        rows = 0
        for batch in result.partitions():
            columns = dict(zip(present, zip(*batch, strict=True), strict=True))
            empty = pa.nulls(len(batch), pa.string())
            yield pa.table({n: text_column(columns[n], kinds[n]) if n in columns else empty for n in table.names})
            rows += len(batch)
            tell(Progress(CIVIL_REGISTRY, f"rows of {table.name}", rows))

    return write_landed(target, table, batches())


def text_column(values: Sequence[Any], kind: Kind) -> pa.StringArray:
    """A column of driver values as text: a converter a type, chosen once where all values are of one type."""
    types = set(map(type, values)) - {type(None)}
    if types <= {str}:
        return storable(pa.array(values, pa.string()))
    convert: Callable[[Any], str] = partial(text_value, kind=kind)
    if types == {int}:
        convert = str
    elif types == {date}:
        convert = date.isoformat
    elif types == {datetime} and kind != "date":
        convert = datetime.isoformat
    return storable(pa.array([None if value is None else convert(value) for value in values], pa.string()))


def text_value(value: Any, kind: Kind) -> str:
    """One driver value as text: numbers without exponent, dates and times in ISO form, bytes decoded.

    A timestamp in a column that the contract calls a date gives its date (of UTC+7 where it has an offset); a
    truth value or bit field in a column of numbers gives its number.
    """
    if isinstance(value, bool):
        return str(int(value)) if kind in ("code", "integer") else str(value).lower()
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    if isinstance(value, datetime):
        if kind != "date":
            return value.isoformat()
        return (value.astimezone(JAKARTA) if value.tzinfo else value).date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        flag = kind in ("code", "integer") and not content.strip().isdigit()
        return str(int.from_bytes(content)) if flag else decoded(content)
    return str(value)


def _merge(merging: duckdb.DuckDBPyConnection, table: Table, before: Path, fresh: Path, target: Path) -> None:
    """The rows read tonight and those of the previous snapshot whose key was not among them.

    Where the rows read tonight are those of the previous snapshot, its file is copied.
    """
    names = ", ".join(f'"{name}"' for name in table.names)
    key = KEYS[table.name]
    files = {"fresh": str(fresh), "before": str(before)}
    read = f"select {names} from read_parquet($fresh)"
    keys = f'select "{key}" from read_parquet($fresh) where "{key}" is not null'
    replaced = f'select {names} from read_parquet($before) where "{key}" is null or "{key}" in ({keys})'
    differing = f"(({read}) except all (from replaced)) union all ((from replaced) except all ({read}))"
    compared = f"with replaced as materialized ({replaced}) from ({differing}) limit 1"  # read once
    if merging.execute(compared, files).fetchone() is None:
        shutil.copyfile(before, target)
        return
    merging.execute(
        f"copy ({read} union all by name select {names} from read_parquet($before) "
        f'where "{key}" is not null and "{key}" not in ({keys})) '
        f"to '{str(target).replace(chr(39), chr(39) * 2)}' ({engine.WRITTEN})",
        files,
    )


def _watermark(merging: duckdb.DuckDBPyConnection, terms: Contract, folder: Path) -> str | None:
    """The greatest ISO change time over the tables."""
    found: list[str] = []
    for table in terms.tables:
        row = merging.execute(
            f"select max({CHANGED}) from read_parquet($file) where {CHANGED} like $iso",
            {"file": str(folder / f"{table.name}.parquet"), "iso": ISO_DATE},
        ).fetchone()
        found += [row[0]] if row and row[0] is not None else []
    return max(found, default=None)
