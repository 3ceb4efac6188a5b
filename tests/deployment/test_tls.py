"""Connections under TLS with an authority of one's own: used with the right certificate, refused with a wrong one."""

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi
import psycopg
import pytest
import sqlalchemy as sa
import uvicorn

from kampungkb.connections import Connection
from kampungkb.errors import ConfigurationError, SourceUnavailable, WarehouseUnreachable
from kampungkb.sample.insurance_server import create_app
from kampungkb.sources.database import reading
from kampungkb.sources.insurance_api import Client, Service
from kampungkb.warehouse.connect import engine_of, libpq_uri
from kampungkb.warehouse.migrate import migrate
from tests.certificates import Authority
from tests.deployed.services import until
from tests.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PASSWORD = "a password for tests only"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"), "strangers")


@pytest.fixture(scope="module")
def server(ours: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a PostgreSQL that takes connections under TLS alone; its certificate is for 127.0.0.1."""
    if not PROGRAMS:
        pytest.skip("no PostgreSQL with TLS under /usr/lib/postgresql (the embedded one has none)")
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    user: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid} if account else {}
    # Not under the tests' folder: that is closed to the account which runs the server.
    folder = folder_for(account)
    try:
        for path, name in zip(ours.certificate("127.0.0.1"), ("server.crt", "server.key"), strict=True):
            shutil.copy(path, folder / name)
            (folder / name).chmod(0o600)
            if account:
                os.chown(folder / name, account.pw_uid, account.pw_gid)
        programs, data, port = PROGRAMS[-1].parent, folder / "data", free_port()

        def run(program: str, *options: str) -> None:
            done = subprocess.run(
                [str(programs / program), *options], cwd=folder, capture_output=True, text=True, check=False, **user
            )
            assert done.returncode == 0, done.stdout + done.stderr

        run("initdb", "--pgdata", str(data), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8")
        (data / "pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii"
        )
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c ssl=on "
            f"-c ssl_cert_file={folder}/server.crt -c ssl_key_file={folder}/server.key"
        )
        run("pg_ctl", "start", "--wait", "--pgdata", str(data), "--log", str(folder / "log"), "--options", options)
        try:
            with psycopg.connect(host=str(folder), port=port, user="postgres", autocommit=True) as connection:
                connection.execute(f"create role loader login createrole password '{PASSWORD}'")
                connection.execute("create database kampungkb owner loader")
            yield port
        finally:
            run("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", str(data))
    finally:
        shutil.rmtree(folder)


def folder_for(account: pwd.struct_passwd | None) -> Path:
    """A folder that this account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="kampungkb-tls-", dir="/tmp"))
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def database(port: int, host: str = "127.0.0.1", **extra: str) -> Connection:
    fields = {"conn_type": "postgres", "host": host, "port": port, "login": "loader", "password": PASSWORD}
    return Connection.model_validate({**fields, "schema": "kampungkb", "extra": extra})


def test_the_warehouse_is_migrated_and_loaded_in_bulk_under_tls_with_the_certificate_checked(
    server: int, ours: Authority
) -> None:
    engine = engine_of(database(server, sslmode="verify-full", sslrootcert=str(ours.file)))
    encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
    try:
        migrate(engine)
        with engine.connect() as connection:
            assert connection.execute(sa.text(encrypted)).scalar_one() is True
            assert connection.execute(sa.text("select count(*) from mart.village_index")).scalar_one() == 0
        with adbc_driver_postgresql.dbapi.connect(libpq_uri(engine)) as bulk, bulk.cursor() as cursor:
            cursor.execute(encrypted)
            assert cursor.fetchone() == (True,)
    finally:
        engine.dispose()


@pytest.mark.parametrize("wrong", ["another authority", "another name", "no encryption"])
def test_a_warehouse_with_a_wrong_certificate_or_without_encryption_is_refused(
    wrong: str, server: int, ours: Authority, strangers: Authority
) -> None:
    connection = {
        "another authority": database(server, sslmode="verify-full", sslrootcert=str(strangers.file)),
        "another name": database(server, "localhost", sslmode="verify-full", sslrootcert=str(ours.file)),
        "no encryption": database(server, sslmode="disable"),
    }[wrong]
    with pytest.raises(WarehouseUnreachable) as refused:
        engine_of(connection)
    said = {"another authority": "certificate verify failed", "another name": "certificate", "no encryption": "pg_hba"}
    assert said[wrong] in str(refused.value) and PASSWORD not in str(refused.value)


def test_the_civil_registry_is_read_under_tls_and_refused_with_a_wrong_certificate(
    server: int, ours: Authority, strangers: Authority
) -> None:
    right = {"sslmode": "verify-full", "sslrootcert": str(ours.file)}
    with reading(database(server, **right)) as opened:
        assert opened.exec_driver_sql("select ssl from pg_stat_ssl where pid = pg_backend_pid()").scalar_one() is True
    for wrong in (
        database(server, **{**right, "sslrootcert": str(strangers.file)}),
        database(server, "localhost", **right),
    ):
        with pytest.raises(SourceUnavailable, match="not trusted"), reading(wrong):
            pass


@pytest.fixture(scope="module")
def service(ours: Authority) -> Iterator[int]:
    """The port of the sample's insurance service under https, without entries; its certificate is for localhost."""
    (ours.folder / "none.jsonl").write_text("", encoding="utf-8")
    certificate, key = ours.certificate("localhost")
    port = free_port()
    app = create_app(ours.folder / "none.jsonl", "sample", PASSWORD, "sample")
    how = {"ssl_certfile": certificate, "ssl_keyfile": key, "log_level": "error", "lifespan": "off"}
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, **how))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started, "the service listens", every=0.05)
    yield port
    running.should_exit = True
    thread.join()


def insurance(port: int, host: str = "localhost", **extra: Any) -> Service:
    fields = {"conn_type": "http", "schema": "https", "host": host, "port": port, "login": "sample"}
    extra = {"user_key": "sample", "retries": 0, **extra}
    return Service.of(Connection.model_validate({**fields, "password": PASSWORD, "extra": extra}))


def test_the_insurance_service_is_asked_under_https_with_an_authority_of_ones_own(
    service: int, ours: Authority
) -> None:
    with Client(insurance(service, verify=str(ours.file))) as client:
        _, page = client.page(1)
    assert page.entries == 0


def test_an_insurance_service_whose_certificate_is_wrong_hears_nothing(
    service: int, ours: Authority, strangers: Authority
) -> None:
    for wrong in (
        insurance(service),
        insurance(service, verify=str(strangers.file)),
        insurance(service, "127.0.0.1", verify=str(ours.file)),
    ):
        with Client(wrong) as client, pytest.raises(SourceUnavailable, match="certificate is not trusted"):
            client.page(1)


def test_checking_cannot_be_switched_off(service: int) -> None:
    with Client(insurance(service, verify=False)) as client, pytest.raises(SourceUnavailable, match="not trusted"):
        client.page(1)
    for no_file in ("false", "/no/such/file.pem"):
        with pytest.raises(ConfigurationError, match="certificates are always checked"):
            Client(insurance(service, verify=no_file))
