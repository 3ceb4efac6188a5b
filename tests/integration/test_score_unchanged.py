"""Scores of an earlier night are taken over, but for the families concerned; nobody can tell the difference.

A home that remembers is held, file by file and row by row, against one that scores everybody every night.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from kampungkb.linkage import link
from kampungkb.run import Run
from kampungkb.scoring import load_methodology, score
from kampungkb.scoring.methodology import Methodology
from kampungkb.scoring.step import FAMILY_SCORE
from tests.conftest import AS_OF
from tests.integration.lake_content import content
from tests.integration.validation_landing import run_in
from tests.oracle.accepted import write_accepted
from tests.oracle.changes import CHANGES, Tables
from tests.oracle.population import population
from tests.seeds import seeds

pytestmark = pytest.mark.integration


@dataclass
class Homes:
    """One home that takes over what it can, and one that scores everybody."""

    remembering: Run
    scoring: Run
    method: Methodology

    def night(self, tables: Tables, day: date, what: str = "", **how: Any) -> dict[str, Any]:
        """Link and score in both, and hold what they wrote against each other; returns what was written."""
        written = [
            self._written(replace(run, as_of=day, **how), tables)
            for run in (self.remembering, replace(self.scoring, force=True))
        ]
        assert written[0] == written[1], f"on {day}, {what}"
        return written[0]

    def _written(self, run: Run, tables: Tables) -> dict[str, Any]:
        validated = write_accepted(run, tables)
        scored = score(run, validated, link(run, validated), self.method)
        return {"reference": scored.model_dump(exclude={"path"}), **content(scored.path)}


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    return Homes(run_in(tmp_path / "remembering"), run_in(tmp_path / "scoring"), load_methodology())


@pytest.fixture
def taken_over(caplog: pytest.LogCaptureFixture) -> Callable[[], list[date]]:
    """Asks from which dates scores were taken over since it was last asked."""
    caplog.set_level("INFO", "kampungkb.scoring.step")

    def told() -> list[date]:
        said = [record.getMessage() for record in caplog.records if record.name == "kampungkb.scoring.step"]
        caplog.clear()
        return [date.fromisoformat(day) for each in said for day in re.findall(r"taken over from (\S+)", each)]

    return told


@pytest.mark.parametrize("seed", seeds(3))
def test_nights_without_news_leave_row_for_row_what_scoring_everybody_leaves(
    seed: int, homes: Homes, taken_over: Callable[[], list[date]]
) -> None:
    """Birthdays, insurances that begin and end, leap days; nights that are late, done again, or a year away."""
    dice = random.Random(seed)
    tables = population(seed, families=120, as_of=AS_OF)
    days = [0, 1, *(dice.choice((1, 2, 5, 30, 190, 400)) for _ in range(3))]
    first, *others = [homes.night(tables, AS_OF + timedelta(day)) for day in days]
    assert len(taken_over()) == len(others)
    assert any(other[FAMILY_SCORE] != first[FAMILY_SCORE] for other in others)


def test_a_night_on_which_nothing_turns_copies_the_scores(homes: Homes, taken_over: Callable[[], list[date]]) -> None:
    tables = population(5, families=30, as_of=AS_OF)
    for card in tables["peserta"]:
        card |= {"tglTMT": None, "tglTAT": None}
    homes.night(tables, AS_OF)
    homes.night(tables, AS_OF + timedelta(1))
    assert taken_over() == [AS_OF]
    files = sorted(homes.remembering.settings.lake.glob(f"scores/*/{FAMILY_SCORE}"))
    assert len({path.read_bytes() for path in files}) == 1


@pytest.mark.parametrize("seed", seeds(3))
def test_after_each_kind_of_change_the_rows_are_those_of_scoring_everybody(
    seed: int, homes: Homes, taken_over: Callable[[], list[date]]
) -> None:
    """Rows that change, appear, vanish, move between families and villages; persons that merge and part."""
    dice = random.Random(seed)
    tables = population(seed, families=150, as_of=AS_OF)
    homes.night(tables, AS_OF)
    for night, change in enumerate(CHANGES, start=1):
        change(tables, dice)
        homes.night(tables, AS_OF + timedelta(night), change.__name__)
    assert taken_over() == [AS_OF + timedelta(night) for night in range(len(CHANGES))]


@pytest.mark.parametrize("seed", seeds(5))
def test_whatever_comes_together_the_rows_are_those_of_scoring_everybody(
    seed: int, homes: Homes, taken_over: Callable[[], list[date]]
) -> None:
    """Several changes a night, and nights that are done again, late, or further away."""
    dice = random.Random(100 + seed)
    tables = population(100 + seed, families=150, as_of=AS_OF)
    homes.night(tables, AS_OF)
    for _ in range(4):
        chosen = dice.sample(CHANGES, 4)
        for change in chosen:
            change(tables, dice)
        day = AS_OF + timedelta(dice.choice((0, 1, 2, 20)))
        homes.night(tables, day, ", ".join(change.__name__ for change in chosen))
    assert taken_over()


def test_what_scoring_does_not_read_concerns_nobody(homes: Homes, taken_over: Callable[[], list[date]]) -> None:
    tables = population(5, families=30, as_of=AS_OF)
    for card in tables["peserta"]:
        card |= {"tglTMT": None, "tglTAT": None}
    homes.night(tables, AS_OF)
    for family in tables["keluarga"]:
        family["ALAMAT"] = "JALAN LAIN"
    for record in tables["biodata_wni"]:
        record["tmpt_lhr"] = "DABO"
    homes.night(tables, AS_OF + timedelta(1))
    assert taken_over() == [AS_OF]
    files = sorted(homes.remembering.settings.lake.glob(f"scores/*/{FAMILY_SCORE}"))
    assert len({path.read_bytes() for path in files}) == 1


def _more_than_a_third(homes: Homes, tables: Tables) -> None:
    for family in tables["keluarga"][: len(tables["keluarga"]) // 2]:
        family["P.04"] = 1 if family["P.04"] == 2 else 2


def _rows_are_gone(homes: Homes, tables: Tables) -> None:
    """Retention deletes accepted rows of the earlier night, and one differs tonight."""
    tables["keluarga"][0]["P.04"] = 1 if tables["keluarga"][0]["P.04"] == 2 else 2
    for path in homes.remembering.settings.lake.glob("accepted/*/family_survey/keluarga.parquet"):
        path.unlink()


def _rows_were_cleaned(homes: Homes, tables: Tables) -> None:
    """An erasure takes a row out of what the earlier scores were made of."""
    tables["keluarga"][0]["P.04"] = 1 if tables["keluarga"][0]["P.04"] == 2 else 2
    for path in homes.remembering.settings.lake.glob("accepted/*/family_survey/keluarga.parquet"):
        pq.write_table(pq.read_table(path).slice(1), path)


def _the_insurance_is_missing(homes: Homes, tables: Tables) -> None:
    del tables["peserta"]


def _the_registry_is_missing(homes: Homes, tables: Tables) -> None:
    del tables["biodata_wni"]


def _another_method(homes: Homes, tables: Tables) -> None:
    homes.method = homes.method.model_copy(update={"indicators": tuple(reversed(homes.method.indicators))})


def _damaged(homes: Homes, tables: Tables) -> None:
    for path in homes.remembering.settings.lake.glob("scores/*/person_profile.parquet"):
        path.write_bytes(path.read_bytes()[:-1])


def _removed(homes: Homes, tables: Tables) -> None:
    for path in homes.remembering.settings.lake.glob("scores/*/village_need.parquet"):
        path.unlink()


def _cleaned(homes: Homes, tables: Tables) -> None:
    """An erasure takes a row out of the profiles."""
    for path in homes.remembering.settings.lake.glob("scores/*/person_profile.parquet"):
        pq.write_table(pq.read_table(path).slice(1), path)


@pytest.mark.parametrize(
    "happens",
    [
        _more_than_a_third,
        _rows_are_gone,
        _rows_were_cleaned,
        _the_insurance_is_missing,
        _the_registry_is_missing,
        _another_method,
        _damaged,
        _removed,
        _cleaned,
    ],
)
def test_where_the_earlier_night_is_of_no_use_everybody_is_scored(
    happens: Callable[[Homes, Tables], None], homes: Homes, taken_over: Callable[[], list[date]]
) -> None:
    tables = population(7, families=40, as_of=AS_OF)
    homes.night(tables, AS_OF)
    happens(homes, tables)
    homes.night(tables, AS_OF + timedelta(1))
    assert taken_over() == []


def test_a_forced_night_takes_nothing_over(homes: Homes, taken_over: Callable[[], list[date]]) -> None:
    tables = population(8, families=20, as_of=AS_OF)
    homes.night(tables, AS_OF)
    homes.night(tables, AS_OF + timedelta(1), force=True)
    assert taken_over() == []
