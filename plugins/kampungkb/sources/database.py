"""How the civil registry's database is reached and looked at: address, faults, tables and columns by any case."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa
from psycopg.adapt import Loader
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError

from kampungkb.connections import Connection
from kampungkb.contracts import Table
from kampungkb.errors import ConfigurationError, ContractError, KampungkbError, SourceRefused, SourceUnavailable
from kampungkb.sources.protocol import Drift

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "sqlite": "sqlite",
}
CONNECT_SECONDS = 15
ANSWER_SECONDS = 600
UTC_OFFSET = "+07:00"

_REFUSED: set[str | int] = {"28P01", "28000", "42501", 1044, 1045, 1142, 1143, 1227, 1698}
# PostgreSQL gives no code for a login that failed, only a text.
_REFUSED_TEXTS = ("authentication failed", "no password supplied", "pg_hba.conf", "FATAL:  role ")
_UNKNOWN_DATABASE: set[str | int] = {"3D000", 1049}


@dataclass(frozen=True)
class Found:
    """A table of the contract as the database writes it: columns by contract name, and how they differ.

    `times` names the columns whose values the database itself knows as dates or times, `types` the kind of every
    column of the table, by contract name where it has one.
    """

    clause: sa.TableClause
    columns: dict[str, sa.ColumnElement[Any]]
    times: frozenset[str]
    drift: tuple[Drift, ...]
    types: dict[str, str]


def address(connection: Connection) -> URL:
    """The SQLAlchemy URL of an Airflow connection; for SQLite the file, opened read-only.

    Raises :class:`ConfigurationError` where host or file are missing.
    """
    driver = DRIVERS.get(connection.conn_type, connection.conn_type)
    if driver == "sqlite":
        return URL.create(
            "sqlite", database=f"file:{quote(str(sqlite_file(connection)))}", query={"mode": "ro", "uri": "true"}
        )
    if driver in DRIVERS.values() and not connection.host:
        raise ConfigurationError(
            "The connection civil_registry names no host. Set AIRFLOW_CONN_CIVIL_REGISTRY, for example "
            "postgresql://reader:…@db.example:5432/siak."
        )
    return URL.create(
        driver,
        username=connection.login,
        password=connection.secret() or None,
        host=connection.host,
        port=connection.port,
        database=connection.schema_,
    )


def sqlite_file(connection: Connection) -> Path:
    """The file of an SQLite connection: host, schema, or both as one path, absolute where such a file exists."""
    host, schema = connection.host or "", connection.schema_ or ""
    named = [f"{host}/{schema}" if host and schema else "", host, "/" + schema.lstrip("/") if schema else "", schema]
    candidates = [Path(name).expanduser() for name in named if name]
    file = next((path for path in candidates if path.is_file()), None)
    if file is None:
        where = candidates[-2 if len(candidates) > 1 else 0] if candidates else "(no path given)"
        raise ConfigurationError(
            f"The SQLite file {where} of the connection civil_registry does not exist. "
            "Give its absolute path as host, or as sqlite:///absolute/path/to/file.db."
        )
    return file.absolute()


@contextmanager
def reading(connection: Connection) -> Iterator[sa.Connection]:
    """One read-only transaction that sees one state of all tables, times shown at UTC+7.

    Raises :class:`SourceRefused`, :class:`SourceUnavailable` or :class:`ConfigurationError` for faults of the
    database, also of those in the middle of the block. Messages name the server, never credentials or values.
    """
    url = address(connection)
    where = (
        Path(unquote(str(url.database))).name
        if url.drivername == "sqlite"
        else f"{url.host}:{url.port or 'default port'}"
    )
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=_arguments(url, connection))
    except (NoSuchModuleError, ModuleNotFoundError, ArgumentError):
        raise ConfigurationError(
            f"No driver is installed for the type {connection.conn_type!r} of the connection civil_registry. "
            f"Known are {', '.join(sorted(DRIVERS))}; for others install a SQLAlchemy dialect and name it as type."
        ) from None
    try:
        with engine.connect() as opened:
            yield _consistent(opened)
    except DBAPIError as fault:
        raise _explained(fault, connection, where) from None
    except UnicodeDecodeError:
        raise ContractError(
            f"The civil registry at {where} holds text that is not in the encoding it declares. Ask its administrator "
            "to convert the table, or offer a view that does."
        ) from None
    except (OSError, TimeoutError) as fault:
        raise SourceUnavailable(f"The civil registry at {where} cannot be reached: {type(fault).__name__}.") from None
    finally:
        engine.dispose()


def _arguments(url: URL, connection: Connection) -> dict[str, Any]:
    extra = connection.extra
    if url.drivername == "postgresql+psycopg":
        passed = {k: v for k, v in extra.items() if k.startswith(("ssl", "gss", "keepalives")) or k == "options"}
        given = {"connect_timeout": CONNECT_SECONDS, "application_name": "kampungkb", "client_encoding": "utf8"}
        return given | passed
    if url.drivername == "mysql+pymysql":
        passed = {k: v for k, v in extra.items() if k.startswith("ssl")}
        return {"connect_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS, "charset": "utf8mb4"} | passed
    return {"timeout": CONNECT_SECONDS} if url.drivername == "sqlite" else {}


def _consistent(opened: sa.Connection) -> sa.Connection:
    """Begin the transaction and set the session's time zone, in the way of each database."""
    name = opened.dialect.name
    if name == "sqlite":
        driver: Any = opened.connection.driver_connection
        driver.text_factory = decoded
        opened.exec_driver_sql("begin")
        return opened
    if name not in ("postgresql", "mysql", "mariadb"):
        return opened
    opened = opened.execution_options(isolation_level="REPEATABLE READ")
    if name == "postgresql":
        _decode_bytes(opened)
        opened.exec_driver_sql("set transaction read only")
        opened.exec_driver_sql("set time zone 'Asia/Jakarta'")
        opened.exec_driver_sql(f"set statement_timeout = {ANSWER_SECONDS * 1000}")
    else:
        opened.exec_driver_sql(f"set time_zone = '{UTC_OFFSET}'")
        opened.exec_driver_sql("start transaction with consistent snapshot, read only")
    return opened


