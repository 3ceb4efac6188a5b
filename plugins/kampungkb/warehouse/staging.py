"""The staging schema of one publication: unlogged tables filled from the lake, and the marts computed from them.

Its name is unique and locked for as long as its run lives; schemas whose lock is free belong to dead runs and are
dropped by the next one.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyRelation
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Date,
    Double,
    Engine,
    Integer,
    Numeric,
    Select,
    Subquery,
    Table,
    Text,
    TextClause,
    and_,
    bindparam,
    column,
    except_all,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.selectable import FromClause, SelectBase
from sqlalchemy.types import TypeEngine

from kampungkb.errors import WarehouseError
from kampungkb.run import Run
from kampungkb.warehouse.connect import libpq_uri
from kampungkb.warehouse.content import ADDITIVE, BY_DATE, FILES, Known, as_published, digest, files_digest
from kampungkb.warehouse.locks import release_named, try_named
from kampungkb.warehouse.moved import CAME, GONE, UNIT, UNITS, moved
from kampungkb.warehouse.staged_tables import MARTS_SQL, staged_tables, tables_read

log = logging.getLogger(__name__)

PREFIX = "stage_"
LOADER = {"work_mem": "64MB", "maintenance_work_mem": "256MB", "jit": "off"}
"""Settings of the loader's sessions: they sort and hash whole tables, and make few plans."""
DATED = (
    *("fact_village_day", "open_release", "village_index", "district_index", "regency_index", "data_quality"),
)  # `:as_of` and `:stale_sources` are labels there: the same input for another date says the same
JUDGED_ONLY = ("reconciliation",)  # nothing but the audit reads them
_LITERAL = {"literal_binds": True}
_ARROW: dict[type[TypeEngine[Any]], pa.DataType] = {
    Text: pa.string(),
    Integer: pa.int32(),
    Double: pa.float64(),
    Boolean: pa.bool_(),
    Date: pa.date32(),
}


