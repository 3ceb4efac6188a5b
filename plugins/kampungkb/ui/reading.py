"""Reading the warehouse for the page: statements of `include/sql/ui`, one consistent read-only view a request."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.errors import WarehouseError
from kampungkb.settings import INCLUDE
from kampungkb.ui.access import Reader
from kampungkb.warehouse.acting import ROLE
from kampungkb.warehouse.connect import reason

Row: TypeAlias = dict[str, Any]
STATEMENTS = INCLUDE / "sql" / "ui"
SECONDS = 20
SORT_MEMORY = "64MB"
# A village office is bounded by the region in every statement; the warehouse's row security is for its own logins.
# Families by name are bounded by both: see `_role_taken`.
_ROLES = {"steward": "kkb_steward", "analyst": "kkb_analyst", "village": "kkb_analyst", "viewer": "kkb_viewer"}
_OFFICE = "kkb_village"
_ENTER = "insert into core.role_region (role_name, region_code) values (:role, :region)"
_LEAVE = "delete from core.role_region where role_name = :role and region_code = :region"
# The values of the sort column that the rows from `row_start` to `row_end` have, and how many rows stand before them.
_PLACE = """
with sizes as (select "{sort}" as value, count(*) as size from ({rows}) as every group by 1),
placed as (
    select
        value,
        size,
        sum(size) over (order by value {direction} nulls last) - size as before,
        sum(size) over () as total
    from sizes
)
select value, before, total from placed
where before < :row_end and before + size > :row_start
order by before
"""
_UNKNOWN_TABLE = ("42P01", "3F000")


class Page(BaseModel):
    """Which rows of a list are wanted: page from 1, rows a page, the column to sort by.

    `sort` is put into the statement: it must come from a list of known columns.
    """

    model_config = ConfigDict(frozen=True)

    number: int = Field(default=1, ge=1, le=1_000_000)
    size: int = Field(default=25, ge=1, le=200)
    sort: str
    descending: bool = False


def _purpose(reader: Reader) -> dict[str, str]:
    """What the record of reads says: the page, and the Airflow user behind it."""
    return {"purpose": f"page Kampung KB, user {reader.name}"}


def _plain(value: Any) -> Any:
    """PostgreSQL's numeric as a number of JSON, where it would become a text."""
    return float(value) if isinstance(value, Decimal) else value


def _order(page: Page) -> str:
    return f'"{page.sort}" {"desc" if page.descending else "asc"} nulls last'


def _listed(cut: str, then: str, order: str) -> str:
    """`then` over the rows of a cut, in the same order."""
    return f"with listed as (select every.* from {cut}) {statement(then)} order by {order}"