def _decode_bytes(opened: sa.Connection) -> None:
    """A PostgreSQL that knows no encoding holds whatever bytes it was given: take them as bytes."""
    driver: Any = opened.connection.driver_connection
    if driver.info.parameter_status("server_encoding") == "SQL_ASCII":
        opened.exec_driver_sql("set client_encoding to 'SQL_ASCII'")
        for name in ("text", "varchar", "bpchar", "name"):
            driver.adapters.register_loader(name, _TextLoader)


class _TextLoader(Loader):
    def load(self, data: bytes | bytearray | memoryview) -> str:
        return decoded(bytes(data))


def decoded(content: bytes) -> str:
    """Bytes as text: UTF-8, else the old Western encoding, which knows every byte."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _explained(fault: DBAPIError, connection: Connection, where: str) -> KampungkbError:
    """The fault in our own words: a driver's text may quote credentials or values."""
    text, codes = str(fault.orig), _codes(fault.orig)
    if codes & _REFUSED or any(sign in text for sign in _REFUSED_TEXTS):
        return SourceRefused(
            f"The civil registry at {where} refuses the login of the connection civil_registry or its right to read. "
            "Check login and password, and grant select on the registry's tables."
        )
    if codes & _UNKNOWN_DATABASE or ("database" in text and "does not exist" in text):
        return ConfigurationError(
            f"The civil registry at {where} has no database {connection.schema_!r}. "
            "Correct the schema of the connection civil_registry."
        )
    if "certificate" in text:
        return SourceUnavailable(
            f"The civil registry at {where} shows a certificate that is not trusted, or one for another name. Let the "
            "extra sslrootcert (or ssl_ca) name the file of its authority, and the host be the name in the certificate."
        )
    if "not a database" in text:
        return ConfigurationError(f"The file {where} of the connection civil_registry is not an SQLite database.")
    kind = " ".join([type(fault.orig).__name__, *sorted(map(str, codes))])
    if isinstance(fault, OperationalError | InterfaceError):
        return SourceUnavailable(
            f"The civil registry at {where} cannot be reached or broke off ({kind}). "
            "Check host, port and network, and whether the server is up."
        )
    return ContractError(f"The civil registry at {where} cannot answer what is asked of it ({kind}).")


