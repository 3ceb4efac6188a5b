"""Validation on Spark: the same rows are accepted and quarantined, the same checks made, the same counts told."""

import json
from pathlib import Path

import pytest

from kampungkb.refs import Snapshot, Validated
from kampungkb.run import SOURCES
from kampungkb.validation.step import validate
from tests.spark.conftest import Night
from tests.spark.rows import assert_same

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("position", range(len(SOURCES)), ids=SOURCES)
def test_accepted_rows_quarantine_and_checks_are_those_of_duckdb(night: Night, tmp_path: Path, position: int) -> None:
    landed: Snapshot = night.landed[position]
    truth: Validated = night.validated[position]
    found = validate(night.on_spark(tmp_path / "home"), landed)
    assert found.model_dump(exclude={"path"}) == truth.model_dump(exclude={"path"})
    for name in sorted(path.name for path in truth.path.glob("*.parquet")):
        assert assert_same(found.path / name, truth.path / name) > 0, name
    for name in ("results.json", "result.json"):
        seen, expected = (json.loads((folder / name).read_text()) for folder in (found.path, truth.path))
        assert {**seen, "path": ""} == {**expected, "path": ""}, name
