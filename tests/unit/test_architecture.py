"""Rules of the house that a program can check."""

import ast
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kampungkb.settings import INCLUDE, PROJECT_ROOT

LIBRARY = PROJECT_ROOT / "plugins" / "kampungkb"
MODULES = sorted(LIBRARY.rglob("*.py"))
DAGS = sorted((PROJECT_ROOT / "dags").glob("*.py"))
SQL = sorted((INCLUDE / "sql").rglob("*.sql"))


def _name(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


def _is_comment(line: str) -> bool:
    return line.startswith("--")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: the list of tracked files is not known")
    paths = (PROJECT_ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


@pytest.mark.parametrize("path", [p for p in MODULES if "ui" not in p.relative_to(LIBRARY).parts], ids=_name)
def test_the_library_does_not_know_airflow(path: Path) -> None:
    assert not [name for name in _imported(path) if name.split(".")[0] == "airflow"]


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_stay_of_a_size_that_can_be_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_nothing_prints_rows_of_a_frame_and_only_the_command_line_prints_at_all(path: Path) -> None:
    if path.name == "cli.py" or path.parent.name == "cli":
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


@pytest.mark.parametrize("path", DAGS, ids=_name)
def test_a_dag_names_the_steps_and_does_no_work_of_its_own(path: Path) -> None:
    heavy = {"duckdb", "pandas", "pyarrow", "sqlalchemy", "psycopg", "great_expectations", "splink", "httpx"}
    assert not heavy & {name.split(".")[0] for name in _imported(path)}


@pytest.mark.parametrize("path", SQL, ids=_name)
def test_an_sql_file_says_its_purpose_and_grain_and_holds_one_statement(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = [line.removeprefix("--").strip() for line in itertools.takewhile(_is_comment, text.splitlines())]
    assert header, "the file begins with a comment"
    assert header[0].removeprefix("Purpose:").strip(), "the first line says what the statement is for"
    assert any(line.startswith("Grain: ") for line in header), "a line states the grain: one row per …"
    statement = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", text).strip()
    assert statement.rstrip(";").count(";") == 0


def test_no_file_names_a_folder_of_one_machine_or_a_package_index() -> None:
    forbidden = re.compile(r"(?<![\w.$}])/(?:root|work|home/\w+)/|(?:index|find-links)-?(?:url)?[= ]+https?://")
    found = [
        f"{_name(path)}:{number}"
        for path in _tracked()
        if path.suffix in {".py", ".toml", ".txt", ".in", ".md", ".yaml", ".yml", ".sql", ".json", ".cfg", ""}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if forbidden.search(line)
    ]
    assert found == []
