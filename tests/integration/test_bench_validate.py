"""The benchmark of the rules is itself a test of them: two engines that must count the same failing rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kampungkb.settings import PROJECT_ROOT

pytestmark = [pytest.mark.integration, pytest.mark.long]


def test_all_sides_count_the_same_and_are_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.validation", "--families", "700"]
    done = subprocess.run(
        [*command, "--members", "2500", "--out", str(tmp_path)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"))
    assert figures["families"] == pytest.approx(700, rel=0.05)
    assert figures["members"] == pytest.approx(2500, rel=0.05)
    assert figures["failures"] > 500
    assert {name: all(value > 0 for value in side.values()) for name, side in figures["sides"].items()} == {
        "rules": True,
        "step": True,
        "pandas": True,
    }
    report = (tmp_path / "validation.md").read_text(encoding="utf-8")
    assert "| ratio, all rules |" in report
    assert "| ratio, the whole step |" in report
    assert not list(tmp_path.glob("validation-*/")), "the snapshot is left behind"
