"""Scores on Spark: every table that the step writes is DuckDB's."""

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
