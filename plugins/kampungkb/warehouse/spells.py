"""Spells: a table with history has a row for each run of loads, one after the other, that say the same of a key.

What comes in: a table keyed by something and `valid_from`, with `valid_to` and what is said, and the staged table that
says it in the load for `as_of`. What goes out: the statements that give the load its place: the keys it moves, and the
spells of these keys. They are made of pieces (before this load, in it, after it) that join where they say the same, so
a re-run or a backfill gives the history that loading in the order of dates would have given.
"""

from collections.abc import Callable, Container, Mapping
from datetime import date
from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    CompoundSelect,
    Date,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union,
    union_all,
)
from sqlalchemy.sql.selectable import FromClause

from kampungkb.warehouse.models import LoadRun

HISTORIES = {
    "core.fact_family_score": "family_score",
    "core.dim_family": "family_profile",
    "core.dim_person": "person_profile",
    "core.dim_village": "village",
}
"""Tables with spells, and the staged table that holds what a load says."""

_VALID = ("valid_from", "valid_to")


def keys_of(history: Table) -> list[str]:
    """The columns that name what a spell is about."""
    return [c.name for c in history.primary_key if c.name not in _VALID]


def said_of(history: Table) -> list[str]:
    """The columns that begin a new spell when they change."""
    return [c.name for c in history.columns if c.name not in (*keys_of(history), *_VALID)]


def moved_name(history: Table) -> str:
    """The staged table of the keys that a load moves."""
    return f"moved_{history.name}"


def settled(history: Table, same: Container[str]) -> bool:
    """Whether the load says of all keys what the one before it said, given the staged tables that are as they were."""
    method = "methodology" not in history.c or "dim_indicator" in same
    return method and HISTORIES[history.fullname] in same


def moved_keys(
    history: Table,
    staged: Mapping[str, Table],
    as_of: date,
    within: Callable[[FromClause], ColumnElement[bool]] | None = None,
) -> CompoundSelect[Any]:
    """Keys whose spells this load changes: those of which the current spell does not say the same already, and those
    that the history from `as_of` on has and the load has not. On an unchanged night there are none.

    Where `within` tells which keys the load may move, `staged` holds what it says of these.
    """
    tonight, spell = _tonight(history, staged), history.alias("history")
    same_key = and_(*(tonight.c[n] == spell.c[n] for n in keys_of(history)))
    same = [func.row(*(each.c[n] for n in said_of(history))) for each in (tonight, spell)]
    settled = exists().where(
        same_key, spell.c.valid_to.is_(None), spell.c.valid_from <= as_of, same[0].is_not_distinct_from(same[1])
    )
    return union(
        select(*(tonight.c[n] for n in keys_of(history))).where(~settled.correlate(tonight)),
        select(*(spell.c[n] for n in keys_of(history))).where(
            or_(spell.c.valid_to.is_(None), spell.c.valid_to >= as_of),
            ~exists().where(same_key).correlate(spell),
            within(spell) if within else true(),
        ),
    )


def spells(history: Table, staged: Mapping[str, Table], as_of: date) -> Select[Any]:
    """The spells of the moved keys that are not over before `as_of`, with the load in them, in the table's columns."""
    piece = _numbered(history, _pieces(history, staged, as_of))
    keys = keys_of(history)
    spell = {
        **{n: piece.c[n] for n in keys},
        "valid_from": func.min(piece.c.valid_from),
        "valid_to": func.nullif(func.max(func.coalesce(piece.c.valid_to, _end())), _end()),
        **{n: _one(piece.c[n]) for n in said_of(history)},
    }
    return select(*(spell[c.name].label(c.name) for c in history.columns)).group_by(
        *(piece.c[n] for n in (*keys, "spell"))
    )


def first_spells(history: Table, staged: Mapping[str, Table], as_of: date) -> Select[Any]:
    """The spells where the table has none yet: those of this load alone, in the table's columns."""
    tonight = _tonight(history, staged)
    valid = {"valid_from": literal(as_of), "valid_to": _load_after(as_of)}
    return select(*(valid[c.name].label(c.name) if c.name in valid else tonight.c[c.name] for c in history.columns))


