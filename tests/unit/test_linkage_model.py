"""The definition of the model: what a domain expert may write, and what each level of `model.yaml` means."""

import copy
import itertools
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kampungkb.errors import ConfigurationError
from kampungkb.linkage import records
from kampungkb.linkage.model import (
    DEFINITION,
    PARAMETERS,
    load_model,
    parse_definition,
    read_definition,
    read_model,
    write_parameters,
)
from kampungkb.linkage.names import create_macros
from kampungkb.settings import Settings

pytestmark = pytest.mark.unit

MODEL = read_definition()
TEXTS = (
    "source source_key nik nik_15 nik_digits full_name village_code household family_card mother_nik mother_full_name"
)
FACTS = {**dict.fromkeys(TEXTS.split(), "varchar"), "nik_doubtful": "boolean", "birth_date": "date", "sex": "integer"}
NIK = "2104015203900001"
BORN = date(1990, 3, 12)
SHARED = duckdb.connect()
create_macros(SHARED)


Facts = dict[str, Any]


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return SHARED


def levels(connection: duckdb.DuckDBPyConnection, name: str, pairs: Sequence[tuple[Facts, Facts]]) -> list[str]:
    """The id of the level of a comparison that the two records of each pair get, whichever of them comes first."""
    columns = ", ".join(f"{column} {kind}" for column, kind in FACTS.items())
    connection.execute(f"create or replace table person_record (record_id bigint, {columns})")
    rows = [[number, *(facts.get(column) for column in FACTS)] for number, facts in enumerate(itertools.chain(*pairs))]
    connection.executemany(f"insert into person_record values (?, {', '.join('?' * len(FACTS))})", rows)
    records.derive_facts(connection)
    cases = " ".join(
        f"when {each.when} then '{each.id}'" if each.when != "else" else f"else '{each.id}'"
        for each in MODEL.comparison(name).levels
    )
    described = connection.execute("describe person_fact").fetchall()
    pair = ", ".join(f"l.{column} as {column}_l, r.{column} as {column}_r" for column, *_ in described)
    found = connection.execute(
        f"select record_id_l // 2, case {cases} end from (select {pair} from person_fact as l, person_fact as r "
        "where l.record_id <> r.record_id and l.record_id // 2 = r.record_id // 2)"
    ).fetchall()
    both: dict[int, set[str]] = {}
    for number, level in found:
        both.setdefault(number, set()).add(level)
    assert all(len(found) == 1 for found in both.values()), "the order of the records matters"
    return [both[number].pop() for number in range(len(pairs))]


def nik(number: str | None, doubtful: bool = False, **facts: Any) -> dict[str, Any]:
    kept = number[:15] if number else None
    return {
        "nik": None if doubtful else number,
        "nik_15": kept,
        "nik_digits": number,
        "nik_doubtful": doubtful,
        **facts,
    }


def test_nik(connection: duckdb.DuckDBPyConnection) -> None:
    cases: list[tuple[Any, Any, str]] = [
        (nik(NIK), nik(NIK), "same"),
        (nik(NIK), nik(None), "missing"),
        (nik(NIK), nik("2104015203900000", doubtful=True), "damaged"),
        (nik(NIK), nik("2104015203910000", doubtful=True), "different"),
        (nik(NIK), nik("2104015230900001"), "date_mistyped"),
        (nik(NIK), nik("2104015203900002"), "near"),
        (nik(NIK), nik("2104025203900001"), "near"),
        (nik(NIK), nik("2171010101700009"), "different"),
    ]
    found = levels(connection, "nik", [(one, two) for one, two, _ in cases])
    assert [(one, two, level) for (one, two, _), level in zip(cases, found, strict=True)] == cases


def mistyped(number: str) -> list[str]:
    """The number with each digit wrong in each way, and with each two neighbours swapped."""
    wrong = [number[:at] + digit + number[at + 1 :] for at in range(16) for digit in "0123456789"]
    swapped = [number[:at] + number[at + 1] + number[at] + number[at + 2 :] for at in range(15)]
    return [typed for typed in wrong + swapped if typed != number]


