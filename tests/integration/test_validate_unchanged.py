"""What was judged before is taken over where rows, rules and key are the same, and no row tells the difference.

A home that remembers is held, file by file and row by row, against one that judges everything every night.
"""

import json
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from kampungkb.run import SOURCES, Run
from kampungkb.settings import EXPECTATIONS, Settings
from kampungkb.validation import staging, validate
from tests.integration.lake_content import content
from tests.integration.validation_landing import (
    AS_OF,
    Row,
    good_card,
    good_entry,
    good_family,
    good_member,
    good_person,
    land,
    run_in,
)
from tests.seeds import seeds

pytestmark = pytest.mark.integration

NEAR = range(-3, 5)
"""Days around the date of the first night on which something turns."""


def _before(years: int, days: int) -> date:
    return AS_OF.replace(year=AS_OF.year - years) + timedelta(days=days)


def _families() -> list[Row]:
    """Surveyed a year ago, five years too early, tomorrow; some break other rules, and some repeat each other."""
    families = [good_family(number, TGL_PENDATAAN=str(_before(1, days))) for number, days in enumerate(NEAR, start=1)]
    families += [good_family(20, KODE_DESA="9999999999"), good_family(21, **{"P.01": "9"})]
    return [*families, good_family(1, file="b.xlsx"), good_family(22, TGL_PENDATAAN="kemarin")]


def _persons() -> list[Row]:
    """Changed five years ago, born a hundred and twenty years ago; one without a card, one of no sex, one twice."""
    persons = [
        good_person(number, tgl_ubah=f"{_before(5, days)}T08:00:00") for number, days in enumerate(NEAR, start=1)
    ]
    return [*persons, good_person(20, no_kk="1"), good_person(21, jenis_klmin="7"), good_person(1, tgl_ubah=None)]


def _entries() -> list[Row]:
    entries = [
        good_entry(number, updatedAt=f"{_before(1, days)}T08:00:00+07:00") for number, days in enumerate(NEAR, start=1)
    ]
    return [*entries, good_entry(20, sex="X"), good_entry(1, updatedAt="kapan")]


def sources() -> dict[str, dict[str, list[Row]]]:
    """The landed rows of all sources, in which many a row turns with the date and none is accepted otherwise by it."""
    members = [good_member(number) for number in range(1, 9)] + [good_member(99), good_member(1, **{"K.03": "5"})]
    return {
        "family_survey": {"keluarga": _families(), "anggota": members},
        "civil_registry": {"data_keluarga": [good_card()], "biodata_wni": _persons()},
        "health_insurance": {"peserta": _entries()},
    }


@dataclass
class Homes:
    """One home that takes over what it can, and one that judges everything."""

    remembering: Run
    judging: Run
    expectations: Path
    reason: str | None = None

    def night(self, day: date, landed: Mapping[str, Mapping[str, list[Row]]], **how: Any) -> None:
        """Validate all sources in both, and hold what they wrote against each other."""
        for source, tables in landed.items():
            written = [
                self._written(replace(run, as_of=day, **how), source, tables)
                for run in (self.remembering, replace(self.judging, force=True))
            ]
            assert written[0] == written[1], f"{source} on {day}"

    def _written(self, run: Run, source: str, tables: Mapping[str, list[Row]]) -> dict[str, Any]:
        snapshot = land(run, source, **{name: [dict(row) for row in rows] for name, rows in tables.items()})
        snapshot = snapshot.model_copy(update={"stale": self.reason is not None, "reason": self.reason})
        validated = validate(run, snapshot, expectations=self.expectations)
        return {"reference": validated.model_dump(exclude={"path"}), **content(validated.path)}


@pytest.fixture
def homes(tmp_path: Path) -> Homes:
    expectations = tmp_path / "expectations"
    shutil.copytree(EXPECTATIONS, expectations)
    return Homes(run_in(tmp_path / "remembering"), run_in(tmp_path / "judging"), expectations)