class Staging:
    """One staging schema: `load` fills a table from Arrow, `compute` from a file of `include/sql/marts`.

    A table that holds what it held when the load before was published is not filled but becomes a view on what is
    published, and is one of `same`; one that holds it under another date is one of `dated`. One of which few units
    moved becomes a view on their rows and on what is published of the others, and is one of `moved`. `digests` are
    those of all that was loaded.
    """

    def __init__(
        self, engine: Engine, bulk: adbc.Connection, schema: str, tables: dict[str, Table], run: Run, known: Known
    ) -> None:
        self.engine = engine
        self.run = run
        self.bulk = bulk
        self.schema = schema
        self.tables = tables
        self.known = known
        self.digests: dict[str, str] = {}
        self.same: set[str] = set()
        self.dated: set[str] = set()
        self.moved: set[str] = set()
        bounds: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": run.settings.memory,
            "threads": run.settings.threads,
        }
        self.lake = duckdb.connect(config=bounds)  # it only reads through, and needs no folder to spill to

    def load_parquet(self, name: str, files: Sequence[Path]) -> int:
        """Fill a table from Parquet files of the lake; returns the number of rows."""
        columns = [c for c in self.tables[name].columns if c.server_default is None]
        readers = [_parquet_reader(path, columns) for path in files]
        if self._same_files(name, files):
            made = self.known.digests[name]
        else:
            made = digest(self.lake.read_parquet([str(path) for path in files]), [c.name for c in columns])
        if self._held(name, made):
            return 0
        if (few := self._load_moved(name, files, [c.name for c in columns])) is not None:
            return few
        return sum(self._copy(name, reader) for reader in readers)

    def load(self, name: str, rows: pa.Table) -> int:
        """Fill a table from an Arrow table; returns the number of rows."""
        made = digest(self.lake.from_arrow(rows), rows.column_names)
        return 0 if self._held(name, made) else self._copy(name, rows.to_reader())

    def load_made(
        self, name: str, files: Sequence[Path], make: Callable[[], AbstractContextManager[DuckDBPyRelation]]
    ) -> int:
        """Fill a table from what DuckDB makes of files of the lake; returns the number of rows."""
        if self._same_files(name, files) and self._held(name, self.known.digests[name]):
            return 0
        with make() as relation:
            made = digest(relation, relation.columns)
            return 0 if self._held(name, made) else self._copy(name, relation.to_arrow_reader(65_536))

    def compute(self, name: str, stale_sources: Sequence[str] = ()) -> int:
        """Fill a table from `include/sql/marts/<name>.sql`; returns the number of rows.

        Where it comes out as it is published it is one of `same`, too.
        """
        with self.engine.begin() as connection:
            rows = self.compute_within(connection, name, stale_sources)
            if name not in (*self.same, *DATED) and self._is_as_published(connection, name):
                self.same.add(name)
        return rows

    def compute_within(self, connection: Connection, name: str, stale_sources: Sequence[str] = ()) -> int:
        """The same within a transaction, for a statement that looks at what is published."""
        table = self.tables[name]
        made = (MARTS_SQL / f"{name}.sql").read_text(encoding="utf-8")
        given = (
            ("as_of", self.run.as_of, Date()),
            ("run_id", self.run.run_id, Text()),
            ("stale_sources", list(stale_sources), ARRAY(Text)),
        )
        parameters = [bindparam(key, value, type_) for key, value, type_ in given if f":{key}" in made]
        settled = (not parameters or name in DATED) and self._reads_the_same(made)
        if settled and (name in JUDGED_ONLY or self._show_published(connection, name, stale_sources)):
            (self.dated if name in BY_DATE else self.same).add(name)
            return 0
        settle(connection, search_path=self.schema)
        source = self._added(name, made)
        if source is None:
            source = _rows_of(text(made).bindparams(*parameters), table)
        return self.insert(connection, name, select(*(source.c[c.name] for c in table.columns)))

    def _added(self, name: str, made: str) -> Subquery | None:
        """What adds up over families, as it is published and with what moved; None where that is not to be had.

        The statement is asked about the rows that came and about those that are gone, each by the name of all.
        """
        published = self._published(name) if name in ADDITIVE else None
        moves = ", ".join(tables_read(made) & self.moved)
        if published is None or not self._reads_the_same(made, moves):
            return None
        table = self.tables[name]
        names = [c.name for c in table.columns]
        adding = [c.name for c in table.columns if isinstance(c.type, Integer | Numeric)]
        parts = [published.subquery("published")]
        for rows, sign in ((CAME, ""), (GONE, "-")):
            signed = ", ".join(f"{sign}{each} as {each}" if each in adding else each for each in names)
            of_rows = f"with {moves} as (select * from {rows}{moves}) select {signed} from ({made}) as made"
            parts.append(_rows_of(text(of_rows), table, rows))
        each = union_all(*(select(*(part.c[n] for n in names)) for part in parts)).subquery("each")
        summed = select(*(func.sum(each.c[n]).label(n) if n in adding else each.c[n] for n in names))
        return summed.group_by(*(each.c[n] for n in names if n not in adding)).subquery("made")

    def insert(self, connection: Connection, name: str, made: Select[Any] | CompoundSelect[Any]) -> int:
        """Fill a table with the result of a query that has its columns in order; returns the number of rows."""
        table = self.tables[name]
        computed = connection.execute(insert(table).from_select(table.c.keys(), made))
        connection.execute(text(f'analyze "{self.schema}"."{name}"'))
        return computed.rowcount

    def within_moved(self, name: str, rows: FromClause) -> ColumnElement[bool]:
        """Whether a row of a published table belongs to a unit that moved."""
        units = self.tables[UNIT + name]
        return exists(select(1).where(*(units.c[c.name] == rows.c[c.name] for c in units.columns)))

    def _copy(self, name: str, reader: pa.RecordBatchReader) -> int:
        """Append Arrow batches to a table by binary COPY; returns the number of rows."""
        with self.bulk.cursor() as cursor:
            rows: int = cursor.adbc_ingest(name, reader, mode="append", db_schema_name=self.schema)
            cursor.execute(f'analyze "{self.schema}"."{name}"')
        return rows

    def anew(self) -> set[str]:
        """The loaded tables that do not hold what they held."""
        return (self.digests.keys() & self.tables.keys()) - self.same

    def judged(self) -> set[str]:
        """The tables whose rows were judged when they were published: a new date says nothing new of them.

        It does where a region begins or ends with it.
        """
        if not self.dated or self.known.as_of is None:
            return self.same
        region, before, now = self.tables["dim_region"], self.known.as_of, self.run.as_of
        begins, ends = (
            and_(region.c.valid_from > before, region.c.valid_from <= now),
            and_(region.c.valid_to >= before, region.c.valid_to < now),
        )
        with self.engine.connect() as connection:
            turned = connection.execute(select(exists(select(1).where(or_(begins, ends))))).scalar_one()
        return self.same if turned else self.same | self.dated

    def _same_files(self, name: str, files: Sequence[Path]) -> bool:
        """Note the digest of the files of a table; whether it is the recorded one, so that the rows are, too."""
        self.digests[FILES + name] = made = files_digest(files)
        return self.known.digests.get(FILES + name) == made and name in self.known.digests

    def _load_moved(self, name: str, files: Sequence[Path], columns: Sequence[str]) -> int | None:
        """Stage the units of a table that moved, and show the others as they are published; returns the rows staged.

        None where the files that it was published from are gone, or many units moved.
        """
        before = self._before(files)
        if name not in UNITS or files_digest(before) != self.known.digests.get(FILES + name):
            return None
        few = moved(self.lake, files, before, columns, UNITS[name])
        published = self._published(name)
        if few is None or published is None:
            return None
        self._copy(UNIT + name, few.units.to_arrow_reader(65_536))
        rows = self._copy(CAME + name, few.came.to_arrow_reader(65_536).cast(_arrow_schema(self.tables[name].columns)))
        every = published.subquery("published")
        came, within = self.tables[CAME + name], self.within_moved(name, every)
        with self.engine.begin() as connection:
            self._show(connection, GONE + name, select(every).where(within))
            connection.exec_driver_sql(f'drop table "{self.schema}"."{name}"')
            self._show(connection, name, union_all(select(every).where(~within), select(came)))
        self.moved.add(name)
        return rows

    def _before(self, files: Sequence[Path]) -> list[Path]:
        """The same files of the load that is published; none where one is not there."""
        lake, newest = self.run.settings.lake, self.known.as_of
        if newest is None or not all(path.is_relative_to(lake) for path in files):
            return []
        dates = {self.run.as_of.isoformat(): newest.isoformat()}
        found = [lake.joinpath(*(dates.get(part, part) for part in path.relative_to(lake).parts)) for path in files]
        return found if all(path.exists() for path in found) else []

    def _held(self, name: str, made: str) -> bool:
        """Note the digest of a table; whether the table shows now what is published, and need not be filled."""
        self.digests[name] = made
        if self.known.digests.get(name) != made:
            return False
        self.same.add(name)
        with self.engine.begin() as connection:
            return self._show_published(connection, name)

    def _show_published(self, connection: Connection, name: str, stale_sources: Sequence[str] = ()) -> bool:
        """Make a table a view on what is published; False where nothing published shows it."""
        query = self._published(name, stale_sources)
        if query is None:
            return False
        connection.exec_driver_sql(f'drop table "{self.schema}"."{name}"')
        self._show(connection, name, query)
        return True

    def _show(self, connection: Connection, name: str, query: SelectBase) -> None:
        columns = ", ".join(f'"{c.name}"' for c in query.selected_columns)
        shown = query.compile(dialect=connection.dialect, compile_kwargs=_LITERAL)
        connection.exec_driver_sql(f'create view "{self.schema}"."{name}" ({columns}) as {shown}')

    def _published(self, name: str, stale_sources: Sequence[str] = ()) -> SelectBase | None:
        if self.known.as_of is None:
            return None
        columns = self.tables[name].columns.keys()
        return as_published(name, columns, self.run, self.known.as_of, stale_sources)

    def _is_as_published(self, connection: Connection, name: str) -> bool:
        query = self._published(name)
        if query is None:
            return False
        staged, published = select(self.tables[name]), select(query.subquery("published"))
        differs = union_all(except_all(staged, published), except_all(published, staged)).subquery("differs")
        return not connection.execute(select(exists(select(1).select_from(differs)))).scalar_one()

    def _reads_the_same(self, statement: str, *but: str) -> bool:
        return (tables_read(statement) & self.tables.keys()) <= self.same.union(but)


