"""Asking the warehouse under a least-privileged role: each connection takes the role and says what it reads for.

PostgreSQL then refuses what the role may not see, and writes reads of `vault` and `service` into `ops.access_log`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.errors import WarehouseError
from kampungkb.warehouse.connect import reason
from kampungkb.warehouse.privileges import load_matrix
from kampungkb.warehouse.query import to_csv

ANALYST, STEWARD = "kkb_analyst", "kkb_steward"
ROLE = """
select rolname
from pg_roles
where rolname = :role and case
    when current_setting('server_version_num')::integer >= 160000 then pg_has_role(current_user, oid, 'SET')
    else pg_has_role(current_user, oid, 'MEMBER')
end
"""
"""The role, where it exists and our login may take it; no row else."""


def takeable(engine: Engine, role: str) -> bool:
    """Whether a role exists and our login may take it; raises :class:`WarehouseError` where the server cannot say."""
    try:
        with engine.connect() as connection:
            return connection.execute(text(ROLE), {"role": role}).scalar() is not None
    except SQLAlchemyError as fault:
        raise WarehouseError(f"The warehouse cannot be read: {reason(fault)}.") from None


def is_recorded(role: str) -> bool:
    """Whether reads under a role may be recorded, which a read-only transaction could not do."""
    matrix = load_matrix()
    return role not in matrix.roles or bool(set(matrix.audited_schemas) & set(matrix.privileges.get(role, {})))


@contextmanager
def acting(engine: Engine, role: str, purpose: str = "") -> Iterator[Engine]:
    """An engine on the same database, whose connections take the role and state the purpose.

    Raises :class:`WarehouseError` where the role is missing, or our login may not take it.
    """
    if not takeable(engine, role):
        raise WarehouseError(
            f"The role {role} does not exist in the warehouse or may not be taken. Load once with `kampungkb run`, or "
            f"have an administrator run `grant {role} to` the login of AIRFLOW_CONN_WAREHOUSE (docs/how-to/roles.md)."
        )
    said = {"role": role, **({"kampungkb.purpose": purpose} if purpose.strip() else {})}
    given = engine.url.query.get("options")
    options = [*([str(given)] if given else []), *(f"-c {name}={_escaped(value)}" for name, value in said.items())]
    url = engine.url.update_query_dict({"options": " ".join(options)})
    taken = create_engine(url, poolclass=NullPool)
    try:
        yield taken
    finally:
        taken.dispose()


def query_as(engine: Engine, query: str, out: TextIO, role: str = ANALYST, purpose: str = "") -> None:
    """Write the rows of a query as CSV, asked under a role; our own login where the analyst's role cannot be taken.

    Raises :class:`WarehouseError` where another role cannot be taken, a role that may read personal data states no
    purpose, and like :func:`kampungkb.warehouse.query.to_csv`.
    """
    if role == ANALYST and not takeable(engine, role):
        to_csv(engine, query, out)
        return
    if is_recorded(role) and not purpose.strip():
        raise WarehouseError(f"{role} may read personal data, which is recorded: say what for (--purpose).")
    with acting(engine, role, purpose) as taken:
        to_csv(taken, query, out, recorded=is_recorded(role))


@contextmanager
def as_steward(engine: Engine, subject: str, purpose: str) -> Iterator[Engine]:
    """An engine under the steward's role; where it cannot be taken our own login's, with the read recorded here."""
    if takeable(engine, STEWARD):
        with acting(engine, STEWARD, purpose) as taken:
            yield taken
        return
    try:
        with engine.begin() as connection:
            if connection.execute(text("select to_regprocedure('ops.note_access(text)')")).scalar() is not None:
                connection.execute(text("select set_config('kampungkb.purpose', :purpose, true)"), {"purpose": purpose})
                connection.execute(text("select ops.note_access(:subject)"), {"subject": subject})
    except SQLAlchemyError as fault:
        raise WarehouseError(f"The read cannot be recorded, so nothing was read: {reason(fault)}.") from None
    yield engine


def _escaped(value: str) -> str:
    """A value as the server's command line reads it: white space ends an option unless a backslash precedes it."""
    return "".join(f"\\{sign}" if sign.isspace() or sign == "\\" else sign for sign in value)
