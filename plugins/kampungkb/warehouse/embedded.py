"""The embedded PostgreSQL: one server per `KAMPUNGKB_HOME`, on 127.0.0.1, with a generated password.

Whoever uses it holds a shared lock on `users.lock`; who leaves and can make the lock exclusive was the last and stops
the server. Starting and stopping happen under `start.lock`. Both locks are the kernel's and vanish with their process,
so a process killed in any way leaves nothing to clean up: the next user finds the server running, or starts it.
"""

import fcntl
import logging
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import URL

from kampungkb.connections import Connection
from kampungkb.errors import WarehouseError
from kampungkb.settings import Settings
from kampungkb.warehouse.place import INSTEAD, Place, acquired, locked, place_of, write_private

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
SUPERUSER = "kampungkb"
WAREHOUSE_DATABASE = "warehouse"
SAMPLE_DATABASE = "sample_civil_registry"
START_SECONDS = 120

# For a small machine that loads in bulk once a night. `log_min_messages` and `log_error_verbosity` keep statements and
# values out of the server's log.
SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "20s",
    "jit": "off",
    "timezone": "Asia/Jakarta",
    "log_timezone": "Asia/Jakarta",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True)
class ServerInfo:
    """How to reach the running server. The password stays out of `repr`."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    def url(self, database: str = WAREHOUSE_DATABASE) -> URL:
        """The address for SQLAlchemy, through psycopg 3."""
        return URL.create("postgresql+psycopg", self.user, self.password, self.host, self.port, database)

    def uri(self, database: str = WAREHOUSE_DATABASE) -> str:
        """The address for libpq (psql, psycopg, ADBC); it holds the password."""
        return URL.create("postgresql", self.user, self.password, self.host, self.port, database).render_as_string(
            hide_password=False
        )

    def connection(self, database: str = WAREHOUSE_DATABASE) -> Connection:
        """The same as an Airflow connection."""
        return Connection.model_validate(
            {
                "conn_type": "postgres",
                "host": self.host,
                "port": self.port,
                "login": self.user,
                "password": self.password,
                "schema": database,
                "extra": {"embedded": True},
            }
        )


def is_embedded(connection: Connection) -> bool:
    """Whether a connection leads to a server of this module."""
    return bool(connection.extra.get("embedded"))


def exists(settings: Settings) -> bool:
    """Whether this home ever had a server of its own; starts and makes nothing."""
    return (settings.root / "postgres" / "password").exists()


@contextmanager
def running(settings: Settings) -> Iterator[ServerInfo]:
    """The running server of this home, with its database `warehouse`; the last user to leave stops it.

    Raises :class:`WarehouseError` where the package is missing or the server does not start.
    """
    place = place_of(settings)
    descriptor = os.open(place.state / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with locked(place.state / "start.lock"):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            try:
                server = _running_server(place)
                ensure_database(server, WAREHOUSE_DATABASE)
            except BaseException:
                if acquired(descriptor, fcntl.LOCK_EX):
                    _stop(place)
                raise
        try:
            yield server
        finally:
            with locked(place.state / "start.lock"):
                if acquired(descriptor, fcntl.LOCK_EX):
                    _stop(place)
    finally:
        os.close(descriptor)


def ensure_database(server: ServerInfo, name: str) -> None:
    """Create a database where it does not exist yet."""
    try:
        with psycopg.connect(server.uri("postgres"), autocommit=True, connect_timeout=30) as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        pass  # another process was faster
    except psycopg.Error as fault:
        raise WarehouseError(
            f"The embedded PostgreSQL runs on port {server.port} but its database {name} cannot be opened: "
            f"{' '.join(str(fault).split())}. {INSTEAD}"
        ) from None


def discard(settings: Settings) -> None:
    """Delete this home's server and all its databases; raises :class:`WarehouseError` while somebody uses it."""
    place = place_of(settings)
    descriptor = os.open(place.state / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with locked(place.state / "start.lock"):
            if not acquired(descriptor, fcntl.LOCK_EX):
                raise WarehouseError("The embedded PostgreSQL is in use: end what uses it, then discard it.")
            _stop(place)
            shutil.rmtree(place.cluster)
            shutil.rmtree(place.state, ignore_errors=True)
    finally:
        os.close(descriptor)


# What follows happens under `start.lock`.


def _running_server(place: Place) -> ServerInfo:
    begun = time.monotonic()
    port = _await_ready(place)
    if port is None:
        password = _initialise(place)
        port = _start(place)
        log.info("Embedded PostgreSQL started on %s:%d in %.1f s", HOST, port, time.monotonic() - begun)
    else:
        password = _password(place)
    return ServerInfo(HOST, port, SUPERUSER, password)


def _password(place: Place) -> str:
    path = place.state / "password"
    if not path.exists():
        if (place.data / "PG_VERSION").exists():
            raise WarehouseError(
                f"The password of the embedded PostgreSQL, {path}, is missing while its data is there: restore that "
                f"file from a backup. {INSTEAD}"
            )
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text(encoding="utf-8").strip()


def _initialise(place: Place) -> str:
    """Make the data directory where there is none; built beside its place, so that none is ever half made."""
    password = _password(place)
    if (place.data / "PG_VERSION").exists():
        _check_version(place)
        return password
    partial = place.cluster / "data.partial"
    password_file = place.cluster / ".initial-password"
    shutil.rmtree(partial, ignore_errors=True)
    write_private(password_file, password)
    try:
        place.give(password_file)
        made = place.run(
            "initdb",
            *("--pgdata", str(partial), "--username", SUPERUSER, "--pwfile", str(password_file)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            seconds=START_SECONDS,
        )
    finally:
        password_file.unlink(missing_ok=True)
    if made.returncode:
        raise WarehouseError(f"The embedded PostgreSQL could not be set up: {made.stderr.strip()[-1000:]} {INSTEAD}")
    partial.rename(place.data)
    return password


def _check_version(place: Place) -> None:
    data = (place.data / "PG_VERSION").read_text(encoding="utf-8").strip()
    program = place.run("postgres", "--version", seconds=30).stdout.split()[-1]
    if data != program.split(".")[0]:
        raise WarehouseError(
            f"The embedded data in {place.data} is PostgreSQL {data}, the installed program is {program}: dump it with "
            f"the version that wrote it and load it again (docs/reference/warehouse.md). {INSTEAD}"
        )


def _postmaster_file(place: Place) -> list[str]:
    """The lines of `postmaster.pid`: process id first, port fourth, status (`ready`) eighth; empty where none."""
    try:
        return [line.strip() for line in (place.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        return []


def _postmaster(place: Place) -> psutil.Process | None:
    """The server's main process if it lives; a process id that went to another program does not count."""
    lines = _postmaster_file(place)
    try:
        process = psutil.Process(int(lines[0]))
        alive = process.status() != psutil.STATUS_ZOMBIE and str(place.data) in process.cmdline()
    except (IndexError, ValueError, psutil.Error):
        return None
    return process if alive else None


def _await_ready(place: Place) -> int | None:
    """The port of the living server, waiting while it starts; None where there is none (or it stops meanwhile)."""
    deadline = time.monotonic() + START_SECONDS
    while (process := _postmaster(place)) is not None:
        lines = _postmaster_file(place)
        if len(lines) >= 8 and lines[7] == "ready":
            return int(lines[3])
        if time.monotonic() > deadline:
            raise WarehouseError(
                f"The embedded PostgreSQL (process {process.pid}) has not become ready in {START_SECONDS} seconds. "
                f"See {place.log}. {INSTEAD}"
            )
        time.sleep(0.05)
    return None


def _start(place: Place) -> int:
    for attempt in range(5):
        _clear_remains(place)
        port = _free_port(place, preferred=attempt == 0)
        if place.log.exists() and place.log.stat().st_size > 1_000_000:
            place.log.replace(place.log.with_suffix(".log.old"))
        written = place.log.stat().st_size if place.log.exists() else 0
        options = " ".join(
            f"-c {name}='{value}'"
            for name, value in {**SERVER_SETTINGS, "port": port, "cluster_name": place.name}.items()
        )
        started = place.run(
            "pg_ctl",
            *("start", "--wait", "--timeout", str(START_SECONDS), "--silent", "--pgdata", str(place.data)),
            *("--log", str(place.log), "--options", options),
            seconds=START_SECONDS + 30,
        )
        if started.returncode == 0:
            write_private(place.state / "port", str(port))
            return port
        tail = _log_since(place.log, written)
        if "could not bind" not in tail:
            break
    _stop(place)
    raise WarehouseError(
        f"The embedded PostgreSQL does not start. Its log, {place.log}, ends with:\n{tail or started.stderr.strip()}\n"
        f"{INSTEAD}"
    )


def _log_since(path: Path, written: int, lines: int = 12) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(written)
        return "\n".join(file.read().decode("utf-8", "replace").strip().splitlines()[-lines:])


def _clear_remains(place: Place) -> None:
    """After a killed server: end its orphaned workers, known by the cluster's name, and remove its process file."""
    orphans = [p for p in psutil.process_iter() if _is_worker(p, place.name)]
    for process in orphans:
        process.send_signal(signal.SIGQUIT)
    for process in psutil.wait_procs(orphans, timeout=5)[1]:
        process.kill()
    (place.data / "postmaster.pid").unlink(missing_ok=True)


def _is_worker(process: psutil.Process, cluster_name: str) -> bool:
    try:
        return " ".join(process.cmdline()).startswith(f"postgres: {cluster_name}:")
    except psutil.Error:
        return False


def _free_port(place: Place, *, preferred: bool) -> int:
    """A free port, the one of last time where it can be had, so that a saved address keeps working."""
    last = place.state / "port"
    candidates = [int(last.read_text(encoding="utf-8"))] if preferred and last.exists() else []
    for candidate in (*candidates, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise WarehouseError(f"No port is free on {HOST} for the embedded PostgreSQL.")


def _stop(place: Place) -> None:
    if _postmaster(place) is None:
        return
    for mode in ("fast", "immediate"):
        stopped = place.run(
            "pg_ctl",
            *("stop", "--wait", "--timeout", "60", "--silent", "--mode", mode, "--pgdata", str(place.data)),
            seconds=90,
        )
        if stopped.returncode == 0:
            log.info("Embedded PostgreSQL stopped")
            return
    log.warning("The embedded PostgreSQL did not stop: %s", stopped.stderr.strip())
