"""A night that carries over what did not change leaves, row for row, what deciding everything would leave."""

import random
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kampungkb.linkage import step
from kampungkb.linkage.decisions import Decision, Pair, Record, Verdict, contradicted
from kampungkb.linkage.records import read_sources
from kampungkb.linkage.state import STATE
from kampungkb.run import Run
from kampungkb.settings import Settings
from kampungkb.validation.results import read_results
from tests.integration.validation_landing import DABO, DABO_LAMA
from tests.oracle.accepted import Rows, write_accepted
from tests.oracle.names import name_of
from tests.seeds import seeds

pytestmark = pytest.mark.integration

FIRST = date(2026, 11, 1)
SHARED_NUMBER = "2104017101700001"
"""The NIK that about a hundred cards carry: some nights more than the hundred up to which a NIK is compared by."""


class Village:
    """Families in three sources whose records change, come, go and return as `dice` say."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.people = [self._person(number) for number in range(120)]
        self.crowd = 98
        self.decisions: list[Decision] = []

    def _person(self, number: int) -> dict[str, Any]:
        born = date(1950, 1, 1) + timedelta(days=self.dice.randrange(26_000))
        sex = 1 + number % 2
        return {
            "number": number,
            "name": name_of(self.dice.randrange(90)),
            "born": born,
            "sex": sex,
            "nik": f"210401{born.day + (40 if sex == 2 else 0):02d}{born:%m%y}{number:04d}",
            "family": number // 4,
            "absent": set(self.dice.sample(["anggota", "biodata_wni", "peserta"], self.dice.choice([0, 0, 1]))),
            "given": {},
        }

    def night(self, happenings: int) -> None:
        """Let as much happen."""
        for _ in range(happenings):
            who, other = self.dice.sample(self.people, 2)
            match self.dice.randrange(8):
                case 0:
                    self.people.append(self._person(len(self.people)))
                case 1:
                    who["absent"] = set(self.dice.sample(["anggota", "biodata_wni", "peserta"], 2))
                case 2:
                    who["absent"] = set()
                case 3:
                    who["family"] = other["family"]
                case 4:
                    who["given"]["name"] = other["name"]
                case 5:
                    who["given"] |= {"nik": other["nik"], "born": self.dice.choice([who["born"], other["born"]])}
                case 6:
                    who["given"] = {"nik": None}
                case 7:
                    who["given"] = {}
        self.crowd = self.dice.choice([98, 102])
        self._decide()

    def _decide(self) -> None:
        if self.decisions and self.dice.random() < 0.4:
            self.decisions.pop(0)
        who, other = self.dice.sample(self.people, 2)
        verdict: Verdict = self.dice.choice(["same", "different", "unsure"])
        for one, two in ((who, who), (who, other)):
            pair = Pair.of(Record("civil_registry", one["nik"]), Record("health_insurance", f"c{two['number']:04d}"))
            others = [decision for decision in self.decisions if decision.pair != pair]
            if not contradicted(others, pair, verdict):
                number = len(self.decisions) and self.decisions[-1].decision_id
                made = Decision(number + 1, pair, verdict, "Rina", datetime(2026, 11, 1, tzinfo=UTC), "seen")
                self.decisions = [*others, made]
            verdict = "unsure" if verdict == "same" else verdict

    def tables(self) -> dict[str, Rows]:
        """Tonight's accepted rows, in an order of their own."""
        survey, registry, cards = [], [], []
        for who in self.people:
            told = who | who["given"]
            village = _village(who["family"])
            if "anggota" not in who["absent"]:
                answers = {"K.01": told["nik"], "K.02": told["name"], "K.03": told["sex"], "K.04": told["born"]}
                place = {"KODE_KELUARGA": f"f{who['family']}", "NO_URUT": 1 + who["number"], "K.01__doubtful": False}
                survey.append({**place, **answers, **village, "K.11": 1 + who["number"] // 4 * 4})
            if "biodata_wni" not in who["absent"]:
                facts = {"nik": who["nik"], "nama_lgkp": who["name"], "tgl_lhr": who["born"], "jenis_klmin": who["sex"]}
                registry.append({**facts, **village, "no_kk": f"21040101010{who['number'] // 4:05d}"})
            if "peserta" not in who["absent"]:
                facts = {"nik": told["nik"], "nama": who["name"], "tglLahir": told["born"], "sex": "LP"[who["sex"] - 1]}
                cards.append({**facts, **village, "noKartu": f"c{who['number']:04d}", "statusPeserta.kode": "0"})
        for number in range(self.crowd):
            born = date(1940, 1, 1) + timedelta(days=number // 3)
            cards.append({"noKartu": f"x{number:04d}", "nik": SHARED_NUMBER, "nama": name_of(number), "tglLahir": born})
        families = sorted({str(row["KODE_KELUARGA"]) for row in survey})
        keluarga = [
            {"KODE_KELUARGA": code, "NO_KK": f"21040101010{int(code[1:]):05d}", "NO_KK__doubtful": False}
            | _village(int(code[1:]))
            for code in families
        ]
        tables: dict[str, list[dict[str, Any]]] = {
            "keluarga": keluarga,
            "anggota": survey,
            "biodata_wni": registry,
            "peserta": cards,
        }
        for rows in tables.values():
            self.dice.shuffle(rows)
        return dict(tables)


def _village(family: int) -> dict[str, str]:
    return {"village_code": DABO if family % 5 else DABO_LAMA}


def files(folder: Path) -> dict[str, list[str]]:
    """Every row of every file of a night, in no order, and what Data Docs are made from."""
    found = {path.name: [path.read_text(encoding="utf-8")] for path in folder.glob("*.results.json")}
    for path in sorted(folder.glob("*.parquet")):
        table: pa.Table = pq.read_table(path)
        found[path.name] = sorted(repr(sorted(row.items())) for row in table.to_pylist())
    return found


def compared(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [int(each.args[2]) for each in caplog.records if "compared anew" in str(each.msg) and each.args]  # type: ignore[arg-type,index]


@pytest.mark.parametrize("seed", seeds(3))
def test_nights_of_change_leave_row_for_row_what_deciding_everything_leaves(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    village = Village(seed)
    monkeypatch.setattr(step, "decisions_for", lambda run: village.decisions)
    homes = [tmp_path / "carried", tmp_path / "anew"]
    happenings = [0, 6, 0, 1, 12]
    for day, count in enumerate(happenings):
        village.night(count)
        tables = village.tables()
        results = []
        for home in homes:
            home.mkdir(exist_ok=True)
            settings = Settings(home=home, pseudonym_key="k" * 32)
            if home.name == "anew":
                for state in settings.lake.glob(f"persons/*/{STATE}"):
                    state.unlink()
            run = Run(run_id=home.name, as_of=FIRST + timedelta(days=day), settings=settings)
            with caplog.at_level("INFO"):
                results.append(files(step.link(run, write_accepted(run, tables)).path))
        carried, anew = results
        assert carried.keys() == anew.keys()
        for name in anew:
            assert carried[name] == anew[name], f"night {day}, {name}"
    carried_nights, full_nights = compared(caplog)[::2], compared(caplog)[1::2]
    assert carried_nights[0] == full_nights[0]
    assert all(few < all_of_them / 2 for few, all_of_them in zip(carried_nights[1:], full_nights[1:], strict=True))


def test_another_recipe_carries_nothing_over(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = Village(1).tables()
    nights = [replace(run, run_id=str(day), as_of=run.as_of + timedelta(days=day)) for day in range(3)]
    with caplog.at_level("INFO"):
        for night in nights:
            if night is nights[-1]:
                monkeypatch.setattr("kampungkb.linkage.state.version", lambda library: f"another {library}")
            step.link(night, write_accepted(night, tables))
    first, second, third = compared(caplog)
    assert (second, third) == (0, first)


def test_a_night_of_the_same_rows_and_decisions_reads_no_record(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are those of the night before, and its results carry tonight's date; a forced one looks again."""
    tables = Village(1).tables()
    first = step.link(run, write_accepted(run, tables))
    tomorrow = replace(run, run_id="2", as_of=run.as_of + timedelta(days=1))
    with monkeypatch.context() as patched:
        patched.setattr(step, "read_sources", lambda _: pytest.fail("records were read"))
        second = step.link(tomorrow, write_accepted(tomorrow, tables))
        with pytest.raises(pytest.fail.Exception):
            step.link(replace(tomorrow, force=True), write_accepted(tomorrow, tables))
    assert (second.records, second.linked, second.persons) == (first.records, first.linked, first.persons)
    assert {results.as_of for results in map(read_results, second.path.glob("*.results.json"))} == {tomorrow.as_of}


@pytest.mark.parametrize("change", ["row", "decision", "source"])
def test_any_other_row_decision_or_source_is_looked_at(run: Run, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    village = Village(1)
    tables = village.tables()
    step.link(run, write_accepted(run, tables))
    tomorrow = replace(run, run_id="2", as_of=run.as_of + timedelta(days=1))
    if change == "row":
        tables["peserta"][0] |= {"statusPeserta.kode": "9"}
    if change == "decision":
        pair = Pair.of(*(Record("health_insurance", row["noKartu"]) for row in tables["peserta"][:2]))
        decision = Decision(1, pair, "different", "Rina", datetime(2026, 11, 1, tzinfo=UTC), "seen")
        monkeypatch.setattr(step, "decisions_for", lambda run: [decision])
    validated = write_accepted(tomorrow, tables)
    read: list[object] = []
    monkeypatch.setattr(step, "read_sources", lambda given: (read.append(given), read_sources(given)))
    step.link(tomorrow, [each for each in validated if change != "source" or each.source != "health_insurance"])
    assert read


def test_a_night_in_which_most_changed_decides_everything(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    tables = Village(1).tables()
    names = {"K.02", "nama_lgkp", "nama"}
    renamed = {
        table: [{column: f"{told} BARU" if column in names else told for column, told in row.items()} for row in rows]
        for table, rows in tables.items()
    }
    tomorrow = replace(run, run_id="2", as_of=run.as_of + timedelta(days=1))
    with caplog.at_level("INFO"):
        step.link(run, write_accepted(run, tables))
        step.link(tomorrow, write_accepted(tomorrow, renamed))
    first, second = compared(caplog)
    assert first == second == sum(map(len, tables.values())) - len(tables["keluarga"])


def test_a_night_without_the_state_of_the_last_one_decides_everything(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    tables = Village(2).tables()
    linked = step.link(run, write_accepted(run, tables))
    (linked.path / "match_review.parquet").unlink()
    tomorrow = Run(run_id="2", as_of=run.as_of + timedelta(days=1), settings=run.settings)
    caplog.clear()
    with caplog.at_level("INFO"):
        step.link(tomorrow, write_accepted(tomorrow, tables))
    assert compared(caplog) == [sum(map(len, tables.values())) - len(tables["keluarga"])]
    shutil.rmtree(linked.path)
