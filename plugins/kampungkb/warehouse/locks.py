"""PostgreSQL advisory locks: who migrates, who publishes, who decides, and whose staging schema is still in use."""

from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from kampungkb.errors import WarehouseError

NAMESPACE = 0x4B4B4200  # first key of all our advisory locks; below 2^31
MIGRATE = 1
PUBLISH = 2
DECIDE = 3
WAIT_SECONDS = 600
_DOING = {MIGRATE: "migrating", PUBLISH: "publishing to", DECIDE: "deciding in"}


def wait_for(connection: Connection, lock: int) -> None:
    """Take a lock until the end of the transaction, waiting at most `WAIT_SECONDS`.

    Raises :class:`WarehouseError` where another process keeps it longer.
    """
    connection.execute(text("select set_config('lock_timeout', :wait, true)"), {"wait": f"{WAIT_SECONDS * 1000:.0f}ms"})
    try:
        connection.execute(text("select pg_advisory_xact_lock(:space, :lock)"), {"space": NAMESPACE, "lock": lock})
    except OperationalError as fault:
        if getattr(fault.orig, "sqlstate", None) != "55P03":
            raise
        raise WarehouseError(
            f"Another run has been {_DOING[lock]} this warehouse for over {WAIT_SECONDS:.0f} seconds. "
            "Nothing was changed; let it finish (or end it), then run again."
        ) from None


def try_named(connection: Connection, name: str) -> bool:
    """Take the lock of a name for the rest of the session, if it is free."""
    return bool(
        connection.execute(
            text("select pg_try_advisory_lock(:space, hashtext(:name))"), {"space": NAMESPACE + 1, "name": name}
        ).scalar_one()
    )


def release_named(connection: Connection, name: str) -> None:
    """Let the lock of a name go; a connection that is lost has let it go already."""
    with suppress(SQLAlchemyError):
        connection.execute(
            text("select pg_advisory_unlock(:space, hashtext(:name))"), {"space": NAMESPACE + 1, "name": name}
        )