def _rows_of(statement: TextClause, table: Table, name: str = "made") -> Subquery:
    """What a statement returns, with the types of a table's columns."""
    return statement.columns(*(column(c.name, c.type) for c in table.columns)).subquery(name)


def settle(connection: Connection, **settings: str) -> None:
    """Settings of the loader, and others, until the end of the transaction."""
    each = (func.set_config(name, value, True) for name, value in {**LOADER, **settings}.items())
    connection.execute(select(*each))


@contextmanager
def staging(engine: Engine, run: Run, known: Known | None = None) -> Iterator[Staging]:
    """A staging schema of its own, dropped at the end; leftovers of dead runs are dropped first.

    `known` is what the load before was published from, as far as this one may rely on it.
    """
    schema = PREFIX + uuid.uuid4().hex[:16]
    tables = staged_tables(schema, run.run_id)
    metadata = next(iter(tables.values())).metadata
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as keeper:
        try_named(keeper, schema)
        drop_leftovers(keeper)
        keeper.execute(text(f'create schema "{schema}"'))
        try:
            metadata.create_all(keeper)
            with adbc.connect(libpq_uri(engine), autocommit=True) as bulk:
                staged = Staging(engine, bulk, schema, tables, run, known or Known())
                with staged.lake:
                    yield staged
        finally:
            _drop(keeper, schema)