@cache
def statement(name: str) -> str:
    """The text of `include/sql/ui/<name>.sql`, without its comments."""
    lines = (STATEMENTS / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


class Reading:
    """The warehouse as one reader sees it: `region` bounds every statement, viewers have statements on `open`."""

    def __init__(self, connection: Connection, reader: Reader) -> None:
        self.connection = connection
        self.reader = reader

    def _text(self, name: str) -> str:
        return statement(f"open_{name}" if self.reader.role == "viewer" else name)

    def _run(self, query: str, values: Mapping[str, Any]) -> list[Row]:
        bound = text(query)
        parameters = {"region": self.reader.region, **values}
        known = set(bound.compile().params)
        rows = self.connection.execute(bound, {key: value for key, value in parameters.items() if key in known})
        return [{name: _plain(value) for name, value in row.items()} for row in rows.mappings()]

    def rows(self, name: str, **values: Any) -> list[Row]:
        """Every row of a statement."""
        return self._run(self._text(name), values)

    def page(self, name: str, page: Page, key: str, **values: Any) -> Row:
        """`rows` of one page in the wanted order (`key`, a list of columns, breaks ties), and their `total`."""
        start = (page.number - 1) * page.size
        # Aggregates cost more than their rows: counted on the way.
        cut = self._cut(name, f"{_order(page)}, {key}", page.size, start)
        rows = self._run(f"select every.*, count(*) over () as row_total from {cut}", values)
        totals = {row.pop("row_total", None) for row in rows}
        total = totals.pop() if len(totals) == 1 and None not in totals else self._count(name, values)
        return {"rows": rows, "total": total, "page": page.number, "size": page.size}

    def table_page(self, name: str, page: Page, key: str, then: str, **values: Any) -> Row:
        """:meth:`page` of a long table: only rows that share their sort value with the page's own are sorted.

        `then` is a statement over the chosen rows (`listed`), for what would cost too much for all of them.
        """
        start = (page.number - 1) * page.size
        place = {"row_start": start, "row_end": start + page.size}
        direction = "desc" if page.descending else "asc"
        around = self._run(_PLACE.format(rows=self._text(name), sort=page.sort, direction=direction), values | place)
        if not around:
            return {"rows": [], "total": self._count(name, values), "page": page.number, "size": page.size}
        near = [row["value"] for row in around if row["value"] is not None]
        alike = [f'"{page.sort}" = any(:near)'] * bool(near) + [f'"{page.sort}" is null'] * (len(near) < len(around))
        before = int(around[0]["before"])
        order = f"{_order(page)}, {key}"
        cut = self._cut(name, order, page.size, start - before, " or ".join(alike))
        rows = self._run(_listed(cut, then, order), values | {"near": near})
        return {"rows": rows, "total": int(around[0]["total"]), "page": page.number, "size": page.size}

    def first(self, name: str, count: int, order: str, then: str, **values: Any) -> list[Row]:
        """The first rows of a statement by `order`, a list of columns; `then` as in :meth:`table_page`."""
        return self._run(_listed(self._cut(name, order, count, 0), then, order), values)

    def _cut(self, name: str, order: str, count: int, start: int, where: str = "true") -> str:
        return f"({self._text(name)}) as every where {where} order by {order} limit {count:d} offset {start:d}"

    def _count(self, name: str, values: Mapping[str, Any]) -> int:
        """All rows of a statement; PostgreSQL leaves out what only the shown columns need."""
        return int(self._run(f"select count(*) as total from ({self._text(name)}) as every", values)[0]["total"])

    def has(self, table: str) -> bool:
        """Whether the warehouse holds a table; later versions add some."""
        known = self._run("select to_regclass(:table) is not null as known", {"table": table})
        return bool(known[0]["known"])


@contextmanager
def reading(engine: Engine, reader: Reader, *, personal: bool = False) -> Iterator[Reading]:
    """One view of the warehouse, whatever is published meanwhile; raises :class:`WarehouseError` in one sentence.

    Where the warehouse has its group roles (`kkb_…`) and we may take them, the reader's is taken. `personal` is for
    reading `vault` or `service`: such a read may be recorded by the warehouse, so the transaction is not read-only.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": not personal}
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            connection.execute(text(f"set local statement_timeout = '{SECONDS}s'"))
            connection.execute(text(f"set local work_mem = '{SORT_MEMORY}'"))
            connection.execute(text("select set_config('kampungkb.purpose', :purpose, true)"), _purpose(reader))
            with _role_taken(connection, reader, personal):
                yield Reading(connection, reader)
    except SQLAlchemyError as fault:
        if getattr(getattr(fault, "orig", None), "sqlstate", None) in _UNKNOWN_TABLE:
            raise WarehouseError(
                "The warehouse is empty, or older than this page: nothing to show yet. Load once with `make run`."
            ) from None
        raise WarehouseError(f"The warehouse cannot be read: {reason(fault)}. Try again later.") from None


@contextmanager
def _role_taken(connection: Connection, reader: Reader, personal: bool) -> Iterator[None]:
    """The reader's group role, for the rest of the transaction, where the warehouse has it and our login may take it.

    A village office reads personal data as `kkb_village`, whose rows the warehouse itself limits to the regions in
    `core.role_region`: the office's own is entered and taken out within the transaction, so that nobody else ever sees
    it. Raises :class:`WarehouseError` where that is not possible.
    """
    office = personal and reader.role == "village"
    role = connection.execute(text(ROLE), {"role": _OFFICE if office else _ROLES[reader.role]}).scalar()
    own = {"role": role, "region": reader.region}
    if office and role is None:
        raise WarehouseError(
            f"The warehouse has no role {_OFFICE} that the page may take, so it shows an office no names: "
            "see docs/how-to/roles.md."
        )
    if office:
        connection.execute(text(_ENTER), own)
    if role:
        connection.execute(text(f'set local role "{role}"'))
    yield
    if office:
        connection.execute(text("set local role none"))
        connection.execute(text(_LEAVE), own)
