"""Hostile words on the command line: refused before anything starts, and nothing of them is run or made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kampungkb.settings import PROJECT_ROOT

pytestmark = pytest.mark.integration

HOSTILE = ("2026-11-24'; drop schema core cascade; --", "../../../etc/passwd", "$(touch owned)", "{{ 7 * 7 }}")


def kampungkb(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "KAMPUNGKB_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT / "plugins")}
    command = [sys.executable, "-m", "kampungkb", *arguments]
    return subprocess.run(command, env=environ, cwd=home, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize(
    "arguments",
    [("run", "--as-of"), ("run", "--source"), ("run", "--families"), ("retention", "--as-of"), ("up", "--port")],
    ids=" ".join,
)
def test_an_argument_that_is_no_date_source_or_number_is_refused(
    home: Path, arguments: tuple[str, str], hostile: str
) -> None:
    done = kampungkb(home, *arguments, hostile)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert [path for path in home.rglob("*") if path.is_file()] == []
