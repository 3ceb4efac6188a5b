"""Scores on Spark: every table that the step writes is DuckDB's."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kampungkb.scoring.step import score
from tests.spark.conftest import Night
from tests.spark.rows import assert_same

pytestmark = pytest.mark.spark


def test_scores_and_counts_are_those_of_duckdb(night: Night, tmp_path: Path) -> None:
    found = score(night.on_spark(tmp_path / "home"), night.validated, night.linked)
    assert (found.families, found.rows) == (night.scored.families, night.scored.rows)
    written = sorted(path.name for path in night.scored.path.glob("*.parquet"))
    assert sorted(path.name for path in found.path.glob("*.parquet")) == written
    compared = {name: assert_same(found.path / name, night.scored.path / name) for name in written}
    assert min(compared.values()) > 0, compared


def test_what_an_earlier_night_scored_is_taken_over_with_the_rows_of_duckdb(night: Night, tmp_path: Path) -> None:
    on_spark, later = night.on_spark(tmp_path / "home"), night.run.as_of + timedelta(40)
    elsewhere = night.run.settings.model_copy(update={"home": tmp_path / "duckdb"})
    score(on_spark, night.validated, night.linked)
    found = score(replace(on_spark, as_of=later), night.validated, night.linked)
    truth = score(replace(night.run, as_of=later, settings=elsewhere), night.validated, night.linked)
    for name in sorted(path.name for path in truth.path.glob("*.parquet")):
        assert_same(found.path / name, truth.path / name)
