"""Apply the difference between a staged table and a published one, so that an unchanged row stays untouched."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, insert, or_, select, true, update

Scope = Mapping[str, Any] | ColumnElement[bool] | None


def apply(connection: Connection, target: Table, staged: Table, scope: Scope = None) -> int:
    """Make the rows of `target` within `scope` those of `staged`; returns the rows changed.

    `scope` is a condition on the target, or values by column; without one it is the whole table.

    A table without a primary key is replaced as a whole.
    """
    connection = connection.execution_options(preserve_rowcount=True)
    equal = scope.items() if isinstance(scope, Mapping) else ()
    within = scope if isinstance(scope, ColumnElement) else and_(true(), *(target.c[n] == value for n, value in equal))
    names = [c.name for c in target.columns]
    keys = [c.name for c in target.primary_key]
    if not keys:
        deleted = connection.execute(delete(target).where(within)).rowcount
        inserted = connection.execute(insert(target).from_select(names, select(*(staged.c[n] for n in names)))).rowcount
        return max(deleted, inserted)
    same_key = and_(*(target.c[key] == staged.c[key] for key in keys))
    others = [name for name in names if name not in keys]
    differs = or_(*(target.c[name].is_distinct_from(staged.c[name]) for name in others))
    statements = (
        delete(target).where(within, ~exists().where(same_key)),
        update(target).values({name: staged.c[name] for name in others}).where(same_key, differs),
        insert(target).from_select(
            names, select(*(staged.c[n] for n in names)).where(~exists().where(same_key, within).correlate(staged))
        ),
    )
    return sum(connection.execute(statement).rowcount for statement in statements)
