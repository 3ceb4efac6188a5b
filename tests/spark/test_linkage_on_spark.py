"""Linkage with its pairs compared on Spark: every table that the step writes is DuckDB's, the next nights' too."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from kampungkb.linkage.step import link
from kampungkb.refs import Linked, Validated
from kampungkb.run import FAMILY_SURVEY, Run
from tests.spark.conftest import Night
from tests.spark.rows import assert_same

pytestmark = pytest.mark.spark

PROBABILITY = 1e-6


def compared(found: Linked, truth: Linked) -> dict[str, int]:
    """Rows of each table of a step, none of which differs."""
    assert found.model_dump(exclude={"path"}) == truth.model_dump(exclude={"path"})
    written = sorted(path.name for path in truth.path.glob("*.parquet"))
    assert sorted(path.name for path in found.path.glob("*.parquet")) == written
    return {name: assert_same(found.path / name, truth.path / name, PROBABILITY) for name in written}


def renamed(validated: Validated, folder: Path) -> Validated:
    """The survey with a letter more in one name of twenty."""
    folder.mkdir()
    for path in validated.path.glob("*.parquet"):
        names = """replace (if(hash(source_key) % 20 = 0, "K.02" || 'A', "K.02") as "K.02")"""
        columns = f"* {names if path.name == 'anggota.parquet' else ''}"
        duckdb.sql(f"copy (select {columns} from read_parquet('{path}')) to '{folder / path.name}' (format parquet)")
    return validated.model_copy(update={"path": folder})


def after(run: Run, days: int) -> Run:
    return replace(run, as_of=run.as_of + timedelta(days=days))


def test_links_pairs_and_reviews_are_those_of_duckdb_in_three_nights(
    night: Night, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_spark = night.on_spark(tmp_path / "home")
    rows = compared(link(on_spark, night.validated), night.linked)
    assert rows["candidate_pair.parquet"] > 0, rows
    assert rows["match_review.parquet"] > 0, rows

    changed = [
        renamed(each, tmp_path / "renamed") if each.source == FAMILY_SURVEY else each for each in night.validated
    ]
    truth = link(after(night.run, 1), changed)
    caplog.set_level("INFO", logger="kampungkb.linkage.step")
    rows = compared(link(after(on_spark, 1), changed), truth)
    records = sum(truth.records.values())
    assert f" {records} compared anew" not in caplog.text, "the second night was no incremental one"
    assert rows["person_link.parquet"] == records

    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "no java"))  # nothing changed: no Spark is asked for
    compared(link(after(on_spark, 2), changed), link(after(night.run, 2), changed))
