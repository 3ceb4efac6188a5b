"""Validation on Spark: the same rows are accepted and quarantined, the same checks made, the same counts told."""

import json
from dataclasses import replace
from datetime import timedelta
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
    assert_same_folder(validate(night.on_spark(tmp_path / "home"), landed), truth)


@pytest.mark.parametrize("position", range(len(SOURCES)), ids=SOURCES)
def test_what_an_earlier_night_found_is_taken_over_with_the_rows_of_duckdb(
    night: Night, tmp_path: Path, position: int
) -> None:
    landed: Snapshot = night.landed[position]
    on_spark, tomorrow = night.on_spark(tmp_path / "home"), night.run.as_of + timedelta(1)
    elsewhere = night.run.settings.model_copy(update={"home": tmp_path / "duckdb"})
    validate(on_spark, landed)
    found = validate(replace(on_spark, as_of=tomorrow), landed)
    assert_same_folder(found, validate(replace(night.run, as_of=tomorrow, settings=elsewhere), landed))


def assert_same_folder(found: Validated, truth: Validated) -> None:
    assert found.model_dump(exclude={"path"}) == truth.model_dump(exclude={"path"})
    for name in sorted(path.name for path in truth.path.glob("*.parquet")):
        assert assert_same(found.path / name, truth.path / name) > 0, name
    for name in ("results.json", "result.json"):
        seen, expected = (json.loads((folder / name).read_text()) for folder in (found.path, truth.path))
        assert {**seen, "path": ""} == {**expected, "path": ""}, name
