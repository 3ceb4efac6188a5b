"""How far a long step is: told in files and rows by the real readers, and not more often than a log can bear."""

from dataclasses import replace
from pathlib import Path

import pytest

from kampungkb.connections import CIVIL_REGISTRY, FAMILY_WORKBOOKS, Connection
from kampungkb.landing import extract
from kampungkb.progress import Progress, occasionally
from kampungkb.run import Run
from kampungkb.sample import generate, load_registry
from tests.conftest import AS_OF

pytestmark = pytest.mark.integration


def test_the_readers_tell_how_many_workbooks_and_rows_are_done(run: Run, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    generate(sample, families=80, as_of=AS_OF, workers=1)
    load_registry(sample, f"sqlite:///{tmp_path / 'registry.db'}")
    connections = {
        FAMILY_WORKBOOKS: Connection(conn_type="fs", extra={"path": str(sample / "family_survey")}),
        CIVIL_REGISTRY: Connection(conn_type="sqlite", host=str(tmp_path / "registry.db")),
    }
    heard: list[Progress] = []
    listening = replace(run, connections=connections, tell=heard.append)
    extract(listening, "family_survey")
    books = len(list((sample / "family_survey").rglob("*.xlsx")))
    assert [(each.done, each.total) for each in heard] == [(number, books) for number in range(1, books + 1)]
    assert str(heard[-1]) == f"family_survey: {books} of {books} workbooks (100%)"
    heard.clear()
    read = extract(listening, "civil_registry").read
    assert {each.unit: each.done for each in heard} == {f"rows of {table}": rows for table, rows in read.items()}


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
