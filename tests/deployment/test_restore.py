"""A backup restored on an empty machine: every row is there, and the next load of the same date changes no mart."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.place import place_of
from tests.conftest import discard_server

pytestmark = [pytest.mark.e2e, pytest.mark.long]

FAMILIES, AS_OF = "150", "2026-11-24"
SCHEMAS = ["core", "mart", "open", "ops", "vault", "service"]
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def empty_home(tmp_path: Path) -> Iterator[Path]:
    """The home of the machine on which the backup is restored."""
    folder = tmp_path / "another"
    folder.mkdir(mode=0o700)
    yield folder
    discard_server(folder)


def load(home: Path) -> None:
    environ = {**os.environ, "KAMPUNGKB_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    command = [sys.executable, "-m", "kampungkb", "run", "--families", FAMILIES, "--as-of", AS_OF]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def script(name: str, folder: Path, home: Path, server: embedded.ServerInfo) -> subprocess.CompletedProcess[str]:
    """Run a script of `deploy/` against the server and the lake of a home."""
    environ = {
        "PATH": f"{place_of(Settings(home=home)).programs}:{os.environ['PATH']}",
        **{"PGHOST": server.host, "PGPORT": str(server.port), "PGPASSWORD": server.password},
        **{"ON_SERVER": "", "ON_LAKE": "", "SUPERUSER": server.user, "DATABASES": "warehouse", "LAKE": str(home)},
    }
    command = ["bash", str(PROJECT_ROOT / "deploy" / name), str(folder)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def contents(server: embedded.ServerInfo) -> Rows:
    """Every row of every table and view."""
    with psycopg.connect(server.uri()) as connection:
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema = any(%s) "
            "and table_name <> 'access_log'",
            [SCHEMAS],
        ).fetchall()
        return {
            f"{schema}.{name}": sorted(
                connection.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, name))).fetchall(),
                key=repr,
            )
            for schema, name in names
        }


def lake_of(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in (home / "lake").rglob("*") if path.is_file()}


def privileges(server: embedded.ServerInfo) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.uri()) as connection:
        return connection.execute(
            "select table_schema, table_name, grantee, privilege_type from information_schema.table_privileges "
            "where grantee like 'kkb_%' order by 1, 2, 3, 4"
        ).fetchall()


def test_a_backup_restored_on_an_empty_machine_has_every_row_and_goes_on(
    home: Path, empty_home: Path, tmp_path: Path
) -> None:
    load(home)
    with embedded.running(Settings(home=home)) as server:
        made = script("backup.sh", tmp_path / "backups", home, server)
        assert made.returncode == 0, made.stderr
        before, lake, granted = contents(server), lake_of(home), privileges(server)
    backup = Path(made.stdout.strip())
    assert len(before["mart.village_index"]) > 50 and granted
    discard_server(home)
    shutil.rmtree(home / "lake")

    with embedded.running(Settings(home=empty_home)) as server:
        restored = script("restore.sh", backup, empty_home, server)
        assert restored.returncode == 0, restored.stderr
        after = contents(server)
        assert after.keys() == before.keys()
        assert [name for name in before if after[name] != before[name]] == []
        assert lake_of(empty_home) == lake
        assert privileges(server) == granted
        assert (empty_home / "lake").stat().st_mode & 0o077 == 0
        again = script("restore.sh", backup, empty_home, server)
        assert again.returncode == 1 and "already" in again.stderr

    load(empty_home)
    with embedded.running(Settings(home=empty_home)) as server:
        repeated = contents(server)
    marts = [name for name in before if name.startswith(("mart.", "open.", "vault.", "core."))]
    assert [name for name in marts if repeated[name] != before[name]] == []


def test_a_backup_that_has_been_changed_is_refused_before_anything_is_touched(
    home: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "globals.sql").write_text("create role intruder superuser;")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  globals.sql\n")
    with embedded.running(settings) as server:
        refused = script("restore.sh", tmp_path, home, server)
        assert refused.returncode != 0
        with psycopg.connect(server.uri()) as connection:
            assert connection.execute("select 1 from pg_roles where rolname = 'intruder'").fetchone() is None
