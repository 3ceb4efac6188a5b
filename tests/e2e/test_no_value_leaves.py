"""Personal values stay where they belong: none in logs, journal, XCom, Data Docs, messages, or what analysts read.

Two whole loads of a small sample: one that goes well, and one whose database quotes a row in its complaint.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
from psycopg import sql

from kampungkb.contracts import contract
from kampungkb.orchestration.journal import read_journal
from kampungkb.run import SOURCES
from kampungkb.settings import PROJECT_ROOT, Settings
from kampungkb.warehouse import embedded
from kampungkb.warehouse.place import place_of

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FAMILIES = "300"
NAMES = {"K.02", "nama_lgkp", "nama_lgkp_ibu", "nama_lgkp_ayah", "nama_kep", "nama"}
READ_BY_ANALYSTS = ("mart", "ops")

QUOTING_TRIGGER = """
create function quote_the_row() returns trigger language plpgsql as
$$ begin raise exception 'the row of % is not wanted', new.source_key using detail = new::text; end $$;
create trigger quote_the_row before insert or update or delete on vault.person_link
for each row execute function quote_the_row();
"""


def load(home: Path, as_of: str, *more: str) -> subprocess.CompletedProcess[str]:
    own = {"KAMPUNGKB_HOME": str(home), "KAMPUNGKB_SAMPLE_FAMILIES": FAMILIES}
    return subprocess.run(
        [sys.executable, "-m", "kampungkb", "run", "--as-of", as_of, *more],
        env={**os.environ, **own, "PYTHONPATH": str(PROJECT_ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("private") / "home"
    yield home
    embedded.discard(Settings(home=home))


@pytest.fixture(scope="module")
def good(home: Path) -> subprocess.CompletedProcess[str]:
    """A load that ends well."""
    done = load(home, "2026-11-24")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def quoted(home: Path, good: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """A load that the database stops with a complaint that quotes a row."""
    with embedded.running(Settings(home=home)) as server, psycopg.connect(server.uri()) as connection:
        connection.execute("delete from vault.person_link where source <> 'family_survey'")
        connection.execute(QUOTING_TRIGGER)
    return load(home, "2026-11-25", "--force")


@pytest.fixture(scope="module")
def population(home: Path, good: subprocess.CompletedProcess[str]) -> set[str]:
    """Every identity number and full name that was landed, and the true ones behind them."""
    found: set[str] = set()
    with duckdb.connect() as reader:
        for source in SOURCES:
            for table in contract(source).tables:
                [path] = (home / "lake" / "landing" / source).glob(f"*/{table.name.lower()}.parquet")
                names = NAMES.intersection(table.names)
                numbers = {column.name for column in table.of_kind("identity")}
                for column in names | numbers:
                    rows = reader.execute(f'select distinct "{column}" from read_parquet(?)', [str(path)]).fetchall()
                    found |= {str(value).strip() for (value,) in rows if value is not None}
        truth = home / "sample" / "truth"
        for path, column in (("persons", "nik"), ("persons", "name"), ("families", "NO_KK")):
            rows = reader.execute(f"select distinct {column} from read_parquet(?)", [str(truth / f"{path}.parquet")])
            found |= {str(value) for (value,) in rows.fetchall() if value is not None}
    values = {value for value in found if is_personal(value)}
    assert sum(value.isdigit() for value in values) > 2000 and sum(" " in value for value in values) > 500
    return values


def is_personal(value: str) -> bool:
    """A number of an identity's length, or a name of two words: what says by itself whom it is about."""
    return len(re.findall(r"\d", value)) >= 10 or bool(re.fullmatch(r"\S{2,} .*\S{2,}", value))


def leaks(text: str, population: set[str]) -> int:
    """How many values of the population stand in a text; never which."""
    folded = text.casefold()
    return sum(value.casefold() in folded for value in population)


def files_of(home: Path) -> dict[str, str]:
    """Logs, journals, lineage events, Data Docs, results and references, by name."""
    logs = [path for path in (home / "airflow").rglob("*") if path.is_file() and path.suffix != ".db"]
    told = (home / "openlineage").iterdir()
    kept = [*(home / "runs").iterdir(), *told, *(home / "data-docs").rglob("*.html"), *(home / "lake").rglob("*.json")]
    server = place_of(Settings(home=home)).log
    paths = [*logs, *kept, *([server] if server.exists() else [])]
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in paths}


def metadata_of(home: Path) -> dict[str, str]:
    """Every cell of Airflow's metadata database by table, and the file itself with what was deleted from it."""
    path = home / "airflow" / "airflow.db"
    texts = {"airflow.db": path.read_bytes().decode("utf-8", errors="replace")}
    with sqlite3.connect(path) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            cells = [cell for row in database.execute(f'select * from "{table}"') for cell in row]
            texts[table] = "\n".join(
                cell.decode("utf-8", errors="replace") if isinstance(cell, bytes) else str(cell) for cell in cells
            )
    return texts


def assert_clean(texts: dict[str, str], population: set[str]) -> None:
    assert {name: count for name, text in texts.items() if (count := leaks(text, population))} == {}


def test_the_search_finds_what_it_looks_for(home: Path, population: set[str]) -> None:
    with embedded.running(Settings(home=home)) as server, psycopg.connect(server.uri()) as connection:
        rows = connection.execute("select l::text from vault.person_link l where source = 'civil_registry'").fetchall()
    assert leaks("\n".join(text for (text,) in rows), population) > 300


def test_a_load_leaves_no_value_in_logs_journal_results_and_data_docs(
    home: Path, good: subprocess.CompletedProcess[str], population: set[str]
) -> None:
    texts = files_of(home)
    for part in ("runs", "data-docs", "lake"):
        assert any(f"{home}/{part}/" in name for name in texts)
    assert_clean({**texts, "output": good.stdout, "errors": good.stderr}, population)


def test_a_load_leaves_no_value_in_airflows_metadata(home: Path, population: set[str]) -> None:
    texts = metadata_of(home)
    assert "family_survey" in texts["xcom"] and "rejected" in texts["xcom"]
    assert_clean(texts, population)


def test_what_analysts_read_holds_no_value(home: Path, population: set[str]) -> None:
    texts = {}
    with embedded.running(Settings(home=home)) as server, psycopg.connect(server.uri()) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema = any(%s)",
            [list(READ_BY_ANALYSTS)],
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table)))
            texts[f"{schema}.{table}"] = "\n".join(text for (text,) in rows.fetchall())
    assert texts["ops.quarantine"] and texts["mart.family_index"]
    assert_clean(texts, population)


def test_a_database_that_quotes_a_row_is_not_quoted(
    home: Path, quoted: subprocess.CompletedProcess[str], population: set[str]
) -> None:
    assert quoted.returncode == 1
    failed = [entry for path in (home / "runs").glob("*.jsonl") for entry in read_journal(path) if entry.error]
    assert [entry.step for entry in failed] == ["publish"]
    texts = {**files_of(home), **metadata_of(home), "output": quoted.stdout, "errors": quoted.stderr}
    assert_clean(texts, population)
    assert not any("is not wanted" in text for text in texts.values())
    events = [json.loads(line) for path in (home / "openlineage").iterdir() for line in path.read_text().splitlines()]
    [failed_one] = [each for each in events if each["eventType"] == "FAIL" and each["job"]["name"].endswith(".publish")]
    assert {each["name"].rpartition(".")[2] for each in failed_one["outputs"]} >= {"person_link", "village_index"}
    assert "nothing was published" in failed_one["run"]["facets"]["errorMessage"]["message"]