def _codes(original: BaseException | None) -> set[str | int]:
    """The SQLSTATE and, for MySQL, the error number of a driver's exception."""
    number = original.args[0] if original is not None and original.args else None
    found = {getattr(original, "sqlstate", None), number if isinstance(number, int) else None}
    return {code for code in found if code is not None}


def find_table(opened: sa.Connection, table: Table, schema: str | None) -> Found:
    """Find a contract table and its columns, whatever their case.

    Raises :class:`ContractError` that names the missing table or needed column and the names most like it.
    """
    inspector = sa.inspect(opened)
    schema = _schema(inspector, schema) if schema else None
    names = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    if opened.dialect.name == "postgresql":
        names += inspector.get_materialized_view_names(schema)
    name = _same(table.name, names)
    if name is None:
        place = f"schema {schema}" if schema else "the default schema"
        raise ContractError(
            f"The civil registry has no table {table.name} in {place}{_alike(table.name, names)}. Correct the extra "
            "`schema` of the connection civil_registry, or offer the table as a view of that name."
        )
    reflected = {column["name"]: column["type"] for column in inspector.get_columns(name, schema)}
    actual = {c: match for c in table.names if (match := _same(c, list(reflected))) is not None}
    missing = [column for column in table.needed if column not in actual]
    if missing:
        hints = "; ".join(f"{column}{_alike(column, list(reflected))}" for column in missing)
        raise ContractError(
            f"The table {table.name} of the civil registry lacks a needed column: {hints}. "
            "Restore it, or offer a view of the table with the contract's column names."
        )
    # Columns without a type give the driver's own values: SQLite keeps whatever was written, dates as text.
    columns: dict[str, sa.ColumnClause[Any]] = {c: sa.column(sa.quoted_name(n, True)) for c, n in actual.items()}
    typed = opened.dialect.name != "sqlite"
    return Found(
        clause=sa.table(sa.quoted_name(name, True), *columns.values(), schema=schema),
        columns=dict(columns),
        times=frozenset(c for c, n in actual.items() if typed and isinstance(reflected[n], sa.Date | sa.DateTime)),
        drift=_drift(table, actual, reflected),
        types=_types(actual, reflected),
    )


def _schema(inspector: sa.Inspector, wanted: str) -> str:
    schemas = inspector.get_schema_names()
    found = _same(wanted, schemas)
    if found is None:
        raise ConfigurationError(
            f"The civil registry has no schema {wanted}{_alike(wanted, schemas)}. "
            "Correct the extra `schema` of the connection civil_registry."
        )
    return found


def _drift(table: Table, actual: dict[str, str], reflected: dict[str, Any]) -> tuple[Drift, ...]:
    absent = [Drift(table=table.name, column=c, change="missing") for c in table.names if c not in actual]
    unknown = [Drift(table=table.name, column=c, change="unknown") for c in reflected if c not in actual.values()]
    return tuple(absent + unknown)


_KINDS: tuple[tuple[type[Any], str], ...] = (
    (sa.Boolean, "boolean"),
    (sa.DateTime, "time"),
    (sa.Date, "date"),
    (sa.Numeric, "number"),
    (sa.Integer, "number"),
    (sa.LargeBinary, "bytes"),
    (sa.String, "text"),
)


def _types(actual: dict[str, str], reflected: dict[str, Any]) -> dict[str, str]:
    """The kind of each column; widths and precisions do not matter."""
    names = {match: column for column, match in actual.items()}
    return {
        names.get(name, name): next((kind for known, kind in _KINDS if isinstance(declared, known)), "other")
        for name, declared in reflected.items()
    }


def _same(wanted: str, names: Sequence[str]) -> str | None:
    """The name as the database writes it: exactly the wanted one, else one that differs in case alone."""
    if wanted in names:
        return wanted
    return next((name for name in names if name.lower() == wanted.lower()), None)


def _alike(wanted: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(wanted.lower(), [name.lower() for name in names], n=3, cutoff=0.5)
    return f" (found instead: {', '.join(close)})" if close else ""
