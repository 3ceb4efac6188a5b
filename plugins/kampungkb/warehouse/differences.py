"""Apply the difference between a staged table and a published one, so that an unchanged row stays untouched.

An empty table is filled first and gets its keys and indexes afterwards, which takes a fraction of the time. Its readers
wait for the end of the transaction then; before it there was nothing to read.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    true,
    update,
)

MANY = 20_000  # rows from which it pays to make the indexes of an empty table afterwards
_INDEXES = text("""
select
    index.relname as name,
    pg_get_indexdef(pg_index.indexrelid) as made,
    held.conname as constraint_name,
    pg_get_constraintdef(held.oid) as constraint_made
from pg_index
inner join pg_class as index on pg_index.indexrelid = index.oid
inner join pg_class as indexed on pg_index.indrelid = indexed.oid
left join pg_constraint as held
    on pg_index.indexrelid = held.conindid and pg_index.indrelid = held.conrelid and held.contype in ('p', 'u')
where pg_index.indrelid = cast(:name as regclass) and pg_has_role(indexed.relowner, 'usage')
order by index.relname
""")
Scope = Mapping[str, Any] | ColumnElement[bool] | None


def apply(connection: Connection, target: Table, staged: Table, scope: Scope = None) -> int:
    """Make the rows of `target` within `scope` those of `staged`; returns the rows changed.

    `scope` is a condition on the target, or values by column; without one it is the whole table.

    A table without a primary key is replaced as a whole where any row differs.
    """
    connection = connection.execution_options(preserve_rowcount=True)
    equal = scope.items() if isinstance(scope, Mapping) else ()
    within = scope if isinstance(scope, ColumnElement) else and_(true(), *(target.c[n] == value for n, value in equal))
    names = [c.name for c in target.columns]
    keys = [c.name for c in target.primary_key]
    made = select(*(staged.c[n] for n in names))
    if is_empty(connection, target):
        return fill(connection, target, made)
    if is_empty(connection, target, within):
        return connection.execute(insert(target).from_select(names, made)).rowcount
    if not keys:
        if _same_rows(connection, select(*(target.c[n] for n in names)).where(within), made):
            return 0
        deleted = connection.execute(delete(target).where(within)).rowcount
        return max(deleted, connection.execute(insert(target).from_select(names, made)).rowcount)
    same_key = and_(*(target.c[key] == staged.c[key] for key in keys))
    others = [name for name in names if name not in keys]
    differs = or_(*(target.c[name].is_distinct_from(staged.c[name]) for name in others))
    statements = (
        delete(target).where(within, ~exists().where(same_key)),
        update(target).values({name: staged.c[name] for name in others}).where(same_key, differs),
        insert(target).from_select(names, made.where(~exists().where(same_key, within).correlate(staged))),
    )
    return sum(connection.execute(statement).rowcount for statement in statements)


def _same_rows(connection: Connection, these: Select[Any], those: Select[Any]) -> bool:
    """Whether two queries give the same rows, each as often."""
    differences = (these.except_all(those).subquery(), those.except_all(these).subquery())
    differ = or_(*(exists(select(1).select_from(rows)) for rows in differences))
    return not connection.execute(select(differ)).scalar_one()


def is_empty(connection: Connection, table: Table, within: ColumnElement[bool] | None = None) -> bool:
    """Whether a table has no row, or none within a condition."""
    rows = select(1).select_from(table)
    return not connection.execute(select(exists(rows if within is None else rows.where(within)))).scalar_one()


def fill(connection: Connection, target: Table, made: Select[Any]) -> int:
    """Fill an empty table from a query in the order of its columns; returns the rows."""
    connection = connection.execution_options(preserve_rowcount=True)
    many = select(func.count()).select_from(made.limit(MANY).subquery("beginning"))
    statement = insert(target).from_select(target.c.keys(), made)
    if connection.execute(many).scalar_one() < MANY:
        return connection.execute(statement).rowcount
    with _without_indexes(connection, target.fullname, target.schema):
        return connection.execute(statement).rowcount


@contextmanager
def _without_indexes(connection: Connection, name: str, schema: str | None) -> Iterator[None]:
    """Take the keys and indexes from a table and make them again at the end, within the transaction."""
    indexes = connection.execute(_INDEXES, {"name": name}).mappings().all()
    for index in indexes:
        dropped = (
            f'alter table {name} drop constraint "{index["constraint_name"]}"'
            if index["constraint_name"]
            else f'drop index {schema}."{index["name"]}"'
        )
        connection.exec_driver_sql(dropped)
    yield
    for index in indexes:
        made = (
            f'alter table {name} add constraint "{index["constraint_name"]}" {index["constraint_made"]}'
            if index["constraint_name"]
            else index["made"]
        )
        connection.exec_driver_sql(made)
