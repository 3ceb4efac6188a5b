"""How far a long step is: told by the real steps, not more often than a log can bear, and as a bar on a terminal."""

import io
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM

import pytest
from rich.console import Console

from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, Connection
from kampungkb.landing import extract
from kampungkb.linkage import link
from kampungkb.orchestration import nightly
from kampungkb.orchestration.processes import Interrupted, interruptible, running
from kampungkb.progress import Progress, from_file, occasionally, progress_file, silent, to_all, to_file
from kampungkb.reporting.screen import Screen
from kampungkb.run import Run
from kampungkb.sample import generate, load_registry
from kampungkb.scoring import score
from kampungkb.validation import validate
from tests.conftest import AS_OF

pytestmark = pytest.mark.integration


def test_readers_tell_workbooks_and_rows_and_later_steps_their_parts(run: Run, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    generate(sample, families=80, as_of=AS_OF, workers=1)
    load_registry(sample, f"sqlite:///{tmp_path / 'registry.db'}")
    connections = {
        FAMILY_WORKBOOKS: Connection(conn_type="fs", extra={"path": str(sample / "family_survey")}),
        CIVIL_REGISTRY: Connection(conn_type="sqlite", host=str(tmp_path / "registry.db")),
    }
    heard: list[Progress] = []
    listening = replace(run, connections=connections, tell=heard.append)
    survey = extract(listening, "family_survey")
    books = len(list((sample / "family_survey").rglob("*.xlsx")))
    assert [(each.done, each.total) for each in heard] == [(number, books) for number in range(1, books + 1)]
    assert str(heard[-1]) == f"family_survey: {books} of {books} workbooks (100%)"
    heard.clear()
    registry = extract(listening, "civil_registry")
    assert {each.unit: each.done for each in heard} == {
        f"rows of {table}": rows for table, rows in registry.read.items()
    }
    heard.clear()
    validated = [validate(listening, each) for each in (survey, registry)]
    score(listening, validated, link(listening, validated))
    parts = Counter(each.subject for each in heard)
    assert parts.keys() == {"family_survey", "civil_registry", "link", "score"}
    assert [each.subject for each in heard if each.done == each.total] == list(parts)
    assert {each.subject: each.total for each in heard} == parts


def test_a_log_hears_of_it_once_in_a_while_and_never_of_what_is_quick() -> None:
    now = 0.0
    heard: list[int] = []
    tell = occasionally(lambda progress: heard.append(progress.done), 10.0, clock=lambda: now)
    for second in range(35):
        now = float(second)
        tell(Progress("civil_registry", "rows", second))
    assert heard == [10, 20, 30]


def test_without_a_total_there_is_no_share() -> None:
    assert (
        str(Progress("civil_registry", "rows of biodata_wni", 65_536)) == "civil_registry: 65,536 rows of biodata_wni"
    )


def test_the_terminal_hears_from_the_process_that_works(tmp_path: Path) -> None:
    bar = tmp_path / "run.progress"
    told = Progress("link", "parts, keys assigned", 3, 7)
    heard: list[Progress] = []
    assert from_file(bar) is None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None

        def hear(progress: Progress) -> None:
            heard.append(progress)
            process.communicate(b"\n")

        to_all(to_file(bar), silent)(told)
        assert nightly._follow(process, tmp_path / "run.jsonl", lambda entry: None, bar, hear) == 0
    assert heard == [told]


def test_a_load_that_is_interrupted_leaves_no_bar_nor_that_of_one_that_was_killed(tmp_path: Path) -> None:
    for left in ("killed.progress", "killed.progress.new", "killed.jsonl"):
        (tmp_path / left).touch()
    telling = (
        "import sys, time; from pathlib import Path; from kampungkb.progress import Progress, to_file; "
        "to_file(Path(sys.argv[1]))(Progress('link', 'parts, keys assigned', 3, 7)); time.sleep(600)"
    )
    with (
        pytest.raises(Interrupted),
        interruptible(),
        progress_file(tmp_path / "run.progress") as bar,
        running([sys.executable, "-c", telling, str(bar)], os.environ, tmp_path / "run.log") as process,
    ):
        nightly._follow(
            process, tmp_path / "run.jsonl", lambda entry: None, bar, lambda _: os.kill(os.getpid(), SIGTERM)
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.jsonl", "run.log"]


def test_a_bar_is_drawn_on_a_terminal_and_not_in_a_file() -> None:
    for terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
        screen = Screen(console)
        for told in (
            Progress("family_survey", "workbooks", 120, 1_200),
            Progress("link", "parts, keys assigned", 3, 7),
        ):
            screen.moving(told)
            screen.still()
        drawn = console.file.getvalue()  # type: ignore[attr-defined]
        assert ("120 / 1.200" in drawn and "3 / 7" in drawn) == terminal
        assert bool(drawn) == terminal
