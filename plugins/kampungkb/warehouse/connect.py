"""From an Airflow connection to an SQLAlchemy engine on the warehouse, with one clear sentence where that fails."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import pq
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.errors import ConfigurationError, WarehouseError, WarehouseUnreachable
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded

OLDEST_VERSION = 15
_OWN_FIELDS = {"host", "port", "user", "password", "dbname"}
# Classes of SQLSTATE whose first sentence may quote a value: data exceptions, and what a trigger or function raises.
_QUOTING = ("22", "P0")
_NO_SUCH_TABLE = ("42P01", "3F000")


def url(connection: Connection) -> URL:
    """The SQLAlchemy address of a connection; extras that libpq knows (`sslmode`, `sslrootcert`, …) pass on.

    Raises :class:`ConfigurationError` where it is no PostgreSQL connection or names no database.
    """
    if connection.conn_type not in ("postgres", "postgresql"):
        raise ConfigurationError(
            f"The connection `warehouse` has the type {connection.conn_type}; the warehouse is PostgreSQL: "
            "set AIRFLOW_CONN_WAREHOUSE to postgres://user:password@host:5432/database."
        )
    if not connection.schema_:
        raise ConfigurationError(
            "The connection `warehouse` names no database: add it after the host, as in "
            "AIRFLOW_CONN_WAREHOUSE=postgres://user:password@host:5432/database."
        )
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - _OWN_FIELDS
    options = {key: str(value) for key, value in connection.extra.items() if key in known}
    return URL.create(
        "postgresql+psycopg",
        connection.login,
        connection.secret() or None,
        connection.host,
        connection.port,
        connection.schema_,
        {"connect_timeout": "15", "application_name": "kampungkb", **options},
    )


def engine_of(connection: Connection) -> Engine:
    """An engine on the warehouse, tried once.

    Raises :class:`WarehouseUnreachable` where the server cannot be reached or refuses us, :class:`WarehouseError`
    where it is older than PostgreSQL 15.
    """
    engine = create_engine(url(connection), pool_pre_ping=True)
    try:
        with engine.connect() as opened:
            version = int(opened.execute(text("show server_version_num")).scalar_one()) // 10_000
    except SQLAlchemyError as fault:
        engine.dispose()
        raise WarehouseUnreachable(
            f"The warehouse at {connection.host or 'the default host'}:{connection.port or 5432}, database "
            f"{connection.schema_}, is unreachable: {reason(fault)}. Check AIRFLOW_CONN_WAREHOUSE and that the server "
            "accepts connections from here."
        ) from None
    if version < OLDEST_VERSION:
        engine.dispose()
        raise WarehouseError(
            f"The warehouse runs PostgreSQL {version}; version {OLDEST_VERSION} or later is needed: upgrade the server."
        )
    return engine


@contextmanager
def warehouse(settings: Settings, connections: Mapping[str, Connection]) -> Iterator[Engine]:
    """An engine on the configured warehouse, or on the embedded one where none is configured (started if needed)."""
    if WAREHOUSE in connections:
        engine = engine_of(connections[WAREHOUSE])
        try:
            yield engine
        finally:
            engine.dispose()
    else:
        with embedded.running(settings) as server, warehouse(settings, {WAREHOUSE: server.connection()}) as engine:
            yield engine


def rows_where_there(
    settings: Settings, connections: Mapping[str, Connection], query: str, *, without: str = "Nothing was changed"
) -> Sequence[Any]:
    """What a load must know of the warehouse before it begins; none where nothing was ever published.

    Raises :class:`WarehouseError` where it cannot be read, ending in what goes wrong `without` it.
    """
    if WAREHOUSE not in connections and not embedded.exists(settings):
        return []
    with warehouse(settings, connections) as opened:
        try:
            with opened.connect() as connection:
                return connection.execute(text(query)).all()
        except SQLAlchemyError as fault:
            if getattr(getattr(fault, "orig", None), "sqlstate", None) in _NO_SUCH_TABLE:
                return []
            raise WarehouseError(
                f"The warehouse cannot be read: {reason(fault)}. {without}; correct it, then run again."
            ) from None


def libpq_uri(engine: Engine) -> str:
    """The address of an engine for libpq and ADBC; it holds the password."""
    address, mark, query = engine.url.set(drivername="postgresql").render_as_string(hide_password=False).partition("?")
    # libpq takes a plus as it stands, and no blank, which SQLAlchemy leaves in a password.
    return address.replace(" ", "%20") + mark + query.replace("+", "%20")


def reason(fault: SQLAlchemyError) -> str:
    """PostgreSQL's own first sentence about a fault; details, and a sentence that may quote a row, are left out."""
    original = getattr(fault, "orig", None)
    state = getattr(original, "sqlstate", None) or ""
    if state.startswith(_QUOTING):
        return f"the database refused a row (SQLSTATE {state})"
    diagnosis = getattr(original, "diag", None)
    primary = getattr(diagnosis, "message_primary", None)
    lines = str(primary or original or type(fault).__name__).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(fault).__name__
