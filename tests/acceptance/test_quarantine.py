"""A load of a scenario with a known number of each fault: nothing lost, nothing accepted that must not be."""

from collections import Counter
from datetime import date, datetime
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.acceptance.conftest import Loaded, MakeWorld, World
from tests.generator import Quarantined
from tests.generator.expectation import INSURANCE, REGISTRY, SURVEY, Row

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

Line = tuple[str, ...]
NESTED = {"statusPeserta.kode"}


@pytest.fixture(scope="module")
def world(make_world: MakeWorld) -> World:
    return make_world(seed=20261124, families=320)


@pytest.fixture(scope="module")
def loaded(world: World) -> Loaded:
    return world.load()


@pytest.fixture(scope="module")
def quarantine(world: World, loaded: Loaded) -> list[Any]:
    return world.rows("select * from ops.quarantine")


def place(line: Any) -> Line:
    """A line of quarantine of the survey by where a steward finds it."""
    column = line.column if isinstance(line, Quarantined) else line.column_name
    number = 0 if line.row_number is None or line.action == "file" else line.row_number
    sheet = "" if line.sheet is None or line.action == "file" else line.sheet
    return (line.rule, line.action, column if line.action == "value" else "", line.file, sheet, str(number))


def difference(found: Counter[Any], expected: Counter[Any]) -> str:
    return f"not planted: {sorted((found - expected).items())[:8]}; not found: {sorted((expected - found).items())[:8]}"


def test_the_survey_s_quarantine_holds_exactly_the_planted_cells(world: World, quarantine: list[Any]) -> None:
    found = Counter(place(line) for line in quarantine if line.source == SURVEY)
    expected = Counter(place(line) for line in world.scenario.expectation().quarantine if line.source == SURVEY)
    assert found == expected, difference(found, expected)


@pytest.mark.parametrize("source", [REGISTRY, INSURANCE])
def test_other_sources_quarantine_holds_exactly_the_planted_rows(
    world: World, quarantine: list[Any], source: str
) -> None:
    """Rows have no place in a file here: they are compared by all that stands against each of them."""
    own: dict[str, list[Line]] = {}
    for row in quarantine:
        if row.source == source:
            column = row.column_name if row.action == "value" else ""
            own.setdefault(row.row_key, []).append((row.rule, row.action, column))
    found = Counter(tuple(sorted(lines)) for lines in own.values())
    planted: dict[str, list[Line]] = {}
    for line in world.scenario.expectation().quarantine:
        if line.source == source:
            planted.setdefault(line.identity, []).append((line.rule, line.action, line.column))
    expected = Counter(tuple(sorted(lines)) for lines in planted.values())
    assert found == expected, difference(found, expected)


def test_every_row_of_quarantine_has_a_key_of_its_own_and_a_reason(quarantine: list[Any]) -> None:
    places: dict[str, set[Any]] = {}
    for row in quarantine:
        if row.action != "file":
            places.setdefault(row.row_key, set()).add(
                (row.source, row.source_table, row.file, row.sheet, row.row_number)
            )
    assert all(len(place) == 1 for place in places.values())
    of_survey = [place for (place,) in places.values() if place[0] == SURVEY]
    assert len(of_survey) == len(set(of_survey))
    assert all(row.reason.strip() and row.village_code for row in quarantine)


def test_counts_reconcile_with_what_was_written(world: World, loaded: Loaded) -> None:
    for (source, table), counts in world.scenario.expectation().counts.items():
        validated = loaded.validated[source]
        found = tuple(getattr(validated, what)[table] for what in ("read", "accepted", "rejected", "nulled"))
        assert found == (counts.read, counts.accepted, counts.rejected, counts.nulled), (source, table)
    assert loaded.validated[SURVEY].files_rejected == len(world.scenario.unreadable)


def plain(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value


def accepted_rows(loaded: Loaded, source: str, table: str, columns: list[str]) -> Counter[Any]:
    path = loaded.validated[source].path / f"{table}.parquet"
    rows = pq.read_table(path, columns=columns).to_pylist()
    return Counter(tuple(plain(row[column]) for column in columns) for row in rows)


@pytest.mark.parametrize(
    ("source", "table"), [(SURVEY, "keluarga"), (SURVEY, "anggota"), (REGISTRY, "biodata_wni"), (INSURANCE, "peserta")]
)
def test_accepted_rows_are_the_clean_rows_typed(world: World, loaded: Loaded, source: str, table: str) -> None:
    expected_rows = world.scenario.expectation().accepted[source, table]
    left_out = {"tgl_ubah", "tgl_entri", "akta_crai"} | (set() if source == SURVEY else {"file", "sheet", "row_number"})
    columns = sorted(set(expected_rows[0]) - left_out)
    expected = Counter(tuple(plain(row[column]) for column in columns) for row in expected_rows)
    found = accepted_rows(loaded, source, table, columns)
    off = [
        (columns[i], a[i], b[i])
        for a, b in zip(sorted_rows(found - expected), sorted_rows(expected - found), strict=False)
        for i in range(len(columns))
        if a[i] != b[i]
    ]
    assert found == expected, off[:10]


def sorted_rows(rows: Counter[Any]) -> list[Any]:
    return sorted(rows, key=str)


def test_each_rule_s_checks_count_its_failures(world: World, loaded: Loaded) -> None:
    """An R rule fails once for each row in quarantine under it."""
    checks = world.rows("select rule, sum(failed) as failed from ops.check_result group by rule")
    found = {row.rule: int(row.failed) for row in checks}
    planted = Counter(line.rule for line in world.scenario.expectation().quarantine if line.action == "row")
    assert {rule: found.get(rule) for rule in planted} == dict(planted)


def personal_values(world: World) -> set[str]:
    """Identity numbers and whole names of the scenario, long enough to be no accident."""
    scenario = world.scenario
    rows: list[Row] = [row for book in scenario.books for row in book.rows()]
    rows += scenario.registry["biodata_wni"] + scenario.entries
    values = {str(value) for row in rows for value in (*row.typed.values(), row.cells.get("nik"))}
    return {value.strip() for value in values if len(value.strip()) > 12 and not is_harmless(value)}


def is_harmless(value: str) -> bool:
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return "xlsx" in value or value == "Tanjungpinang"
    return True


def test_no_personal_value_stands_outside_the_vault(world: World, loaded: Loaded) -> None:
    text = "\n".join(row for rows in world.dump("ops", "mart", "core", "open").values() for row in rows)
    leaked = {value for value in personal_values(world) if value in text}
    assert not leaked, f"{len(leaked)} values"