@pytest.fixture
def taken_over(caplog: pytest.LogCaptureFixture) -> Callable[[], dict[str, date]]:
    """Asks which sources were taken over since it was last asked, and from which date."""
    caplog.set_level("INFO", "kampungkb.validation.step")

    def told() -> dict[str, date]:
        said = [record.getMessage().split() for record in caplog.records]
        caplog.clear()
        return {words[0]: date.fromisoformat(words[4]) for words in said if words[1:4] == ["taken", "over", "from"]}

    return told


def test_a_night_without_news_takes_over_what_was_judged_and_asks_again_what_the_date_decides(
    homes: Homes, taken_over: Callable[[], dict[str, date]]
) -> None:
    landed = sources()
    homes.night(AS_OF, landed)
    assert taken_over() == {}
    for days in (1, 4):
        homes.night(AS_OF + timedelta(days), landed)
        assert taken_over().keys() == set(SOURCES)


def test_what_the_date_is_asked_about_is_kept_beside_the_accepted_rows(
    homes: Homes, taken_over: Callable[[], dict[str, date]], monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = sources()
    homes.night(AS_OF, landed)
    read = []
    stage = staging.stage
    monkeypatch.setattr(staging, "stage", lambda *given: (read.append(given[1]), stage(*given))[1])
    homes.night(AS_OF + timedelta(1), landed)
    assert taken_over().keys() == set(SOURCES)
    tables = sum(len(tables) for tables in staging.TABLES.values())
    assert len(read) == tables, "only the home that judges everything reads landed text"


def test_a_date_that_accepts_another_row_judges_its_source_anew(
    homes: Homes, taken_over: Callable[[], dict[str, date]]
) -> None:
    landed = sources()
    tomorrow = AS_OF + timedelta(1)
    landed["family_survey"]["keluarga"].append(good_family(30, TGL_PENDATAAN=str(tomorrow)))
    of_120 = AS_OF.replace(year=AS_OF.year - 121) + timedelta(1)
    landed["civil_registry"]["biodata_wni"] += [
        good_person(30, tgl_lhr=str(tomorrow)),  # the one becomes valid on the day on which the other ceases to be
        good_person(31, tgl_lhr=str(of_120)),
    ]
    homes.night(AS_OF, landed)
    homes.night(tomorrow, landed)
    assert taken_over() == {"health_insurance": AS_OF}


def test_a_late_night_and_one_done_again_take_over_from_the_last_night_that_is_theirs(
    homes: Homes, taken_over: Callable[[], dict[str, date]]
) -> None:
    landed = sources()
    later, between = AS_OF + timedelta(4), AS_OF + timedelta(2)
    homes.night(AS_OF, landed)
    homes.night(later, landed)
    taken_over()
    homes.night(between, landed)
    assert set(taken_over().values()) == {AS_OF}
    homes.night(later, landed)
    assert set(taken_over().values()) == {later}
    homes.night(AS_OF - timedelta(1), landed)
    assert taken_over() == {}


def _other_rows(homes: Homes, landed: dict[str, dict[str, list[Row]]]) -> None:
    landed["civil_registry"]["biodata_wni"].append(good_person(50))
    landed["health_insurance"]["peserta"].pop()


def _other_rules(homes: Homes, landed: dict[str, dict[str, list[Row]]]) -> None:
    for name in ("biodata_wni", "peserta"):
        path = homes.expectations / f"{name}.json"
        suite = json.loads(path.read_text(encoding="utf-8"))
        suite["expectations"][0]["meta"]["en"] = "Told otherwise."
        path.write_text(json.dumps(suite), encoding="utf-8")


def _other_region(homes: Homes, landed: dict[str, dict[str, list[Row]]]) -> None:
    for run in (homes.remembering, homes.judging):
        path = run.settings.root / "reference" / "regions.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = Settings().reference("regions.csv").read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(line for line in lines if "21.04.01.1001" not in line) + "\n", encoding="utf-8")


def _other_key(homes: Homes, landed: dict[str, dict[str, list[Row]]]) -> None:
    key = {"pseudonym_key": SecretStr("another key, for tests only")}
    homes.remembering = replace(homes.remembering, settings=homes.remembering.settings.model_copy(update=key))
    homes.judging = replace(homes.judging, settings=homes.judging.settings.model_copy(update=key))


def _damaged(homes: Homes, landed: dict[str, dict[str, list[Row]]]) -> None:
    for path in homes.remembering.settings.lake.glob("accepted/*/*/quarantine.parquet"):
        path.write_bytes(path.read_bytes()[:-1])


def _removed(homes: Homes, landed: dict[str, dict[str, list[Row]]]) -> None:
    for path in homes.remembering.settings.lake.glob("accepted/*/*/checks.parquet"):
        path.unlink()


def _cleaned(homes: Homes, landed: dict[str, dict[str, list[Row]]]) -> None:
    """An erasure takes a row out of the accepted files."""
    for path in homes.remembering.settings.lake.glob("accepted/*/*/*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.slice(1), path)


@pytest.mark.parametrize(
    "happens", [_other_rows, _other_rules, _other_region, _other_key, _damaged, _removed, _cleaned]
)
def test_where_anything_else_is_different_everything_is_judged(
    happens: Callable[[Homes, dict[str, dict[str, list[Row]]]], None],
    homes: Homes,
    taken_over: Callable[[], dict[str, date]],
) -> None:
    landed = sources()
    del landed["family_survey"]  # the slowest, and no other than these
    homes.night(AS_OF, landed)
    happens(homes, landed)
    homes.night(AS_OF + timedelta(1), landed)
    assert taken_over() == {}


def test_a_snapshot_that_stands_in_is_taken_over_and_says_why_it_does(
    homes: Homes, taken_over: Callable[[], dict[str, date]]
) -> None:
    landed = {"health_insurance": sources()["health_insurance"]}
    homes.night(AS_OF, landed)
    homes.reason = "The service does not answer."
    homes.night(AS_OF + timedelta(1), landed)
    assert taken_over() == {"health_insurance": AS_OF}


def test_a_forced_night_takes_nothing_over(homes: Homes, taken_over: Callable[[], dict[str, date]]) -> None:
    landed = {"health_insurance": sources()["health_insurance"]}
    homes.night(AS_OF, landed)
    homes.night(AS_OF + timedelta(1), landed, force=True)
    assert taken_over() == {}


def test_a_dated_rule_that_looks_at_rejected_rows_is_not_asked_alone(
    homes: Homes, taken_over: Callable[[], dict[str, date]]
) -> None:
    path = homes.expectations / "anggota.json"
    suite = json.loads(path.read_text(encoding="utf-8"))
    dated = {
        "type": "expect_column_values_to_satisfy_sql",
        "kwargs": {"column": "K.04", "condition": "date_diff('day', survey_date, as_of()) <= 365"},
        "meta": {"rule": "M99", "severity": "info", "effect": "count", "columns": ["K.04"], "dimension": "currentness",
                 "id": "Lama", "en": "Old"},
    }  # fmt: skip
    suite["expectations"].append(dated)
    path.write_text(json.dumps(suite), encoding="utf-8")
    landed = {"family_survey": sources()["family_survey"]}
    homes.night(AS_OF, landed)
    homes.night(AS_OF + timedelta(1), landed)
    assert taken_over() == {}


@pytest.mark.parametrize("seed", seeds(3))
def test_nights_of_change_leave_row_for_row_what_judging_everything_leaves(
    seed: int, homes: Homes, taken_over: Callable[[], dict[str, date]]
) -> None:
    dice = random.Random(seed)
    landed, found = sources(), set()
    for _ in range(6):
        rows = dice.choice([rows for tables in landed.values() for rows in tables.values()])
        match dice.choice(("nothing", "nothing", "leaves", "repeats", "blanks")):
            case "leaves" if len(rows) > 1:
                rows.pop(dice.randrange(len(rows)))
            case "repeats":
                rows.append(dict(dice.choice(rows)))
            case "blanks":
                row = dice.choice(rows)
                row[dice.choice([name for name in row if name not in ("file", "sheet", "row_number")])] = None
        homes.night(AS_OF + timedelta(dice.randrange(7)), landed)
        found |= taken_over().keys()
    assert found == set(SOURCES)