def test_one_typing_error_in_a_nik_is_near_wherever_it_is(connection: duckdb.DuckDBPyConnection) -> None:
    typed = mistyped(NIK)
    found = dict(zip(typed, levels(connection, "nik", [(nik(NIK), nik(other)) for other in typed]), strict=True))

    for other, level in found.items():
        wrong = {at for at in range(16) if other[at] != NIK[at]}
        across = wrong in ({5, 6}, {11, 12})  # a swap over the edge of the date changes two parts of the number
        in_date = wrong <= set(range(6, 12))
        assert level == ("different" if across else "date_mistyped" if in_date else "near"), other


@settings(max_examples=5)
@given(st.lists(st.text("0123456789", min_size=16, max_size=16), min_size=20, max_size=200))
def test_a_number_cell_is_recognised_whatever_the_number(numbers: list[str]) -> None:
    pairs = [(nik(number), nik(number[:15] + "0", doubtful=True)) for number in numbers]
    assert set(levels(SHARED, "nik", pairs)) == {"damaged"}


def test_name(connection: duckdb.DuckDBPyConnection) -> None:
    cases: list[tuple[Any, Any, str]] = [
        ("Siti Aminah", "SITI  AMINAH", "same"),
        ("Hj. Siti Aminah, S.Pd.", "SITI AMINAH", "same"),
        ("Muh. Rizki", "MUHAMMAD RIZKI", "same"),
        ("Siti Aminha", "SITI AMINAH", "sounds_alike"),
        ("AMINAH", "SITI AMINAH", "part"),
        ("SITI A.", "SITI AMINAH", "part"),
        ("MAN HIDAYAT", "RAHMAN HIDAYAT", "part"),
        ("AHMAD PRATAMA", "AHMAD RIZKI PRATAMA", "part"),
        ("MUHAMMAD FAHRI", "MUHAMMAD SALEH", "first_name"),
        ("SITI AMINAH", "RUSDI HALIM", "different"),
        ("By. Ny. Siti Aminah", "MUHAMMAD ALIF", "missing"),
        (None, "SITI AMINAH", "missing"),
    ]
    found = levels(connection, "name", [({"full_name": one}, {"full_name": two}) for one, two, _ in cases])
    assert [(one, two, level) for (one, two, _), level in zip(cases, found, strict=True)] == cases


def test_birth_date(connection: duckdb.DuckDBPyConnection) -> None:
    cases: list[tuple[Any, Any, str]] = [
        (BORN, BORN, "same"),
        (BORN, date(1990, 12, 3), "swapped"),
        (BORN, date(1991, 3, 12), "year_off"),
        (BORN, date(1990, 1, 1), "first_of_january"),
        (BORN, date(1990, 3, 21), "same_year"),
        (BORN, date(1990, 4, 2), "within_a_month"),
        (BORN, date(1975, 8, 30), "different"),
        (BORN, None, "missing"),
    ]
    found = levels(connection, "birth_date", [({"birth_date": one}, {"birth_date": two}) for one, two, _ in cases])
    assert [(one, two, level) for (one, two, _), level in zip(cases, found, strict=True)] == cases


def test_a_birth_date_is_found_in_the_other_nik(connection: duckdb.DuckDBPyConnection) -> None:
    registered = nik(NIK, birth_date=BORN)
    surveyed = nik("2104015203900008", birth_date=date(1975, 8, 30))
    assert levels(connection, "birth_date", [(registered, surveyed)]) == ["date_in_nik"]


def test_dates_that_each_stand_in_their_own_nik_are_different_people(connection: duckdb.DuckDBPyConnection) -> None:
    other = nik("2104011303900001", birth_date=date(1990, 3, 13))
    assert levels(connection, "birth_date", [(nik(NIK, birth_date=BORN), other)]) == ["confirmed_different"]


@settings(max_examples=5)
@given(st.lists(st.tuples(st.dates(date(1920, 1, 1), date(2026, 11, 1)), st.booleans()), min_size=20, max_size=200))
def test_the_date_inside_a_nik_is_read_for_both_sexes(people: list[tuple[date, bool]]) -> None:
    pairs = [
        (
            nik(f"210401{born.day + 40 * female:02d}{born:%m%y}0001", birth_date=born - timedelta(days=4000)),
            nik("2171019999990001", birth_date=born),
        )
        for born, female in people
    ]
    assert set(levels(SHARED, "birth_date", pairs)) == {"date_in_nik"}