def drop_leftovers(keeper: Connection) -> None:
    """Drop the staging schemas of dead runs; `keeper` commits each statement by itself."""
    found = keeper.execute(text("select nspname from pg_namespace where nspname ~ :pattern"), {"pattern": f"^{PREFIX}"})
    for schema in found.scalars().all():
        if try_named(keeper, schema):
            log.info("Dropping the staging schema %s of a run that ended early", schema)
            _drop(keeper, schema)


def _drop(keeper: Connection, schema: str) -> None:
    """Drop a staging schema; where the server is gone the next run does it."""
    try:
        keeper.execute(text(f'drop schema if exists "{schema}" cascade'))
    except SQLAlchemyError as fault:
        log.warning("The staging schema %s stays for the next run to drop (%s)", schema, type(fault).__name__)
    release_named(keeper, schema)


def _arrow_schema(columns: Iterable[Column[Any]]) -> pa.Schema:
    return pa.schema([(c.name, _ARROW[type(c.type)]) for c in columns])


def _parquet_reader(path: Path, columns: Sequence[Column[Any]]) -> pa.RecordBatchReader:
    """The columns of a Parquet file in batches, cast to the types of the table."""
    schema = _arrow_schema(columns)
    try:
        file = pq.ParquetFile(path)
        missing = [name for name in schema.names if name not in file.schema_arrow.names]
    except (OSError, pa.ArrowInvalid) as fault:
        raise WarehouseError(
            f"{path} cannot be read ({type(fault).__name__}): run the load again, it writes the file anew."
        ) from None
    if missing:
        raise WarehouseError(
            f"{path} lacks the column {missing[0]}: another version of the program wrote it; run the load again."
        )
    batches = (
        batch.select(schema.names).cast(schema) for batch in file.iter_batches(batch_size=65_536, columns=schema.names)
    )
    return pa.RecordBatchReader.from_batches(schema, batches)
