"""The embedded PostgreSQL: one server a home, whoever starts it, whoever is killed."""

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kampungkb.errors import WarehouseError
from kampungkb.settings import Settings
from kampungkb.warehouse import embedded, place
from kampungkb.warehouse.place import place_of

pytestmark = pytest.mark.integration

CHILD = """
import json, sys, time
from kampungkb.settings import load_settings
from kampungkb.warehouse import embedded
with embedded.running(load_settings()) as server:
    print(json.dumps([server.port, server.uri()]), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def own(settings: Settings) -> Iterator[Settings]:
    """Settings of a home whose server is deleted at the end."""
    yield settings
    embedded.discard(settings)


def user_process(home: Path) -> subprocess.Popen[str]:
    """Another process that uses the server of a home until it is told to end."""
    environment = {**os.environ, "KAMPUNGKB_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def address(process: subprocess.Popen[str]) -> tuple[int, str]:
    assert process.stdout is not None
    port, uri = json.loads(process.stdout.readline())
    return port, uri


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def answers(uri: str) -> bool:
    try:
        with psycopg.connect(uri, connect_timeout=5) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def postmaster(settings: Settings) -> int:
    return int((place_of(settings).data / "postmaster.pid").read_text().splitlines()[0])


def test_it_listens_on_localhost_alone_and_wants_its_password(own: Settings) -> None:
    with embedded.running(own) as server:
        assert answers(server.uri())
        assert not answers(server.uri().replace(server.password, "wrong"))
        with psycopg.connect(server.uri()) as connection:
            row = connection.execute(
                "select current_setting('listen_addresses'), current_setting('unix_socket_directories'),"
                " current_setting('server_encoding'), upper('é')"
            ).fetchone()
        assert row == ("127.0.0.1", "", "UTF8", "É")
        assert server.password not in repr(server)


def test_what_it_keeps_in_the_home_is_for_the_owner_alone(own: Settings) -> None:
    with embedded.running(own):
        kept = [own.root / "postgres", *(own.root / "postgres").iterdir()]
        assert {oct(stat.S_IMODE(path.stat().st_mode) & 0o077) for path in kept} == {"0o0"}


def test_no_permission_of_an_existing_folder_is_changed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    home = closed / "home"
    home.mkdir(parents=True)
    for folder in (home, closed):
        folder.chmod(0o700)
    package = place._package_folder()
    watched = [*home.parents, home, package, *package.parents, *package.rglob("*")]
    before = {path: (path.stat().st_mode, path.stat().st_uid) for path in watched}
    settings = Settings(home=home)
    with embedded.running(settings) as server:
        assert answers(server.uri())
    embedded.discard(settings)
    assert {path: (path.stat().st_mode, path.stat().st_uid) for path in watched} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_as_root_the_server_runs_as_a_system_account_without_login(own: Settings) -> None:
    with embedded.running(own):
        account = pwd.getpwnam("kampungkb")
        assert account.pw_shell.endswith("nologin")
        assert Path(f"/proc/{postmaster(own)}").stat().st_uid == account.pw_uid
        assert place_of(own).data.is_relative_to("/var/lib/kampungkb")


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests already run as a normal user")
def test_as_a_normal_user_all_data_is_in_the_home() -> None:
    nobody = pwd.getpwnam("nobody")
    home = Path(tempfile.mkdtemp(prefix="kampungkb-nobody-"))
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    child = os.fork()  # the interpreter itself may lie where only root can read it
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            os.chdir("/")
            with embedded.running(Settings(home=home)) as server:
                code = 0 if answers(server.uri()) else 2
        finally:
            os._exit(code)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert (home / "postgres" / "data" / "PG_VERSION").stat().st_uid == nobody.pw_uid
        assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    finally:
        shutil.rmtree(home)


def test_several_processes_share_it_and_the_last_one_out_stops_it(own: Settings) -> None:
    processes = [user_process(own.root) for _ in range(3)]
    places = {address(process) for process in processes}
    assert len(places) == 1
    ((_, uri),) = places
    for process in processes[:2]:
        end(process)
        assert answers(uri)
    end(processes[2])
    assert not answers(uri)


def test_a_killed_user_does_not_keep_it_alive(own: Settings) -> None:
    killed, leaving = user_process(own.root), user_process(own.root)
    _, uri = address(killed)
    address(leaving)
    killed.kill()
    killed.communicate()
    assert answers(uri)
    end(leaving)
    assert not answers(uri)


def test_the_next_user_takes_over_from_one_that_was_killed_alone(own: Settings) -> None:
    killed = user_process(own.root)
    _, uri = address(killed)
    killed.kill()
    killed.communicate()
    with embedded.running(own) as server:
        assert server.uri() == uri
        assert answers(uri)
    assert not answers(uri)


def test_data_and_address_last_from_one_use_to_the_next(own: Settings) -> None:
    with embedded.running(own) as first, psycopg.connect(first.uri()) as connection:
        connection.execute("create table kept as select 42 as answer")
    with embedded.running(own) as second, psycopg.connect(second.uri()) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)
    assert first == second


def test_a_killed_server_recovers_at_the_next_use(own: Settings) -> None:
    with embedded.running(own) as server:
        with psycopg.connect(server.uri()) as connection:
            connection.execute("create table kept as select 42 as answer")
        busy = psycopg.connect(server.uri())
        busy.execute("select 1")
        os.kill(postmaster(own), signal.SIGKILL)
        with embedded.running(own) as again, psycopg.connect(again.uri()) as connection:
            assert connection.execute("select answer from kept").fetchone() == (42,)
        busy.close()
        assert answers(server.uri())


def test_a_stale_process_file_is_no_server(own: Settings) -> None:
    with embedded.running(own):
        pass
    stale = place_of(own).data / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{place_of(own).data}\n0\n1\n\n127.0.0.1\n\nready\n")
    with embedded.running(own) as server:
        assert answers(server.uri())


def test_a_taken_port_makes_it_choose_another(own: Settings) -> None:
    with embedded.running(own):
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (place_of(own).state / "port").write_text(str(port))
        with embedded.running(own) as second:
            assert second.port != port
            assert answers(second.uri())


def test_a_killed_set_up_is_begun_anew(own: Settings) -> None:
    partial = place_of(own).cluster / "data.partial"
    partial.mkdir()
    (partial / "PG_VERSION").write_text("18")
    with embedded.running(own) as server:
        assert answers(server.uri())


def test_a_failed_start_says_what_the_server_said(own: Settings) -> None:
    with embedded.running(own):
        pass
    (place_of(own).data / "global" / "pg_control").unlink()
    with (
        pytest.raises(WarehouseError, match=r"(?s)does not start.*pg_control.*AIRFLOW_CONN_WAREHOUSE"),
        embedded.running(own),
    ):
        pass


def test_a_missing_package_is_told_with_the_two_ways_out(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(place, "PACKAGE", "a_package_that_is_not_installed")
        with pytest.raises(WarehouseError, match=r"make setup.*AIRFLOW_CONN_WAREHOUSE"), embedded.running(own):
            pass


def test_it_is_not_discarded_while_in_use(own: Settings) -> None:
    with embedded.running(own) as server:
        with pytest.raises(WarehouseError, match="in use"):
            embedded.discard(own)
        assert answers(server.uri())


def test_databases_are_made_once_whoever_asks(own: Settings) -> None:
    with embedded.running(own) as server:
        for _ in range(2):
            embedded.ensure_database(server, embedded.SAMPLE_DATABASE)
        assert answers(server.uri(embedded.SAMPLE_DATABASE))