def test_place(connection: duckdb.DuckDBPyConnection) -> None:
    cases: list[tuple[Any, Any, str]] = [
        ({"family_card": "1" * 16, "village_code": "2104011001"}, {"family_card": "1" * 16}, "same_card"),
        ({"village_code": "2104011001"}, {"village_code": "2104011001", "family_card": "1" * 16}, "same_village"),
        (
            {"village_code": "2104011001", "family_card": "2" * 16},
            {"village_code": "2104011001", "family_card": "1" * 16},
            "same_village_other_card",
        ),
        ({"village_code": "2104011001"}, {"village_code": "2104011002"}, "same_district"),
        ({"village_code": "2104011001"}, {"village_code": "2171011002"}, "different"),
        ({"village_code": "2104011001"}, {}, "missing"),
        ({"family_card": "1" * 16, "village_code": "2104011001"}, {"family_card": "2" * 16}, "unknown_village"),
    ]
    found = levels(connection, "place", [(one, two) for one, two, _ in cases])
    assert [(one, two, level) for (one, two, _), level in zip(cases, found, strict=True)] == cases


def test_mother(connection: duckdb.DuckDBPyConnection) -> None:
    cases: list[tuple[Any, Any, str]] = [
        ({"mother_nik": NIK, "mother_full_name": "SITI"}, {"mother_nik": NIK, "mother_full_name": "SITI"}, "same_nik"),
        ({"mother_full_name": "SITI AMINAH"}, {"full_name": "BAYI NY SITI AMINAH"}, "same"),
        ({"mother_full_name": "SITI AMINAH"}, {"mother_full_name": "RATNA DEWI"}, "different"),
        ({"mother_full_name": "SITI AMINAH"}, {}, "missing"),
        (
            {"mother_full_name": "SITI", "family_card": "1" * 16},
            {"mother_full_name": "SITI", "family_card": "1" * 16},
            "missing",
        ),
    ]
    found = levels(connection, "mother", [(one, two) for one, two, _ in cases])
    assert [(one, two, level) for (one, two, _), level in zip(cases, found, strict=True)] == cases


def test_the_shipped_parameters_belong_to_the_shipped_definition(tmp_path: Path) -> None:
    model = load_model(Settings(home=tmp_path))
    assert model.definition == MODEL
    for comparison in MODEL.comparisons:
        assert set(model.parameters.levels[comparison.name]) == {each.id for each in comparison.graded}
        assert model.weight(comparison.name, comparison.graded[0].id) > 0 > model.weight(comparison.name, "different")
    assert model.prior_weight < -10


def test_an_installation_prefers_its_own_parameters(tmp_path: Path) -> None:
    shipped = load_model(Settings(home=tmp_path))
    own = shipped.parameters.model_copy(update={"prior": 0.25})
    (tmp_path / "reference").mkdir()
    write_parameters(own, tmp_path / "reference" / PARAMETERS)

    found = load_model(Settings(home=tmp_path))
    assert found.parameters == own
    assert found.version != shipped.version


def changed(*path: str | int, to: Any) -> str:
    declared = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    place = declared
    for part in path[:-1]:
        place = place[part]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = copy.deepcopy(to)
    return yaml.safe_dump(declared)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("comparisons: [", "not valid YAML"),
        (changed("training", "sede", to=1), "training → sede"),
        (changed("decision", "accept", to=0.1), "must not decrease"),
        (changed("decision", "accept", to=1.5), "decision → accept"),
        (changed("household", "level", to="same_house"), "no level same_house in a comparison place"),
        (changed("comparisons", 3, "levels", 2, to=None), "the condition else"),
        (changed("comparisons", 3, "name", to="nik"), "two comparisons have the same name"),
    ],
)
def test_a_wrong_definition_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=r"own\.yaml") as refused:
        parse_definition(text, "own.yaml")
    assert named in str(refused.value)


def test_parameters_of_other_comparisons_are_refused(tmp_path: Path) -> None:
    other = parse_definition(changed("comparisons", 3, "levels", 1, "when", to="sex_l = sex_r and true"), "own.yaml")
    with pytest.raises(ConfigurationError, match="kampungkb linkage train"):
        read_model(other, DEFINITION.with_name(PARAMETERS))


def test_thresholds_change_without_training() -> None:
    other = parse_definition(changed("decision", "accept", to=0.999), "own.yaml")
    model = read_model(other, DEFINITION.with_name(PARAMETERS))
    assert model.version != read_model(MODEL, DEFINITION.with_name(PARAMETERS)).version