def overlapping(history: Table, staged: Mapping[str, Table]) -> Select[int]:
    """How many of the staged spells reach into the next one of their key, which must be none."""
    made = staged[history.name]
    following = func.lead(made.c.valid_from).over(
        partition_by=[made.c[n] for n in keys_of(history)], order_by=made.c.valid_from
    )
    spell = select(func.coalesce(made.c.valid_to, _end()).label("valid_to"), following.label("following")).subquery()
    return select(func.count()).select_from(spell).where(spell.c.following < spell.c.valid_to)


def within(history: Table, staged: Mapping[str, Table], as_of: date) -> ColumnElement[bool]:
    """The published spells that the staged ones replace."""
    moved, keys = staged[moved_name(history)], keys_of(history)
    open_then = or_(history.c.valid_to.is_(None), history.c.valid_to >= as_of)
    return open_then & tuple_(*(history.c[n] for n in keys)).in_(select(*(moved.c[n] for n in keys)))


def _tonight(history: Table, staged: Mapping[str, Table]) -> Subquery:
    """What the load says, with the columns of the history; the methodology is that of the whole load."""
    said = staged[HISTORIES[f"{history.schema}.{history.name}"]]
    method = select(func.min(staged["dim_indicator"].c.methodology)).scalar_subquery()
    names = [*keys_of(history), *said_of(history)]
    return select(*(said.c[n] if n in said.c else method.label(n) for n in names)).subquery("tonight")


def _pieces(history: Table, staged: Mapping[str, Table], as_of: date) -> CTE:
    keys, names = keys_of(history), [*keys_of(history), *said_of(history)]
    moved, tonight = staged[moved_name(history)], _tonight(history, staged)
    load_after = _load_after(as_of)
    spell = history.alias("history")
    touched = (
        select(spell)
        .join(moved, and_(*(spell.c[n] == moved.c[n] for n in keys)))
        .where(or_(spell.c.valid_to.is_(None), spell.c.valid_to >= as_of))
        .cte("touched")
    )
    before = select(*(touched.c[n] for n in names), touched.c.valid_from, literal(as_of).label("valid_to")).where(
        touched.c.valid_from < as_of
    )
    during = select(
        *(tonight.c[n] for n in names), literal(as_of).label("valid_from"), load_after.label("valid_to")
    ).join(moved, and_(*(tonight.c[n] == moved.c[n] for n in keys)))
    after = select(
        *(touched.c[n] for n in names),
        func.greatest(touched.c.valid_from, load_after).label("valid_from"),
        touched.c.valid_to,
    ).where(func.coalesce(touched.c.valid_to, _end()) > load_after)
    return union_all(before, during, after).cte("piece")


def _numbered(history: Table, piece: CTE) -> CTE:
    """The pieces with `goes_on` (it joins the piece before it) and the number of their spell within the key."""
    content = cast(func.row(*(piece.c[n] for n in said_of(history))), Text)
    before = [
        func.lag(each).over(partition_by=[piece.c[n] for n in keys_of(history)], order_by=piece.c.valid_from)
        for each in (piece.c.valid_to, content)
    ]
    joins = and_(before[0] == piece.c.valid_from, before[1] == content)
    joined = select(piece, func.coalesce(joins, false()).label("goes_on")).cte("joined")
    begun = func.count().filter(~joined.c.goes_on)
    by_key = [joined.c[n] for n in keys_of(history)]
    return select(joined, begun.over(partition_by=by_key, order_by=joined.c.valid_from).label("spell")).cte("numbered")


def _one(said: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value that all pieces of a spell share."""
    return func.bool_and(said) if isinstance(said.type, Boolean) else func.min(said)


def _load_after(as_of: date) -> ScalarSelect[Any]:
    return select(func.min(LoadRun.as_of)).where(LoadRun.as_of > as_of).scalar_subquery()


def _end() -> ColumnElement[date]:
    return cast(literal("infinity", Text), Date)
