"""What each gate measures, at which value it closes, and what it says."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kampungkb.errors import ConfigurationError
from kampungkb.gates import figures
from kampungkb.gates.drift import drift, renames
from kampungkb.gates.figures import stability_index
from kampungkb.gates.question import decision, question
from kampungkb.gates.thresholds import DriftLimits, Thresholds, read_thresholds, thresholds
from kampungkb.refs import Answer
from kampungkb.run import SOURCES
from kampungkb.settings import INCLUDE
from kampungkb.sources.protocol import Drift, Manifest, TableFile
from kampungkb.verdicts import ACCEPT, HOLD_BACK, Outcome, Profile, Verdict

pytestmark = pytest.mark.unit

REGISTRY = "civil_registry"
DABO, MEPAR, LAMA, DAIK = (f"210401100{n}" for n in range(1, 5))
VILLAGES = {DABO: 400, MEPAR: 300, LAMA: 200, DAIK: 100}
NOW = datetime(2026, 11, 25, tzinfo=UTC)

counts = st.dictionaries(st.sampled_from("12345"), st.integers(0, 10_000), min_size=1).filter(
    lambda counted: sum(counted.values()) > 0
)


@given(counts, counts)
def test_the_stability_index_is_never_below_zero_and_the_same_both_ways(
    one: dict[str, int], other: dict[str, int]
) -> None:
    assert stability_index(one, other) >= 0
    assert stability_index(one, other) == pytest.approx(stability_index(other, one))


@given(counts, st.integers(1, 1000))
def test_the_same_shares_have_the_index_zero_whatever_the_number_of_rows(counted: dict[str, int], times: int) -> None:
    many = {code: times * rows for code, rows in counted.items()}
    assert stability_index(counted, many) == pytest.approx(0, abs=1e-9)


@given(counts)
def test_a_code_that_nobody_has_changes_nothing(counted: dict[str, int]) -> None:
    assert stability_index(counted, {**counted, "9": 0}) == stability_index(counted, counted) == 0


def test_a_code_that_appears_or_vanishes_has_a_finite_index() -> None:
    gone = stability_index({"1": 500, "2": 500}, {"1": 1000})
    assert gone == pytest.approx(0.5 * 0.693147 + (1e-4 - 0.5) * -8.517193, rel=1e-4)


def test_a_known_index() -> None:
    # By hand: (0.6-0.8) ln(0.6/0.8) + (0.4-0.2) ln(0.4/0.2) = 0.05754 + 0.13863
    assert stability_index({"1": 80, "2": 20}, {"1": 60, "2": 40}) == pytest.approx(0.19617, abs=1e-5)


def test_nothing_has_no_distribution() -> None:
    with pytest.raises(ValueError, match="no rows"):
        stability_index({"1": 1}, {"1": 0})


def profile(
    rows: int = 1000,
    rejected: int = 10,
    villages: Mapping[str, int] | None = None,
    codes: Mapping[str, int] | None = None,
) -> Profile:
    return Profile(
        read={"biodata_wni": rows},
        rejected={"biodata_wni": rejected},
        villages={"biodata_wni": dict(VILLAGES if villages is None else villages)},
        codes={"biodata_wni": {"akta_lhr": dict(codes or {"1": 300, "2": 700})}},
    )


HISTORY = [profile(rows) for rows in (980, 990, 995, 1000, 1005, 1010, 5000)]


def limits(**changes: Any) -> Thresholds:
    declared = yaml.safe_load((INCLUDE / "gates" / f"{REGISTRY}.yaml").read_text(encoding="utf-8"))
    for gate, values in changes.items():
        declared[gate] |= values
    return Thresholds.model_validate(declared)


@pytest.mark.parametrize(
    ("rows", "level"),
    [(1000, "open"), (900, "open"), (899, "suspicious"), (500, "suspicious"), (499, "closed"), (0, "closed"),
     (1250, "open"), (1251, "suspicious"), (3000, "suspicious"), (3001, "closed")],
)  # fmt: skip
def test_volume_is_held_against_the_median_which_one_odd_night_does_not_move(rows: int, level: str) -> None:
    [outcome] = figures.volume(profile(rows), HISTORY, limits())
    assert (outcome.level, outcome.measured, outcome.usual) == (level, rows, 1000)
    assert (outcome.suspicious_limit, outcome.closed_limit) == ("< 900 / > 1250", "< 500 / > 3000")


def test_volume_names_the_villages_that_changed_most() -> None:
    tonight = profile(700, villages={DABO: 150, MEPAR: 250, LAMA: 200, DAIK: 100})
    [outcome] = figures.volume(tonight, HISTORY, limits())
    assert outcome.reason == (f"700 rows in biodata_wni, 1000 are usual; most in {DABO} 400 → 150, {MEPAR} 300 → 250")


def test_small_tables_and_first_loads_have_no_usual_volume() -> None:
    assert list(figures.volume(profile(3), [profile(199)] * 7, limits())) == []
    assert list(figures.volume(profile(3), [], limits())) == []


@pytest.mark.parametrize(
    ("rejected", "share", "rise"),
    [(10, "open", "open"), (60, "open", "open"), (61, "open", "suspicious"), (500, "open", "closed"),
     (501, "suspicious", "closed"), (980, "suspicious", "closed"), (981, "closed", "closed")],
)  # fmt: skip
def test_rejected_rows_are_held_against_limits_and_against_what_is_usual(rejected: int, share: str, rise: str) -> None:
    outcomes = list(figures.rejected(profile(1000, rejected), HISTORY[:5], limits()))
    assert [(outcome.subject, outcome.level) for outcome in outcomes] == [("share", share), ("rise", rise)]


def test_the_limit_of_rejected_rows_holds_from_the_first_night_on_and_only_for_many_rows() -> None:
    broken = profile(1000, 990).model_copy(update={"rules": {"R01": 980, "R02": 3, "R03": 7}})
    [first] = figures.rejected(broken, [], limits())
    assert (first.subject, first.level, first.loads) == ("share", "closed", 0)
    assert first.reason == "99.0% of 1000 rows are rejected; most under R01 (980), R03 (7), R02 (3)"
    assert list(figures.rejected(profile(499, 499), [], limits())) == []


@pytest.mark.parametrize(
    ("yes", "level"), [(700, "open"), (550, "open"), (350, "suspicious"), (150, "closed"), (0, "closed")]
)
def test_the_distribution_of_a_code_is_held_against_the_loads_before(yes: int, level: str) -> None:
    [outcome] = figures.distribution(profile(codes={"1": 1000 - yes, "2": yes}), HISTORY, limits())
    assert (outcome.subject, outcome.level) == ("biodata_wni.akta_lhr", level)


def test_answers_that_go_missing_move_the_distribution() -> None:
    [outcome] = figures.distribution(profile(codes={"1": 150, "2": 350, "": 500}), HISTORY, limits())
    assert outcome.level == "closed"
    assert outcome.reason.endswith("missing 0% → 50%")


def test_few_rows_have_no_distribution() -> None:
    assert list(figures.distribution(profile(codes={"2": 499}), HISTORY, limits())) == []
    assert list(figures.distribution(profile(), [profile(codes={"2": 70})] * 7, limits())) == []


@pytest.mark.parametrize(
    ("tonight", "level"),
    [(VILLAGES, "open"), ({DABO: 1, MEPAR: 1, LAMA: 1, DAIK: 1}, "open"),
     ({DABO: 400, MEPAR: 300, LAMA: 200, "unknown": 100}, "suspicious"), ({DABO: 400, MEPAR: 300}, "closed")],
)  # fmt: skip
def test_a_village_that_vanishes_is_suspicious_many_close_the_gate(tonight: dict[str, int], level: str) -> None:
    [outcome] = figures.villages(profile(villages=tonight), HISTORY, limits())
    assert outcome.level == level
    assert all(village in outcome.reason for village in VILLAGES if not tonight.get(village))


def test_a_hamlet_that_comes_and_goes_is_no_news() -> None:
    before = [profile(villages={DABO: 400, MEPAR: 19}), profile(villages={DABO: 400, LAMA: 50})]
    [outcome] = figures.villages(profile(villages={DABO: 400}), [*before, profile(villages={DABO: 400})], limits())
    assert (outcome.level, outcome.reason) == ("open", "0 of 1 villages have no rows")


def test_limits_of_null_never_close() -> None:
    never = limits(volume={"closed_below": None, "closed_above": None, "suspicious_above": None})
    [outcome] = figures.volume(profile(1), HISTORY, never)
    assert (outcome.level, outcome.closed_limit) == ("suspicious", None)


def manifest(*drifts: Drift, types: dict[str, str] | None = None, files: int | None = None) -> Manifest:
    return Manifest(
        source=REGISTRY,
        snapshot_id="2026-11-25.1",
        as_of=date(2026, 11, 25),
        run_id="run",
        extracted_at=NOW,
        contract_version="1",
        made_with="x",
        origin="y",
        tables={"workbooks": TableFile(file="workbooks.parquet", rows=files, sha256="")} if files else {},
        drift=drifts,
        types={"biodata_wni": types or {}},
    )


def missing(column: str, files: int = 1) -> Drift:
    return Drift(table="biodata_wni", column=column, change="missing", files=files)


def unknown(column: str) -> Drift:
    return Drift(table="biodata_wni", column=column, change="unknown")


def drifted(tonight: Manifest, before: Manifest | None, **changes: Any) -> dict[str, Outcome]:
    bounds = DriftLimits.model_validate(limits().drift.model_dump() | changes)
    return {outcome.subject.partition(".")[2]: outcome for outcome in drift(tonight, before, bounds)}


def test_a_column_that_goes_missing_is_suspicious_once_a_new_one_is_reported() -> None:
    found = drifted(manifest(missing("no_akta_lhr"), unknown("golongan")), manifest())
    assert {column: outcome.level for column, outcome in found.items()} == {
        "no_akta_lhr": "suspicious",
        "golongan": "open",
    }
    again = drifted(manifest(missing("no_akta_lhr")), manifest(missing("no_akta_lhr")))
    assert again["no_akta_lhr"].level == "open"


def test_without_a_delivery_before_drift_is_reported_only() -> None:
    assert drifted(manifest(missing("agama")), None)["agama"].effect == "open"


def test_a_column_renamed_to_one_that_is_alike_is_said_to_be() -> None:
    found = drifted(manifest(missing("pddk_akh"), unknown("pddk_akhir"), unknown("golongan")), manifest())
    assert found["pddk_akh"].reason == "biodata_wni.pddk_akh is missing and seems to be renamed to pddk_akhir"
    assert found["pddk_akh"].level == "suspicious"
    assert set(found) == {"pddk_akh", "golongan"}


def test_a_column_renamed_beyond_recognition_is_found_by_its_kind_where_only_one_can_be_meant() -> None:
    gone, new = [missing("tgl_kwn"), missing("agama")], [unknown("menikah"), unknown("zz")]
    kinds = {"menikah": "date", "zz": "other"}
    assert renames([*gone, *new], {"tgl_kwn": "date", "agama": "number"}, kinds) == {"tgl_kwn": "menikah"}
    assert renames([*gone, *new], {"tgl_kwn": "date", "agama": "number"}, {"menikah": "date", "zz": "date"}) == {}
    assert renames([*gone, *new], {"tgl_kwn": "date", "agama": "date"}, kinds) == {}


def test_a_column_of_another_type_than_before_is_suspicious() -> None:
    found = drifted(
        manifest(types={"nik": "number", "tgl_lhr": "text"}), manifest(types={"nik": "number", "tgl_lhr": "date"})
    )
    assert {column: outcome.reason for column, outcome in found.items()} == {
        "tgl_lhr": "biodata_wni.tgl_lhr was date and is text"
    }


@pytest.mark.parametrize(
    ("tonight", "before", "level"), [(4, 0, "open"), (5, 0, "suspicious"), (5, 5, "open"), (5, 1, "suspicious")]
)
def test_what_only_a_few_workbooks_lack_never_concerns_the_source(tonight: int, before: int, level: str) -> None:
    earlier = manifest(*([missing("P.14", before)] if before else []), files=10)
    assert drifted(manifest(missing("P.14", tonight), files=10), earlier, least_share=0.5)["P.14"].level == level


def test_a_header_that_holds_a_long_number_is_not_repeated() -> None:
    [outcome] = drifted(manifest(unknown("2104015508900001")), manifest()).values()
    assert "2104015508900001" not in outcome.model_dump_json()


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_thresholds(source: str) -> None:
    assert thresholds(source).source == source
    assert thresholds(source).loads_needed == 7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("closed_above: 0.98", "closed_abov: 0.98"), "closed_abov"),
        (("table: biodata_wni", "table: biodata"), "has no table biodata"),
        (("suspicious_above: 0.5", "suspicious_above: 0.99"), "closed_above lies below"),
        (("unanswered: accept", "unanswered: wait"), "unanswered"),
        (("  also: {}", "  also: {biodata_wni: [colour]}"), "no column colour"),
    ],
)
def test_a_typing_error_in_a_threshold_file_is_an_error(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    declared = (INCLUDE / "gates" / f"{REGISTRY}.yaml").read_text(encoding="utf-8")
    assert change[0] in declared
    path = tmp_path / "civil_registry.yaml"
    path.write_text(declared.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"civil_registry.yaml cannot be used: .*{said}"):
        read_thresholds(path)


def test_a_question_shows_the_figures_and_what_a_time_out_decides() -> None:
    [found] = figures.villages(profile(villages={DABO: 400, MEPAR: 300, LAMA: 200}), HISTORY, limits())
    verdict = Verdict(
        source=REGISTRY,
        snapshot_id="2026-11-25.1",
        as_of=date(2026, 11, 25),
        origin="y",
        sample=False,
        profile=profile(),
        outcomes=(found,),
        asked_in="run",
    )
    asked = question(verdict)
    assert asked.defaults == [ACCEPT]
    assert "kependudukan" in asked.subject and "2026-11-25" in asked.subject
    assert "desa hilang / vanished villages | biodata_wni | 0,25 | 0 | > 0 |" in asked.body
    assert DAIK in asked.body


@pytest.mark.parametrize(
    ("chosen", "user", "expected"),
    [
        (ACCEPT, {"id": "7", "name": "siti"}, (True, "siti", False)),
        (HOLD_BACK, {"id": "7", "name": None}, (False, "7", False)),
        (HOLD_BACK, None, (False, "default", True)),
    ],
)
def test_an_answer_decides_and_names_who_gave_it(chosen: str, user: Any, expected: tuple[bool, str, bool]) -> None:
    made = decision(Answer(chosen_options=[chosen], responded_at=NOW, responded_by_user=user))
    assert (made.accepted, made.by, made.by_default) == expected
