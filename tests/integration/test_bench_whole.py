"""The benchmark of whole loads, at a tiny size: every side loads the same sources, and the page is written from it."""

import re
import shutil
import subprocess
import sys

import pytest

from benchmarks.whole.report import BEGIN, COPY, END, PAGE
from benchmarks.whole.results import Results
from kampungkb.settings import PROJECT_ROOT

pytestmark = [pytest.mark.integration, pytest.mark.long]

PARTS = ("sample", "full", "unchanged", "naive", "limit", "changed", "report")
STAGES = ["extract", "validate", "link", "score", "publish"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, str]:
    """The results file and the page of one run."""
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    folder = tmp_path_factory.mktemp("bench")
    (folder / PAGE).write_text(f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.whole", "300", "--parts", *PARTS, "--discard"]
    done = subprocess.run(
        [*command, "--out", str(folder), "--docs", str(folder)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not list(folder.glob("home-*")), "a home is left behind"
    results = Results.model_validate_json((folder / COPY).read_text(encoding="utf-8"))
    return results, (folder / PAGE).read_text(encoding="utf-8")


def test_every_stage_of_every_side_is_measured(measured: tuple[Results, str]) -> None:
    results, _ = measured
    assert sorted((load.side, load.case) for load in results.loads) == [
        ("kampungkb", "changed"),
        ("kampungkb", "full"),
        ("kampungkb", "unchanged"),
        ("limit", "full"),
        ("naive", "full"),
    ]
    for load in results.loads:
        named = {stage.stage for stage in load.stages}
        assert named >= set(STAGES) - ({"link"} if load.side == "limit" else set())
        assert all(stage.seconds > 0 for stage in load.stages)
        assert load.side == "limit" or load.counts["peak_program_mib"] > 100


def test_the_naive_side_finds_the_index_of_the_survey(measured: tuple[Results, str]) -> None:
    results, _ = measured
    naive = results.find("naive", "full", 300)
    assert naive is not None
    assert naive.counts["compared_survey"] == naive.counts["same_survey"] == naive.counts["families"] > 280
    assert naive.counts["compared_integrated"] >= naive.counts["same_integrated"] > 200


def test_a_per_cent_of_every_source_changes(measured: tuple[Results, str]) -> None:
    results, _ = measured
    changed = results.find("kampungkb", "changed", 300)
    assert changed is not None
    assert all(changed.counts[f"changed_{what}"] > 0 for what in ("workbooks", "registry_records", "insurance_entries"))


def test_the_page_is_written_between_its_marks(measured: tuple[Results, str]) -> None:
    _, page = measured
    assert page.startswith(f"Before.\n{BEGIN}\n")
    assert page.endswith(f"{END}\nAfter.\n")
    assert "old" not in page
    assert re.search(r"\| all stages \| [0-9.,]+ \| [0-9.,]+ \| [0-9.,]+ \|", page)
    assert "xychart-beta" in page
