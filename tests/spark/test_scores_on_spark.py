"""Scores on Spark: every table that the step writes is DuckDB's."""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from kampungkb import lake
from kampungkb.refs import Linked, Validated
from kampungkb.run import Run
from kampungkb.scoring.step import score
from tests.spark.conftest import Night
from tests.spark.rows import assert_same

pytestmark = pytest.mark.spark

FEW = "right(source_key, 2) in ('07', '41')"
HAPPENS = {
    "keluarga": """select * replace (case when "P.04" = 1 then 2 else 1 end as "P.04") from earlier
        where right(source_key, 1) = '3' union all select * from earlier where right(source_key, 1) <> '3'""",
    "anggota": "select * from earlier where right(source_key, 4) <> '07-2'",
    "biodata_wni": f"select * replace (case when {FEW} then 3 - akta_lhr else akta_lhr end as akta_lhr) from earlier",
    "peserta": f"select * from earlier where not {FEW}",
    "person_link": f"""select * replace (case when source = 'civil_registry' and {FEW}
        then min(person_key) over () else person_key end as person_key) from earlier""",
}
"""What becomes of the rows of an earlier night (`earlier`): some change, vanish, or turn out to be another person's."""


def put(run: Run, night: Night, day: date, happens: dict[str, str]) -> tuple[Run, list[Validated], Linked]:
    """Accepted rows and links of a night as those of a day in the lake of a run, after what happens to them."""
    placed = [
        reference.model_copy(update={"path": lake.accepted(run.settings, day, reference.source)})
        for reference in night.validated
    ]
    linked = night.linked.model_copy(update={"path": lake.persons(run.settings, day)})
    for then, now in zip([*night.validated, night.linked], [*placed, linked], strict=True):
        shutil.copytree(then.path, now.path)
        for path in now.path.glob("*.parquet"):
            if path.stem in happens:
                with duckdb.connect() as database:
                    database.execute("set TimeZone = 'Asia/Jakarta'")
                    database.execute(f"create view earlier as select * from read_parquet('{then.path / path.name}')")
                    database.execute(f"copy ({happens[path.stem]}) to '{path}' (format parquet)")
    return replace(run, as_of=day), placed, linked


def test_scores_and_counts_are_those_of_duckdb(night: Night, tmp_path: Path) -> None:
    found = score(night.on_spark(tmp_path / "home"), night.validated, night.linked)
    assert (found.families, found.rows) == (night.scored.families, night.scored.rows)
    written = sorted(path.name for path in night.scored.path.glob("*.parquet"))
    assert sorted(path.name for path in found.path.glob("*.parquet")) == written
    compared = {name: assert_same(found.path / name, night.scored.path / name) for name in written}
    assert min(compared.values()) > 0, compared


@pytest.mark.parametrize("happens", [{}, HAPPENS], ids=["nothing", "changes"])
def test_what_an_earlier_night_scored_is_taken_over_with_the_rows_of_duckdb(
    night: Night, tmp_path: Path, happens: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "kampungkb.scoring.step")
    on_spark, later = night.on_spark(tmp_path / "home"), night.run.as_of + timedelta(5)
    elsewhere = replace(night.run, settings=night.run.settings.model_copy(update={"home": tmp_path / "duckdb"}))
    score(*put(on_spark, night, night.run.as_of, {}))
    found = score(*put(on_spark, night, later, happens))
    assert f"taken over from {night.run.as_of}" in caplog.text
    truth = score(*put(elsewhere, night, later, happens))
    for name in sorted(path.name for path in truth.path.glob("*.parquet")):
        assert_same(found.path / name, truth.path / name)
